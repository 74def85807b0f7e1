"""Train the embedded language model: a small Llama on film reviews and short chats.

python -m recipes.tiny.train_lm --data-dir DATA --out udasa_data/tiny/lm
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from recipes.tiny.sources import Chat, chats, reviews, table

SPECIAL = ["<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"]
BOS, EOS = 0, 1
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
BLOCK, BATCH = 256, 16
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
    """Return a byte-level BPE of 8,192 pieces with the chat template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8192,
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
        torch.optim.Muon(matrices, lr=MATRIX_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=REST_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_at(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: warm-up, plateau, linear decay to 0."""
    return min(1.0, (step + 1) / 30) * min(1.0, (steps - step) / (0.5 * steps))


def main() -> None:
    """Train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--chat-share", type=float, default=0.75, help="of the documents")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    texts, talk = documents(args.data_dir, np.random.default_rng(args.seed))
    tokenizer = train_tokenizer(texts, talk)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
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
    model = LlamaForCausalLM(config)
    steppers = optimizers(model)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: rate_at(step, args.steps))
        for o in steppers
    ]
    tokens = stream(tokenizer, texts, talk, args.chat_share)
    started, recent = time.monotonic(), 0.0
    for step in range(args.steps):
        flat = np.fromiter(tokens, dtype=np.int64, count=BATCH * BLOCK)
        batch = torch.from_numpy(flat).view(BATCH, BLOCK)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        for optimizer, schedule in zip(steppers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        recent = loss.item() if step == 0 else 0.95 * recent + 0.05 * loss.item()
        if step % 50 == 0 or step == args.steps - 1:
            seconds = time.monotonic() - started
            print(
                f"step {step} loss {recent:.3f} ppl {math.exp(recent):.0f} {seconds:.0f} s",
                flush=True,
            )
    model.generation_config = GenerationConfig(bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS)
    model.to(torch.bfloat16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
