"""Log-probabilities of given answers, against plain forward passes."""

import numpy as np
import pytest
import torch
from small_models import LOGPROB_ROUNDING, save_policy
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from udasa_data.config.build import ModelRef
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.errors import UserError
from udasa_data.storage.model_files import locate

CHOICES = ["Yes", " No", "not at all"]


def engine_of(folder, batch_tokens=32768):
    return TransformersEngine(locate(ModelRef(id=str(folder))), batch_tokens)


def ask(text, *, raw=False):
    return PolicyPrompt((("user", text),), raw, 0)


def plain(folder, prompt, choice):
    """The log-probability of a choice, one token at a time, each by a forward pass of its own."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(prompt)["input_ids"]
    total = 0.0
    for token in tokenizer(prompt + choice)["input_ids"][len(ids) :]:
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
        total += logits.double().log_softmax(-1)[token].item()
        ids.append(token)
    return total


def test_token_by_token_against_plain_forward_passes(small):
    engine = engine_of(small["policy"])
    texts = ["short", "a rather longer question about rice and the moon?", "x"]
    found = engine.choice_logprobs([ask(text) for text in texts], CHOICES)
    assert found.shape == (3, 3)
    assert found.dtype == np.float64
    for text, row in zip(texts, found, strict=True):
        for choice, logprob in zip(CHOICES, row, strict=True):
            expected = plain(small["policy"], f"<user>{text}</s><assistant>", choice)
            assert logprob == pytest.approx(expected, rel=LOGPROB_ROUNDING)


def test_raw_prompts_and_choices_of_one_token(small):
    # every byte is a token, and all of them are choices: their probabilities sum to at most 1
    letters = [chr(n) for n in range(33, 127)]
    found = engine_of(small["policy"]).choice_logprobs([ask("The film", raw=True)], letters)
    assert found[0, 0] == pytest.approx(
        plain(small["policy"], "The film", "!"), rel=LOGPROB_ROUNDING
    )
    assert 0 < np.exp(found).sum() <= 1


def test_batches_change_nothing(small):
    prompts = [ask("word " * n) for n in (1, 9, 3, 9)]
    together = engine_of(small["policy"]).choice_logprobs(prompts, CHOICES)
    alone = engine_of(small["policy"], batch_tokens=1).choice_logprobs(prompts, CHOICES)
    assert alone == pytest.approx(together, rel=LOGPROB_ROUNDING)
    assert np.array_equal(together[1], together[3])


def test_absolute_positions_are_counted_from_the_prompts_first_token(tmp_path):
    # rotary positions forgive a shift by the padding; GPT-2's do not
    folder = save_policy(tmp_path / "m", template="{{ messages[0]['content'] }}")
    size = len(AutoTokenizer.from_pretrained(folder))
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=size, n_positions=128, n_embd=32, n_layer=2, n_head=2, initializer_range=0.5
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    texts = ["short", "a rather longer question about rice and the moon?"]
    found = engine_of(folder).choice_logprobs([ask(text) for text in texts], CHOICES)
    for text, row in zip(texts, found, strict=True):
        expected = [plain(folder, text, choice) for choice in CHOICES]
        assert row == pytest.approx(expected, rel=2 * LOGPROB_ROUNDING)  # of two layers
    assert np.isnan(engine_of(folder).choice_logprobs([ask("x" * 127)], ["Yes, it is"])).all()


def test_over_long_and_refused_prompts_are_rows_of_nan(small, tmp_path):
    found = engine_of(small["policy"]).choice_logprobs([ask("word " * 300), ask("fine")], CHOICES)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    folder = save_policy(tmp_path / "m", template="{{ raise_exception('no such role') }}")
    assert np.isnan(engine_of(folder).choice_logprobs([ask("x")], CHOICES)).all()
    assert engine_of(folder).choice_logprobs([], CHOICES).shape == (0, 3)


def test_a_first_word_is_written_as_it_follows_the_prompt(tmp_path):
    # SentencePiece style: a text begins with "▁", so "Yes" alone is another token than "…Yes"
    folder = save_policy(tmp_path / "m", template="{{ messages[0]['content'] }}")
    vocabulary = {"<s>": 0, "</s>": 1, "▁Is": 2, "▁it?": 3, "▁Yes": 4, "Yes": 5, "▁": 6}
    tokenizer = Tokenizer(
        models.WordPiece(vocabulary, unk_token="<s>", continuing_subword_prefix="")
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Metaspace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    fast.chat_template = "{{ messages[0]['content'] }}"
    fast.save_pretrained(folder)
    engine = engine_of(folder)
    assert engine._tokens.question(ask("Is it?"), ["Yes", " Yes"]) == ((2, 3), ((5,), (4,)))
    # alone it would have been "▁Yes"
    assert fast("Yes")["input_ids"] == [4]


def test_a_choice_that_would_merge_is_tokenised_alone(small):
    # trained on "The cat sat…": a prompt that ends within a word
    engine = engine_of(small["policy"])
    prompt, choice = ask("The ca", raw=True), "t"
    question = engine._tokens.question(prompt, [choice])
    tokenizer = AutoTokenizer.from_pretrained(small["policy"])
    whole = tokenizer("The cat")["input_ids"]
    assert whole[: len(question.prompt)] != list(question.prompt)
    assert question.choices == (tuple(tokenizer("t")["input_ids"]),)


def test_out_of_memory_halves_the_batch(small, monkeypatch):
    engine = engine_of(small["policy"])
    prompts = [ask(f"number {n}") for n in range(6)]
    expected = engine.choice_logprobs(prompts, CHOICES)
    whole = engine._model.forward

    def forward(input_ids, attention_mask, position_ids, logits_to_keep, use_cache):
        if len(input_ids) > limit:
            raise torch.OutOfMemoryError("no more")
        return whole(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids)

    monkeypatch.setattr(engine._model, "forward", forward)
    limit = 4
    assert engine.choice_logprobs(prompts, CHOICES) == pytest.approx(expected, rel=LOGPROB_ROUNDING)
    limit = 0
    with pytest.raises(UserError, match="no memory for a prompt of"):
        engine.choice_logprobs(prompts, CHOICES)


def test_a_broken_policy_is_an_error(small):
    engine = engine_of(small["policy"])
    engine._model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(UserError, match="NaN or infinite logits"):
        engine.choice_logprobs([ask("x")], CHOICES)
