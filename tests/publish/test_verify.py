"""Each thing that may be wrong with a dataset, done to one, is found and named."""

import json
import shutil

import msgspec
import polars as pl
import pytest
from small_models import save_policy

from udasa_data.errors import UserError
from udasa_data.prompts.splits import split_of
from udasa_data.publish.tokenisation import load_tokenizer, tokenise
from udasa_data.publish.verification import verify
from udasa_data.runs.dataset_manifest import read_manifest
from udasa_data.schema import Stage
from udasa_data.storage import file_sha256

SILENT = []


class Damaged:
    """A copy of a dataset, to be changed; ``seal`` makes the manifest fit the files again."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text())
        del self.manifest["sha256"]

    def path(self, config, split="train"):
        return next(
            path
            for path, record in self.manifest["files"].items()
            if (record["config"], record["split"]) == (config, split)
        )

    def change(self, path, change):
        table = change(pl.read_parquet(self.folder / path))
        table.write_parquet(self.folder / path)
        record = self.manifest["files"][path]
        self.manifest["files"][path] = {
            **record,
            "rows": len(table),
            "sha256": file_sha256(self.folder / path),
        }
        self.seal()

    def seal(self):
        (self.folder / "manifest.json").write_text(json.dumps(self.manifest))


@pytest.fixture
def damaged(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "copy")
    return Damaged(tmp_path / "copy")


def failures(folder, **options):
    found = verify(str(folder), SILENT.append, **options)
    assert found.passed is not any(check.passed is False for check in found.checks)
    return {check.name: check.detail for check in found.checks if check.passed is False}


def test_a_dataset_as_it_was_built_passes(run):
    found = verify(str(run.out), SILENT.append)
    assert {check.passed for check in found.checks} == {True}
    told = {check.name: check.detail for check in found.checks}
    n = run.summary.counts.pairs
    assert told["chosen ≠ rejected"] == f"in all {n} pairs"
    assert told["TRL: prompt is a prefix"] == f"{n} rows; not so in 0"
    assert SILENT == []


def test_a_file_that_is_not_what_it_was(damaged):
    path = damaged.folder / damaged.path("moderate")
    path.write_bytes(path.read_bytes()[:-8] + b"damaged!")
    found = failures(damaged.folder)
    assert "is not what it was" in found["files"]
    assert "load_dataset" in found


def test_a_missing_file(damaged):
    (damaged.folder / damaged.path("moderate")).unlink()
    assert "is missing" in failures(damaged.folder)["files"]


def test_a_wrong_number_of_rows(damaged):
    damaged.manifest["files"][damaged.path("samples")]["rows"] += 1
    damaged.seal()
    found = failures(damaged.folder)
    assert "rows instead of" in found["files"]
    assert found["load_dataset"].startswith("samples: ")


def test_another_schema(damaged):
    damaged.change(
        damaged.path("moderate"), lambda t: t.with_columns(pl.col("delta_u").cast(pl.Float32))
    )
    assert "column 'delta_u'" in failures(damaged.folder)["columns"]


def test_a_card_that_lists_other_files(damaged):
    card = damaged.folder / "README.md"
    path = damaged.path("moderate")
    whole = card.read_text()
    old = damaged.path("samples")
    card.write_text(whole.replace(f"    - {path}\n", f"    - {old}\n"))
    assert failures(damaged.folder)["card"] == f"{path} is in no configuration"
    card.write_text(whole.replace(f"    - {path}\n", f"    - {path}\n    - data/more.parquet\n"))
    assert failures(damaged.folder)["card"] == "data/more.parquet is not in the manifest"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda card: "no front matter", "is in no configuration"),
        (lambda card: card.replace("    - data/moderate", "    #"), "front matter"),
        (lambda card: card.replace("pretty_name:", "pretty_name: ["), "front matter"),
    ],
)
def test_a_damaged_card(damaged, change, told):
    card = damaged.folder / "README.md"
    card.write_text(change(card.read_text()))
    assert told in failures(damaged.folder)["card"]
    card.unlink()
    assert failures(damaged.folder)["card"] == "no README.md"


def test_a_prompt_in_both_splits(damaged):
    test = pl.read_parquet(damaged.folder / damaged.path("samples", "test"))
    damaged.change(damaged.path("samples"), lambda t: pl.concat([t, test.head(1)]))
    assert "is in both splits" in failures(damaged.folder)["splits"]


def test_a_prompt_in_the_other_split(damaged):
    damaged.manifest["held_out"] = 0.99
    damaged.seal()
    assert "against its hash" in failures(damaged.folder)["splits"]


def test_a_chosen_answer_that_is_the_rejected_one(damaged):
    damaged.change(damaged.path("moderate"), lambda t: t.with_columns(rejected=pl.col("chosen")))
    found = failures(damaged.folder)
    assert "chosen is rejected" in found["chosen ≠ rejected"]
    assert "rejected is not its sample" in found["pairs are samples"]
    assert "TRL: 1024 tokens" in found  # every such pair collapses


def test_an_empty_chosen_answer(damaged):
    empty = pl.lit([{"role": "assistant", "content": " "}])
    damaged.change(damaged.path("moderate"), lambda t: t.with_columns(chosen=empty))
    assert "chosen ≠ rejected" in failures(damaged.folder)


def test_a_pair_in_another_stage(damaged):
    moved = pl.read_parquet(damaged.folder / damaged.path("moderate")).head(1)
    damaged.change(damaged.path("conservative"), lambda t: pl.concat([t, moved]))
    found = failures(damaged.folder)["stages"]
    assert "in conservative (and 2 more)" in found  # it is in two pairs, and a count is off


def test_a_gap_beyond_its_thresholds(damaged):
    damaged.change(damaged.path("moderate"), lambda t: t.with_columns(p_chosen_better=0.999))
    assert "P 0.9990 in moderate" in failures(damaged.folder)["stages"]


def test_a_stage_column_that_says_otherwise(damaged):
    damaged.change(damaged.path("moderate"), lambda t: t.with_columns(stage=pl.lit("exploratory")))
    assert "in moderate" in failures(damaged.folder)["stages"]


def test_rows_lost_to_the_length(run):
    found = failures(run.folder, max_length=3)
    assert "dropped" in found["TRL: 3 tokens"]


def test_no_manifest_or_a_damaged_one(damaged):
    (damaged.folder / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="not the manifest of a dataset"):
        verify(str(damaged.folder), SILENT.append)
    (damaged.folder / "manifest.json").write_text("[]")
    with pytest.raises(UserError, match="not the manifest of a dataset"):
        verify(str(damaged.folder), SILENT.append)


def test_the_policy_that_is_gone_is_told(damaged, tmp_path):
    damaged.manifest["policy"]["id"] = str(tmp_path / "gone")
    damaged.seal()
    found = verify(str(damaged.folder), SILENT.append)
    told = {check.name: check for check in found.checks}
    assert told["TRL"].passed is None
    assert "not checked" in told["TRL"].detail
    assert found.passed


def says(role, content):
    return [{"role": role, "content": content}]


def test_what_is_cut_collapses_or_is_left_out_by_hand(run):
    # template and bytes: <user> + prompt + </s> + <assistant> is len + 3 tokens where no pair of
    # bytes was merged; "z" and "q" are in no merge. The answer adds its bytes and </s>.
    tokenizer = load_tokenizer(read_manifest(run.folder).policy)
    prompt = says("user", "zq")  # 5 tokens
    pairs = [
        {"prompt": prompt, "chosen": says("assistant", c), "rejected": says("assistant", r)}
        for c, r in (("q", "z"), ("qqqqz", "qqqqq"), ("q", "zzzzzz"))
    ]
    found = tokenise(pairs, tokenizer, 100)
    assert found[:6] == (3, 0, 0, 0, 0, 12)  # 5 + 6 + 1
    # at 9, "zq" and four letters: the second pair is cut on both sides to the same
    assert tokenise(pairs, tokenizer, 9)[:6] == (3, 0, 2, 1, 0, 12)
    # at 5, nothing but the prompt is left: dropped, and the same
    assert tokenise(pairs, tokenizer, 5)[:6] == (3, 0, 3, 3, 3, 12)


def test_a_template_that_writes_the_prompt_otherwise_alone_is_found(run, tmp_path):
    template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>thinking{% endif %}"
    )
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(save_policy(tmp_path / "odd", template=template))
    pair = {
        "prompt": says("user", "zq"),
        "chosen": says("assistant", "q"),
        "rejected": says("assistant", "z"),
    }
    assert tokenise([pair], tokenizer, 100).not_prefix == 1


@pytest.mark.slow
def test_trl_itself_tokenises_to_the_same_lengths(run, small, tmp_path):
    """``DPOTrainer``'s own data set against ours: longest side, and rows left out at 30 tokens."""
    import datasets
    from transformers import AutoModelForCausalLM

    trl = pytest.importorskip("trl")
    tokenizer = load_tokenizer(read_manifest(run.folder).policy)
    rows = datasets.load_dataset(str(run.folder), "all", split="train")
    args = trl.DPOConfig(
        output_dir=str(tmp_path), max_length=30, report_to=[], use_cpu=True, disable_tqdm=True
    )
    trainer = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(small["policy"]),
        args=args,
        train_dataset=rows,
        processing_class=tokenizer,
    )
    found = tokenise(rows, tokenizer, 30)
    kept = trainer.train_dataset
    assert len(kept) == found.rows - found.dropped
    lengths = [
        len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))
        for row in kept
    ]
    assert sum(n > 30 for n in lengths) == found.truncated - found.dropped


def test_the_held_out_share_is_what_the_manifest_says(run):
    manifest = read_manifest(run.folder)
    for path, record in manifest.files.items():
        ids = pl.read_parquet(run.folder / path)["prompt_id"].drop_nulls()
        assert {split_of(one, manifest.held_out) for one in ids} <= {record.split}


def test_a_hub_policy_that_cannot_be_had_is_told(run):
    policy = msgspec.structs.replace(
        read_manifest(run.folder).policy, id="org/model", revision="0" * 40
    )
    with pytest.raises(UserError, match="tokenizer of 'org/model' cannot be loaded"):
        load_tokenizer(policy)  # offline, and not in the cache


def test_a_dataset_without_pairs_is_checked(damaged):
    for path, record in list(damaged.manifest["files"].items()):
        if record["config"] in set(Stage):
            (damaged.folder / path).unlink()
            del damaged.manifest["files"][path]
    damaged.seal()
    assert "chosen ≠ rejected" not in failures(damaged.folder)


def test_a_manifest_in_which_a_figure_was_changed_is_refused(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "copy")
    manifest = tmp_path / "copy" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"held_out": 0.2', '"held_out": 0.3'))
    with pytest.raises(UserError, match="damaged: not as it was written"):
        verify(str(tmp_path / "copy"), SILENT.append)
