"""What a scorer's model is really fed of a conversation."""

from transformers import AutoTokenizer

from udasa_data.config import ValueRef
from udasa_data.scorers.models import Options
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage import locate

EXACT = Options(precision="float32")


def talk(*contents, system=None):
    """The messages of a conversation that a user begins."""
    roles = ["user", "assistant"] * len(contents)
    said = [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]
    return ([{"role": "system", "content": system}] if system else []) + said


def scorer(folder, *violation, options=EXACT, shown="auto"):
    ref = ValueRef(id=str(folder), violation=violation, input=shown)
    return ValueScorer(ref, locate(ref), options)


def fed_to(model):
    """The rows of ids that a model is fed from now on, padding left out."""
    rows = []

    def note(_model, _args, inputs):
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
            rows.append(ids[mask.bool()].tolist())

    model.register_forward_pre_hook(note, with_kwargs=True)
    return rows


def by_template(folder, messages, answer):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    whole = [*messages, {"role": "assistant", "content": answer}]
    return tokenizer.apply_chat_template(whole, tokenize=True, return_dict=False)
