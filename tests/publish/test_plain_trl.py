"""TRL alone, on a stage as it is published: what was read and said, to the token."""

import re
from pathlib import Path

import datasets
import polars as pl
import pytest
from small_dataset import pair
from small_models import save_policy
from tokenizers import processors
from transformers import AutoTokenizer

from udasa_data.config import ModelRef
from udasa_data.publish.dataset import read_pairs
from udasa_data.publish.plain_trl import COLUMN, before, with_kwargs
from udasa_data.publish.tokenisation import tokenise
from udasa_data.runs.dataset_manifest import read_manifest
from udasa_data.schema import PAIRS
from udasa_data.storage import beginning_of, locate
from udasa_recipes.staged.mixture import render
from udasa_recipes.staged.rendering import Renderer, end_ids, load_tokenizer

DOCS = Path(__file__).parents[2] / "docs/training.md"


def script():
    (found,) = re.findall(
        r"^```python plain_trl.py\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL
    )
    return found


@pytest.mark.slow
def test_the_script_of_the_docs_trains_on_every_stage(run, small, tmp_path, monkeypatch):
    pytest.importorskip("trl")
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path("runs/data").symlink_to(run.folder)
    source = script()
    assert len(source.splitlines()) <= 15
    here = {"ORG/POLICY": str(small["policy"]), "RUN/dataset": "runs/data"}
    here |= {"DPOConfig(": "DPOConfig(use_cpu=True, bf16=False, max_steps=1, "}
    for old, new in here.items():
        assert old in source
        source = source.replace(old, new)
    names = {}
    exec(compile(source, "plain_trl.py", "exec"), names)
    assert (tmp_path / "runs/trl/exploratory/model.safetensors").is_file()
    rows = names["trainer"].train_dataset
    assert [list(map(len, row)) for row in ids_of(rows)]
    located = locate(ModelRef(id=str(small["policy"])))
    tokenizer = load_tokenizer(located)
    renderer = Renderer(tokenizer, end_ids(located, tokenizer))
    table = read_pairs(run.folder).filter(pl.col("prompt_id").is_in(rows["prompt_id"]))
    table = table.filter(pl.col("stage") == "exploratory")
    rendered = render(table.select(sorted(table.columns)), renderer, 1024, completion=True)
    ours = {
        row["prompt_id"]: tuple(one)
        for row, one in zip(rendered.rows.iter_rows(named=True), rendered.encoded, strict=True)
        if row["mode"] == "completion"
    }
    theirs = dict(zip(rows["prompt_id"], ids_of(rows), strict=True))
    assert ours
    assert {key: theirs[key] for key in ours} == ours


def ids_of(rows):
    return [tuple(row[f"{side}_ids"] for side in ("prompt", "chosen", "rejected")) for row in rows]


def test_every_row_has_what_trl_passes_on(run):
    rows = datasets.load_dataset(str(run.folder), "all", split="train")
    for row in rows:
        own = row[COLUMN]["chat_template"] is not None
        assert own == (row["mode"] == "completion")


def manifest_with(run, begins):
    from msgspec.structs import replace

    manifest = read_manifest(run.folder)
    return replace(manifest, policy=replace(manifest.policy, begins_with=begins))


@pytest.mark.parametrize("bos", [False, True])
def test_continuations_are_read_with_their_beginning_space_and_end(run, tmp_path, bos):
    folder = save_policy(tmp_path / "policy")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if bos:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
        tokenizer.save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    begins = beginning_of(locate(ModelRef(id=str(folder))))
    assert begins == ("<s>" if bos else "")
    one, two = (pair("moderate", k, mode="completion") for k in (5, 11))
    one |= {"reasoning_chosen": "\n", "reasoning_rejected": ""}
    one |= {"finish_reason_chosen": "stop", "finish_reason_rejected": "length"}
    table = with_kwargs(
        pl.DataFrame([one, two], schema=PAIRS, orient="row"), manifest_with(run, begins)
    )
    found = tokenise(table.to_dicts(), tokenizer, 200)
    assert (found.not_prefix, found.rewritten) == (0, 0)
    from trl.data_utils import _tokenize

    made = [
        _tokenize(tokenizer, [*row["prompt"], *row[side]], **row[COLUMN])["input_ids"]
        for row in table.to_dicts()
        for side in ("chosen", "rejected")
    ]
    begin = [0] * bos
    prompts = [one["prompt"][0]["content"], two["prompt"][0]["content"]]
    answers = [row[side][0]["content"] for row in (one, two) for side in ("chosen", "rejected")]
    texts = [
        f"{prompts[0]}\n{answers[0]}</s>",
        f"{prompts[0]}{answers[1]}",
        f"{prompts[1]} {answers[2]}",
        f"{prompts[1]} {answers[3]}",
    ]
    assert made == [
        begin + tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts
    ]
    assert before(two, "chosen") == " "


def test_a_continuation_read_as_a_chat_is_counted(run):
    tokenizer = AutoTokenizer.from_pretrained(read_manifest(run.folder).policy.id)
    found = tokenise([pair("moderate", 5, mode="completion")], tokenizer, 200)
    assert found.rewritten == 1
    assert "reads a text to be continued as" in found.as_said


def test_a_token_that_runs_on_into_the_continuation_is_no_fault(run, tmp_path):
    """TRL trains from the first token that both sides do not share: the text is as it was said."""
    folder = save_policy(tmp_path / "policy")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    row = pair("moderate", 5, mode="completion") | {
        "reasoning_chosen": "",
        "reasoning_rejected": "",
    }
    words = next(t for t in sorted(tokenizer.get_vocab()) if len(t) > 2 and t.isalpha())
    text, said = words[:-1], words[-1]  # one token together, more apart
    assert tokenizer(text)["input_ids"] != tokenizer(words)["input_ids"][: len(text)]
    row |= {"prompt": [{"role": "user", "content": text}]}
    row |= {"chosen": [{"role": "assistant", "content": said}]}
    row |= {"finish_reason_chosen": "length", "finish_reason_rejected": "length"}
    table = with_kwargs(pl.DataFrame([row], schema=PAIRS, orient="row"), manifest_with(run, ""))
    found = tokenise(table.to_dicts(), tokenizer, 200)
    assert (found.not_prefix, found.merged, found.rewritten) == (0, 1, 0)
    assert "runs on" in found.prefix
