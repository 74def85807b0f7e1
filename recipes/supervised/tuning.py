"""A base model, fine-tuned on conversations with TRL's trainer."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import torch

from udasa_data.config import ModelRef
from udasa_data.runs import Run
from udasa_data.storage import Located, locate, write_text
from udasa_data.terminal import echo

from ..staged.callbacks import MarkComplete, last_checkpoint
from ..staged.folders import TUNED, TUNING, mark, remove_checkpoints
from ..staged.kept import Row, kept_share, logps_of, spread, warning
from ..staged.launched import in_bfloat16, processes
from ..staged.measures import load_model, release
from ..staged.merging import round_weights
from ..staged.rendering import load_tokenizer
from ..staged.serving import served_dtype
from .chats import TEMPLATE, read_chats
from .config import Tuning

Place: TypeAlias = tuple[str, dict[str, Any]]  # of a model, and how it is loaded
_IGNORED: Final = -100  # by the loss
MASTER: Final = "master"  # the float32 weights, beside those that are served


def fine_tune(tuning: Tuning, out: Path) -> None:
    """Fine-tune a model on conversations; resumes from its last checkpoint.

    What is saved has the type of the base's weights, rounded stochastically; the float32 weights
    are beside it, in ``master``.

    Args:
        tuning: the configuration.
        out: the folder of the trained policy.

    Raises:
        UserError: the file or the model cannot be read, or somebody else's files are in ``out``.
    """
    from trl import SFTTrainer

    processes()
    Run(out, TUNED).claim()
    rows = read_chats(Path(tuning.data))
    located = locate(ModelRef(id=tuning.model))
    tokenizer = load_tokenizer(located)
    tokenizer.chat_template = tokenizer.chat_template or TEMPLATE
    mark(out, TUNED)  # before the trainer makes its folder
    model = load_model((located.load_from, located.weights_kwargs), torch.float32, place=False)
    trainer = SFTTrainer(
        model,
        args=_arguments(tuning, out, model.config),
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[MarkComplete()],
    )
    main = bool(trainer.accelerator.is_main_process)
    trainer.train(resume_from_checkpoint=last_checkpoint(out, main=main))
    served = served_dtype(tuning.served, located)
    trained = out if served == torch.float32 else out / MASTER
    trainer.save_model(str(trained))
    trainer.accelerator.wait_for_everyone()
    if main:
        (trained / "training_args.bin").unlink(missing_ok=True)
        rows = _answers(trainer.train_dataset)
        trainer.accelerator.free_memory()
        steps = trainer.state.global_step
        del trainer, model
        release()
        _finish(tuning, located, Saved(out, served, steps), tokenizer, rows)
        remove_checkpoints(out)


class Saved(NamedTuple):
    """What was trained: its folder, the type it is served in, the steps it took."""

    out: Path
    served: torch.dtype
    steps: int


def _finish(tuning: Tuning, base: Located, saved: Saved, tokenizer: Any, rows: list[Row]) -> None:
    """Save the weights that are served, and the record: how much of what was learnt they keep."""
    out, served, steps = saved
    master: Place = (str(out / MASTER), {})
    kept = 1.0 if served == torch.float32 else None
    if served != torch.float32:
        rounded = round_weights(load_model(master, torch.float32, place=False), served, tuning.seed)
        rounded.save_pretrained(out)
        tokenizer.save_pretrained(out)
        del rounded
        places: tuple[Place, ...] = ((base.load_from, base.weights_kwargs), master, (str(out), {}))
        pad = tokenizer.eos_token_id
        found = [logps_of(partial(load_model, at, torch.float32), rows, pad) for at in places]
        before, trained, left = found
        if before is not None and trained is not None and left is not None:
            share = kept_share(before, trained, left)
            kept = share if math.isfinite(share) else None
    record = {"config": msgspec.to_builtins(tuning), "steps": steps, "kept": kept}
    record |= {"served": str(served).removeprefix("torch.")}
    write_text(out / TUNING, json.dumps(record, indent=2) + "\n")
    if line := warning(kept):
        echo(f"warning: {line}")


def _answers(dataset: Any) -> list[Row]:
    """Return (prompt, answer) token ids of some rows: of what was trained on, nothing is held out.

    TRL's labels are the answer's tokens, and -100 before it.
    """
    places = spread(range(len(dataset)))
    rows = []
    for row in (dataset[place] for place in places):
        ids = row["input_ids"]
        start = next(place for place, label in enumerate(row["labels"]) if label != _IGNORED)
        rows.append((ids[:start], ids[start:]))
    return rows


def _arguments(tuning: Tuning, out: Path, config: Any) -> Any:
    from trl import SFTConfig

    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        num_train_epochs=tuning.epochs,
        max_steps=-1 if tuning.steps is None else tuning.steps,
        learning_rate=tuning.learning_rate,
        per_device_train_batch_size=tuning.device_batch,
        gradient_accumulation_steps=tuning.accumulate,
        max_length=tuning.max_length,
        save_steps=tuning.save_every,
        seed=tuning.seed,
        use_cpu=not gpu,
        bf16=in_bfloat16(config),
        disable_tqdm=True,
        report_to="none",
    )
