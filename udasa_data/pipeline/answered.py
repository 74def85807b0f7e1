"""A build from answers that are there already, whoever gave them: no policy is asked."""

from __future__ import annotations

from typing import Any

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.errors import UserError
from udasa_data.pipeline.preparation import Prepared
from udasa_data.preflight import Asked
from udasa_data.prompts import LoadedPrompts
from udasa_data.runs import GIVEN, PolicyRecord, Run, key_of
from udasa_data.schema import DROPPED, empty
from udasa_data.scoring import GivenAnswers
from udasa_data.storage import Located, locate


class Answered(Prepared):
    """A build whose answers come from a file.

    Prompts may have different numbers of answers; those with fewer than ``MIN_SAMPLES`` that are
    not empty are set aside by the scoring step, as in any build.

    Attributes:
        given: the answers.
    """

    def __init__(self, config: BuildConfig, run: Run, given: GivenAnswers) -> None:
        if config.judge is not None or config.scoring.factual == "p_true":
            raise UserError(
                "judge, and scoring.factual: p_true, ask the policy, and --answers takes answers "
                "without one; leave them out of --config"
            )
        if config.server is not None or config.engine != "auto":
            raise UserError("--answers samples nothing: leave out engine and server")
        self.given = given
        self._digest = key_of(given.prompts.rows(), given.samples.rows())
        super().__init__(config, run)

    @property
    def answered(self) -> PolicyRecord:
        """Who answered, as far as the user said, and the digest of what was answered."""
        return PolicyRecord(self.config.policy.id, None, self._digest, None)

    def try_system_prompt(self) -> None:
        """Try nothing: no policy is asked."""

    def bring_samples(self) -> None:
        """Write the answers as shards of this run, for the scoring step to read."""
        self.write_samples(as_samples(self.given))

    def _asked(self) -> Asked:
        return super()._asked()._replace(policy=False, prompts=False)

    def _commits(self) -> dict[str, str]:
        return {}

    def _load(self) -> LoadedPrompts:
        return LoadedPrompts(self.given.prompts, empty(DROPPED))

    def _engine(self) -> tuple[str, str]:
        return GIVEN, f"the answers of {self.config.prompts[0]}, as they are"

    def _locate(self) -> dict[str, Located]:
        known = self._known_models()
        config = self.config
        policy = config.policy.id
        found = {
            ref.id: locate(ref, known.get(f"{ref.id}@{ref.revision}")) for ref in config.scorer_refs
        }
        # whoever answered need not be at hand, and no scorer can be who answered
        return {policy: Located(policy, None, self._digest, policy), **found}

    def _inputs(self) -> dict[str, Any]:
        return {
            "answers": self.config.prompts[0],
            "rows of answers": self._digest,
            "answered by": self.config.policy.id,
            "shard_size": self.config.shard_size,
        }

    def _facts(self) -> dict[str, Any]:
        notes: dict[str, Any] = self.run.manifest.get("notes", {})
        return {**super()._facts(), "notes": {**notes, "answers": self.given.notes}}


def as_samples(given: GivenAnswers) -> pl.DataFrame:
    """Return given answers as ``schema.SAMPLES``; lengths are words where tokens are not known."""
    order = given.prompts.select("prompt_id", place=pl.int_range(pl.len()))
    return (
        given.samples.join(order, on="prompt_id", how="left")
        .sort("place", "sample_id")
        .select(
            "prompt_id",
            "sample_id",
            "text",
            "reasoning",
            pl.col(given.length).cast(pl.Int32).alias("n_tokens"),
            "sum_logprob",
            "mean_logprob",
            "finish_reason",
            pl.lit(None, dtype=pl.Int64).alias("seed"),
        )
    )
