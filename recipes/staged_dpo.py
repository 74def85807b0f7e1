"""Train a policy by DPO, stage after stage, on a dataset of ``udasa-data build``.

accelerate launch recipes/staged_dpo.py --config recipes/mistral/staged_dpo.yaml --out runs/policy
python recipes/staged_dpo.py --config recipes/tiny/staged_dpo.yaml --data RUN/dataset --out OUT

Killed, the same command goes on from the last checkpoint, with the same result.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

if __name__ == "__main__":  # started as a file, its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

from udasa_data.errors import UserError
from udasa_data.terminal import running as terminal


def staged_dpo(
    config: Path, out: Path, *, place: str | None = None, push_to: str | None = None
) -> None:
    """Run a recipe: train what is not trained yet, print the matrix, push where asked.

    Args:
        config: the recipe's YAML file.
        out: the folder of the trained policy.
        place: the dataset, over the recipe's own.
        push_to: Hub repository.

    Raises:
        UserError: something the user can put right.
    """
    from .staged.config import read_recipe
    from .staged.final import push
    from .staged.report import matrix
    from .staged.run import StagedRun

    recipe = read_recipe(config)
    dataset = place or recipe.dataset
    if dataset is None:
        raise UserError(f"{config}: names no dataset; give --data FOLDER|ORG/NAME")
    started = time.monotonic()
    run = StagedRun(recipe, dataset, out)
    record = run.train_and_save()
    if not run.state.is_main_process:
        return
    print(matrix(record))
    print(f"policy: {out} ({time.monotonic() - started:.0f} s)")
    if push_to:
        print(f"pushed: {push(out, push_to)}")


def main() -> None:
    """Parse the command line; a user's mistake ends with one line and status 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="a recipe (YAML)")
    parser.add_argument("--data", help="dataset: folder of a build, or Hub id; over the recipe's")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained policy")
    parser.add_argument("--push", metavar="ORG/NAME", help="upload the final policy there")
    given = parser.parse_args()
    quiet()
    try:
        staged_dpo(given.config, given.out, place=given.data, push_to=given.push)
    except UserError as error:
        sys.exit(f"error: {error}")
    except ModuleNotFoundError as error:
        if error.name not in {"trl", "peft", "accelerate"}:
            raise
        sys.exit(f"error: {error.name} is not installed; pip install 'udasa[train]'")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from the last checkpoint")


def quiet() -> None:
    """Keep the libraries' bars and advice out of our own lines."""
    terminal.quiet()
    # TRL 1.16 calls parts of transformers 5 that announce their own removal
    warnings.filterwarnings("ignore", category=FutureWarning)


if __name__ == "__main__":
    main()
