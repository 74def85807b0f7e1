import math

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from udasa_data.config.presets import resolve
from udasa_data.engines.protocol import Completion, PolicyPrompt, SetAside
from udasa_data.errors import UserError
from udasa_eval.answers.backend import Chat, EngineLM, Weights, seed_of
from udasa_eval.results.records import Decoding

SAMPLED = {"until": [], "do_sample": True, "temperature": 1.0, "top_p": 1.0, "max_gen_toks": 8}
GREEDY = {"until": [], "do_sample": False, "max_gen_toks": 8}
TEXTS = [("The cat sat", " on the mat."), ("Paris is", " the capital of France."), ("A", " b")]


@pytest.fixture(scope="module")
def backend(small):
    from udasa_data.storage.model_files import locate

    config = resolve(str(small["policy"]), {}, scorers="tiny")
    with_memory = EngineLM(locate(config.policy), config)
    yield with_memory
    with_memory.close()


def generation(text, generation_kwargs):
    return Instance("generate_until", {}, (text, generation_kwargs), 0)


def chat(backend, text):
    return backend.apply_chat_template([{"role": "user", "content": text}])


def test_a_request_is_answered_as_often_as_it_is_there_each_time_anew(backend):
    prompt = chat(backend, "How do I cook rice?")
    texts = backend.generate_until([generation(prompt, SAMPLED)] * 3 + [generation("A", SAMPLED)])
    assert len(texts) == 4
    assert len(set(texts[:3])) == 3
    decoding = Decoding(temperature=1.0, top_p=1.0, max_tokens=8, samples=3, seed=0)
    asked = dict(backend.ask([backend.prompt(prompt)], decoding, lambda _n: None))
    assert [completion.text.strip() for completion in asked[0]] == texts[:3]


def test_greedy_is_the_likeliest_text_and_the_same_each_time(backend):
    # at temperature 1e-6 the drawn tokens are those of temperature 0: each is its step's argmax,
    # which lm-eval's own greedy generation must give too
    request = generation("The cat sat on", GREEDY)
    texts = backend.generate_until([request])
    plain = HFLM(backend._policy.load_from, device="cpu", dtype="float32")
    expected = plain.generate_until(
        [generation("The cat sat on", {"until": ["\x00"], "do_sample": False, "max_gen_toks": 8})],
        disable_tqdm=True,
    )
    assert texts[0] == expected[0].strip()


def test_stop_texts_cut(backend):
    text = backend.generate_until([generation("The cat sat on", GREEDY)])[0]
    stop = text[2]
    cut = backend.generate_until([generation("The cat sat on", {**GREEDY, "until": [stop]})])
    assert cut == [text[: text.index(stop)]]


def test_a_chat_is_put_through_the_template_and_raw_text_is_not(backend):
    prompt = chat(backend, "Hello")
    assert isinstance(prompt, Chat)
    assert backend.prompt(prompt) == PolicyPrompt(
        (("user", "Hello"),), raw=False, seed=seed_of(0, prompt)
    )
    assert backend.prompt("Hello").raw


def test_a_prompt_that_is_too_long_is_an_empty_answer_to_lm_eval_and_a_reason_to_us(backend):
    long = "word " * 400
    assert backend.generate_until([generation(long, GREEDY)]) == [""]
    decoding = Decoding(temperature=0.0, top_p=1.0, max_tokens=8, samples=1, seed=0)
    prompts = [backend.prompt(long), backend.prompt("A")]
    asked = dict(backend.ask(prompts, decoding, lambda _n: None))
    assert isinstance(asked[0], SetAside)
    assert isinstance(asked[1][0], Completion)


def test_log_likelihoods_are_lm_eval_s_own_to_the_last_digit(backend, small):
    requests = [Instance("loglikelihood", {}, pair, 0) for pair in TEXTS]
    plain = HFLM(str(small["policy"]), device="cpu")
    assert backend.loglikelihood(requests) == plain.loglikelihood(requests, disable_tqdm=True)
    whole = [Instance("loglikelihood_rolling", {}, (a + b,), 0) for a, b in TEXTS]
    rolled = plain.loglikelihood_rolling(whole, disable_tqdm=True)
    assert backend.loglikelihood_rolling(whole) == rolled


def test_weighed_texts_know_their_length(backend):
    weighed = backend.weights("float32").weigh(TEXTS)
    assert all(math.isfinite(text.logprob) and text.logprob < 0 for text in weighed)
    # one byte-level token for " b" would be " b" itself or its two bytes
    assert weighed[2].n_tokens in {1, 2}
    assert weighed[1].n_tokens > weighed[2].n_tokens


def test_one_of_engine_and_weights_is_in_memory_at_a_time(backend):
    backend.engine()
    assert backend._weights is None
    backend.weights("auto")
    assert backend._engine is None
    backend.close()
    assert backend._engine is None
    assert backend._weights is None


def test_a_folder_without_weights_is_reported(tmp_path):
    from udasa_data.storage.model_files import Located

    with pytest.raises(UserError, match="model 'x' cannot be loaded"):
        Weights(Located(str(tmp_path), None, "sha256:0", "x"))
