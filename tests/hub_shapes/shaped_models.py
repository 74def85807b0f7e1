"""Every model that ships, in the shape that its stored pages show, with tiny random weights.

The architectures are the real ones, and so are the names of files and labels and the kinds of
tokenizer and chat template. Where each was seen is in ``udasa_data/config/looked_up.yaml``.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save
from shaped_tokenizers import (
    CHATML,
    GUARD,
    LLAMA3,
    MISTRAL,
    QWEN3,
    QWEN25,
    SMOL,
    WORDS,
    chatml,
    deberta,
    llama3,
    mistral,
    wordpiece,
)


@dataclass(frozen=True)
class Shape:
    """How to make a repository.

    Attributes:
        architecture: name of a configuration and model family of transformers.
        head: CausalLM or SequenceClassification.
        tokenizer: makes one.
        labels: of a classifier; one: a reward.
        template: chat template; ``jinja``: in a file of its own.
        shards: files of weights.
        also: files that a reader of weights must pass over.
        pickled: main has pytorch_model.bin alone, and this revision safetensors, too.
        options: of the configuration.
    """

    architecture: str
    head: str
    tokenizer: Callable[[], Any]
    labels: tuple[str, ...] = ()
    template: str | None = None
    jinja: bool = False
    shards: int = 1
    also: tuple[str, ...] = ()
    pickled: str | None = None
    options: dict[str, Any] = field(default_factory=dict, hash=False)


_NLI_XSMALL = Shape(
    "DebertaV2", "SequenceClassification", deberta, ("contradiction", "entailment", "neutral")
)
_GUARD = Shape("Qwen3", "CausalLM", chatml, template=GUARD)
_REWARD = Shape("Qwen3", "SequenceClassification", chatml, ("LABEL_0",), QWEN3, jinja=True)
_TOXIC = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
_MULTI = {"problem_type": "multi_label_classification"}

MODELS = {
    "mistralai/Mistral-7B-Instruct-v0.3": Shape(
        "Mistral",
        "CausalLM",
        mistral,
        template=MISTRAL,
        shards=3,
        also=("consolidated.safetensors", "params.json", "tokenizer.model", "tokenizer.model.v3"),
    ),
    "meta-llama/Llama-3.1-8B-Instruct": Shape(
        "Llama", "CausalLM", llama3, template=LLAMA3, shards=4
    ),
    "Qwen/Qwen2.5-7B-Instruct": Shape("Qwen2", "CausalLM", chatml, template=QWEN25, shards=4),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": Shape("Llama", "CausalLM", chatml, template=SMOL),
    "HuggingFaceTB/SmolLM2-135M-Instruct": Shape("Llama", "CausalLM", chatml, template=SMOL),
    "Qwen/Qwen2.5-0.5B-Instruct": Shape("Qwen2", "CausalLM", chatml, template=QWEN25),
    "Qwen/Qwen3-4B-Instruct-2507": Shape("Qwen3", "CausalLM", chatml, template=CHATML, shards=3),
    "allenai/Olmo-3-7B-Instruct": Shape(
        "Olmo3", "CausalLM", chatml, template=CHATML, jinja=True, shards=3
    ),
    "MoritzLaurer/DeBERTa-v3-large-mnli-fever-anli-ling-wanli": Shape(
        "DebertaV2", "SequenceClassification", deberta, ("entailment", "neutral", "contradiction")
    ),
    "cross-encoder/nli-deberta-v3-xsmall": _NLI_XSMALL,
    "Qwen/Qwen3Guard-Gen-4B": _GUARD,
    "Qwen/Qwen3Guard-Gen-0.6B": _GUARD,
    "Skywork/Skywork-Reward-V2-Qwen3-4B": _REWARD,
    "Skywork/Skywork-Reward-V2-Qwen3-0.6B": _REWARD,
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": Shape(
        "DistilBert",
        "SequenceClassification",
        wordpiece,
        ("NEGATIVE", "POSITIVE"),
        also=("pytorch_model.bin", "rust_model.ot", "tf_model.h5"),
    ),
    "Qwen/Qwen3-8B": Shape("Qwen3", "CausalLM", chatml, template=QWEN3, shards=5),
    "unitary/toxic-bert": Shape(
        "Bert", "SequenceClassification", wordpiece, _TOXIC, options=_MULTI
    ),
    "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2": Shape(
        "Llama", "SequenceClassification", llama3, ("LABEL_0",), LLAMA3, shards=4
    ),
    "cais/HarmBench-Llama-2-13b-cls": Shape("Llama", "CausalLM", mistral, shards=3),
    # pickles on main; the other revision is ours, and nothing names it
    "allenai/truthfulqa-truth-judge-llama2-7B": Shape(
        "Llama", "CausalLM", mistral, pickled="refs/pr/none"
    ),
    "allenai/truthfulqa-info-judge-llama2-7B": Shape(
        "Llama", "CausalLM", mistral, pickled="refs/pr/none"
    ),
    "lvwerra/distilbert-imdb": Shape(
        "DistilBert",
        "SequenceClassification",
        wordpiece,
        ("NEGATIVE", "POSITIVE"),
        pickled="refs/pr/5",
    ),
}


def files_of(shape: Shape, folder: Path) -> dict[str, bytes]:
    """Return the files of a repository of a shape, by name."""
    tokenizer = shape.tokenizer()
    tokenizer.chat_template = shape.template
    tokenizer.save_pretrained(folder, save_jinja_files=shape.jinja)
    _model(shape, tokenizer).save_pretrained(folder)
    if shape.architecture == "DistilBert" and not shape.pickled:  # older than tokenizer.json
        (folder / "tokenizer.json").unlink()
        config = {"tokenizer_class": "DistilBertTokenizer", "model_max_length": 512}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if shape.architecture in {"DistilBert", "Bert"}:
        vocab = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
        (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in vocab))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    weights = load_file(folder / "model.safetensors")
    files |= _sharded(weights, shape.shards)
    if shape.shards > 1:
        del files["model.safetensors"]
    files |= dict.fromkeys(shape.also, b"not to be read")
    return files


def as_pickle(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with the weights as an old pickle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(files["model.safetensors"])
        torch.save(load_file(path), Path(folder) / "pytorch_model.bin")
        old = (Path(folder) / "pytorch_model.bin").read_bytes()
    kept = {name: content for name, content in files.items() if name != "model.safetensors"}
    return {**kept, "pytorch_model.bin": old}


def _model(shape, tokenizer):
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "max_position_embeddings": 4096,
    }
    if shape.architecture == "DistilBert":
        sizes = {
            "dim": 32,
            "hidden_dim": 64,
            "n_layers": 1,
            "n_heads": 4,
            "max_position_embeddings": 512,
        }
    if shape.architecture in {"Bert", "DebertaV2"}:
        sizes["max_position_embeddings"] = 512
    if shape.architecture == "DebertaV2":
        sizes |= {
            "relative_attention": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "type_vocab_size": 0,
            "position_biased_input": False,
        }
    if shape.architecture in {"Qwen3", "Mistral", "Llama", "Qwen2", "Olmo3"}:
        sizes |= {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "tie_word_embeddings": False,
        }
    labels = {}
    if shape.labels:
        labels = {
            "id2label": dict(enumerate(shape.labels)),
            "num_labels": len(shape.labels),
            "label2id": {name: n for n, name in enumerate(shape.labels)},
        }
    config = getattr(transformers, f"{shape.architecture}Config")(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
        **labels,
        **shape.options,
        initializer_range=0.3,
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{shape.architecture}For{shape.head}")(config)
    if shape.head == "CausalLM":
        _say_words(model, tokenizer)
    return model


@torch.no_grad()
def _say_words(model, tokenizer):
    """Have a model say whole words, each by preference after the one before it in WORDS, and end.

    The last width of its states is the same for every token, and the layers leave it alone: by it
    all but words are unlikely. The others of a token's embedding are the next word's in the head.
    """
    pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    words = torch.tensor([piece[0] in "▁Ġ" and len(piece) > 1 for piece in pieces])
    embeddings = model.get_input_embeddings().weight
    embeddings[:, -1] = 8.0
    for name, weights in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weights.mul_(0.1)[-1] = 0.0
    head = model.get_output_embeddings().weight
    head *= 0.1
    chain = tokenizer(WORDS.rstrip(), add_special_tokens=False)["input_ids"]
    chain = [token for token in dict.fromkeys(chain) if words[token]] + [tokenizer.eos_token_id]
    for word, following in itertools.pairwise(chain):
        head[following] += 1.5 * embeddings[word]
    head[:, -1] = torch.where(words, 0.0, -4.0)
    head[tokenizer.eos_token_id, -1] = 0.0


def _sharded(weights, n):
    if n == 1:
        return {}
    names = sorted(weights)
    shards = {
        f"model-{i + 1:05}-of-{n:05}.safetensors": {name: weights[name] for name in names[i::n]}
        for i in range(n)
    }
    total = sum(tensor.nbytes for tensor in weights.values())
    where = {name: shard for shard, held in shards.items() for name in held}
    index = {"metadata": {"total_size": total}, "weight_map": where}
    return {
        **{name: save(held, {"format": "pt"}) for name, held in shards.items()},
        "model.safetensors.index.json": json.dumps(index).encode(),
    }
