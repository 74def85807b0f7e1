"""What is tried of a chat template before anything is written."""

from __future__ import annotations

import polars as pl

from udasa_data.config import BuildConfig
from udasa_data.preflight import Pair
from udasa_data.schema import Mode
from udasa_data.storage import Located


def try_system_prompt(config: BuildConfig, prompts: pl.DataFrame, policy: Located) -> None:
    """Try the system prompt, where a prompt has none of its own.

    Args:
        config: of the build.
        prompts: as ``schema.PROMPTS``.
        policy: whose template is tried; a server knows its own.

    Raises:
        UserError: the chat template does not take it; names the option.
    """
    if config.system_prompt is None or config.server is not None:
        return
    role = pl.col("messages").list.first().struct.field("role")
    if len(prompts.filter((pl.col("mode") == Mode.CHAT) & (role != "system"))):
        from udasa_data.engines.preflight import require_system_turn

        require_system_turn(policy, config.system_prompt, config.sampling.chat_template_kwargs)


def template_note(
    config: BuildConfig, prompts: pl.DataFrame, policy: Located, pair: Pair
) -> str | None:
    """Return where the chat template has other text trained on than is said; not a server's.

    Args:
        config: of the build.
        prompts: as ``schema.PROMPTS``.
        policy: whose template is tried.
        pair: what preflight found of the first pair; without items it did not look.
    """
    if config.server is not None or not (prompts["mode"] == Mode.CHAT).any():
        return None
    if pair.items:
        return pair.note
    from udasa_data.engines.preflight import try_template

    return try_template(policy, config.sampling, config.system_prompt)
