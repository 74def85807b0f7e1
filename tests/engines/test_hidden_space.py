"""What a SentencePiece policy says is trained on to the token, its first space included."""

import copy
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from udasa_data.config import ModelRef, Sampling
from udasa_data.engines import PolicyPrompt, Thoughts
from udasa_data.engines.policy_tokens import Drawn, PolicyTokens
from udasa_data.engines.preflight import try_template
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.publish.tokenisation import tokenise
from udasa_data.storage import locate
from udasa_recipes.staged.rendering import Renderer, end_ids, load_tokenizer

sys.path.append(str(Path(__file__).parents[1] / "hub_shapes"))
from shaped_tokenizers import MISTRAL, mistral, mistral_of

KINDS = ["always", "first", "legacy", "plain"]
UNTRIMMED = MISTRAL.replace("|trim", "")
TURNS = [{"role": "user", "content": "Who wrote it?"}]
ASK = PolicyPrompt((("user", "Who wrote it?"),), raw=False, seed=3)
TEXT = PolicyPrompt((("user", "Who wrote"),), raw=True, seed=3)


def tokenizer_of(kind, template=MISTRAL):
    made = copy.deepcopy(mistral() if kind == "always" else mistral_of(kind))
    made.chat_template = template
    return made


def save_chain(folder, tokenizer, pieces):
    """Save a policy that says a chain of tokens: whichever it reads, the next one of it follows.

    Attention and MLP add nothing; embeddings are axes, and a token's axis points to the next.
    """
    size = len(tokenizer)
    config = LlamaConfig(
        vocab_size=size, hidden_size=size + size % 2, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, max_position_embeddings=128, tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    ids = tokenizer.convert_tokens_to_ids(pieces)
    assert tokenizer.unk_token_id not in ids
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size, config.hidden_size))
        model.lm_head.weight.zero_()
        for token, following in pairwise(ids):
            model.lm_head.weight[following, token] = 100.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return locate(ModelRef(id=str(folder)))


def trained_ids(renderer, mode, prompt, answer):
    row = {"prompt": TURNS if mode == "chat" else [{"role": "user", "content": "Who wrote"}]}
    text = renderer.prompt_text(row | {"mode": mode})
    assert renderer.build_ids(row | {"mode": mode}, text) == prompt
    said = renderer.said(mode, text, answer.reasoning, answer.text)
    return renderer.after(text, said + renderer.end_token(mode)).ids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", [MISTRAL, UNTRIMMED], ids=["trims", "keeps"])
def test_what_is_sampled_is_what_is_trained_on(kind, template, tmp_path):
    tokenizer = tokenizer_of(kind, template)
    last = tokenizer(tokenizer.apply_chat_template(TURNS, tokenize=False))["input_ids"][-1]
    # with the template's space a legacy one has two: so has what such a policy was taught to say
    spaces = ["▁"] if kind == "legacy" else []
    pieces = [tokenizer.convert_ids_to_tokens(last), *spaces, "▁good", "▁answer", "</s>"]
    policy = save_chain(tmp_path / "p", tokenizer, pieces)
    engine = TransformersEngine(policy)
    ((_, answers),) = engine.sample([ASK], Sampling(samples=4, max_tokens=8), lambda _: None)
    assert [(answer.text, answer.finish_reason) for answer in answers] == [
        ("good answer", "stop")
    ] * 4
    tokens = PolicyTokens(policy)
    renderer = Renderer(tokenizer, end_ids(policy, tokenizer))
    for answer in answers:
        ids = trained_ids(renderer, "chat", tokens.encode(ASK), answer)
        assert tokenizer.convert_ids_to_tokens(ids) == pieces[1:]
    # and the template makes nothing else of the content that is published
    assert try_template(policy, Sampling(), None) is None
    rows = [
        {
            "prompt": TURNS, "mode": "chat", "reasoning_chosen": answers[0].reasoning,
            "reasoning_rejected": answers[0].reasoning,
            "chosen": [{"role": "assistant", "content": answers[0].text}],
            "rejected": [{"role": "assistant", "content": "the answer"}],
        }
    ]  # fmt: skip
    found = tokenise(rows, tokenizer, 64)
    assert (found.rewritten, found.not_prefix) == (0, 0)
    assert renderer.rewriting(rows[0]) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pieces", [["▁good", "▁is"], [",", "▁good"], ["▁", "▁good"], ["n"]])
def test_a_texts_continuation(kind, pieces, tmp_path):
    """``wrote`` and ``▁good`` are two words, ``wrote`` and ``n`` are one."""
    tokenizer = tokenizer_of(kind)
    policy = save_chain(tmp_path / "p", tokenizer, ["e", *pieces, "</s>"])
    tokens = PolicyTokens(policy)
    prompt, ids = tokens.encode(TEXT), tokenizer.convert_tokens_to_ids(pieces)
    drawn = Drawn(ids, len(ids) + 1, -1.0, "stop", 0, None, prompt)
    answer = tokens.read([drawn], Thoughts())[0]
    said = answer.reasoning + answer.text
    assert f"Who wrote{said}" == tokenizer.decode([*prompt, *ids], skip_special_tokens=True)
    renderer = Renderer(tokenizer, end_ids(policy, tokenizer))
    found = trained_ids(renderer, "completion", prompt, answer)
    assert tokenizer.decode(found) == tokenizer.decode([*ids, tokenizer.eos_token_id])
    if pieces != ["▁", "▁good"]:  # a run of spaces has more than one spelling
        assert found == [*ids, tokenizer.eos_token_id]


@pytest.mark.parametrize("kind", KINDS)
def test_a_choice_is_weighed_as_an_answer_begins(kind, tmp_path):
    tokenizer = tokenizer_of(kind)
    policy = save_chain(tmp_path / "p", tokenizer, ["e", "</s>"])
    question = PolicyTokens(policy).question(ASK, ["Yes", "No"])
    spaces = ["▁"] if kind == "legacy" else []
    found = [tokenizer.convert_ids_to_tokens(ids) for ids in question.choices]
    assert found == [[*spaces, "▁Yes"], [*spaces, "▁No"]]


def test_a_byte_level_policy_hides_no_space(tmp_path):
    from shaped_tokenizers import CHATML, chatml

    tokenizer = copy.deepcopy(chatml())
    tokenizer.chat_template = CHATML
    policy = save_chain(tmp_path / "p", tokenizer, ["Ġgood", "Ġis"])
    tokens = PolicyTokens(policy)
    ids = tokenizer.convert_tokens_to_ids(["Ġgood", "Ġis"])
    answer = tokens.read([Drawn(ids, 2, -1.0, "length", 0, None, tokens.encode(ASK))], Thoughts())[
        0
    ]
    assert (answer.reasoning, answer.text) == (" ", "good is")
    assert load_tokenizer(policy).decode(ids) == " good is"
