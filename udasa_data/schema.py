"""The tables that flow through a build: one polars schema each, and the check that they hold.

Missing measurements are NaN (could not be scored); null means that the value does not exist.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl


class Axis(StrEnum):
    """What a prompt is meant to probe; also the four axes of the evaluation."""

    HARMLESSNESS = "harmlessness"
    HELPFULNESS = "helpfulness"
    TRUTHFULNESS = "truthfulness"
    SENTIMENT = "sentiment"


class Mode(StrEnum):
    """How a prompt is put to the policy: as a chat turn, or as raw text to be continued."""

    CHAT = "chat"
    COMPLETION = "completion"


class Stage(StrEnum):
    """Training stages, in training order: the pairs that are surest to be right come first."""

    CONSERVATIVE = "conservative"
    MODERATE = "moderate"
    EXPLORATORY = "exploratory"


class Dimension(StrEnum):
    """The three dimensions of uncertainty."""

    SEMANTIC = "semantic"
    FACTUAL = "factual"
    VALUE = "value"


class Why(StrEnum):
    """The closed list of reasons for which something is left out (column ``why``)."""

    # a source row that never became a prompt
    EMPTY_PROMPT = "empty_prompt"
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    # a prompt
    TOO_LONG = "too_long"
    CONTROL_TOKENS = "control_tokens"
    SERVER_REFUSED = "server_refused"
    TOO_FEW_SAMPLES = "too_few_samples"
    # a sample
    EMPTY_SAMPLE = "empty_sample"
    CONTENT_FILTER = "content_filter"
    # a prompt's pair, in the order in which the reasons are tried
    UNSCORED = "unscored"
    ALL_REFUSE = "all_refuse"
    UNSURE_REFUSAL = "unsure_refusal"
    VETOED = "vetoed"
    TRUNCATED = "truncated"
    REFUSAL = "refusal"
    COMPLIANCE = "compliance"
    EVASIVE = "evasive"
    EQUAL_TEXTS = "equal_texts"
    NEAR_EQUAL_TEXTS = "near_equal_texts"
    HOMOGENEOUS = "homogeneous"
    BELOW_NOISE = "below_noise"
    WORSE_IN_DIMENSION = "worse_in_dimension"
    LENGTH_RATIO = "length_ratio"
    REVIEWED = "reviewed"  # people took it out


MESSAGES: Final = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
_F = pl.Float64()
_LIST = pl.List(pl.Float64)

PROMPTS: Final = pl.Schema(
    {
        "prompt_id": pl.String(),  # hash of messages, mode and context: prompts/identity.py
        "messages": MESSAGES,
        "mode": pl.String(),
        "axis": pl.String(),
        "source": pl.String(),
        "split": pl.String(),  # the split that was named of its source
        "context": pl.String(),  # evidence for the factual scorer; never shown to the policy
    }
)

SAMPLES: Final = pl.Schema(
    {
        "prompt_id": pl.String(),
        "sample_id": pl.Int32(),
        "text": pl.String(),  # the answer; "" where there is none
        # all that was said before it: thoughts with their tags, white space; null: not known
        "reasoning": pl.String(),
        "n_tokens": pl.Int32(),  # of both, the end-of-text token included
        "sum_logprob": _F,  # nats, under the policy at temperature 1
        "mean_logprob": _F,
        "finish_reason": pl.String(),  # stop | length | content_filter
        "seed": pl.Int64(),
    }
)

SCORES: Final = pl.Schema(
    {
        "prompt_id": pl.String(),
        "sample_id": pl.Int32(),
        "u_semantic": _F,
        "u_factual": _F,
        "u_value": _F,
        "se_semantic": _F,
        "se_factual": _F,
        "se_value": _F,
        "semantic_leave_one_out": _LIST,  # by sample_id left out; NaN at its own
        "factual_leave_one_out": _LIST,
        "value_leave_one_out": _LIST,  # by value scorer left out; NaN where it did not read this
        "p_violation": _LIST,  # one a value scorer; then, if misplaced, the refusal's
        "n_claims": pl.Int32(),
        "p_harmful": _F,  # of its prompt: that it asks for harm; NaN: not known
        "refusal": pl.Boolean(),
        "evasive": pl.Boolean(),  # says nothing of what was asked
        "cluster_id": pl.Int32(),
        "n_clusters": pl.Int32(),
        "semantic_entropy": _F,  # nats, of its prompt
        "semantic_entropy_rb": _F,  # Rao-Blackwellised; NaN without log-probabilities
        "homogeneous": pl.Boolean(),
    }
)

CALIBRATED: Final = pl.Schema(
    {
        "prompt_id": pl.String(),
        "sample_id": pl.Int32(),
        "c_semantic": _F,
        "c_factual": _F,
        "c_value": _F,
        "uncertainty": _F,
    }
)

# the configuration ``samples`` of a dataset: all that pairing and staging need, without a model
ANSWERS: Final = pl.Schema(
    {
        "prompt_id": pl.String(),
        "prompt": MESSAGES,
        **SAMPLES,
        **SCORES,
        **CALIBRATED,
        "axis": pl.String(),
        "mode": pl.String(),
        "source": pl.String(),
        "context": pl.String(),
        "run": pl.Int32(),  # which of the runs that were merged, from 0; 0 in a run by itself
    }
)

# what scoring a file of existing answers adds to its columns
ADDED: Final = pl.Schema(
    {
        "set_aside": pl.String(),  # why the row has no scores: empty_sample | too_few_samples
        **{name: dtype for name, dtype in SCORES.items() if "leave_one_out" not in name},
        **CALIBRATED,
    }
)
ADDED.pop("prompt_id")
ADDED.pop("sample_id")

_PAIR_SIDE = {f"u_{d}_{side}": _F for side in ("chosen", "rejected") for d in Dimension}

PAIRS: Final = pl.Schema(
    {
        "prompt": MESSAGES,
        "chosen": MESSAGES,
        "rejected": MESSAGES,
        "reasoning_chosen": pl.String(),  # as in SAMPLES
        "reasoning_rejected": pl.String(),
        "finish_reason_chosen": pl.String(),
        "finish_reason_rejected": pl.String(),
        "stage": pl.String(),
        "delta_u": _F,
        "se_delta": _F,
        "p_chosen_better": _F,  # by labelled answers: pairing/reliability.py
        "uncertainty_chosen": _F,
        "uncertainty_rejected": _F,
        **_PAIR_SIDE,
        "prompt_id": pl.String(),
        "chosen_id": pl.Int32(),
        "rejected_id": pl.Int32(),
        "axis": pl.String(),
        "mode": pl.String(),
        "source": pl.String(),
        "context": pl.String(),
        "run": pl.Int32(),  # as in ANSWERS
        "review": pl.String(),  # by people: approved | flipped; null: nobody looked
    }
)
# columns that datasets of earlier versions lack, in which they are null
LATER: Final = frozenset({"review"})

DROPPED: Final = pl.Schema(
    {
        "prompt_id": pl.String(),
        "sample_id": pl.Int32(),
        "what": pl.String(),  # row | prompt | sample | pair
        "why": pl.String(),
        "value": _F,  # the figure behind the reason
        "limit": _F,  # what it was compared with
        "detail": pl.String(),
        "run": pl.Int32(),  # as in ANSWERS
    }
)


def require(table: pl.DataFrame, schema: pl.Schema, name: str) -> pl.DataFrame:
    """Return ``table`` with exactly ``schema``'s columns, in its order.

    Those of ``LATER`` are null where it lacks them.

    Raises:
        ValueError: a column is missing or has another type (a fault of the program or a
            damaged file, never of a user's input).
    """
    for column, dtype in schema.items():
        if column not in table.columns and column in LATER:
            table = table.with_columns(pl.lit(None, dtype=dtype).alias(column))
        if column not in table.columns:
            raise ValueError(f"table '{name}' lacks column '{column}'")
        if table.schema[column] != dtype:
            found = table.schema[column]
            raise ValueError(f"table '{name}', column '{column}': {found} instead of {dtype}")
    return table.select(schema.names())


def empty(schema: pl.Schema) -> pl.DataFrame:
    """Return a table with ``schema``'s columns and no rows."""
    return pl.DataFrame(schema=schema)
