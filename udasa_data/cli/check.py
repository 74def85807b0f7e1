"""``udasa-data check``: all that a build will need, looked at before it."""

from __future__ import annotations

from pathlib import Path

from udasa_data.cli.build import BaseUrlOption, EngineOption
from udasa_data.cli.options import (
    DEFAULT_MODEL,
    ConfigOption,
    JsonOption,
    LimitOption,
    MaxTokensOption,
    ModelOption,
    OutOption,
    PromptsOption,
    SamplesOption,
    ScorersOption,
    SystemPromptOption,
    TopPOption,
    given,
)
from udasa_data.cli.restage import NliOption, overrides
from udasa_data.terminal import echo, print_json


def check(
    model: ModelOption = None,
    prompts: PromptsOption = None,
    limit: LimitOption = None,
    samples: SamplesOption = None,
    top_p: TopPOption = None,
    max_tokens: MaxTokensOption = None,
    system_prompt: SystemPromptOption = None,
    out: OutOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    base_url: BaseUrlOption = None,
    scorers: ScorersOption = None,
    nli: NliOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check all that a build needs: models, prompts, memory, disk. Fetches no weights."""
    from udasa_data.config import resolve
    from udasa_data.pipeline import default_out
    from udasa_data.preflight import check_build, lines_of
    from udasa_data.storage import place_of

    if model is None and config is None:
        model = DEFAULT_MODEL
    sampling = given(samples=samples, top_p=top_p, max_tokens=max_tokens)
    flags = given(prompts=prompts, limit=limit, engine=engine, sampling=sampling or None)
    flags |= given(system_prompt=system_prompt)
    flags |= given(server=given(base_url=base_url) or None)
    flags |= overrides(nli, None, None, None)
    resolved = resolve(model, flags, scorers=scorers, file=config)
    place = place_of(out or default_out(resolved.model))
    checked = check_build(resolved, place if isinstance(place, Path) else None)
    if as_json:
        print_json(checked.report.facts)
    else:
        echo("\n".join(lines_of(checked.report)))
    checked.report.require()
