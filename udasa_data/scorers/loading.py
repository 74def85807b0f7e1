"""The scorers of a configuration, loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from udasa_data.config import BuildConfig, Precision, Principle, ValueRef
from udasa_data.engines import Meter, load_engine
from udasa_data.scorers.cache import ScoreCache, default_file
from udasa_data.scorers.embedding import Embedder
from udasa_data.scorers.judge import PolicyJudge, PolicyTruth
from udasa_data.scorers.linear import LinearScorer, linear_labels
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import Scorers, TextScorer
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import Located


class Unread:
    """Counts what scorers could not read, for the run's notes."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()

    def cut(self, scorer: str, n: int) -> None:
        """Count texts that a scorer could not read whole."""
        self._counted[f"{scorer}: {{n}} texts were cut to its length"] += n

    def unknown(self, scorer: str, n: int) -> None:
        """Count texts in characters that a scorer's vocabulary lacks."""
        self._counted[
            f"{scorer}: {{n}} texts were not scored: most of their characters are unknown to it; "
            "take a scorer of their language"
        ] += n

    def refused(self, scorer: str, n: int) -> None:
        """Count conversations that a scorer's chat template refuses."""
        self._counted[
            f"{scorer}: {{n}} answers were not scored: its chat template refuses what was asked"
        ] += n

    def languages(self, prompts: Mapping[str, int], config: BuildConfig) -> None:
        """Count prompts answered in a language that scorers do not know.

        Args:
            prompts: by the language of their answers.
            config: says which languages its scorers know.
        """
        for language, n in prompts.items():
            refs = [r for r in config.scorer_refs if r.languages and language not in r.languages]
            if refs:
                names = ", ".join(ref.id for ref in refs)
                self._counted[
                    f"{{n}} prompts are answered in the language '{language}', which {names} do "
                    "not know: do not rely on these scores"
                ] += n

    def unasked(self, scorer: str, n: int) -> None:
        """Count answers too long for the policy to be asked about."""
        self._counted[f"{scorer}: {{n}} answers were too long to ask about, or refused"] += n

    def without_cache(self, line: str) -> None:
        """Note that there is no score cache to be used, and why."""
        self._counted[line] += 1

    def take(self) -> dict[str, int]:
        """Return what was counted since the last time: a note with ``{n}`` in it → how many."""
        counted, self._counted = dict(self._counted), Counter()
        return counted


def load_scorers(
    config: BuildConfig,
    models: Mapping[str, Located],
    precision: Precision,
    unread: Unread,
    cache: Path | None = None,
) -> Scorers:
    """Load the models that score answers, with a score cache.

    Args:
        config: names them.
        models: each of them, located, by id.
        precision: as ``resolve_precision`` resolved it.
        unread: counts the texts that they could not read whole.
        cache: the file of the score cache; None is the user's.
    """
    kept = ScoreCache(cache or default_file(), unread.without_cache)
    told = (unread.cut, unread.unknown, unread.refused)
    options = Options(config.scoring.max_length, precision, kept, *told)
    embedder, asked, refusal = config.embedder_in_use, config.prompt_harm, config.refusal
    return Scorers(
        NliScorer(models[config.nli.id], options, config.nli.labels),
        [_value_scorer(ref, models[ref.id], options) for ref in config.value],
        ValueScorer(config.sentiment, models[config.sentiment.id], options),
        embedder=Embedder(models[embedder.id], options) if embedder else None,
        prompt_harm=ValueScorer(asked, models[asked.id], options) if asked else None,
        refusal=ValueScorer(refusal, models[refusal.id], options) if refusal else None,
        axes={ref.id: ref.axes for ref in config.value if ref.axes},
    )


def _value_scorer(ref: ValueRef, located: Located, options: Options) -> TextScorer:
    labels = linear_labels(located)
    if labels is not None:
        return LinearScorer(ref, located, labels, options)
    return ValueScorer(ref, located, options)


def with_policy(
    scorers: Scorers,
    config: BuildConfig,
    policy: Located,
    principles: Sequence[Principle],
    unread: Unread,
    meter: Meter | None = None,
) -> Scorers:
    """Add what the policy itself is asked: as judge, and whether an answer is true.

    The policy is not loaded where the configuration asks it nothing; ``close`` of what is returned
    ends it.
    """
    asks_truth = config.scoring.factual == "p_true"
    if not (config.judge or asks_truth):
        return scorers
    engine = load_engine(config, policy, meter, beside_scorers=True)
    judges = [PolicyJudge(engine, principles, unread.unasked)] if config.judge else []
    return scorers._replace(
        value=[*scorers.value, *judges],
        truth=PolicyTruth(engine, unread.unasked) if asks_truth else None,
        close=engine.close,
    )
