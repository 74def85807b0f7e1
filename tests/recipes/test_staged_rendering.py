"""What is trained on: the tokens of TRL's own conversational form, and of the build."""

import polars as pl
import pytest
from datasets import Dataset
from small_dataset import message, pair
from small_models import TEMPLATE, save_policy
from tokenizers import processors
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer

from udasa_data.config.build import ModelRef
from udasa_data.engines.policy_tokens import PolicyTokens
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.schema import PAIRS
from udasa_data.storage.model_files import locate
from udasa_recipes.staged.measures import load_model
from udasa_recipes.staged.mixture import render, stored
from udasa_recipes.staged.pair_trainer import trainer_class
from udasa_recipes.staged.rendering import BuiltWith, Renderer, end_ids, load_tokenizer

OPENS = TEMPLATE.replace("<assistant>{% endif %}", "<assistant><think>\n{% endif %}")
TEMPLATES = {
    "adds": TEMPLATE.replace(
        "{{ m['content'] }}",
        "{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}",
    ),
    "cuts": OPENS.replace("{{ m['content'] }}", "{{ m['content'].split('</think>')[-1] }}"),
    "trims": TEMPLATE.replace("{{ m['content'] }}", "{{ m['content'] | trim }}"),
    "dates": "<system>Today is a day.</s>" + TEMPLATE,
    "leaves": TEMPLATE,
}


def table(rows):
    return pl.DataFrame(rows, schema=PAIRS, orient="row")


def renderer_of(place, system=None, **built_with):
    located = locate(ModelRef(id=str(place)))
    tokenizer = load_tokenizer(located)
    return Renderer(tokenizer, end_ids(located, tokenizer), BuiltWith(system, **built_with))


def with_bos(folder):
    """A policy whose tokenizer puts a BOS before every text."""
    tokenizer = AutoTokenizer.from_pretrained(save_policy(folder))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    tokenizer.save_pretrained(folder)
    return folder


def trl_ids(rows, place, tmp_path, trainer_class=DPOTrainer):
    """TRL's own tokenisation of rows, by the trainer itself."""
    import torch

    tokenizer = AutoTokenizer.from_pretrained(place)
    trainer = trainer_class(
        load_model((str(place), {}), torch.float32),
        args=DPOConfig(
            output_dir=str(tmp_path), use_cpu=True, bf16=False, max_length=1024, report_to="none"
        ),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    found = trainer.train_dataset
    return [tuple(row[f"{side}_ids"] for side in ("prompt", "chosen", "rejected")) for row in found]


@pytest.mark.parametrize("policy", ["embedded:lm", "small"])
def test_chat_rows_are_tokenised_as_trl_would(policy, small, tmp_path):
    place = locate(ModelRef(id=str(small["policy"] if policy == "small" else policy))).load_from
    rows = [pair("moderate", k) for k in range(4)]
    renderer = renderer_of(place)
    rendered = render(table(rows), renderer, 1024, completion=True)
    assert rendered.counts.set_aside == 0
    plain = Dataset.from_list(
        [{k: row[k] for k in ("prompt", "chosen", "rejected")} for row in rows]
    )
    theirs = trl_ids(plain, place, tmp_path / "plain")
    ours = trl_ids(stored(rendered, "t", tmp_path / "cache"), place, tmp_path / "ours")
    assert ours == theirs == [tuple(one) for one in rendered.encoded]


@pytest.mark.parametrize("mode", ["chat", "completion"])
@pytest.mark.parametrize("kind", ["plain", "bos"])
def test_the_prompt_is_what_the_build_sampled_from(mode, kind, tmp_path):
    place = (save_policy if kind == "plain" else with_bos)(tmp_path / "policy")
    row = pair("moderate", 5, mode=mode)
    rendered = render(table([row]), renderer_of(place), 200, completion=True)
    engine_reads = PolicyTokens(locate(ModelRef(id=str(place))))
    asked = PolicyPrompt((("user", row["prompt"][0]["content"]),), mode == "completion", 0)
    ids = engine_reads.encode(asked)
    assert rendered.encoded[0].prompt == ids
    assert ids.count(0) == (kind == "bos")  # one BOS where the tokenizer adds one, never two


def test_a_cut_review_gets_no_end(tmp_path):
    place = save_policy(tmp_path / "policy")
    rows = [pair("moderate", 0, mode="completion"), pair("moderate", 0)]
    review, chat = render(table(rows), renderer_of(place), 200, completion=True).encoded
    end = 1  # </s>
    assert end not in review.chosen
    assert chat.chosen[-1] == end
    tokenizer = AutoTokenizer.from_pretrained(place)
    assert tokenizer.decode(review.chosen).startswith(" The")  # the space the build strips


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("mode", ["chat", "completion"])
def test_the_end_is_trained_where_the_policy_said_it_and_nowhere_else(mode, template, tmp_path):
    place = save_policy(tmp_path / "policy", template=TEMPLATES[template])
    row = pair("moderate", 0, mode=mode) | {"reasoning_chosen": "", "reasoning_rejected": " \n"}
    row |= {"finish_reason_chosen": "stop", "finish_reason_rejected": "length"}
    renderer = renderer_of(place)
    one = render(table([row]), renderer, 400, completion=True).encoded[0]
    chosen, rejected = (row[side][0]["content"] for side in ("chosen", "rejected"))
    said = [renderer.tokenizer.decode(side) for side in (one.chosen, one.rejected)]
    assert said == [f"{chosen}</s>", f" \n{rejected}"]


def test_a_template_without_an_end_gets_one(tmp_path):
    place = save_policy(tmp_path / "policy", template=None)  # the build's plain template
    one = render(table([pair("moderate", 0)]), renderer_of(place), 200, completion=True).encoded[0]
    assert one.chosen[-1] == 1


def test_the_builds_system_prompt_is_put_first(tmp_path):
    place = save_policy(tmp_path / "policy")
    rendered = render(
        table([pair("moderate", 0)]), renderer_of(place, "Be kind."), 200, completion=True
    )
    assert rendered.pairs[0].prompt.startswith("<system>Be kind.</s><user>")


def test_rows_that_cannot_be_trained_on_are_counted(tmp_path):
    refuses = (
        "{% if messages[0]['content'] == 'no' %}{{ raise_exception('no') }}{% endif %}"
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    place = save_policy(tmp_path / "policy", template=refuses)
    long, same, refused = (pair("moderate", k) for k in range(3))
    long["prompt"] = message("user", "cat " * 60)
    same["rejected"] = message("assistant", same["chosen"][0]["content"] + " And more.")
    refused["prompt"] = message("user", "no")
    review = pair("moderate", 5, mode="completion")
    rows = [pair("moderate", 9), long, same, refused, review]
    renderer = renderer_of(place)
    room = len(renderer.ids(renderer.prompt_text(same) + same["chosen"][0]["content"]))
    counts = render(table(rows), renderer, room, completion=False).counts
    assert (counts.rows, counts.too_long, counts.collapsed) == (5, 1, 1)
    assert (counts.not_a_prefix, counts.completion, counts.set_aside) == (1, 1, 3)
    assert counts.truncated == 1  # the row that stays: its rejected answer is longer than chosen's


@pytest.mark.parametrize("mode", ["chat", "completion"])
@pytest.mark.parametrize("kind", ["plain", "bos"])
def test_control_tokens_in_a_text_are_trained_on_as_the_build_read_them(mode, kind, tmp_path):
    place = (save_policy if kind == "plain" else with_bos)(tmp_path / "policy")
    row = pair("moderate", 5, mode=mode)
    row["prompt"] = message("user", "Hi</s><assistant>Sure</s><user>Go on")
    row["chosen"] = message("assistant", "Write </s> there.")
    rendered = render(table([row, pair("moderate", 6)]), renderer_of(place), 400, completion=True)
    assert rendered.counts.set_aside == 0
    tokens = PolicyTokens(locate(ModelRef(id=str(place))))
    asked = PolicyPrompt((("user", row["prompt"][0]["content"]),), mode == "completion", 0)
    first = rendered.encoded[0]
    assert first.prompt == tokens.encode(asked)
    # ids below 5 are control tokens: </s> is 1, and ends chat answers alone
    assert [token for token in first.chosen if token < 5] == [1] * (mode == "chat")
    assert "Write </s> there." in AutoTokenizer.from_pretrained(place).decode(first.chosen)
    rows = stored(rendered, "t", tmp_path / "cache")
    assert trl_ids(rows, place, tmp_path / "ours", trainer_class()) == [
        tuple(one) for one in rendered.encoded
    ]


def test_a_row_whose_control_tokens_cannot_be_read_as_text_is_counted(tmp_path):
    takes_out = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | replace('<user>', '') }}</s>"
        "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    place = save_policy(tmp_path / "policy", template=takes_out)
    row = pair("moderate", 0)
    row["prompt"] = message("user", "a <user> b")
    counts = render(table([row]), renderer_of(place), 200, completion=True).counts
    assert (counts.control_tokens, counts.set_aside) == (1, 1)


THOUGHT = "Hm, a cat.\n</think>\n\n"


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_was_said_is_trained_on_whatever_the_template_makes_of_it(template, tmp_path):
    place = save_policy(tmp_path / "policy", template=TEMPLATES[template])
    row = pair("moderate", 0) | {"reasoning_chosen": THOUGHT, "reasoning_rejected": " "}
    row["chosen"] = message("assistant", "The cat\n  sat. \n")
    renderer = renderer_of(place)
    one = render(table([row]), renderer, 400, completion=True).encoded[0]
    tokens = PolicyTokens(locate(ModelRef(id=str(place))))
    asked = PolicyPrompt((("user", row["prompt"][0]["content"]),), raw=False, seed=0)
    assert one.prompt == tokens.encode(asked)
    tokenizer = renderer.tokenizer
    said = [tokenizer.decode(side) for side in (one.chosen, one.rejected)]
    assert said == [
        f"{THOUGHT}The cat\n  sat. \n</s>",
        f" {row['rejected'][0]['content']}</s>",
    ]
    assert (renderer.rewriting(row) is None) == (template in {"dates", "leaves"})


def test_thoughts_are_left_out_where_the_recipe_says_so(tmp_path):
    row = pair("moderate", 0) | {"reasoning_chosen": THOUGHT, "reasoning_rejected": ""}
    for template, empty in ((OPENS, "</think>\n\n"), (TEMPLATE, "")):
        place = save_policy(tmp_path / "policy", template=template)
        chosen = renderer_of(place, keeps_reasoning=False).pair(row).chosen
        assert chosen == f"{empty}{row['chosen'][0]['content']}</s>"


def test_a_thought_that_a_server_told_apart_stands_in_tags_and_holds_no_control_token(tmp_path):
    place = save_policy(tmp_path / "policy")
    told = {"reasoning_chosen": "They say </s> here.", "reasoning_rejected": ""}
    rendered = render(table([pair("moderate", 0) | told]), renderer_of(place), 400, completion=True)
    chosen = rendered.encoded[0].chosen
    text = AutoTokenizer.from_pretrained(place).decode(chosen)
    assert text.startswith("<think>\nThey say </s> here.\n</think>\n\nThe ")
    assert [token for token in chosen if token < 5] == [1]  # control tokens: </s> at the end alone


def test_the_template_is_given_what_the_build_gave_it(tmp_path):
    asks = TEMPLATE.replace("<assistant>{% endif %}", "<assistant>{{ effort }}{% endif %}")
    place = save_policy(tmp_path / "policy", template=asks)
    renderer = renderer_of(place, template_options={"effort": "low"})
    assert renderer.pair(pair("moderate", 0)).prompt.endswith("<assistant>low")


def test_an_answer_that_would_merge_into_the_prompts_end_is_tokenised_after_it(tmp_path):
    place = save_policy(tmp_path / "policy", template=TEMPLATE.replace("<assistant>{% e", "b{% e"))
    row = pair("moderate", 0) | {"reasoning_chosen": "", "reasoning_rejected": ""}
    row["prompt"], row["chosen"] = message("user", "Go on"), message("assistant", "oil it")
    renderer = renderer_of(place)
    text = renderer.pair(row)
    prompt = renderer.ids(text.prompt)
    rendered = render(table([row]), renderer, 400, completion=True)
    one = rendered.encoded[0]
    assert one.prompt == prompt
    assert renderer.tokenizer.decode(one.chosen) == "oil it</s>"
    assert renderer.ids(text.prompt + text.chosen)[: len(prompt)] != prompt  # "bo" is a token
    assert not rendered.as_text
    rows = stored(rendered, "t", tmp_path / "cache")
    assert trl_ids(rows, place, tmp_path / "ours", trainer_class()) == [tuple(one)]
