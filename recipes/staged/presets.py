"""The recipes that come with the package: a folder a model, known by the model's short name."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

from udasa_data.errors import UserError, nearest

Kind: TypeAlias = Literal["staged_dpo", "ablate", "rounds"]
ROOT: Final = Path(__file__).parents[1]
_OTHER_KINDS: Final = ("ablate", "rounds")


def known_presets(kind: Kind = "staged_dpo") -> dict[str, Path]:
    """Return the packaged files of a kind by name, sorted.

    ``mistral`` is ``mistral/staged_dpo.yaml``, and ``mistral/full`` a second recipe of that model;
    of the other kinds a model has one file.
    """
    found = {path.parent.name: path for path in ROOT.glob(f"*/{kind}.yaml")}
    if kind == "staged_dpo":
        found |= {
            f"{model}/{path.stem}": path
            for model, main in list(found.items())
            for path in main.parent.glob("*.yaml")
            if path.stem not in {kind, *_OTHER_KINDS}
        }
    return dict(sorted(found.items()))


def preset_path(name: str, kind: Kind = "staged_dpo") -> Path:
    """Return the file of a preset.

    Raises:
        UserError: no such preset; the nearest is named.
    """
    known = known_presets(kind)
    if name not in known:
        raise UserError(f"unknown preset '{name}'{nearest(name, known)}; a file of yours: --config")
    return known[name]


def find_recipe(name: str, beside: Path, what: str = "recipe") -> Path:
    """Return the file that another configuration names.

    Args:
        name: a path.
        beside: the folder that it may be relative to; else to the working directory.
        what: it is.

    Raises:
        UserError: neither is there.
    """
    found = [path for path in (beside / name, Path(name)) if path.is_file()]
    if not found:
        raise UserError(f"{what} '{name}': no such file")
    return found[0]
