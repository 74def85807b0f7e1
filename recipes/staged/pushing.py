"""A finished run on the Hub: its policy, or its adapter alone, and its stages as branches."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from udasa_data.config import read_bytes
from udasa_data.errors import UserError
from udasa_data.storage import parse_json

from .folders import CURVES, LEDGER, PICTURE, PROMPTS
from .ledger import Record, read, to_json
from .origin import cut_to
from .policies import POLICY_SUFFIXES

_POLICY: Final = [*(f"*{suffix}" for suffix in POLICY_SUFFIXES), "README.md"]
_BESIDE: Final = ("README.md", LEDGER, PROMPTS, CURVES, PICTURE)  # of an adapter


def push(out: Path, repo_id: str, *, adapter: bool = False, stages: bool = False) -> str:
    """Upload a finished run in one commit; return the commit's address.

    Args:
        out: the run's folder.
        repo_id: of the Hub.
        adapter: the adapter alone, without the weights below it.
        stages: each stage's policy as well, as the branch ``N-STAGE``.

    Raises:
        UserError: no access, no network, or there is no such adapter or stage.
    """
    with _one_line(out, repo_id):
        from huggingface_hub import HfApi

        api = HfApi()
        api.create_repo(repo_id, exist_ok=True)
        if stages:
            push_stages(api, out, repo_id)
        if adapter:
            return push_adapter(api, out, repo_id)
        made = api.upload_folder(
            repo_id=repo_id,
            folder_path=str(out),
            allow_patterns=[*_POLICY, PROMPTS, CURVES, PICTURE],
            ignore_patterns=["stages/*", "measures/*"],
            commit_message="Staged DPO policy, its record and its card",
        )
        return str(made.commit_url)


def push_adapter(api: Any, out: Path, repo_id: str) -> str:
    """Upload the last stage's adapter, and the record and card of the run.

    Raises:
        UserError: the run trained none, or one that does not lie on the base alone.
    """
    record = read(out / LEDGER)
    folder = _stage_folder(out, record, len(record.stages)) / "adapter"
    lora = record.config.get("lora")
    if lora is None or not folder.is_dir():
        raise UserError(f"--push-adapter: {out} holds no adapter; it is of runs with lora")
    if lora["adapter"] != "continue" and len(record.stages) > 1:
        raise UserError(
            "--push-adapter: with lora.adapter: merge_new the last adapter lies on the merged "
            "policy of the stage before, not on the base; push the policy"
        )
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        for file in folder.iterdir():
            shutil.copyfile(file, copy / file.name)
        for name in _BESIDE:
            if (out / name).is_file():
                shutil.copyfile(out / name, copy / name)
        _name_base(copy / "adapter_config.json", record)
        made = api.upload_folder(
            repo_id=repo_id, folder_path=place, commit_message="Staged DPO adapter and its record"
        )
    return str(made.commit_url)


def push_stages(api: Any, out: Path, repo_id: str) -> None:
    """Upload each stage's policy, as it is served, to a branch of its own.

    Raises:
        UserError: the stages were not kept.
    """
    record = read(out / LEDGER)
    for stage in record.stages:
        folder = _stage_folder(out, record, stage.number) / "policy"
        if not folder.is_dir():
            raise UserError(f"--push-stages: {folder} is not there (keep_stages: false)")
        branch = f"{stage.number}-{stage.name}"
        api.create_branch(repo_id, branch=branch, exist_ok=True)
        api.upload_folder(
            repo_id=repo_id,
            folder_path=str(folder),
            revision=branch,
            allow_patterns=_POLICY,
            commit_message=f"Policy after the stage {stage.name}",
        )
        _push_record(api, repo_id, branch, out, cut_to(record, stage.number))


def _push_record(api: Any, repo_id: str, branch: str, out: Path, record: Record) -> None:
    """Upload what a run that begins with a stage's policy is to know of it."""
    beside: dict[str, bytes | Path] = {LEDGER: to_json(record)}
    if (out / PROMPTS).is_file():
        beside[PROMPTS] = out / PROMPTS
    for name, content in beside.items():
        api.upload_file(
            repo_id=repo_id,
            path_or_fileobj=content,
            path_in_repo=name,
            revision=branch,
            commit_message="Record of the run as far as this stage",
        )


def _stage_folder(out: Path, record: Record, number: int) -> Path:
    return out / "stages" / f"{number}-{record.stages[number - 1].name}"


def _name_base(path: Path, record: Record) -> None:
    """Have an adapter name its base by the Hub's id and commit, not by a folder of this machine."""
    told = parse_json(read_bytes(path))
    told |= {"base_model_name_or_path": record.policy.id, "revision": record.policy.revision}
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _one_line(out: Path, repo_id: str) -> Iterator[None]:
    """Turn what the Hub refuses into one line.

    Raises:
        UserError: in place of what huggingface_hub raises.
    """
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        yield
    except UserError:
        raise
    except HFValidationError as error:
        raise UserError(f"--push '{repo_id}': a repository reads ORG/NAME") from error
    except HfHubHTTPError as error:
        raise UserError(
            f"--push {repo_id}: the Hub refused ({error.response.status_code}); sign in with a "
            f"token that may write there: hf auth login. The policy is in {out}"
        ) from error
    except Exception as error:  # its HTTP library changes between releases
        raise UserError(
            f"--push {repo_id}: the Hub cannot be reached ({type(error).__name__}); the policy is "
            f"in {out}; the same command pushes again"
        ) from error
