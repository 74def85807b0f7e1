import pytest
import torch
from rounding import rounding, summands
from small_models import ENCODER
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from udasa_data.scorers.first_token import FirstTokenLayer, read_first_token_only

FAMILIES = {
    "bert": (BertConfig, BertForSequenceClassification),
    "roberta": (RobertaConfig, RobertaForSequenceClassification),
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaForSequenceClassification),
}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_logits_are_the_whole_models(family, attention):
    torch.manual_seed(0)
    config, classifier = FAMILIES[family]
    model = classifier._from_config(config(**ENCODER), attn_implementation=attention).eval()
    ids = torch.randint(1, 50, (5, 30))
    mask = torch.ones_like(ids)
    for row, length in enumerate((30, 21, 12, 5, 1)):
        ids[row, length:], mask[row, length:] = 0, 0
    with torch.inference_mode():
        for inputs in ({"input_ids": ids, "attention_mask": mask}, {"input_ids": ids[:1]}):
            whole = model(**inputs).logits
            saved = model.base_model.encoder.layer[-1]
            read_first_token_only(model)
            assert isinstance(model.base_model.encoder.layer[-1], FirstTokenLayer)
            allowed = rounding(summands(model, 30), whole.abs().max().item())
            assert model(**inputs).logits.numpy() == pytest.approx(whole.numpy(), abs=allowed)
            model.base_model.encoder.layer[-1] = saved


def test_other_families_are_left_alone():
    small = DistilBertConfig(vocab_size=50, dim=32, hidden_dim=64, n_layers=1, n_heads=4)
    model = DistilBertForSequenceClassification(small)
    before = [type(module) for module in model.modules()]
    read_first_token_only(model)
    assert [type(module) for module in model.modules()] == before
