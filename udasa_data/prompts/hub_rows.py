"""A split of a Hub dataset, or in one line why it cannot be had and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from udasa_data.errors import UserError, first_line, nearest
from udasa_data.storage import has_folder

Loaded = TypeVar("Loaded")
_SLICE: Final = re.compile(r"[\[+]")  # of the forms train[:10%] and train+test
_FIRST: Final = 8  # rows of a peek
_FILE: Final = re.compile(r"(?:hf://)?datasets/[^@]+@[^/]+/(.+)")


class Peeked(NamedTuple):
    """The beginning of a split of a Hub dataset.

    Attributes:
        columns: their names.
        rows: the first of them, pictures and sounds not decoded.
        n_rows: all of them; None where its card does not say.
        files: that a load fetches: of all splits of its configuration.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    n_rows: int | None
    files: list[str]


def load_hub(repo_id: str, config: str | None, split: str | None, commit: str) -> Any:
    """Return a split of a Hub dataset as ``datasets`` has it.

    Args:
        repo_id: ``ORG/NAME``.
        config: a configuration, or a folder (HH-RLHF's parts are folders).
        split: ``train`` where None.
        commit: of the repository.

    Raises:
        UserError: names the configurations or splits that there are, or repeats what the Hub said.
    """
    import datasets

    return _in_words(
        lambda part: datasets.load_dataset(repo_id, **part, split=split or "train"),
        (repo_id, config, split or "train", commit),
    )


def peek_hub(repo_id: str, config: str | None, split: str | None, commit: str) -> Peeked:
    """Return the beginning of what :func:`load_hub` loads, by metadata and a few rows alone.

    Raises:
        UserError: as :func:`load_hub`.
    """
    name = split or "train"
    first = _SLICE.split(name)[0]
    return _in_words(
        lambda part: peek(first, {"path": repo_id, **part}), (repo_id, config, name, commit)
    )


def peek(split: str, asked: Mapping[str, Any]) -> Peeked:
    """Return the beginning of a split of what ``datasets.load_dataset`` loads.

    Args:
        split: by its name alone.
        asked: arguments of ``load_dataset`` beside it.

    Raises:
        Exception: whatever ``datasets`` raises.
    """
    import datasets

    builder: Any = datasets.load_dataset_builder(**asked)
    stream = builder.as_streaming_dataset(split=split)
    known = (builder.info.splits or {}).get(split)
    if stream.features is not None:  # of one long array of JSON they are not known
        stream = stream.decode(enable=False)
    rows = [dict(row) for row in islice(stream, _FIRST)]
    names = list(stream.features or ()) or list(rows[0] if rows else ())
    files = [file for of_split in (builder.config.data_files or {}).values() for file in of_split]
    matches = (_FILE.fullmatch(str(file)) for file in files)
    n_rows = known.num_examples if known else None
    return Peeked(names, rows, n_rows, [found[1] for found in matches if found])


def _in_words(
    load: Callable[[dict[str, Any]], Loaded], asked: tuple[str, str | None, str, str]
) -> Loaded:
    """Load a part of a dataset, or say in one line what keeps it from being loaded."""
    repo_id, config, split, commit = asked
    try:
        return _by_name_or_folder(load, repo_id, config, commit)
    except Exception as error:  # datasets raises many kinds, all of them about the user's words
        problem = _problem(repo_id, config, split, commit)
        if problem is None:
            problem = f"Hub dataset '{repo_id}' cannot be loaded: {_said(error)}"
            if "scripts are no longer supported" in problem:
                problem += f"; name its files instead: hf://datasets/{repo_id}/FILE"
        raise UserError(problem) from error


def _by_name_or_folder(
    load: Callable[[dict[str, Any]], Loaded], repo_id: str, config: str | None, commit: str
) -> Loaded:
    try:
        return load({"name": config, "revision": commit})
    except ValueError as error:
        is_unknown = config is not None and "BuilderConfig" in str(error)
        if config is None or not is_unknown or has_folder(repo_id, commit, config) is False:
            raise
    return load({"data_dir": config, "revision": commit})


def _problem(repo_id: str, config: str | None, split: str, commit: str) -> str | None:
    """Return which name is not one of the dataset's; None where that is not what is wrong."""
    import datasets

    configs = _listed(lambda: datasets.get_dataset_config_names(repo_id, revision=commit))
    if config and configs and config not in configs and not has_folder(repo_id, commit, config):
        if configs == ["default"]:
            return f"{repo_id} has no configuration or folder '{config}'; leave out ':{config}'"
        return (
            f"{repo_id} has no configuration '{config}'{_known(configs)}; write "
            f"{repo_id}:{_nearest(config, configs)}"
        )
    if config is None and len(configs) > 1 and "default" not in configs:
        return (
            f"{repo_id} has several configurations{_known(configs)}; write {repo_id}:{configs[0]}"
        )
    name = config if config in configs else None
    splits = _listed(lambda: datasets.get_dataset_split_names(repo_id, name, revision=commit))
    missing = [part for part in split.split("+") if _SLICE.split(part)[0] not in splits]
    if splits and missing:
        near = _nearest(missing[0], splits)
        return (
            f"{repo_id} has no split '{missing[0]}'{_known(splits)}; write "
            f"{repo_id}:{config or ''}/{near}"
        )
    return None


def _listed(ask: Callable[[], list[str]]) -> list[str]:
    """Return names that the Hub has; none where it does not say."""
    try:
        return [str(name) for name in ask()]
    except Exception:  # noqa: BLE001 - of many kinds; the error before it is the one to tell
        return []


def _known(names: list[str]) -> str:
    return f" (known: {', '.join(names)})"


def _nearest(word: str, names: list[str]) -> str:
    found = re.search(r"did you mean '(.+)'", nearest(word, names))
    return found[1] if found else names[0]


def _said(error: BaseException) -> str:
    """Return an error's first line, and that of the one behind it, which often says more."""
    text = f"{type(error).__name__}: {first_line(error)}"
    cause = error.__cause__
    return f"{text} ({first_line(cause)})" if cause and first_line(cause) not in text else text
