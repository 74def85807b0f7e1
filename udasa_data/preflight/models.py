"""A model by its metadata: files, labels, tokenizer, chat template, window; no weights are read."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.errors import UserError
from udasa_data.preflight.model_config import ModelConfig, ModelNeed, check_config, parse_config
from udasa_data.preflight.report import Item, Lookups, collected
from udasa_data.storage import (
    Listing,
    Located,
    UnreachableError,
    cached_folder,
    chat_template_of,
    local_folder,
    parameters_in,
    parse_json,
    pickled_files,
    text_of,
    weight_files,
    without_hub,
)

_CONFIG: Final = "config.json"
_TOKENIZERS: Final = ("tokenizer.json", "vocab.txt", "vocab.json", "tekken.json")
_SENTENCEPIECE: Final = (
    *("tokenizer.model", "spiece.model", "spm.model"),
    "sentencepiece.bpe.model",
)
# of a model's top folder, and beside the weights that are loaded
_FETCHED: Final = (".json", ".jinja", ".txt", ".model")


class ModelFound(NamedTuple):
    """A model as it was found.

    Attributes:
        item: of the report.
        located: what to load; None where there is nothing.
        download: bytes that are not on this machine yet.
        parameters: numbers in its weights; None where nothing tells.
        window: tokens; None where it names no bound.
    """

    item: Item
    located: Located | None = None
    download: int = 0
    parameters: int | None = None
    window: int | None = None


def look_at_model(need: ModelNeed, lookups: Lookups) -> ModelFound:
    """Return what a model's metadata say, and every fault of it."""
    faults: list[str] = []
    with collected(faults):
        located, listing = _found(need, lookups)
        return _look_at(need, located, listing)
    return ModelFound(Item(what=need.what, id=need.ref.id, faults=tuple(faults)))


def _look_at(need: ModelNeed, located: Located, listing: Listing) -> ModelFound:
    faults: list[str] = []
    weights = _weights(need, listing, faults)
    config = None
    with collected(faults):
        config = _config(need.where, located, listing)
        check_config(need, config, faults)
    if config is None or not config.is_linear:
        _check_tokenizer(need.where, listing, faults)
    template = None
    with collected(faults):
        template = _template(need.where, located)
    if need.needs_template and template is None:
        faults.append(f"{need.where} has no chat template, which it is to be asked by")
    sizes = {name: n for name, n in listing.files.items()
             if name in weights or ("/" not in name and name.endswith(_FETCHED))}  # fmt: skip
    item = Item(
        what=need.what,
        id=need.ref.id,
        revision=listing.commit,
        bytes=sum(sizes[name] for name in weights) or None,
        licence=listing.licence,
        detail=_detail(need, config, has_template=template is not None) if config else "",
        faults=tuple(dict.fromkeys(faults)),
    )
    return ModelFound(
        item,
        located,
        sum(n for name, n in sizes.items() if name in listing.missing),
        _parameters(located, listing, weights, config or ModelConfig()),
        config.window if config else None,
    )


def _found(need: ModelNeed, lookups: Lookups) -> tuple[Located, Listing]:
    ref = need.ref
    folder = need.folder or local_folder(ref.id)
    if folder is None:
        try:
            listing = lookups.listing(ref.id, ref.revision, "model")
        except UnreachableError as error:
            found = without_hub(ref, error)
            place = cached_folder(ref.id, found.commit) if found.commit else found.load_from
            return found, Listing(found.commit, _files(Path(place or "")))
        mark = f"commit:{listing.commit}"
        return Located(ref.id, listing.commit, mark, ref.id, ref.allow_bin), listing
    return Located(str(folder), None, "", ref.id), Listing(None, _files(folder))


def _files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def _weights(need: ModelNeed, listing: Listing, faults: list[str]) -> list[str]:
    found = weight_files(listing.files)
    pickles = pickled_files(listing.files)
    if not found and need.ref.allow_bin:
        found = pickles
    if not found:
        only = f" ({pickles[0]} alone, a pickle)" if pickles else ""
        way_out = ", or give allow_bin: true beside its id" if pickles else ""
        faults.append(f"{need.where} has no safetensors weights{only}; take another model{way_out}")
    return found


def _config(where: str, located: Located, listing: Listing) -> ModelConfig:
    text = text_of(located, _CONFIG) if _CONFIG in listing.files else None
    if text is None:
        raise UserError(f"{where} has no {_CONFIG} that can be had; it holds no model")
    with suppress(ValueError):
        plain = parse_json(text.encode())
        if isinstance(plain, dict):
            return parse_config(plain)
    raise UserError(f"{where}: its {_CONFIG} is no JSON object")


def _template(where: str, located: Located) -> str | None:
    try:
        return chat_template_of(located)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{where}: its tokenizer_config.json cannot be read") from error


def _check_tokenizer(where: str, listing: Listing, faults: list[str]) -> None:
    if any(name in listing.files for name in _TOKENIZERS):
        return
    slow = [name for name in _SENTENCEPIECE if name in listing.files]
    if not slow:
        faults.append(f"{where} has no tokenizer ({', '.join(_TOKENIZERS[:3])}); take another")
    elif find_spec("sentencepiece") is None:
        faults.append(f"{where}: to read its {slow[0]}: pip install sentencepiece protobuf")


def _parameters(
    located: Located, listing: Listing, weights: list[str], config: ModelConfig
) -> int | None:
    """Return the numbers in weights; None where they are packed (quantised), or nothing tells."""
    if not config.width:
        return None
    found = sum(listing.parameters.values())
    if located.commit is None:
        with suppress(OSError, ValueError, KeyError, TypeError):  # said when it is loaded
            found = sum(parameters_in(Path(located.load_from) / name).total() for name in weights)
    return found or sum(listing.files[name] for name in weights) // config.width or None


def _detail(need: ModelNeed, config: ModelConfig, *, has_template: bool) -> str:
    parts = [] if config.window is None else [f"window {config.window:,}"]
    if need.kind == "classifier":
        names = "/".join(config.labels)
        short = len(config.labels) == 1 or len(names) > 20
        count = f"{len(config.labels)} output{'s' if len(config.labels) > 1 else ''}"
        parts.insert(0, count if short else names)
    if need.kind == "policy" or has_template:
        parts.append("chat template" if has_template else "no template")
    return ", ".join(parts)
