"""Supervised fine-tuning: a base model comes out as a policy that loads, its template with it."""

import json

import pytest
import torch
from small_models import save_policy
from transformers import AutoModelForCausalLM, AutoTokenizer

from udasa_data.errors import UserError
from udasa_recipes.supervised import Tuning
from udasa_recipes.supervised.chats import read_chats
from udasa_recipes.supervised.tuning import fine_tune

CHAT = [
    {"role": "user", "content": "Where is the cat?"},
    {"role": "assistant", "content": "The cat sat on the mat."},
]


def test_a_base_model_learns_to_answer_and_to_end(tmp_path):
    base = save_policy(tmp_path / "base", template=None)
    chats = tmp_path / "chats.jsonl"
    chats.write_text("\n".join(json.dumps({"messages": CHAT}) for _ in range(8)))
    tuning = Tuning(
        model=str(base),
        data=str(chats),
        steps=60,
        learning_rate=1e-2,
        device_batch=4,
        accumulate=1,
    )
    fine_tune(tuning, tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    ids = tokenizer.apply_chat_template(
        CHAT[:1], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**ids, max_new_tokens=30, do_sample=False)[0]
    assert tokenizer.decode(output).endswith("Assistant: The cat sat on the mat.</s>")
    assert not list((tmp_path / "out").glob("*.bin"))


def test_rows_that_are_no_conversation(tmp_path):
    chats = tmp_path / "chats.jsonl"
    chats.write_text(json.dumps({"messages": CHAT}) + "\n" + json.dumps({"messages": CHAT[:1]}))
    with pytest.raises(UserError, match=r"line 2: 'messages' must be a list"):
        read_chats(chats)
