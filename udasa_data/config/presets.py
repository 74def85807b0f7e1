"""How a configuration is resolved: a preset, the user's YAML file, the flags; later ones win.

The resolved form is written to the run as ``config.yaml`` and can be given back as ``--config``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import msgspec
import yaml

from udasa_data.config.build import (
    MIN_SAMPLES,
    BuildConfig,
    ModelRef,
    NliRef,
    Sampling,
    Share,
    ValueRef,
)
from udasa_data.config.fits import Fit, Kind
from udasa_data.config.strict import Strict, convert, read_yaml
from udasa_data.errors import UserError, nearest

Json: TypeAlias = Mapping[str, object]


class PromptPreset(Strict, frozen=True):
    """A named prompt source."""

    about: str
    source: str
    axis: str | None = None


class ModelPreset(Strict, frozen=True):
    """A named policy with its scorers, prompts and sampling."""

    about: str
    policy: ModelRef
    scorers: str
    prompts: tuple[str, ...]
    sampling: Sampling
    held_out: Share = 0.05
    shard_size: int = 256
    batch_tokens: int | None = None


class Scorers(Strict, frozen=True):
    """A named set of scorers."""

    nli: NliRef
    value: tuple[ValueRef, ...]
    sentiment: ValueRef
    prompt_harm: ValueRef | None = None
    refusal: ValueRef | None = None
    reliability: dict[Kind, Fit] = msgspec.field(default_factory=dict)


class Presets(Strict, frozen=True):
    """The content of ``presets.yaml``."""

    models: dict[str, ModelPreset]
    scorers: dict[str, Scorers]
    prompts: dict[str, PromptPreset]


@cache
def read_presets() -> Presets:
    """Return the presets shipped with the package; parsed once, which takes longer than most."""
    text = files("udasa_data.config").joinpath("presets.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), Presets)


def resolve(
    model: str | None,
    overrides: Json,
    *,
    scorers: str | None = None,
    file: Path | Json | None = None,
    default: str | None = None,
    answers: str | Path | None = None,
) -> BuildConfig:
    """Lay preset, file and flags over each other.

    Args:
        model: preset name, Hub id or local folder; None takes the file's ``model``.
        overrides: the flags that were given, nested like the configuration.
        scorers: name of a scorer set, over the file's; None takes the file's, or the preset's.
        file: a YAML file in the shape of the configuration, any subset of its keys; or what is
            in one.
        default: the model where neither ``model`` nor the file names one.
        answers: where the answers are that take a policy's place: then ``model`` only says who
            gave them, by default the file's name, and the scorers are the embedded ones unless
            named.

    Raises:
        UserError: unknown model, key or value, in one line.
    """
    given = _given(file)
    name = model or given.get("model") or default or (Path(answers).stem if answers else None)
    if not isinstance(name, str):
        raise UserError("no model named: give --model NAME|HUB-ID|PATH (see: udasa-data models)")
    engine = overrides.get("engine") or given.get("engine")
    if answers:
        given = {**given, "policy": {"id": name}, "prompts": [str(answers)]}
    base = _base(
        name, scorers or ("tiny" if answers else None), anything=bool(answers) or engine == "openai"
    )
    layers = _merge(base, {**given, "model": name})
    if scorers:  # the flag wins over the file
        layers |= _scorer_set(scorers)
    layers = _merge(layers, overrides)
    if "policy" in given and given.get("model", name) != name and not answers:
        layers["policy"] = base["policy"]  # the flag wins over the file
    where = _where(file)
    config = convert(layers, BuildConfig, where=where)
    if config.sampling.samples < MIN_SAMPLES:
        raise UserError(
            f"{where}: key 'sampling.samples': {config.sampling.samples}, and at least "
            f"{MIN_SAMPLES} are needed: the noise of a difference of two answers is estimated from "
            "two or more others"
        )
    return config


def change(
    base: BuildConfig,
    overrides: Json,
    *,
    scorers: str | None = None,
    file: Path | Json | None = None,
) -> BuildConfig:
    """Lay file and flags over a resolved configuration, as :func:`resolve` does over a preset.

    Raises:
        UserError: unknown key or value, in one line.
    """
    layers = _merge(_builtins(base), _given(file))
    if scorers:
        layers |= _scorer_set(scorers)
    return convert(_merge(layers, overrides), BuildConfig, where=_where(file))


def _given(file: Path | Json | None) -> Json:
    return read_yaml(file) if isinstance(file, Path) else file or {}


def _where(file: Path | Json | None) -> str:
    return str(file) if isinstance(file, Path) else "the command line"


def to_yaml(config: BuildConfig) -> str:
    """Return the configuration as YAML that :func:`resolve` reads back to an equal one."""
    return yaml.safe_dump(msgspec.to_builtins(config), sort_keys=False, allow_unicode=True)


def _base(name: str, scorers: str | None, *, anything: bool) -> dict[str, object]:
    """Return the preset layer for ``name``; an unnamed policy gets the Hub's scorers.

    A served model has whatever name its server gave it, and who answered a file any: ``anything``.
    """
    known = read_presets()
    preset = known.models.get(name)
    if preset is None and not anything and "/" not in name and not is_there(name):
        raise UserError(
            f"unknown model '{name}'{nearest(name, known.models)}; a Hub id reads ORG/NAME, "
            "a local model is the path of its folder"
        )
    chosen = scorers or (preset.scorers if preset else "hub")
    base: dict[str, object] = {
        "model": name,
        "policy": {"id": name},
        "prompts": ["tiny"],
        **_scorer_set(chosen),
    }
    if preset:
        base |= {
            "policy": _builtins(preset.policy),
            "prompts": list(preset.prompts),
            "sampling": _builtins(preset.sampling),
            "held_out": preset.held_out,
            "shard_size": preset.shard_size,
            "batch_tokens": preset.batch_tokens,
        }
    return base


def start_text(file: str) -> str:
    """Return the commented configuration that a user begins with, for a file of this name."""
    text = files("udasa_data.config").joinpath("start.yaml").read_text(encoding="utf-8")
    return text.replace("$FILE", file)


def is_there(name: str) -> bool:
    """Return whether there is such a file; False for what cannot be a path: too long, or NUL."""
    return os.path.exists(name)  # noqa: PTH110 (`Path.exists` raises there)


def _scorer_set(name: str) -> dict[str, object]:
    known = read_presets().scorers
    if name not in known:
        raise UserError(f"unknown scorers '{name}'{nearest(name, known)}")
    return _builtins(known[name])


def _builtins(section: Strict) -> dict[str, object]:
    value: dict[str, object] = msgspec.to_builtins(section)
    return value


def _merge(base: Json, over: Json) -> dict[str, object]:
    """Return ``base`` with ``over`` laid on it; only mappings are merged, lists are replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if value.get("id", old.get("id")) != old.get("id"):  # another model, of other languages
                old = {name: kept for name, kept in old.items() if name != "languages"}
            merged[key] = _merge(old, value)
        else:
            merged[key] = value
    return merged
