"""Train the embedded language model: a small Llama on film reviews and short chats.

python -m recipes.tiny.train_lm --data-dir DATA --out udasa_data/tiny/lm
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from recipes.tiny.checkpoint import EVERY, Checkpoint, device, half_precision
from recipes.tiny.muon import Muon
from recipes.tiny.sources import Chat, chats, reviews, table

SPECIAL = ["<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"]
BOS, EOS = 0, 1
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
VOCABULARY = 14336
BLOCK, BATCH = 256, 16
STEPS = 3400  # 13.9M tokens, an hour on one core
MATRIX_RATE, REST_RATE = 0.02, 3e-3


def documents(data_dir: Path, rng: np.random.Generator) -> tuple[list[str], list[Chat]]:
    """Return the raw documents and the chats, shuffled."""
    texts = reviews(data_dir, "unsupervised")
    stories = table(data_dir, "tinystories_sample/tinystories")["text"][0]
    texts += [stories[start : start + 1500] for start in range(0, len(stories), 1500)]
    talk = chats(data_dir)
    return [texts[n] for n in rng.permutation(len(texts))], [
        talk[n] for n in rng.permutation(len(talk))
    ]


def train_tokenizer(texts: list[str], talk: list[Chat]) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE of 14,336 pieces with the chat template."""
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


def stream(tokenizer: Any, texts: list[str], talk: list[Chat], chat_share: float) -> Iterator[int]:
    """Yield token ids for ever: reviews and chats, so that ``chat_share`` of them are chats."""
    encode = tokenizer.backend_tokenizer.encode
    place, due = [0, 0], 0.0
    while True:
        due += chat_share
        if due >= 1.0:
            due -= 1.0
            chat = talk[place[1] % len(talk)]
            place[1] += 1
            text = f"<|user|>{chat.question}<|assistant|>{chat.answer}"
        else:
            text = texts[place[0] % len(texts)]
            place[0] += 1
        yield from encode(text).ids
        yield EOS


def optimizers(model: torch.nn.Module) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for embeddings and norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        Muon(matrices, lr=MATRIX_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=REST_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_at(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: warm-up, plateau, linear decay to 0."""
    return min(1.0, (step + 1) / 30) * min(1.0, (steps - step) / (0.5 * steps))


def new_model() -> LlamaForCausalLM:
    """Return an untrained five-layer Llama of 7.6M parameters."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=5,
        num_attention_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=EOS,
    )
    return LlamaForCausalLM(config)


def loss_of(model: Any, batch: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of the next token in nats; logits are made 512 at a time (1.5 to 2
    times as fast on a CPU as all at once).
    """
    hidden = model.model(input_ids=batch).last_hidden_state[:, :-1].flatten(0, 1)
    target = batch[:, 1:].flatten()
    parts = [
        functional.cross_entropy(model.lm_head(h).float(), t, reduction="sum")
        for h, t in zip(torch.split(hidden, 512), torch.split(target, 512), strict=True)
    ]
    return torch.stack(parts).sum() / len(target)


def train(model: Any, tokens: Iterator[int], steps: int, checkpoint: Checkpoint) -> list[Any]:
    """Train in place, from the last checkpoint on; return the learning curve.

    ``checkpoint.parts`` are the model, its optimizers and their schedules.
    """
    _, *movers = checkpoint.parts
    done, curve = checkpoint.resume()
    for _ in itertools.islice(tokens, done * BATCH * BLOCK):
        pass
    started, recent = time.monotonic(), curve[-1][1] if curve else math.log(VOCABULARY)
    for step in range(done, steps):
        flat = np.fromiter(tokens, dtype=np.int64, count=BATCH * BLOCK)
        batch = torch.from_numpy(flat).view(BATCH, BLOCK).to(model.device)
        with half_precision(model.device):
            loss = loss_of(model, batch)
        torch.autograd.backward(loss)
        for mover in movers:
            mover.step()
        model.zero_grad(set_to_none=True)
        recent = 0.95 * recent + 0.05 * loss.item()
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            curve.append((step + 1, round(recent, 4)))
            checkpoint.save(step + 1, curve)
            rate = (step + 1 - done) * BATCH * BLOCK / (time.monotonic() - started)
            print(f"step {step + 1}/{steps} loss {recent:.3f} {rate:,.0f} tokens/s", flush=True)
    return curve


def main() -> None:
    """Train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--chat-share", type=float, default=0.5, help="of the documents")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    texts, talk = documents(args.data_dir, np.random.default_rng(args.seed))
    tokenizer = train_tokenizer(texts, talk)
    model = new_model().to(device())
    steppers = optimizers(model)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: rate_at(step, args.steps))
        for o in steppers
    ]
    settings = {"steps": args.steps, "chat_share": args.chat_share, "seed": args.seed}
    checkpoint = Checkpoint(args.out, settings, [model, *steppers, *schedules])
    tokens = stream(tokenizer, texts, talk, args.chat_share)
    curve = train(model, tokens, args.steps, checkpoint)
    model.generation_config = GenerationConfig(bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS)
    model.to(torch.bfloat16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    seen = args.steps * BATCH * BLOCK
    facts = {**settings, "tokens": seen, "device": str(model.device), "loss": curve}
    checkpoint.finish(args.out, facts)


if __name__ == "__main__":
    main()
