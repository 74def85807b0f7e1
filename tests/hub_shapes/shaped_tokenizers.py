"""Small tokenizers and chat templates of the kinds that the models which ship have."""

from __future__ import annotations

import json
from functools import cache

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

# what a small vocabulary should have whole: words of verdicts and of judgements
WORDS = " Safe Controversial Unsafe Yes No A B True False Safety: Yes No the answer is a good one "
CHATML = (
    "{% if messages[0].role != 'system' and default %}<|im_start|>system\n{{ default }}<|im_end|>\n"
    "{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{{ opened }}{% endif %}"
)
QWEN25 = "{% set default = 'You are Qwen, created by Alibaba Cloud.' %}" + CHATML
QWEN3 = (  # thoughts can be switched off: then an empty one is written in advance
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "{% set opened = '<think>\n\n</think>\n\n' %}{% endif %}" + CHATML
)
SMOL = "{% set default = 'You are a helpful AI assistant named SmolLM.' %}" + CHATML
# as Mistral's of v0.3: turns must alternate, and a system prompt goes into the last user turn
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}"
    "{% set turns = messages[1:] %}{% else %}{% set turns = messages %}{% endif %}"
    "{{ bos_token }}{% for m in turns %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('After the optional system message, roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}{% if loop.last and system is defined %}"
    "{{ '[INST] ' + system + '\n\n' + m.content + '[/INST]' }}{% else %}"
    "{{ '[INST] ' + m.content + '[/INST]' }}{% endif %}"
    "{% else %}{{ ' ' + m.content|trim + eos_token }}{% endif %}{% endfor %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content|trim }}<|eot_id|>{% endfor %}{% if add_generation_prompt %}"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# as Qwen3Guard's: a policy, the conversation, and the guard's turn behind an empty thought
GUARD = (
    "<|im_start|>user\n# Task: say whether the last answer is Safe, Controversial or Unsafe.\n"
    "<BEGIN CONVERSATION>\n\n{% for m in messages %}{{ m.role|upper }}: {{ m.content }}\n\n"
    "{% endfor %}<END CONVERSATION><|im_end|>\n"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
_CHATML_MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_LLAMA3_MARKS = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]
_BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)


def _byte_level(*special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _BYTE_LEVEL
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=list(special),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([WORDS * 20], trainer)
    return tokenizer


@cache
def chatml():
    return PreTrainedTokenizerFast(
        tokenizer_object=_byte_level(*_CHATML_MARKS),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=32768,
    )


@cache
def mistral():
    """As SentencePiece's: a text begins with a space, which is no part of what it decodes to."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
        show_progress=False,
        initial_alphabet=[*map(chr, range(33, 127)), "\n"],
    )
    tokenizer.train_from_iterator([WORDS * 20], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


@cache
def mistral_of(kind):
    """Other ways in which its releases write the space before a text's first word.

    ``first``: of the whole text alone, so that none follows ``[/INST]`` (legacy: false).
    ``legacy``: the normaliser puts one before each piece of text between special tokens.
    ``plain``: the same, where ``[INST]`` is no special token, but text (v0.1 and v0.2).
    """
    settings = json.loads(mistral().backend_tokenizer.to_str())
    if kind == "first":
        settings["pre_tokenizer"]["prepend_scheme"] = "first"
    else:
        settings["pre_tokenizer"] = None
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        both = [{"type": "Prepend", "prepend": "▁"}, replace]
        settings["normalizer"] = {"type": "Sequence", "normalizers": both}
    if kind == "plain":
        marks = ("[INST]", "[/INST]")
        settings["added_tokens"] = [
            t for t in settings["added_tokens"] if t["content"] not in marks
        ]
        known = settings["model"]["vocab"]
        kept = sorted((n, piece) for piece, n in known.items() if piece not in marks)
        settings["model"]["vocab"] = {piece: n for n, (_, piece) in enumerate(kept)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(settings)),
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )


@cache
def llama3():
    tokenizer = _byte_level(*_LLAMA3_MARKS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A $B",
        special_tokens=[("<|begin_of_text|>", 0)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>"
    )


@cache
def deberta():
    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *map(chr, range(33, 127)), "▁"]
    pieces += [f"▁{word}" for word in WORDS.split()]
    tokenizer = Tokenizer(
        models.Unigram([(p, -float(n)) for n, p in enumerate(dict.fromkeys(pieces))], 3)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    names = {
        name: f"[{name[:-6].upper()}]"
        for name in ("pad_token", "cls_token", "sep_token", "unk_token", "mask_token")
    }
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names)


@cache
def wordpiece():
    """As BERT's: lower case, pieces of words."""
    letters = [chr(n) for n in range(33, 127) if not chr(n).isupper()]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    tokenizer = Tokenizer(models.WordPiece({p: n for n, p in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {
        name: f"[{name[:-6].upper()}]"
        for name in ("pad_token", "cls_token", "sep_token", "unk_token", "mask_token")
    }
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names)
