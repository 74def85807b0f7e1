"""Small models with random weights, saved as any Hub model is: for tests of plumbing."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from rounding import rounding
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

TEXT = [
    "The cat sat on the mat and looked at the moon.",
    "Paris is the capital of France. It lies on the Seine.",
    "I liked this film a lot; the actors were very good!",
    "How do I cook rice? Wash it, boil it, and let it rest.",
]
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
# with a system prompt of its own, as Qwen's and SmolLM2's
OWN_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are Small, made for tests.<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{{ message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


# products that a number in the output of one of these adds up: a layer's matrices, 32 to 64 wide,
# the head's, and the tokens that are attended to
SUMMANDS = 512
# what rounding makes of it: relative, of a log-probability; absolute, of a probability, which
# moves by half of what its logits do at most, and these are below 4
LOGPROB_ROUNDING = rounding(SUMMANDS)
PROBABILITY_ROUNDING = rounding(SUMMANDS, size=4.0) / 2

# of a small encoder
ENCODER = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 40,
    "num_labels": 3,
    "initializer_range": 0.5,  # weights large enough for attention to matter
    "pad_token_id": 0,
}


def save_policy(
    folder: Path, *, seed: int = 0, template: str | None = TEMPLATE, window: int = 256
) -> Path:
    """Save a one-layer Llama over bytes."""
    tokenizer = _tokenizer(["<s>", "</s>", "<user>", "<assistant>", "<system>"])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=window,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def save_classifier(
    folder: Path, labels: list[str], *, seed: int = 0, spoil: float | None = None
) -> Path:
    """Save a one-layer BERT; ``spoil`` fills its head with that number (NaN for tests)."""
    tokenizer = _tokenizer(["[PAD]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=128,
    )
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=128,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
        initializer_range=0.5,
    )
    model = BertForSequenceClassification(config)
    if spoil is not None:
        torch.nn.init.constant_(model.classifier.weight, spoil)
    model.save_pretrained(folder)
    return folder


def save_chat_classifier(
    folder: Path, labels: list[str], *, template: str | None = TEMPLATE, window: int = 256
) -> Path:
    """Save a one-layer Llama with a class head; its tokenizer begins a text with BOS by itself."""
    tokenizer = _tokenizer(["<s>", "</s>", "<user>", "<assistant>", "<system>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", padding_side="left"
    )
    fast.chat_template = template and "{{ bos_token }}" + template
    fast.save_pretrained(folder)
    torch.manual_seed(4)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=window,
        bos_token_id=0,
        eos_token_id=1,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
        initializer_range=0.5,
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return folder


def save_all(root: Path) -> dict[str, Path]:
    """Save a policy and a set of scorers; return their folders."""
    return {
        "policy": save_policy(root / "policy"),
        "nli": save_classifier(root / "nli", ["contradiction", "entailment", "neutral"]),
        "harm": save_classifier(root / "harm", ["safe", "unsafe"], seed=1),
        "reward": save_classifier(root / "reward", ["reward"], seed=2),
        "sentiment": save_classifier(root / "sentiment", ["NEGATIVE", "POSITIVE"], seed=3),
    }


def _tokenizer(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def save_ending_policy(folder):
    """Save a random policy whose answers mostly end by themselves: any of fifty tokens ends one."""
    save_policy(folder)
    path = folder / "generation_config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"eos_token_id": [1, *range(60, 109)]})
    )
    return folder
