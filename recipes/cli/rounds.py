"""`udasa-train rounds`: build, train, and build again with the policy that came of it."""

from __future__ import annotations

from functools import partial

from udasa_data.terminal import echo

from .options import (
    ConfigOption,
    DryRunOption,
    OutOption,
    PresetOption,
    SetOption,
    chosen_file,
    needed,
)
from .running import check_packages


def rounds(
    model: PresetOption = None,
    config: ConfigOption = None,
    out: OutOption = None,
    settings: SetOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Build, train, and build again with the new policy. Killed? The same command resumes."""
    from ..rounds import read_rounds
    from ..staged import parse_settings, to_yaml

    path = chosen_file(model, config, "rounds")
    resolved = read_rounds(path, parse_settings(settings or []))
    if dry_run:
        echo(to_yaml(resolved), end="")
        return
    folder = needed(out, "--out", "the folder of every round's build and policy")
    check_packages()
    from udasa_data.storage import write_atomically

    from ..rounds.figure import plot
    from ..rounds.running import run_rounds

    done = run_rounds(resolved, path.parent, folder)
    write_atomically(folder / "rounds.png", partial(plot, done))
    echo(f"plot: {folder / 'rounds.png'}")
