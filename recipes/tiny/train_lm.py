"""Train the embedded language model: a small Llama on film reviews and short chats.

python -m udasa_recipes.tiny.train_lm --data-dir DATA --out udasa_data/tiny/lm
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .checkpoint import EVERY, Checkpoint, device, half_precision
from .muon import Muon
from .sources import Chat, chats, reviews, table

SPECIAL = ["<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"]
BOS, EOS = 0, 1
Ids = NDArray[np.uint16]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
VOCABULARY = 8192
MATRIX_RATE, REST_RATE = 0.02, 3e-3


class Plan(NamedTuple):
    """How long a training is: steps of ``rows`` rows of ``length`` tokens."""

    rows: int
    length: int
    steps: int


# 13.9M tokens are an hour on one core with bfloat16
PLANS: Final = {"cuda": Plan(64, 1024, 10000), "cpu": Plan(8, 512, 3400)}


def documents(data_dir: Path, rng: np.random.Generator) -> tuple[list[str], list[Chat]]:
    """Return the raw documents and the chats, shuffled; no review of the test part."""
    measured = set(reviews(data_dir, "test"))  # some are in the other parts, too
    films = [*reviews(data_dir, "unsupervised"), *reviews(data_dir, "train")]
    texts = [text for text in films if text not in measured]
    stories = table(data_dir, "tinystories_sample/tinystories")["text"][0]
    texts += [stories[start : start + 1500] for start in range(0, len(stories), 1500)]
    talk = chats(data_dir)
    return [texts[n] for n in rng.permutation(len(texts))], [
        talk[n] for n in rng.permutation(len(talk))
    ]


def train_tokenizer(texts: list[str], talk: list[Chat]) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE of 8,192 pieces with the chat template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator([*texts[:12000], *(f"{c.question} {c.answer}" for c in talk)], trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", BOS)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|bos|>",
        eos_token="<|eos|>",
        pad_token="<|eos|>",
        additional_special_tokens=SPECIAL[2:],
        model_max_length=1024,
    )
    fast.chat_template = TEMPLATE
    return fast


def encoded(tokenizer: Any, texts: list[str]) -> list[Ids]:
    """Return each text as token ids that end with the end-of-text."""
    found: list[Ids] = []
    for start in range(0, len(texts), 2000):
        for ids in tokenizer.backend_tokenizer.encode_batch(texts[start : start + 2000]):
            found.append(np.array([*ids.ids, EOS], dtype=np.uint16))
    return found


class Mixture(NamedTuple):
    """Documents and chats, mixed anew every epoch.

    Attributes:
        texts, talk: token ids of each document and each chat.
        chat_share: chats among all that an epoch holds; each document is there once.
        seed: of the order.
    """

    texts: list[Ids]
    talk: list[Ids]
    chat_share: float
    seed: int

    def blocks(self, epoch: int, length: int) -> Ids:
        """Return [N, length] token ids: an epoch's documents in a row, cut."""
        rng = np.random.default_rng([self.seed, epoch])
        wanted = round(len(self.texts) * self.chat_share / (1 - self.chat_share))
        drawn = np.resize(rng.permutation(len(self.talk)), wanted)
        parts = [*self.texts, *(self.talk[n] for n in drawn)]
        flat = np.concatenate([parts[n] for n in rng.permutation(len(parts))])
        return np.asarray(flat[: len(flat) // length * length].reshape(-1, length))

    def batches(self, rows: int, length: int) -> Iterator[torch.Tensor]:
        """Yield [rows, length] token ids for ever."""
        for epoch in itertools.count():
            blocks = self.blocks(epoch, length)
            for start in range(0, len(blocks) - rows + 1, rows):
                yield torch.from_numpy(blocks[start : start + rows].astype(np.int64))


def optimizers(model: torch.nn.Module) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for embeddings and norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        Muon(matrices, lr=MATRIX_RATE, momentum=0.95, weight_decay=0.05),
        torch.optim.AdamW(rest, lr=REST_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_at(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: warm-up, plateau, linear decay to 0."""
    return min(1.0, (step + 1) / 30) * min(1.0, (steps - step) / (0.5 * steps))


def new_model() -> LlamaForCausalLM:
    """Return an untrained six-layer Llama of 7.9M parameters: 16 MB in bfloat16."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=288,
        intermediate_size=680,
        num_hidden_layers=6,
        num_attention_heads=6,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=EOS,
    )
    return LlamaForCausalLM(config)


def loss_of(model: Any, batch: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of the next token in nats.

    On a CPU the logits are made 512 at a time: 1.5 to 2 times as fast as all at once.
    """
    hidden = model.model(input_ids=batch).last_hidden_state[:, :-1].flatten(0, 1)
    target = batch[:, 1:].flatten()
    size = 512 if batch.device.type == "cpu" else len(target)
    parts = [
        functional.cross_entropy(model.lm_head(h).float(), t, reduction="sum")
        for h, t in zip(torch.split(hidden, size), torch.split(target, size), strict=True)
    ]
    return torch.stack(parts).sum() / len(target)


def train(
    model: Any, batches: Iterator[torch.Tensor], steps: int, checkpoint: Checkpoint
) -> list[Any]:
    """Train in place, from the last checkpoint on; return the learning curve.

    ``checkpoint.parts`` are the model, its optimizers and their schedules.
    """
    _, *movers = checkpoint.parts
    # a GPU runs the compiled step several times as fast; on a CPU it gains nothing
    step_loss = torch.compile(loss_of) if model.device.type == "cuda" else loss_of
    done, curve = checkpoint.resume()
    started = time.monotonic()
    recent = torch.tensor(curve[-1][1] if curve else math.log(VOCABULARY), device=model.device)
    for step, batch in zip(range(done, steps), itertools.islice(batches, done, None), strict=False):
        with half_precision(model.device):
            loss = step_loss(model, batch.to(model.device))
        torch.autograd.backward(loss)
        for mover in movers:
            mover.step()
        model.zero_grad(set_to_none=True)
        recent = torch.lerp(recent, loss.detach(), 0.05)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, float(recent)))
            checkpoint.save(step + 1, curve, last=step + 1 == steps)
            rate = (step + 1 - done) * batch.numel() / (time.monotonic() - started)
            print(f"step {step + 1}/{steps} loss {recent:.3f} {rate:,.0f} tokens/s", flush=True)
    return curve


def main() -> None:
    """Train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    plan = PLANS[device().type]
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--chat-share", type=float, default=0.35, help="of the documents")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    texts, talk = documents(args.data_dir, np.random.default_rng(args.seed))
    tokenizer = train_tokenizer(texts, talk)
    said = [f"<|user|>{chat.question}<|assistant|>{chat.answer}" for chat in talk]
    mixture = Mixture(
        encoded(tokenizer, texts), encoded(tokenizer, said), args.chat_share, args.seed
    )
    model = new_model().to(device())
    steppers = optimizers(model)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: rate_at(step, args.steps))
        for o in steppers
    ]
    settings = {
        **plan._replace(steps=args.steps)._asdict(),
        "chat_share": args.chat_share,
        "seed": args.seed,
    }
    checkpoint = Checkpoint(args.out, settings, [model, *steppers, *schedules])
    curve = train(model, mixture.batches(plan.rows, plan.length), args.steps, checkpoint)
    model.generation_config = GenerationConfig(bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS)
    facts = {
        **settings,
        "tokens": args.steps * plan.rows * plan.length,
        "device": _device_name(model.device),
        "loss": curve,
    }
    model.to(torch.bfloat16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    checkpoint.finish(args.out, facts)


def _device_name(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


if __name__ == "__main__":
    main()
