"""A base model, fine-tuned on conversations with TRL's trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from udasa_data.config import ModelRef
from udasa_data.runs import Run
from udasa_data.storage import locate

from ..staged.callbacks import MarkComplete, last_checkpoint
from ..staged.folders import TUNED, mark, remove_checkpoints
from ..staged.launched import by_deepspeed, processes
from ..staged.measures import load_model
from ..staged.rendering import load_tokenizer
from .chats import TEMPLATE, read_chats
from .config import Tuning


def fine_tune(tuning: Tuning, out: Path) -> None:
    """Fine-tune a model on conversations; resumes from its last checkpoint.

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
    trainer = SFTTrainer(
        load_model((located.load_from, located.weights_kwargs), torch.float32, place=False),
        args=_arguments(tuning, out),
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[MarkComplete()],
    )
    main = bool(trainer.accelerator.is_main_process)
    trainer.train(resume_from_checkpoint=last_checkpoint(out, main=main))
    trainer.save_model(str(out))
    trainer.accelerator.wait_for_everyone()
    if main:
        (out / "training_args.bin").unlink(missing_ok=True)
        remove_checkpoints(out)


def _arguments(tuning: Tuning, out: Path) -> Any:
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
        bf16=gpu and not by_deepspeed(),
        disable_tqdm=True,
        report_to="none",
    )
