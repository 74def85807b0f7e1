"""The configured engine, with the policy loaded into it."""

from __future__ import annotations

from udasa_data.config import BuildConfig
from udasa_data.engines.choice import choose_engine
from udasa_data.engines.meter import Meter
from udasa_data.engines.protocol import Engine
from udasa_data.storage import Located


def load_engine(
    config: BuildConfig,
    policy: Located,
    meter: Meter | None = None,
    *,
    beside_scorers: bool = False,
) -> Engine:
    """Load the policy into the configured engine.

    Args:
        config: of the build; its engine as :func:`udasa_data.engines.choice.choose_engine` chose
            it, or yet to be chosen.
        policy: the model.
        meter: counts what a server charges for.
        beside_scorers: the scorers need their part of the GPU at the same time.

    Raises:
        UserError: the engine is not available, or the policy cannot be loaded.
    """
    name, _ = choose_engine(config)
    template_options = config.sampling.chat_template_kwargs
    if name == "openai":
        from udasa_data.engines.openai import OpenAIEngine

        server = config.server
        assert server is not None  # choose_engine saw to it
        asks = config.judge is not None or config.scoring.factual == "p_true"
        counted = meter or Meter(server.prices, server.max_cost)
        return OpenAIEngine(
            policy.name, server, counted, template_options=template_options, asks_choices=asks
        )
    if name == "vllm":
        from udasa_data.engines.vllm import VllmEngine

        share = config.vllm.beside_scorers if beside_scorers else config.vllm.gpu_memory
        return VllmEngine(policy, config.vllm, share, template_options)
    from udasa_data.engines.transformers import TransformersEngine

    return TransformersEngine(policy, config.batch_tokens, template_options)
