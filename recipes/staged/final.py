"""The final policy: its files at the top of the run, clean, with a card; and on the Hub if asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import polars as pl

from recipes.staged.config import Recipe
from recipes.staged.ledger import NAME, Ledger, Record
from recipes.staged.mixture import prompts_table
from recipes.staged.report import matrix_rows
from udasa_data.errors import UserError
from udasa_data.store import write_atomically

PROMPTS: Final = "training_prompts.parquet"
# what makes a folder a model, written last: until it is there, no loader takes the folder for one
_LAST: Final = "config.json"
_KINDS: Final = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")


def finish(ledger: Ledger, policy: Path, trained: list[pl.DataFrame], recipe: Recipe) -> None:
    """Put the last stage's policy, its card and its record into the run's folder.

    Args:
        ledger: of the run; marked as finished.
        policy: folder of the last stage's policy.
        trained: rows that were trained on.
        recipe: of the run.
    """
    out, record = ledger.path.parent, ledger.record
    assert record is not None
    write_atomically(out / PROMPTS, prompts_table(trained).write_parquet)
    record.finished = True
    ledger.save()
    text = card(record, out.name)
    write_atomically(out / "README.md", lambda path: _write(path, text))
    files = [path for path in sorted(policy.iterdir()) if path.suffix in {p[1:] for p in _KINDS}]
    for path in sorted(files, key=lambda one: one.name == _LAST):
        write_atomically(out / path.name, lambda target, path=path: _copy(path, target))
    if not recipe.keep_stages:
        shutil.rmtree(out / "stages")


def card(record: Record, name: str) -> str:
    """Return the model card: data, revision, stages and what they came to."""
    base = record.policy
    data = record.training_data[0]
    hub = base.revision is not None
    front = ["---", "library_name: transformers", "tags: [udasa, dpo]"]
    front += [f"base_model: {base.id}"] if hub else []
    front += [f"datasets: [{data['repo']}]"] if data.get("revision") else []
    front += ["---"]
    header, rows = matrix_rows(record)
    table = [f"| {' | '.join(header)} |", "| " + " | ".join("---" for _ in header) + " |"]
    table += [f"| {' | '.join(row)} |" for row in rows]
    revision = f" at `{data['revision']}`" if data.get("revision") else ""
    stages = [
        f"- **{one.name}**: {one.steps} steps on {one.trained_rows:,} pairs"
        f" ({one.replayed:,} replayed), β {one.config['beta']:g}, learning rate "
        f"{one.config['learning_rate']:g}, {' + '.join(one.config['loss'])}, reference "
        f"{one.reference.wanted}; loss of the first step {one.first_step.get('loss', float('nan')):.4f}"
        for one in record.stages
    ]
    return "\n".join(
        [
            *front,
            "",
            f"# {name}",
            "",
            f"Trained from `{base.id}`{f' at `{base.revision}`' if hub else ''} by staged DPO on the "
            f"preference pairs of `{data['repo']}`{revision}, which a model made from its own answers "
            "(UDASA, arXiv 2507.17477).",
            "",
            "## Stages",
            "",
            *stages,
            "",
            "## Measured",
            "",
            "Reward margin against the SFT policy / accuracy on each stage's held-out pairs (their "
            "number in the header); KL to the SFT policy (nats an answer), length (tokens), distinct "
            "meanings and self-similarity of fresh samples. These pairs are the model's own "
            "preferences, not people's.",
            "",
            *table,
            "",
            *(f"Note: {note}" for note in record.notes),
            f"All hashes, counts and settings: `{NAME}`. `{PROMPTS}`: the prompts trained on, as hashes.",
            "",
        ]
    )


def push(out: Path, repo_id: str) -> str:
    """Upload the finished policy in one commit; return the commit's address.

    Raises:
        UserError: no access, or no network.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HfHubHTTPError

    api = HfApi()
    try:
        api.create_repo(repo_id, exist_ok=True)
        made = api.upload_folder(
            repo_id=repo_id,
            folder_path=str(out),
            allow_patterns=[*_KINDS, "README.md", PROMPTS],
            ignore_patterns=["stages/*", "measures/*"],
            commit_message="Staged DPO policy, its record and its card",
        )
    except HFValidationError as error:
        raise UserError(f"--push '{repo_id}': a repository reads ORG/NAME") from error
    except HfHubHTTPError as error:
        raise UserError(
            f"--push {repo_id}: the Hub refused ({error.response.status_code}); sign in with a token "
            f"that may write there: hf auth login. The policy is in {out}"
        ) from error
    except Exception as error:  # its HTTP library changes between releases
        raise UserError(
            f"--push {repo_id}: the Hub cannot be reached ({type(error).__name__}); the policy is in "
            f"{out}; the same command pushes again"
        ) from error
    return str(made.commit_url)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> Any:
    path.write_text(text, encoding="utf-8")
