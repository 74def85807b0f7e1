import numpy as np
import pytest
import torch
from small_models import LOGPROB_ROUNDING, save_policy
from transformers import AutoModelForCausalLM, AutoTokenizer

from udasa_data.config.build import ModelRef, Sampling
from udasa_data.engines import drawing, transformers
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.errors import UserError
from udasa_data.sampling.shard import SEED_STRIDE, seed_of
from udasa_data.storage.model_files import locate

PARAMS = Sampling(samples=4, max_tokens=10)
GREEDY = Sampling(samples=4, max_tokens=40, temperature=0.0)


def engine_of(folder, batch_tokens=32768):
    return TransformersEngine(locate(ModelRef(id=str(folder))), batch_tokens)


def ask(text, seed=0, *, raw=False):
    return PolicyPrompt((("user", text),), raw, seed)


def answers(engine, prompts, params=PARAMS):
    return dict(engine.sample(prompts, params, lambda n: None))


@pytest.fixture(scope="module")
def engine(small):
    return engine_of(small["policy"])


def test_an_answer_does_not_depend_on_its_batch(engine, small):
    prompts = [ask("short", 0), ask("a rather longer prompt about rice", 5000), ask("x", 9000)]
    together = answers(engine, prompts)
    one_by_one = engine_of(small["policy"], batch_tokens=1)
    for index, completions in answers(one_by_one, prompts).items():
        assert [c.text for c in completions] == [c.text for c in together[index]]
        for alone, batched in zip(completions, together[index], strict=True):
            assert alone.sum_logprob == pytest.approx(batched.sum_logprob, rel=LOGPROB_ROUNDING)
            assert alone.seed == batched.seed


def test_log_probabilities_are_the_policys_own(engine, small):
    # whatever the temperature, an answer of one token has that token's own log-probability
    params = Sampling(samples=64, max_tokens=1, temperature=0.7)
    completions = answers(engine, [ask("The cat", 3, raw=True)], params)[0]
    tokenizer = AutoTokenizer.from_pretrained(small["policy"])
    model = AutoModelForCausalLM.from_pretrained(small["policy"])
    with torch.inference_mode():
        logits = model(torch.tensor([tokenizer("The cat")["input_ids"]])).logits[0, -1]
    logprobs = logits.log_softmax(-1).tolist()
    by_text = {}
    for token, logprob in enumerate(logprobs):
        text = tokenizer.decode([token], skip_special_tokens=True).strip()
        by_text.setdefault(text, []).append(logprob)
    for completion in completions:
        expected = by_text[completion.text]
        assert any(
            completion.sum_logprob == pytest.approx(one, rel=LOGPROB_ROUNDING) for one in expected
        )


def test_the_draw_follows_the_model(engine, small):
    # first tokens of 2,000 samples against the model's own probabilities
    completions = answers(
        engine, [ask("The", 1024, raw=True)], Sampling(samples=1000, max_tokens=1)
    )
    drawn = np.array([c.sum_logprob for c in completions[0]])
    tokenizer = AutoTokenizer.from_pretrained(small["policy"])
    model = AutoModelForCausalLM.from_pretrained(small["policy"])
    with torch.inference_mode():
        logprobs = (
            model(torch.tensor([tokenizer("The")["input_ids"]])).logits[0, -1].log_softmax(-1)
        )
    p = logprobs.exp()
    mean = float((p * logprobs).sum())
    sd = float((p * (logprobs - mean) ** 2).sum().sqrt())
    assert drawn.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(1000))


def test_temperature_0_takes_the_likeliest_token(engine, small):
    found = answers(engine, [ask("The cat", 3, raw=True)], GREEDY)[0]
    assert len({c.text for c in found}) == 1
    assert [c.seed for c in found] == [3, 4, 5, 6]
    tokenizer = AutoTokenizer.from_pretrained(small["policy"])
    model = AutoModelForCausalLM.from_pretrained(small["policy"])
    ids = torch.tensor([tokenizer("The cat")["input_ids"]])
    with torch.inference_mode():
        out = model.generate(ids, do_sample=False, max_new_tokens=GREEDY.max_tokens)
    new = out[0, ids.shape[1] :][: found[0].n_tokens]
    assert found[0].text == tokenizer.decode(new, skip_special_tokens=True).strip()


def test_a_shared_prefill_changes_no_answer(engine, small):
    prompts = [ask("a long prompt about rice " * n, 5000 * n) for n in (1, 3, 2)]
    alone = engine_of(small["policy"])
    alone._shares_prefill = False
    together = answers(engine, prompts)
    for index, completions in answers(alone, prompts).items():
        assert [c.text for c in completions] == [c.text for c in together[index]]
        for one, other in zip(completions, together[index], strict=True):
            assert one.sum_logprob == pytest.approx(other.sum_logprob, rel=LOGPROB_ROUNDING)


class Crowded(torch.nn.Module):
    """A model on a device that has room for only so many tokens at once."""

    def __init__(self, model, room):
        super().__init__()
        self.model = model
        self.room = room
        self.tripped = 0

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)

    def generate(self, *, input_ids, generation_config, **rest):
        if input_ids.shape[0] * (input_ids.shape[1] + generation_config.max_new_tokens) > self.room:
            self.tripped += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.model.generate(input_ids=input_ids, generation_config=generation_config, **rest)

    def forward(self, **inputs):
        return self.model(**inputs)


def test_letting_go_of_rows_that_ended_changes_no_answer(monkeypatch, small):
    # many of the answers end within a few tokens, some never: rows go on in ever fewer company
    params = Sampling(samples=8, max_tokens=40)
    prompts = [ask("short", 0), ask("a rather longer prompt about rice", 5000), ask("x", 9000)]
    monkeypatch.setattr(transformers, "_AT_A_TIME", 40)
    at_once = answers(engine_of(small["policy"]), prompts, params)
    lengths = [c.n_tokens for completions in at_once.values() for c in completions]
    assert len(set(lengths)) > 3
    assert min(lengths) < 10
    monkeypatch.setattr(transformers, "_AT_A_TIME", 3)
    for index, completions in answers(engine_of(small["policy"]), prompts, params).items():
        for one, other in zip(at_once[index], completions, strict=True):
            assert one._replace(sum_logprob=0.0) == other._replace(sum_logprob=0.0)
            assert one.sum_logprob == pytest.approx(other.sum_logprob, rel=LOGPROB_ROUNDING)


@pytest.mark.parametrize("room", [1000, 100, 60])
def test_out_of_memory_halves_the_batch(small, engine, room):
    prompts = [ask("about rice", 1024 * n) for n in range(9)]
    whole = answers(engine, prompts)
    small_device = engine_of(small["policy"])
    crowded = Crowded(small_device._model, room)
    small_device._model = crowded
    # one prompt of 10 tokens and 10 to answer is 20 a sample: 1000 holds 12 prompts of 4 samples at
    # most, 100 one prompt, 60 three samples of four
    found = answers(small_device, prompts)
    assert {n: [c.text for c in a] for n, a in found.items()} == {
        n: [c.text for c in a] for n, a in whole.items()
    }
    assert [c.seed for c in found[8]] == [c.seed for c in whole[8]]
    n_tokens = len(small_device._tokens.encode(prompts[0])) + PARAMS.max_tokens
    if 9 * 4 * n_tokens > room:
        assert crowded.tripped > 0
        assert any("out of memory" in note for note in small_device.notes)
    if 4 * n_tokens <= room:  # the first trip teaches: the next batches fit
        assert crowded.tripped <= 8


def test_no_memory_for_one_answer_is_said_in_one_line(small):
    engine = engine_of(small["policy"])
    engine._model = Crowded(engine._model, 5)
    with pytest.raises(UserError, match="no memory for one answer of"):
        answers(engine, [ask("about rice")])


def test_cold_and_narrow_draws_take_the_likeliest_token(engine):
    for params in (
        Sampling(samples=4, max_tokens=6, temperature=1e-4),
        Sampling(samples=4, max_tokens=6, top_p=1e-6),
    ):
        assert len({c.text for c in answers(engine, [ask("Hello")], params)[0]}) == 1


def test_over_long_prompts_are_set_aside(engine):
    result = answers(engine, [ask("word " * 300), ask("fine")])
    assert isinstance(result[0], SetAside)
    assert result[0].n_tokens > result[0].limit
    assert len(result[1]) == 4


def test_counts_include_the_end_of_text(engine):
    for completion in answers(engine, [ask("Hi", 77)], Sampling(samples=64, max_tokens=40))[0]:
        assert 1 <= completion.n_tokens <= 40
        assert (completion.finish_reason == "length") <= (completion.n_tokens == 40)


def test_a_template_that_refuses_a_prompt_sets_it_aside(tmp_path):
    folder = save_policy(tmp_path / "m", template="{{ raise_exception('no such role') }}")
    result = answers(engine_of(folder), [ask("x")])
    assert "no such role" in result[0].detail


def test_a_second_bos_is_not_written(tmp_path):
    folder = save_policy(tmp_path / "m", template="<s>{{ messages[0]['content'] }}")
    ids = engine_of(folder)._tokens.encode(ask("Hi"))
    assert ids.count(0) == 1


def test_a_template_that_writes_bos_twice_is_refused(tmp_path):
    folder = save_policy(tmp_path / "m", template="<s><s>{{ messages[0]['content'] }}")
    with pytest.raises(UserError, match="begins a prompt with two <s>"):
        answers(engine_of(folder), [ask("Hi")])


def test_seeds_of_two_prompts_are_apart():
    seeds = {seed_of(0, f"p{n}") for n in range(1000)}
    assert len(seeds) == 1000
    assert all(seed % SEED_STRIDE == 0 for seed in seeds)


def test_a_folder_without_weights(tmp_path, small):
    (tmp_path / "config.json").write_text((small["policy"] / "config.json").read_text())
    with pytest.raises(UserError, match="cannot be loaded"):
        engine_of(tmp_path)


def test_the_nucleus_is_the_smallest_set_that_holds_top_p(monkeypatch):
    """Rows whose likeliest few do not hold it are looked at again; the set is always the same."""
    torch.manual_seed(0)
    p = torch.softmax(torch.randn(16, 64) * torch.tensor([0.1, 4.0]).repeat(8)[:, None], dim=-1)
    ordered, order = p.sort(dim=-1, descending=True)
    outside = ordered.cumsum(dim=-1) - ordered >= 0.9
    expected = torch.zeros_like(p).scatter_(1, order, ordered.masked_fill(outside, 0.0))
    total = expected.sum(dim=-1, keepdim=True)
    for few in ((4, 16), (16,), (1024,)):
        monkeypatch.setattr(drawing, "_FEW", few)
        for place in np.linspace(0.003, 0.997, 40):  # the id at which the cumulative sum passes it
            uniform = torch.full((16, 1), place, dtype=torch.float32)
            drawn = drawing._of_nucleus(p.log(), 0.9, uniform)
            assert (expected.gather(1, drawn) > 0).all()
            passed = expected.cumsum(dim=-1).gather(1, drawn)
            before = passed - expected.gather(1, drawn)
            assert (before <= place * total + 1e-6).all()
            assert (passed >= place * total - 1e-6).all()
    assert (expected.sum(dim=-1) >= 0.9).all()
