"""Pairs for other programs: what is written reads back to the very pairs."""

import json

import msgspec
import polars as pl
import pytest
import yaml
from small_dataset import pair
from typer.testing import CliRunner

from udasa_data.cli import app
from udasa_data.errors import UserError
from udasa_data.pairing import read_reviews
from udasa_data.pairing.reviews import Review
from udasa_data.publish import export_pairs
from udasa_data.runs import FileRecord, open_finished, read_manifest, to_json
from udasa_data.schema import PAIRS, Stage
from udasa_data.storage import file_sha256
from udasa_recipes.staged.data import load_split, open_source
from udasa_recipes.staged.derived import anchored

ROLES = {"human": "user", "gpt": "assistant", "system": "system"}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def turn(told):
    return {"role": ROLES[told["from"]], "content": told["value"]}


def from_axolotl(folder):
    told = yaml.safe_load((folder / "axolotl.yaml").read_text())
    assert told["rl"] == "dpo"
    for entry in [*told.get("datasets", []), *told.get("test_datasets", [])]:
        assert entry["type"] == "chat_template.default"
        for row in lines(folder / entry["path"]):
            sides = [[row[entry[f"field_{side}"]]] for side in ("chosen", "rejected")]
            yield row["prompt_id"], row[entry["field_messages"]], *sides


def from_llamafactory(folder):
    for entry in json.loads((folder / "dataset_info.json").read_text()).values():
        assert (entry["formatting"], entry["ranking"]) == ("sharegpt", True)
        columns = entry["columns"]
        for row in lines(folder / entry["file_name"]):
            prompt = [turn(told) for told in row[columns["messages"]]]
            sides = [[turn(row[columns[side]])] for side in ("chosen", "rejected")]
            yield row["prompt_id"], prompt, *sides


def from_kto(folder):
    for path in sorted(folder.glob("*.jsonl")):
        rows = lines(path)
        for good, bad in zip(rows[::2], rows[1::2], strict=True):
            assert (good["label"], bad["label"]) == (True, False)
            assert good["prompt"] == bad["prompt"]
            yield good["prompt_id"], good["prompt"], good["completion"], bad["completion"]


@pytest.fixture(scope="module")
def chats(run, tmp_path_factory):
    """A dataset of chats, eight a stage, and a text to be continued in each."""
    folder = tmp_path_factory.mktemp("chats")
    (folder / "data").mkdir()
    files = {}
    for stage in Stage:
        rows = [pair(stage.value, k, mode="completion" if k == 8 else "chat") for k in range(9)]
        path = folder / "data" / f"{stage}.parquet"
        pl.DataFrame(rows, schema=PAIRS, orient="row").write_parquet(path)
        files[f"data/{stage}.parquet"] = FileRecord(file_sha256(path), 9, stage.value, "train")
    manifest = msgspec.structs.replace(read_manifest(run.folder), files=files, figures={})
    (folder / "manifest.json").write_text(to_json(manifest))
    return folder


READERS = {"axolotl": from_axolotl, "llamafactory": from_llamafactory, "kto": from_kto}


@pytest.mark.parametrize("form", READERS)
def test_the_pairs_come_back(chats, tmp_path, form):
    finished = open_finished(str(chats))
    done = export_pairs(finished, form, tmp_path / form)
    chats = [row for row in finished.pairs.iter_rows(named=True) if row["mode"] == "chat"]
    assert chats
    assert done.continued == len(finished.pairs) - len(chats)
    wanted = {row["prompt_id"]: (row["prompt"], row["chosen"], row["rejected"]) for row in chats}
    found = {key: tuple(rest) for key, *rest in READERS[form](tmp_path / form)}
    assert found == wanted


def test_a_verdict_in_argilla_is_a_line_of_reviews(run, tmp_path):
    finished = open_finished(str(run.folder))
    assert "completion" in set(finished.pairs["mode"])
    done = export_pairs(finished, "argilla", tmp_path / "a")
    assert done.continued == 0  # people may read texts that are continued
    settings = json.loads((tmp_path / "a/settings.json").read_text())
    named = {kind: [part["name"] for part in settings[kind]] for kind in ("fields", "metadata")}
    verdict, note = settings["questions"]
    said = [option["value"] for option in verdict["settings"]["options"]]
    rows = [row for path in (tmp_path / "a").glob("*.jsonl") for row in lines(path)]
    assert len({row["id"] for row in rows}) == len(rows) == len(finished.pairs)
    reviews = []
    for number, row in enumerate(rows):
        # what Argilla does not know it drops: every key of a record is one of the settings
        assert row.keys() == {"id", *named["fields"], *named["metadata"]}
        facts = {key: row[key] for key in Review.__struct_fields__ if key in row}
        reviews.append({**facts, verdict["name"]: said[number % 3], note["name"]: "as read"})
    file = tmp_path / "reviews.jsonl"
    file.write_text("\n".join(map(json.dumps, reviews)))
    read = {review.prompt_id: review for review in read_reviews(file)}
    for pair_row in finished.pairs.iter_rows(named=True):
        review = read[pair_row["prompt_id"]]
        ids = (pair_row["chosen_id"], pair_row["rejected_id"], pair_row["run"])
        assert (review.chosen_id, review.rejected_id, review.run) == ids
        assert review.chosen == pair_row["chosen"][-1]["content"]
    assert {review.verdict for review in read.values()} == {"approve", "flip", "reject"}


def test_the_surest_come_first(chats, tmp_path):
    export_pairs(open_finished(str(chats)), "axolotl", tmp_path / "a")
    names = ["conservative", "moderate", "exploratory"]
    stages = [names.index(row["stage"]) for row in lines(tmp_path / "a/train.jsonl")]
    assert stages == sorted(stages)


def test_the_command(chats, tmp_path):
    words = ["export", str(chats), "--format", "kto", "--out", str(tmp_path / "k")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "train.jsonl" in done.output
    assert "pairs that continue a text are left out" in done.output
    again = CliRunner().invoke(app, words)
    assert isinstance(again.exception, UserError)
    assert "is not empty" in str(again.exception)


def test_the_dataset_is_read_as_any_other(run, tmp_path):
    folder = anchored(run.folder, run.folder, tmp_path / "anchored")
    source = open_source(str(folder))
    for stage in ("conservative", "moderate", "exploratory"):
        mine, theirs = (
            load_split(place, stage).train for place in (source, open_source(str(run.folder)))
        )
        assert mine.sort("prompt_id").equals(theirs.sort("prompt_id"))
