"""Train the judges of udasa_eval: on rows no scorer of udasa_data learnt from, in another form.

python -m udasa_recipes.tiny.train_judges sentiment --data-dir DATA --out udasa_eval/tiny/sentiment

The scorers are BERT encoders over MiniLM's word pieces and embeddings; the judges are RoBERTa
encoders over a byte-level BPE of their own, trained from scratch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification

from .checkpoint import device
from .encoder import Plan
from .labelled import answers, broken, harm, taught_answers, taught_sentiment, windows
from .sources import chats, for_judges
from .train_classifiers import Start, train_reward, train_two_classes

LABELS: Final = {
    "harmlessness": ["safe", "unsafe"],
    "helpfulness": ["reward"],
    "truthfulness": ["untruthful", "truthful"],
    "informativeness": ["uninformative", "informative"],
    "sentiment": ["negative", "positive"],
}
VOCABULARY: Final = 4096
MAX_LENGTH: Final = 256
SPECIAL: Final = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE of 4,096 pieces, lower case, in RoBERTa's form."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
    )


def start(name: str, texts: list[str]) -> Start:
    """Return an untrained two-layer RoBERTa of 0.6M parameters and its tokenizer."""
    labels = LABELS[name]
    tokenizer = train_tokenizer(texts)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
    )
    model = RobertaForSequenceClassification(config).to(device())
    return Start(model, tokenizer, MAX_LENGTH)


def train_harmlessness(data_dir: Path, out: Path, plan: Plan) -> None:
    """Train P(unsafe) of an answer."""
    rows = harm(data_dir, judge=True)
    begun = start("harmlessness", [f"{row.first} {row.second}" for row in rows])
    train_two_classes(begun, rows, plan, out)


def train_helpfulness(data_dir: Path, out: Path, plan: Plan) -> None:
    """Train a reward: an answer to the point above another question's, and above broken ones."""
    rng = np.random.default_rng(plan.seed)
    talk = [c for c in chats(data_dir) if for_judges(c.question)]
    pairs = [*broken(talk, rng), *broken(talk, rng)]
    begun = start("helpfulness", [f"{c.question} {c.answer}" for c in talk])
    train_reward(begun, pairs, plan, out)


def train_truth(name: str) -> Callable[[Path, Path, Plan], None]:
    """Return the training of one of the two judges of TruthfulQA answers."""

    def train(data_dir: Path, out: Path, plan: Plan) -> None:
        label = {"truthfulness": "truth", "informativeness": "info"}[name]
        rows = answers(data_dir, label, "judges")
        begun = start(name, [f"{row.first} {row.second}" for row in rows])
        train_two_classes(begun, rows, plan, out, taught_answers)

    return train


def train_sentiment(data_dir: Path, out: Path, plan: Plan) -> None:
    """Train P(positive) of a review."""
    rng = np.random.default_rng(plan.seed)
    rows = windows(taught_sentiment(data_dir, judge=True, seed=plan.seed), rng)
    train_two_classes(start("sentiment", [row.first for row in rows]), rows, plan, out)


TRAIN: Final[dict[str, tuple[Callable[[Path, Path, Plan], None], Plan]]] = {
    "harmlessness": (train_harmlessness, Plan(epochs=4, rate=7e-4, seed=0)),
    "helpfulness": (train_helpfulness, Plan(epochs=3, rate=7e-4, seed=0, batch=16)),
    "truthfulness": (train_truth("truthfulness"), Plan(epochs=4, rate=7e-4, seed=0)),
    "informativeness": (train_truth("informativeness"), Plan(epochs=5, rate=7e-4, seed=1)),
    "sentiment": (train_sentiment, Plan(epochs=3, rate=7e-4, seed=0)),
}


def main() -> None:
    """Train one judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(TRAIN))
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    train, plan = TRAIN[args.name]
    torch.manual_seed(args.seed)
    train(args.data_dir, args.out, plan._replace(seed=args.seed))


if __name__ == "__main__":
    main()
