"""What is tried of a chat template before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from udasa_data.preflight import Pair
from udasa_data.schema import Mode

if TYPE_CHECKING:
    from udasa_data.pipeline.preparation import Prepared


def try_system_prompt(prepared: Prepared) -> None:
    """Try the system prompt; a server knows its own template.

    Raises:
        UserError: the chat template does not take it; names the option.
    """
    config, prompts = prepared.config, prepared.loaded.prompts
    if config.system_prompt is None or config.server is not None:
        return
    role = pl.col("messages").list.first().struct.field("role")
    needed = len(prompts.filter((pl.col("mode") == Mode.CHAT) & (role != "system")))
    if needed and prepared.shards["samples"].missing():
        from udasa_data.engines.preflight import require_system_turn

        policy, options = prepared.models[config.policy.id], config.sampling.chat_template_kwargs
        require_system_turn(policy, config.system_prompt, options)


def template_note(prepared: Prepared, pair: Pair) -> str | None:
    """Return where the chat template has other text trained on than is said; not a server's.

    What an earlier start noted holds where all answers are there already.

    Args:
        prepared: the build.
        pair: what preflight found of the first pair; without items it did not look.
    """
    config, noted = prepared.config, prepared.run.manifest.get("notes", {})
    if "template" in noted and not prepared.shards["samples"].missing():
        return next(iter(noted["template"]), None)
    chats = (prepared.loaded.prompts["mode"] == Mode.CHAT).any()
    if config.server is not None or prepared.answered is not None or not chats:
        return None
    if pair.items:
        return pair.note
    from udasa_data.engines.preflight import try_template

    policy = prepared.models[config.policy.id]
    return try_template(policy, config.sampling, config.system_prompt)
