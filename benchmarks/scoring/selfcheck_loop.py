"""Worker: selfcheckgpt's ``SelfCheckNLI.predict``, run in its own environment.

The loop is the package's. What it needs around it is given: our NLI model with the neutral class
left out (its own has two classes), and transformers 4's name of the tokenizer call.
"""

from __future__ import annotations

import importlib
import sys
import time
import types
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.scoring.worker import jobs, reply

# imported by its modules, and not needed by the NLI variant
ABSENT = {"spacy": (), "bert_score": (), "nltk": (), "nltk.util": ("ngrams",)}


class TwoClasses:
    """An NLI model that answers with the logits of entailment and contradiction alone."""

    def __init__(self, folder: str, device: torch.device) -> None:
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        self._model = model.eval().to(device)
        classes = {label.lower()[:6]: n for n, label in model.config.id2label.items()}
        self._classes = [classes["entail"], classes["contra"]]

    def __call__(self, **inputs: Any) -> types.SimpleNamespace:
        """Return an object with ``logits`` [N, 2]."""
        return types.SimpleNamespace(logits=self._model(**inputs).logits[:, self._classes])


def batch_encode_plus_of(tokenizer: Any) -> Any:
    """Return the tokenizer under transformers 4's argument name."""

    def batch_encode_plus(*, batch_text_or_text_pairs: Any, **options: Any) -> Any:
        return tokenizer(batch_text_or_text_pairs, **options)

    return batch_encode_plus


def self_check(folder: str) -> Any:
    """Return the package's checker with our model in it."""
    for name, attributes in ABSENT.items():
        module = types.ModuleType(name)
        for attribute in attributes:
            setattr(module, attribute, None)
        sys.modules[name] = module
    loop = importlib.import_module("selfcheckgpt.modeling_selfcheck").SelfCheckNLI
    checker = loop.__new__(loop)
    checker.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checker.model = TwoClasses(folder, checker.device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    checker.tokenizer = types.SimpleNamespace(batch_encode_plus=batch_encode_plus_of(tokenizer))
    return checker


def main() -> None:
    """Answer jobs: [sentences, passages] a prompt → one score a sentence."""
    waiting, replies = jobs()
    checker = self_check(sys.argv[1])
    for prompts in waiting:
        started = time.perf_counter()
        scores = [checker.predict(sentences, passages) for sentences, passages in prompts]
        reply(replies, time.perf_counter() - started, [row.tolist() for row in scores])


if __name__ == "__main__":
    main()
