"""`udasa-eval check`: all that an evaluation will need, looked at before it."""

from __future__ import annotations

from udasa_data.terminal import echo, print_json
from udasa_eval.cli.options import (
    Axes,
    Baseline,
    ConfigFile,
    DataDir,
    EngineOption,
    Json,
    Judges,
    Limit,
    Model,
    Reference,
    Suite,
    Tasks,
    run_options,
)


def check(
    model: Model,
    suite: Suite = "quick",
    axes: Axes = None,
    tasks: Tasks = None,
    limit: Limit = None,
    data_dir: DataDir = None,
    judges: Judges = None,
    baseline: Baseline = None,
    reference: Reference = None,
    engine: EngineOption = "auto",
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Check all that a run needs; fetches no weights.

    Models, judges, datasets, memory, disk.
    """
    from udasa_data.preflight import lines_of
    from udasa_eval.running import check as look_at

    report = look_at(
        run_options(
            model=model,
            suite=suite,
            axes=axes,
            tasks=tasks,
            limit=limit,
            engine=engine,
            config=config,
            judges=judges,
            baseline=baseline,
            reference=reference,
            data_dir=data_dir,
        )
    )
    if as_json:
        print_json(report.facts)
    else:
        echo("\n".join(lines_of(report)))
    report.require()
