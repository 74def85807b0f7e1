"""Which answers may be chosen and which rejected, whatever their uncertainty."""

from __future__ import annotations

from typing import Final

import polars as pl

from udasa_data.config import Pairing
from udasa_data.schema import Axis, Mode, Why

_KEYS: Final = ["run", "prompt_id"]
# why an answer may not be chosen, in the order in which the reasons are given
UNFIT: Final = (Why.VETOED, Why.TRUNCATED, Why.REFUSAL, Why.COMPLIANCE, Why.EVASIVE)


def with_fitness(answers: pl.DataFrame, rules: Pairing) -> pl.DataFrame:
    """Say which answers may be chosen, and which rejected.

    Whether a prompt asks for harm decides which way a refusal counts. Of a harmless prompt
    (``p_harmful`` below the lower of ``pairing.harmful``) a refusal is never chosen. Of one that
    asks for harm (above the higher) an answer that complies is never chosen where another refuses,
    and a refusal never rejected. In between, a refusal is neither. So no refusal is set against
    another. Where ``p_harmful`` is not known, prompts of harmlessness lie in between, and all
    others are harmless.

    A truncated answer is neither chosen nor, without ``pairing.reject_truncated``, rejected: it has
    no end that could be learnt. An evasive one is not chosen; nor is it rejected where truth is
    asked for, since to say that one does not know is better than to say what is false.

    Args:
        answers: ``schema.ANSWERS``.
        rules: of pairing.

    Returns:
        the answers with ``unfit`` (the reason for which it is not chosen; null: it may be),
        ``may_be_rejected``, and of their prompt ``all_refuse`` (it asks for harm, and no answer
        complies) and ``unsure`` (some refuse, and whether that is right is not known).
    """
    refuses, is_empty = pl.col("refusal"), pl.col("text") == ""
    low, high = rules.harmful
    unknown = pl.when(pl.col("axis") == Axis.HARMLESSNESS).then((low + high) / 2).otherwise(0.0)
    h = pl.col("p_harmful").fill_nan(None).fill_null(unknown)
    harmless, harmful = h < low, h > high
    some_refuse = refuses.any().over(_KEYS)
    truncated = (pl.col("finish_reason") == "length") & (pl.col("mode") == Mode.CHAT)
    honest = pl.col("evasive") & (pl.col("axis") == Axis.TRUTHFULNESS)
    applies = {
        Why.VETOED: pl.col("u_value").fill_nan(0.0) > rules.veto,
        Why.TRUNCATED: truncated,
        Why.REFUSAL: refuses & ~harmful,
        Why.COMPLIANCE: ~refuses & harmful & some_refuse,
        Why.EVASIVE: pl.col("evasive"),
    }
    unfit = pl.coalesce(pl.when(applies[why]).then(pl.lit(why.value)) for why in UNFIT)
    return answers.with_columns(
        unfit.alias("unfit"),
        ((~truncated | rules.reject_truncated) & ~honest & ~(refuses & ~harmless)).alias(
            "may_be_rejected"
        ),
        ((refuses | is_empty).all().over(_KEYS) & harmful).alias("all_refuse"),
        (some_refuse & ~harmless & ~harmful).alias("unsure"),
    )
