"""A build from what is there: samples of another dataset, and its scores where they still hold."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.config import BuildConfig, ModelRef
from udasa_data.errors import UserError
from udasa_data.pipeline.preparation import Prepared
from udasa_data.preflight import Asked
from udasa_data.prompts import LeftOut, LoadedPrompts
from udasa_data.runs import (
    CODE,
    Origin,
    PolicyRecord,
    Run,
    ScorerRecord,
    code_hash,
    differing,
    key_of,
)
from udasa_data.schema import PROMPTS, SAMPLES, Why
from udasa_data.storage import Located, locate

# What decides samples and scores; the rest of the configuration is read after them.
_OF_SAMPLES: Final = (
    "model",
    "policy",
    "prompts",
    "limit",
    "near_duplicates",
    "seed",
    "engine",
    "system_prompt",
    "batch_tokens",
    "sampling",
)
_OF_SCORES: Final = (
    "nli",
    "value",
    "sentiment",
    "prompt_harm",
    "refusal",
    "embedder",
    "judge",
    "scoring",
)


class Derived(Prepared):
    """A build that starts from another dataset's samples.

    Its scores are reused when the configuration names the same scorers with the same options: what
    the dataset records of them stands for the models, which need not be at hand. Another version
    of the scoring code alone does not score anew, since it would need every model of a published
    dataset for a changed comment; a note says so.

    Attributes:
        origin: what it starts from.
    """

    def __init__(self, config: BuildConfig, run: Run, origin: Origin) -> None:
        self.origin = origin
        old = origin.manifest.config
        if changed := _changes(old, config, _OF_SAMPLES):
            raise UserError(
                f"--from takes the samples of {origin.name} as they are, but these options would "
                f"change them: {'; '.join(changed)}. Build without --from, or leave them out"
            )
        self._as_scored = not _changes(old, config, _OF_SCORES)
        if not self._as_scored and origin.is_merged:
            raise UserError(
                f"{origin.name} was merged from several runs: score each of them anew "
                "(build --from), then merge them again"
            )
        super().__init__(config, run)

    @property
    def answered(self) -> PolicyRecord:
        """The policy of the dataset that it starts from."""
        return self.origin.manifest.policy

    @property
    def reuses_scores(self) -> bool:
        """Whether nothing is scored anew."""
        return self._as_scored

    def try_system_prompt(self) -> None:
        """Try nothing: the samples are there."""

    def bring_samples(self) -> None:
        """Write the samples as shards of this run, for the scoring step to read."""
        self.write_samples(self.origin.answers.select(SAMPLES.names()))

    def _asked(self) -> Asked:
        """Look at the models that score anew: what the dataset records of a model stands for it."""
        known = {f"{ref.id}@{ref.revision}" for ref in _refs(self.origin.manifest.config)}
        config = self.config
        asks_policy = config.judge is not None or config.scoring.factual == "p_true"
        scores = not self.reuses_scores
        asked = (
            super()._asked()._replace(policy=scores and asks_policy, scorers=scores, prompts=False)
        )
        return asked._replace(known=asked.known | known)

    def _commits(self) -> dict[str, str]:
        commits: dict[str, str] = self.origin.manifest.made_from.get("prompt_commits", {})
        return commits

    def _load(self) -> LoadedPrompts:
        rows = self.origin.answers.unique(["run", "prompt_id"], keep="first", maintain_order=True)
        prompts = rows.with_columns(messages="prompt", split=pl.lit(None, dtype=pl.String))
        dropped = self.origin.dropped
        of_rows = dropped.filter(pl.col("what") == "row").group_by("why", maintain_order=True)
        counted = of_rows.agg(pl.len(), pl.col("detail").first())
        left_out = [
            LeftOut(Why(why), f"already in {self.origin.name}", n, detail or "")
            for why, n, detail in counted.iter_rows()
        ]
        return LoadedPrompts(prompts.select(PROMPTS.names()), dropped, tuple(left_out))

    def _locate(self) -> dict[str, Located]:
        """Take what the dataset records of each model; find only those that are to score."""
        config, manifest = self.config, self.origin.manifest
        records: list[PolicyRecord | ScorerRecord] = [manifest.policy, *manifest.scorers]
        recorded = {record.id: record for record in records}
        old = _refs(manifest.config)
        asks_policy = config.judge is not None or config.scoring.factual == "p_true"
        found = {}
        for ref in _refs(config):
            record = recorded.get(ref.id) if ref in old else None
            is_idle = ref == config.policy and not asks_policy
            if self.reuses_scores or is_idle:
                # a model without a record had nothing to score
                mark = record.fingerprint if record else "not used"
                commit = record.revision if record else None
                found[ref.id] = Located(ref.id, commit, mark, ref.id)
            else:
                found[ref.id] = locate(ref, record.fingerprint if record else None)
        return found

    def _engine(self) -> tuple[str, str]:
        engine: dict[str, str] = self.origin.manifest.made_from.get("engine", {})
        return engine.get("name", "transformers"), f"as {self.origin.name} was sampled"

    def _inputs(self) -> dict[str, Any]:
        return {
            "samples from": self.origin.name,
            "key of these samples": self.origin.scores_key,
            "shard_size": self.config.shard_size,
        }

    def _scores_key(self, samples_key: str) -> str:
        # reused scores are known by what they were made of, as the origin knows them
        return key_of(samples_key) if self.reuses_scores else super()._scores_key(samples_key)

    def _facts(self) -> dict[str, Any]:
        facts = super()._facts()
        reused = ["samples", "scores"] if self.reuses_scores else ["samples"]
        origin = {**self.origin.record, "reused": reused}
        return {**facts, "origin": origin, "notes": {**facts["notes"], "origin": self._notes()}}

    def _notes(self) -> list[str]:
        notes = [
            f"{'samples and scores' if self.reuses_scores else 'samples'} from {self.origin.name}"
        ]
        code = self.origin.manifest.made_from.get("code", {}).get("scores")
        if self.reuses_scores and code not in {None, code_hash(CODE["scores"])}:
            notes.append(
                f"{self.origin.name} was scored by another version of the scoring code; its scores "
                "are taken as they are"
            )
        return [*notes, *self.origin.notes]


def _refs(config: BuildConfig) -> list[ModelRef]:
    return [config.policy, *config.scorer_refs]


def _changes(old: BuildConfig, new: BuildConfig, names: tuple[str, ...]) -> list[str]:
    """Return, in words, what differs in some sections of two configurations."""
    return differing(*(_flat(config, names) for config in (old, new)))


def _flat(config: BuildConfig, names: tuple[str, ...]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in names:
        value = msgspec.to_builtins(getattr(config, name))
        if name == "sampling":
            flat |= {f"{name}.{key}": option for key, option in value.items()}
        else:
            flat[name] = value
    return flat
