"""Supervised fine-tuning of a base model, so that there is a policy for a build to ask.

accelerate launch -q recipes/sft.py --model ORG/BASE --data chats.jsonl --out runs/sft

``--data`` is a .jsonl or .parquet file with one conversation a row: ``messages``, a list of
{role, content} that ends with the assistant's. Its last answer alone is learnt.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":  # started as a file, its own folder is where Python looks
    sys.path.insert(0, str(Path(__file__).parents[1]))

from udasa_data.errors import UserError

# for a base model without a template: the end of an answer must be there to be learnt
TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}"
)


def read_chats(path: Path) -> Any:
    """Return a file of conversations as prompt and completion messages.

    Raises:
        UserError: unreadable, no column ``messages``, or a row that does not end with an answer.
    """
    from datasets import Dataset

    from udasa_data.prompts import read_table

    found = read_table(path)
    if "messages" not in found.table.columns:
        raise UserError(f"{path}: column 'messages' is missing")
    rows = []
    for turns, where in zip(found.table["messages"].to_list(), found.places, strict=True):
        if not turns or len(turns) < 2 or turns[-1].get("role") != "assistant":
            raise UserError(
                f"{path}, {where}: 'messages' must be a list of {{role, content}} that ends with "
                "the assistant's"
            )
        rows.append({"prompt": turns[:-1], "completion": turns[-1:]})
    return Dataset.from_list(rows)


def fine_tune(model: str, chats: Path, out: Path, options: dict[str, Any]) -> None:
    """Fine-tune a model on conversations; goes on from its last checkpoint.

    Args:
        model: Hub id, local folder or embedded name.
        chats: see :func:`read_chats`.
        out: the folder of the trained policy.
        options: of TRL's SFTConfig, beside those that are set here.

    Raises:
        UserError: the file or the model cannot be read.
    """
    import torch
    from trl import SFTConfig, SFTTrainer

    from udasa_data.config import ModelRef
    from udasa_data.storage import locate

    from ..staged.launched import by_deepspeed, processes
    from ..staged.measures import load_model
    from ..staged.rendering import load_tokenizer
    from ..staged.trainer import MarkComplete, last_checkpoint

    processes()
    rows = read_chats(chats)
    located = locate(ModelRef(id=model))
    tokenizer = load_tokenizer(located)
    tokenizer.chat_template = tokenizer.chat_template or TEMPLATE
    gpu = torch.cuda.is_available()
    trainer = SFTTrainer(
        load_model((located.load_from, located.load_kwargs), torch.float32, place=False),
        args=SFTConfig(
            output_dir=str(out / "checkpoints"), use_cpu=not gpu, report_to="none",
            bf16=gpu and not by_deepspeed(), save_total_limit=2, disable_tqdm=True, **options,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[MarkComplete()],
    )  # fmt: skip
    main = bool(trainer.accelerator.is_main_process)
    trainer.train(resume_from_checkpoint=last_checkpoint(out, main=main))
    trainer.save_model(str(out))
    trainer.accelerator.wait_for_everyone()
    if main:
        (out / "training_args.bin").unlink(missing_ok=True)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)


def main() -> None:
    """Parse the command line and fine-tune."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="Hub id or local folder")
    parser.add_argument("--data", type=Path, required=True, help=".jsonl or .parquet file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained policy")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=-1, help="in place of epochs")
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--device-batch", type=int, default=4)
    parser.add_argument("--accumulate", type=int, default=8, help="forwards an optimizer step")
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--save-every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    from ..staged_dpo import quiet

    quiet()
    options = {
        "num_train_epochs": given.epochs,
        "max_steps": given.steps,
        "learning_rate": given.learning_rate,
        "per_device_train_batch_size": given.device_batch,
        "gradient_accumulation_steps": given.accumulate,
        "max_length": given.max_length,
        "save_steps": given.save_every,
        "seed": given.seed,
    }
    try:
        fine_tune(given.model, given.data, given.out, options)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from the last checkpoint")


if __name__ == "__main__":
    main()
