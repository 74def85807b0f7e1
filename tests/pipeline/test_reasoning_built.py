"""Builds from models that think: what is scored, paired and kept of what they say."""

import json

import polars as pl
import pytest
from answering_server import AnsweringServer, choice, reply
from small_models import TEMPLATE, save_policy

from udasa_data import build, resolve
from udasa_data.config.build import ModelRef
from udasa_data.pipeline.answered import as_samples
from udasa_data.publish import verify
from udasa_data.runs import read_manifest
from udasa_data.scoring.answer_files import read_answers
from udasa_data.storage.model_files import locate

COOK = "Cook a rice pudding with milk."
SORRY = "I'm sorry, but I can't help with that."
SAID = [
    f"<think>\nIt asks a dangerous thing. I decline.\n</think>\n\n{SORRY}",
    f"<think>\nEasy. Rice pudding is nice. Rice is white.\n</think>\n\n{COOK}",
    f"<think>\nRisotto? Paella? I am not sure. Many dishes are there.\n</think>\n\n{COOK}",
    f"<think>\nNo dish.\n</think>\n\n{COOK}",
    "<think>\nI have not come to an end of",
]


@pytest.fixture(scope="module")
def run(small_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("thinking")
    prompts = folder / "prompts.jsonl"
    prompts.write_text('{"prompt": "What can I cook with rice?"}\n')

    def answer(_path, body):
        return 200, reply(body, lambda k: choice(SAID[k % len(SAID)], index=k))

    with AnsweringServer(answer) as server:
        overrides = {
            "engine": "openai",
            "server": {"base_url": server.url, "retries": 0},
            "policy": {"id": "m"},
            "prompts": [str(prompts)],
            "sampling": {"samples": 5},
        }
        return build(resolve("m", overrides, file=small_config), folder / "run")


def samples(run):
    paths = run.folder.glob("data/samples/*.parquet")
    return pl.concat([pl.read_parquet(path) for path in paths]).sort("sample_id")


def test_scores_refusals_and_claims_are_of_the_answers(run):
    table = samples(run)
    assert table["text"].to_list() == [SORRY, COOK, COOK, COOK, ""]
    assert (table["reasoning"] + table["text"]).to_list() == SAID
    assert table["finish_reason"].to_list() == ["stop"] * 4 + ["length"]
    assert table["refusal"].to_list() == [True, False, False, False, False]
    assert table["n_claims"].max() <= 1
    assert table["u_semantic"].is_finite().to_list() == [True] * 4 + [False]


def test_two_answers_that_differ_in_their_thoughts_alone_are_no_pair(run):
    pairs = pl.read_parquet(run.out / "pairs.parquet")
    said = [row[0]["content"] for side in ("chosen", "rejected") for row in pairs[side]]
    assert len(set(said)) == len(said)
    assert not any("<think>" in text for text in said)


ADDS = TEMPLATE.replace(
    "{{ m['content'] }}",
    "{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}",
)


def test_a_template_that_writes_more_than_was_said_is_told_at_once_on_the_card_and_by_verify(
    small_config, tmp_path
):
    place = save_policy(tmp_path / "adds", template=ADDS)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"Say {w}."}) + "\n" for w in "abcdef"))
    # random weights end one answer in two by then
    sampling = {"chat_template_kwargs": {"kind": "brief"}, "max_tokens": 200}
    overrides = {"policy": {"id": str(place)}, "prompts": [str(prompts)], "sampling": sampling}
    said = []
    progress = type("Told", (), {"say": lambda _self, line: said.append(line)})()
    for name in ("start", "advance", "tell", "finish"):
        setattr(type(progress), name, lambda *_a: None)
    made = build(resolve(str(place), overrides, file=small_config), tmp_path / "run", progress)
    (line,) = said
    assert "makes '<think>" in line
    assert "plain TRL would not" in line
    manifest = read_manifest(made.folder)
    assert sum("makes '<think>" in note for note in manifest.notes) == 1
    assert manifest.config.sampling.chat_template_kwargs == {"kind": "brief"}
    card = (made.folder / "README.md").read_text()
    assert "takes a stage as it is" not in card
    assert "would train on other text than was said" in card
    checks = {check.name: check for check in verify(str(made.folder), lambda _: None).checks}
    assert checks["pairs are samples"].passed
    assert not checks["TRL: answers as said"].passed
    assert "udasa-train" in checks["TRL: answers as said"].detail


def test_a_run_with_other_template_options_is_another(small, small_config, tmp_path):
    from udasa_data.pipeline.preparation import Prepared
    from udasa_data.runs import Run

    keys = set()
    for options in ({}, {"enable_thinking": False}, {"enable_thinking": True}):
        overrides = {"sampling": {"chat_template_kwargs": options}, "prompts": ["tiny"]}
        config = resolve(str(small["policy"]), overrides, file=small_config)
        assert locate(ModelRef(id=str(small["policy"])))
        keys.add(Prepared(config, Run(tmp_path / "run")).keys["samples"])
    assert len(keys) == 3


def test_answers_of_a_file_are_parted_too(tmp_path):
    path = tmp_path / "answers.jsonl"
    rows = [{"prompt": "Rice?", "text": text} for text in (*SAID, "Plain.")]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    table = as_samples(read_answers(path))
    assert table["text"].to_list() == [SORRY, COOK, COOK, COOK, "", "Plain."]
    assert table["reasoning"].to_list()[-1] is None
    assert table["finish_reason"].to_list() == ["stop"] * 4 + ["length", "stop"]
