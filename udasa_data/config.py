"""The configuration of a build: frozen, strict, and complete once resolved.

Three layers, later ones win: a model preset (``presets.yaml``), the user's YAML file, the flags.
The resolved form is written to the run as ``config.yaml`` and can be given back as ``--config``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
import yaml
from msgspec import Meta

from udasa_data.engine_config import EngineName, Server, Vllm
from udasa_data.errors import UserError, nearest
from udasa_data.strict import Strict, convert, read_yaml

Unit: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0.0)]
Positive: TypeAlias = Annotated[float, Meta(gt=0.0)]
Share: TypeAlias = Annotated[float, Meta(ge=0.0, lt=1.0)]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
SemanticEstimator: TypeAlias = Literal[
    "degree", "luq", "eccentricity", "cluster", "cocoa", "lexical", "cosine"
]
FactualEstimator: TypeAlias = Literal["consistency", "p_true"]
Json: TypeAlias = "Mapping[str, object]"

MIN_SAMPLES = 3
EMBEDDED = "embedded:"


class ModelRef(Strict, frozen=True):
    """A model: Hub id, local folder, or ``embedded:NAME``; the revision is a Hub revision."""

    id: Annotated[str, Meta(min_length=1)]
    revision: str = "main"


class NliRef(ModelRef, frozen=True):
    """An NLI model. ``labels`` names its classes in its own order, where it does not itself."""

    labels: tuple[str, ...] = ()


class ValueRef(ModelRef, frozen=True):
    """A value scorer. ``violation`` names the classes whose probability is P(violation).

    Logits are divided by ``temperature`` first: above 1 softens a scorer that is too sure.
    """

    violation: tuple[str, ...] = ()
    temperature: Positive = 1.0


class Judge(Strict, frozen=True):
    """The policy as one more value scorer, asked about the principles of a constitution.

    Each principle asked costs two short questions an answer, hence the bound.
    """

    constitution: Annotated[str, Meta(min_length=1)] = "embedded:constitution"  # or a YAML file
    # how many, from the top of the file (most important first), or which, by id
    principles: Annotated[int, Meta(ge=1)] | Annotated[tuple[str, ...], Meta(min_length=1)] = 4


class Sampling(Strict, frozen=True):
    """How answers are drawn from the policy. Temperature 0 is greedy: all K answers are equal."""

    samples: Annotated[int, Meta(ge=MIN_SAMPLES, le=1024)] = 8
    temperature: NonNegative = 1.0
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    max_tokens: Annotated[int, Meta(ge=1)] = 256


class Scoring(Strict, frozen=True):
    """How answers are turned into raw uncertainties."""

    semantic: SemanticEstimator = "degree"
    # where a prompt has no evidence: agreement of the other answers, or the policy's own P(False)
    factual: FactualEstimator = "consistency"
    # λ of mean + λ·sd of the value scorers' log-odds; with two scorers, 1 is their maximum
    disagreement_weight: NonNegative = 0.5
    # Beta(a, a) pseudo-claims: one claim can neither prove nor damn an answer
    claim_prior: Positive = 0.5
    max_length: Annotated[int, Meta(ge=16)] = 512
    precision: Precision = "auto"  # of the scorers: the fastest this machine has within bounds


class Calibration(Strict, frozen=True):
    """Mid-rank calibration; an axis has its own curve from ``min_axis_rows`` finite values on.

    ``curves`` names a calibration.json, of an earlier run or of labelled answers, applied as it is.
    """

    min_axis_rows: Annotated[int, Meta(ge=1)] = 200
    curves: str | None = None


class Weights(Strict, frozen=True):
    """Weights of the dimensions in the combined uncertainty; renormalised over those scored."""

    semantic: NonNegative = 1.0
    factual: NonNegative = 1.0
    value: NonNegative = 1.0

    def __post_init__(self) -> None:
        if self.semantic + self.factual + self.value == 0:
            raise ValueError("At least one weight must be above 0")


class Pairing(Strict, frozen=True):
    """Which two answers make a pair, and which pairs are left out."""

    rejected: Literal["auto", "max", "mu_2_sigma", "median", "random"] = "auto"
    veto: Unit = 0.8  # an answer with u_value above it is never chosen
    noise_z: NonNegative = 1.0  # drop when delta_u < noise_z · se_delta
    tolerance: Unit = 0.25  # how much worse than rejected chosen may be in one dimension
    near_equal: Unit = 0.9  # character similarity from which two texts count as equal
    length_ratio: Annotated[float, Meta(ge=1.0)] = 4.0  # longest over shortest, in tokens


class Stages(Strict, frozen=True):
    """Absolute cut-offs [low, high] of delta_u; none means tertiles of the kept pairs."""

    cutoffs: tuple[Unit, Unit] | None = None

    def __post_init__(self) -> None:
        if self.cutoffs and self.cutoffs[0] > self.cutoffs[1]:
            raise ValueError("Cut-offs read [low, high], with low at most high")


class BuildConfig(Strict, frozen=True):
    """All that decides the rows of a build (the output directory does not)."""

    model: str
    policy: ModelRef
    nli: NliRef
    value: Annotated[tuple[ValueRef, ...], Meta(min_length=1)]
    sentiment: ValueRef
    prompts: Annotated[tuple[str, ...], Meta(min_length=1)]
    embedder: ModelRef | None = None  # sentence embeddings, for scoring.semantic: cosine
    judge: Judge | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    seed: Annotated[int, Meta(ge=0)] = 0
    engine: EngineName = "auto"
    server: Server | None = None  # of the engine openai
    vllm: Vllm = Vllm()
    system_prompt: str | None = None
    shard_size: Annotated[int, Meta(ge=1)] = 256  # prompts; what a kill can cost
    batch_tokens: Annotated[int, Meta(ge=256)] = 32768
    held_out: Share = 0.05  # of the prompts, by their hash: the split ``test``
    sampling: Sampling = Sampling()
    scoring: Scoring = Scoring()
    calibration: Calibration = Calibration()
    weights: Weights = Weights()
    pairing: Pairing = Pairing()
    stages: Stages = Stages()

    def __post_init__(self) -> None:
        if len(self.value) < 2 and self.judge is None:
            raise ValueError("key 'value': expected at least 2 scorers, or 1 and a judge")
        if self.scoring.semantic == "cosine" and self.embedder is None:
            raise ValueError(
                "key 'embedder': scoring.semantic cosine needs a sentence encoder, "
                "embedder: {id: ORG/NAME}"
            )

    @property
    def scorer_refs(self) -> list[ModelRef]:
        """The models that score, each once."""
        embedder = [self.embedder] if self.embedder and self.scoring.semantic == "cosine" else []
        refs: list[ModelRef] = [self.nli, *self.value, self.sentiment, *embedder]
        return list(dict.fromkeys(refs))


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


class Scorers(Strict, frozen=True):
    """A named set of scorers."""

    nli: NliRef
    value: tuple[ValueRef, ...]
    sentiment: ValueRef


class Presets(Strict, frozen=True):
    """The content of ``presets.yaml``."""

    models: dict[str, ModelPreset]
    scorers: dict[str, Scorers]
    prompts: dict[str, PromptPreset]


def presets() -> Presets:
    """Return the presets shipped with the package."""
    text = files("udasa_data").joinpath("presets.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), Presets)


def resolve(
    model: str | None,
    overrides: Json,
    *,
    scorers: str | None = None,
    file: Path | None = None,
    default: str | None = None,
) -> BuildConfig:
    """Lay preset, file and flags over each other.

    Args:
        model: preset name, Hub id or local folder; None takes the file's ``model``.
        overrides: what the flags say; nested like the configuration, absent keys unsaid.
        scorers: name of a scorer set, over the file's; None takes the file's, or the preset's.
        file: a YAML file in the shape of the configuration, any subset of its keys.
        default: the model where neither ``model`` nor the file names one.

    Raises:
        UserError: unknown model, key or value, said in one line.
    """
    given = read_yaml(file) if file else {}
    name = model or given.get("model") or default
    if not isinstance(name, str):
        raise UserError("no model named: give --model NAME|HUB-ID|PATH (see: udasa-data models)")
    engine = overrides.get("engine") or given.get("engine")
    base = _base(name, scorers, served=engine == "openai")
    layers = _merge(base, {**given, "model": name})
    if scorers:  # the flag wins over the file
        layers |= _scorer_set(scorers)
    layers = _merge(layers, overrides)
    if "policy" in given and given.get("model", name) != name:
        layers["policy"] = base["policy"]  # the flag wins over the file
    return convert(layers, BuildConfig, where=str(file) if file else "the command line")


def change(
    base: BuildConfig, overrides: Json, *, scorers: str | None = None, file: Path | None = None
) -> BuildConfig:
    """Lay file and flags over a resolved configuration, as :func:`resolve` does over a preset.

    Raises:
        UserError: unknown key or value, said in one line.
    """
    layers = _merge(_builtins(base), read_yaml(file) if file else {})
    if scorers:
        layers |= _scorer_set(scorers)
    where = str(file) if file else "the command line"
    return convert(_merge(layers, overrides), BuildConfig, where=where)


def to_yaml(config: BuildConfig) -> str:
    """Return the configuration as YAML that :func:`resolve` reads back to an equal one."""
    return yaml.safe_dump(msgspec.to_builtins(config), sort_keys=False, allow_unicode=True)


def _base(name: str, scorers: str | None, *, served: bool) -> dict[str, object]:
    """Return the preset layer for ``name``; an unnamed policy gets the Hub's scorers.

    A served model has whatever name its server gave it.
    """
    known = presets()
    preset = known.models.get(name)
    if preset is None and not served and "/" not in name and not Path(name).exists():
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
        }
    return base


def _scorer_set(name: str) -> dict[str, object]:
    known = presets().scorers
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
            merged[key] = _merge(old, value)
        else:
            merged[key] = value
    return merged
