"""How commands are listed and answered: values by their meaning, mistyped options by theirs."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperGroup

# our options → what other programs call them; the first of ours that a command has is suggested
_CALLED: Final = {
    "--samples": "n k num-samples samples-per-prompt num-generations num-return-sequences best-of",
    "-n": "n count number examples pairs",
    "--limit": "num-prompts max-samples num-examples max-examples subset head",
    "--out": "output output-dir out-dir output-path dir save save-to save-dir o",
    "--data": "dataset input train-data data-path",
    "--prompts": "data dataset input file questions prompt source sources",
    "--model": "policy model-name model-id model-path checkpoint m",
    "--temperature": "temp t",
    "--top-p": "nucleus p topp",
    "--max-tokens": "max-new-tokens max-length max-completion-tokens length",
    "--batch-tokens": "batch batch-size bs",
    "--system-prompt": "system system-message instruction",
    "--base-url": "url api-base api-url server host endpoint openai-base-url",
    "--max-cost": "budget max-price max-spend",
    "--engine": "backend",
    "--scorers": "scorer reward rewards reward-model",
    "--judges": "judge grader",
    "--suite": "benchmark benchmarks",
    "--tasks": "task benchmark",
    "--language": "lang locale",
    "--license": "licence",
    "--cutoffs": "thresholds stages",
    "--z": "noise noise-floor threshold",
    "--gpus-per-worker": "gpus num-gpus devices",
    "--world-size": "num-shards ranks",
    "--review": "reviews feedback annotations",
    "--json": "format as-json",
    "--traceback": "verbose debug v",
}
# what typer calls a value → what a reader calls it
_VALUES: Final = {
    "<int>": "N",
    "<int range>": "N",
    "<float>": "X",
    "<float range>": "X",
    "<str>": "TEXT",
    "<list[str]>": "TEXT",
    "<file>": "FILE",
    "<dir>": "FOLDER",
    "<path>": "PATH",
}
_PROGRAMS: Final = {
    "train": "training is `udasa-train`",
    "dpo": "training is `udasa-train dpo`",
    "eval": "evaluation is `udasa-eval`",
    "evaluate": "evaluation is `udasa-eval`",
    "leaderboard": "it is `udasa-eval leaderboard`",
}


def meant(option: str, known: set[str]) -> list[str]:
    """Return the options of a command that mean what another program calls ``option``.

    Args:
        option: as it was written, with its dashes.
        known: the options that the command has.
    """
    word = option.strip("-").partition("=")[0].replace("_", "-").lower()
    return [ours for ours, words in _CALLED.items() if ours in known and word in words.split()]


class Commands(TyperGroup):
    """The commands of a program; what is unknown is answered by what it may mean."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, its values named as a reader would: N, FILE, RUN."""
        command = super().get_command(ctx, cmd_name)
        for param in command.params if command is not None else ():
            shown = getattr(param, "display_type_rich", None)  # of typer 0.29; else it stays
            if param.metavar is None and shown is not None and not getattr(param, "is_flag", False):
                is_option = param.param_type_name == "option"
                param.metavar = _VALUES.get(shown(ctx=ctx)) if is_option else param.name.upper()
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            context = getattr(error, "ctx", None)
            if hasattr(error, "possibilities") and context is not None:
                known = {option for each in context.command.params for option in each.opts}
                found = meant(str(getattr(error, "option_name", "")), known)
                error.possibilities = found[:1] or error.possibilities
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was named; one of another program is told whose it is."""
        if args and args[0] not in self.commands and args[0] in _PROGRAMS:
            ctx.fail(f"No such command '{args[0]}': {_PROGRAMS[args[0]]}.")
        return super().resolve_command(ctx, args)
