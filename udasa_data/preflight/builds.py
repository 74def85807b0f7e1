"""All that a build will need, checked before the first token and before weights are fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from udasa_data.config import BuildConfig, NliRef, ValueRef
from udasa_data.engines import choose_engine
from udasa_data.preflight.model_config import ModelNeed
from udasa_data.preflight.models import ModelFound, look_at_model
from udasa_data.preflight.rendering import Pair, look_at_pair
from udasa_data.preflight.report import Item, Lookups, Report, collected
from udasa_data.preflight.resources import (
    Demand,
    disk_items,
    loaded_bytes,
    memory_here,
    memory_items,
    width_of_scorers,
)
from udasa_data.preflight.sources import SourceFound, look_at_source, place_in
from udasa_data.prompts import SourceRows
from udasa_data.scorers import nli_classes, violation_classes
from udasa_data.storage import cache_folder

# of a run directory, measured: docs/scale.md
_ANSWER_BYTES: Final = 324
_TOKEN_BYTES: Final = 6.8
_WAY_OUT: Final = "take smaller models, or a machine with more"
POLICY: Final = "policy"


class Asked(NamedTuple):
    """Which parts of a build are still to be done, and so to be checked.

    Attributes:
        policy: it is loaded, as what answers or as a judge.
        scorers: answers are scored.
        prompts: they are read from their sources.
        known: models and places that an earlier start pinned: ``id@revision`` and places.
    """

    policy: bool = True
    scorers: bool = True
    prompts: bool = True
    known: frozenset[str] = frozenset()


class Checked(NamedTuple):
    """What was found of a build.

    Attributes:
        report: to be shown.
        fingerprints: of the Hub's models, by ``id@revision``.
        commits: of the sources of prompts, by place.
        rows: of those that are files, by the text of the source.
        pair: as the policy's template renders it.
    """

    report: Report = Report(())
    fingerprints: Mapping[str, str] = {}
    commits: Mapping[str, str] = {}
    rows: Mapping[str, SourceRows] = {}
    pair: Pair = Pair()


def check_build(
    config: BuildConfig, out: Path | None = None, asked: Asked | None = None
) -> Checked:
    """Check models, sources, memory, disk and the rendered pair of a build; nothing is raised.

    Args:
        config: of the build.
        out: the run directory; None where it is not of this machine.
        asked: which parts; None is all.
    """
    asked = asked or Asked()
    lookups, engine_faults = Lookups(), list[str]()
    engine = "transformers"
    if asked.policy:  # else nothing is sampled, and who did may have had another engine
        with collected(engine_faults):
            engine, _ = choose_engine(config)
    needs = [need for need in needs_of(config, asked) if _name(need) not in asked.known]
    models = [look_at_model(need, lookups) for need in needs]
    texts = [text for text in config.prompts if asked.prompts and place_in(text) not in asked.known]
    sources = {text: look_at_source(text, lookups) for text in texts}
    items = _before(config, asked, engine_faults)
    items += [model.item for model in models] + [source.item for source in sources.values()]
    items += _resources(config, models, list(sources.values()), engine, out)
    pair = Pair()
    policy = next((model for model in models if model.item.what == POLICY), None)
    if policy and policy.located and not policy.item.faults:
        asks = not sources or any(source.asks for source in sources.values())
        pair = look_at_pair(policy.located, config.sampling, config.system_prompt, asks=asks)
    return Checked(
        Report((*items, *pair.items)),
        {
            _name(need): model.located.fingerprint
            for need, model in zip(needs, models, strict=True)
            if model.located and model.located.commit
        },
        {source.place: source.commit for source in sources.values() if source.commit},
        {text: source.rows for text, source in sources.items() if source.rows},
        pair,
    )


def _before(config: BuildConfig, asked: Asked, engine_faults: list[str]) -> list[Item]:
    """Return the lines of what is no model that is loaded here."""
    items = []
    if engine_faults:
        items.append(Item(what="engine", id=config.engine, faults=tuple(engine_faults)))
    if config.server is not None and asked.policy:
        items.append(Item(what=POLICY, id=config.policy.id, detail=config.server.base_url))
    return items


def needs_of(config: BuildConfig, asked: Asked) -> list[ModelNeed]:
    """Return the models that a build loads, and what each must be."""
    needs = []
    if asked.policy and config.server is None:
        needs.append(ModelNeed(POLICY, config.policy, "policy", answers=config.sampling.max_tokens))
    if asked.scorers:
        needs.append(nli_need(config.nli))
        numbered = [f"value {n}" for n in range(1, len(config.value) + 1)]
        needs += [value_need(what, ref) for what, ref in zip(numbered, config.value, strict=True)]
        needs.append(value_need("sentiment", config.sentiment))
        if config.prompt_harm:
            needs.append(value_need("prompt harm", config.prompt_harm))
        if config.refusal:
            needs.append(value_need("refusal", config.refusal))
        if config.embedder_in_use:
            needs.append(ModelNeed("embedder", config.embedder_in_use, "encoder"))
    return needs


def nli_need(ref: NliRef) -> ModelNeed:
    """Return what an NLI model must be."""
    return ModelNeed("nli", ref, fits=lambda labels: nli_classes(ref.id, labels, ref.labels))


def value_need(what: str, ref: ValueRef) -> ModelNeed:
    """Return what a value scorer must be."""
    if ref.verdict is None:
        of_model = ModelNeed(what, ref, fits=lambda labels: violation_classes(ref, labels))
        return of_model._replace(needs_template=ref.input == "chat")
    words = [word.strip() for word in ref.verdict.words]
    guard = ModelNeed(what, ref, "guard", lambda _labels: violation_classes(ref, words))
    return guard._replace(needs_template=True)


def _resources(
    config: BuildConfig,
    models: Sequence[ModelFound],
    sources: Sequence[SourceFound],
    engine: str,
    out: Path | None,
) -> list[Item]:
    download = sum(model.download for model in models) + sum(s.download for s in sources)
    counts = [source.n_rows for source in sources]
    rows = sum(count for count in counts if count is not None) if None not in counts else None
    rows = config.limit if rows is None else min(rows, config.limit or rows)
    answer = _ANSWER_BYTES + _TOKEN_BYTES * config.sampling.max_tokens
    run = None if rows is None else int(rows * config.sampling.samples * answer)
    return [
        *memory_items(_demands(config, models, engine), _WAY_OUT),
        *disk_items(download, cache_folder(), run, out),
    ]


def _demands(config: BuildConfig, models: Sequence[ModelFound], engine: str) -> list[Demand]:
    """Return what is in memory at a time: the policy while it answers, then the scorers."""
    room = memory_here()
    policy = [model for model in models if model.item.what == POLICY]
    scorers = [model for model in models if model.item.what != POLICY]
    width = None if engine == "vllm" else 2 if room.is_gpu else 4
    of_policy = loaded_bytes(policy, width)
    of_scorers = loaded_bytes(scorers, width_of_scorers(config.scoring.precision, room))
    parts = config.vllm.tensor_parallel if engine == "vllm" and room.is_gpu else 1
    demands = [Demand("the policy", of_policy, room._replace(bytes=room.bytes * parts))]
    if config.judge is not None or config.scoring.factual == "p_true":
        return [*demands, Demand("scorers and policy", of_policy + of_scorers, room)]
    return [*demands, Demand("the scorers", of_scorers, room)]


def _name(need: ModelNeed) -> str:
    return f"{need.ref.id}@{need.ref.revision}"
