import copy

import pytest
import torch
from rounding import rounding, summands
from small_models import ENCODER
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
)

from udasa_data.scorers.disentangled import ShiftedAttention, shift_positions

# what DeBERTa-v3's files say, the older DeBERTa-v2's, and each kind of position alone
KINDS = {
    "v3": {"share_att_key": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm"},
    "v2 with a convolution": {
        "share_att_key": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "conv_kernel_size": 3,
        "conv_act": "gelu",
    },
    "projections of positions": {"share_att_key": False, "position_buckets": 8},
    "no buckets": {"share_att_key": True, "position_buckets": -1},
    "content to position": {"pos_att_type": ["c2p"], "position_buckets": 8},
    "position to content": {"pos_att_type": ["p2c"], "position_buckets": 8},
}


def deberta(**options):
    torch.manual_seed(0)
    shape = {
        **ENCODER,
        "type_vocab_size": 0,
        "position_biased_input": False,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
    }
    return DebertaV2ForSequenceClassification(DebertaV2Config(**(shape | options))).eval()


def padded(*lengths):
    ids = torch.randint(1, 50, (len(lengths), max(lengths)))
    mask = torch.ones_like(ids)
    for row, length in enumerate(lengths):
        ids[row, length:], mask[row, length:] = 0, 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [(30, 21, 12, 5, 1), (7, 7), (1,), (60, 3)])
def test_the_logits_are_those_of_gathered_scores(kind, lengths):
    plain = deberta(**KINDS[kind])
    shifted = copy.deepcopy(plain)
    shift_positions(shifted)
    assert all(
        isinstance(layer.attention.self, ShiftedAttention)
        for layer in shifted.base_model.encoder.layer
    )
    inputs = padded(*lengths)
    with torch.inference_mode():
        expected, found = plain(**inputs).logits, shifted(**inputs).logits
    allowed = rounding(summands(plain, max(lengths)), expected.abs().max().item())
    assert found.numpy() == pytest.approx(expected.numpy(), abs=allowed)


def test_positions_matter():
    model = deberta(**KINDS["v3"])
    shift_positions(model)
    inputs = padded(20)
    turned = {**inputs, "input_ids": inputs["input_ids"][:, [0, *range(19, 0, -1)]]}
    with torch.inference_mode():
        assert (model(**inputs).logits - model(**turned).logits).abs().max() > 0.01


def test_half_precision_is_as_near_as_transformers_own():
    exact = deberta(**KINDS["v3"])
    plain = copy.deepcopy(exact).bfloat16()
    shifted = copy.deepcopy(plain)
    shift_positions(shifted)
    inputs = padded(30, 21, 12, 5, 30, 29, 28, 27)
    with torch.inference_mode():
        p, *others = (
            model(**inputs).logits.float().softmax(-1) for model in (exact, plain, shifted)
        )
    before, now = ((p - other).abs().mean() for other in others)
    assert now < 1.5 * before


@pytest.mark.parametrize(
    "model",
    [
        deberta(relative_attention=False),
        deberta(pos_att_type=[]),
        BertForSequenceClassification(
            BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=4)
        ),
    ],
)
def test_others_are_left_alone(model):
    before = [type(module) for module in model.modules()]
    shift_positions(model)
    assert [type(module) for module in model.modules()] == before
