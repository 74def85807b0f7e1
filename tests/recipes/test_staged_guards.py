"""Each guard, tripped by what it guards against."""

import math
import re

import polars as pl
import pytest
import torch
from datasets import Dataset
from small_dataset import pair, save_dataset
from small_models import save_policy
from trl import DPOConfig, DPOTrainer
from trl.trainer import dpo_trainer

from udasa_data.config.build import ModelRef
from udasa_data.errors import UserError
from udasa_data.storage.model_files import locate
from udasa_recipes.staged import guards, policies, references
from udasa_recipes.staged.callbacks import FirstStep
from udasa_recipes.staged.config import Lora, Recipe, Thresholds
from udasa_recipes.staged.data import load_split, open_source
from udasa_recipes.staged.guards import Tokenised, check_tokenised
from udasa_recipes.staged.measures import load_model
from udasa_recipes.staged.pair_trainer import check_dtype
from udasa_recipes.staged.rendering import load_tokenizer
from udasa_recipes.staged.stage import Stage
from udasa_recipes.staged.stage_options import StageOptions
from udasa_recipes.staged.trainer import one_line_for_memory, one_line_for_trl

NOT_TRAINED = {"rewards/chosen": 0.0, "rewards/rejected": 0.0, "rewards/margins": 0.0}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (Tokenised(100, too_long=4, collapsed=2), "6 of 100 rows cannot be trained on"),
        (Tokenised(100, unlike_build=6), "6 unlike_build"),
        (Tokenised(100, not_a_prefix=6), "6 not_a_prefix"),
        (Tokenised(100, truncated=21), "21 of 100 rows have an answer cut"),
        (Tokenised(10, too_long=4, completion=6), "no row is left"),
        (Tokenised(30, completion=20, collapsed=1), "1 of 10 rows"),  # 10 % of those considered
    ],
)
def test_too_many_rows_lost(counts, said):
    with pytest.raises(UserError, match=said):
        check_tokenised(counts, Thresholds(), "moderate")


def test_shares_at_their_threshold_pass():
    check_tokenised(Tokenised(100, too_long=5, truncated=20), Thresholds(), "moderate")


def test_another_template():
    guards.check_template("a", "a", "data")
    with pytest.raises(UserError, match="another chat template"):
        guards.check_template("a", "b", "data")
    with pytest.raises(UserError, match=r"template \(none\)"):
        guards.check_template(None, "b", "data")


def splits_of(folder):
    return [load_split(open_source(str(folder)), name) for name in ("conservative", "moderate")]


def test_a_prompt_in_train_and_test(tmp_path):
    guards.check_splits(splits_of(save_dataset(tmp_path / "good")))

    def leak(table, stage, split):  # a training prompt of one stage is held out in another
        if (stage, split) != ("moderate", "test"):
            return table
        return pl.concat([table, pl.DataFrame([pair("conservative", 3)], schema=table.schema)])

    folder = save_dataset(tmp_path / "bad", change=leak)
    with pytest.raises(UserError, match=r"conservative: prompt .* held out in 'moderate'"):
        guards.check_splits(splits_of(folder))


def test_a_prompt_held_out_under_another_id(tmp_path):
    def rename(table, stage, split):
        if (stage, split) != ("moderate", "test"):
            return table
        copy = pair("conservative", 3) | {"prompt_id": "another"}
        copy["prompt"][0]["content"] = copy["prompt"][0]["content"].upper() + " "
        return pl.concat([table, pl.DataFrame([copy], schema=table.schema)])

    folder = save_dataset(tmp_path, change=rename)
    with pytest.raises(UserError, match="share no prompt"):
        guards.check_splits(splits_of(folder))


def test_a_question_held_out_with_other_evidence(tmp_path):
    def other_passage(table, stage, split):
        if (stage, split) != ("moderate", "test"):
            return table
        copy = pair("conservative", 3) | {"prompt_id": "another", "context": "Another passage."}
        return pl.concat([table, pl.DataFrame([copy], schema=table.schema)])

    folder = save_dataset(tmp_path, change=other_passage)
    with pytest.raises(UserError, match=r"conservative: prompt .* held out in 'moderate'"):
        guards.check_splits(splits_of(folder))


def test_off_policy_is_told():
    assert guards.off_policy("sha256:a", "sha256:a") is None
    assert "off-policy" in guards.off_policy("sha256:a", "sha256:b")


@pytest.mark.parametrize(
    ("losses", "beta", "loss"),
    [
        (["sigmoid"], 0.1, math.log(2)),
        (["ipo"], 0.5, 1.0),  # (0 − 1/(2·0.5))² = 1
        (["hinge", "apo_zero"], 0.1, 1.5),  # 1·1 + 0.5·(½ + ½)
        (["sft"], 0.1, 4.2),  # not known: the rewards alone are held
    ],
)
def test_the_first_loss(losses, beta, loss):
    weights = [1.0, 0.5][: len(losses)]
    logs = {**NOT_TRAINED, "loss": loss}
    references.check_first_step(losses, weights, beta, logs, 1e-3)
    moved = {**logs, "rewards/chosen": 0.01}
    with pytest.raises(UserError, match="reference is not the policy"):
        references.check_first_step(losses, weights, beta, moved, 1e-3)


def test_trl_takes_our_hash_of_a_model_meanwhile(small):
    model = load_model((str(small["policy"]), {}), torch.float32)
    theirs = dpo_trainer.hash_module
    with references.hashed_once():
        assert dpo_trainer.hash_module(model) == references.weights_sha256(model)
    assert dpo_trainer.hash_module is theirs


def test_trls_silent_trap_is_caught(small, tmp_path):
    """A trained policy in memory, from whose configuration TRL takes the SFT model as reference."""
    sft = (str(small["policy"]), {})
    model = load_model(sft, torch.float32).train()
    with torch.no_grad():
        for weight in model.parameters():
            weight.data += 0.05 * torch.randn(
                weight.shape, generator=torch.Generator().manual_seed(0)
            )
    expected = references.weights_sha256(model)
    options = StageOptions(batch=4, steps=2)
    recipe = Recipe(policy=ModelRef(id=sft[0]))
    stage = Stage("moderate", 2, options, tmp_path, model, None, None, None, None, at_zero=True)
    rows = [pair("moderate", k) for k in range(4)]
    trainer = DPOTrainer(
        model,
        args=DPOConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=False,
            max_steps=2,
            report_to="none",
            logging_first_step=True,
            per_device_train_batch_size=4,
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(
            [{k: row[k] for k in ("prompt", "chosen", "rejected")} for row in rows]
        ),
        processing_class=load_tokenizer(locate(ModelRef(id=sft[0]))),
        callbacks=[FirstStep(stage, recipe, lambda _: None)],
    )
    with pytest.raises(UserError, match="but the trainer holds"):
        references.check_reference(expected, references.reference_in_use(trainer), "previous")
    with pytest.raises(UserError, match=r"instead of 0\.6931"):
        trainer.train()


def test_hashes_tell_weights_and_adapters_apart(small):
    from peft import LoraConfig, get_peft_model

    plain = load_model((str(small["policy"]), {}), torch.float32)
    sha256 = references.weights_sha256(plain)
    assert sha256 == references.weights_sha256(
        load_model((str(small["policy"]), {}), torch.float32)
    )
    model = get_peft_model(plain, LoraConfig(r=2, target_modules="all-linear"))
    assert references.weights_sha256(model) == sha256  # what lies below the adapter
    before = references.weights_sha256(model, "default")
    next(p for n, p in model.named_parameters() if "lora_B" in n).data += 1.0
    assert references.weights_sha256(model, "default") != before
    assert references.weights_sha256(model) == sha256


def test_out_of_memory_is_one_line():
    recipe = Recipe(policy=ModelRef(id="x/y"), device_batch=8)
    with (
        pytest.raises(UserError, match=r"device_batch \(now 8\).*gradient_checkpointing.*lora"),
        one_line_for_memory(recipe, StageOptions()),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def test_a_policy_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        locate(ModelRef(id=str(tmp_path / "none")))


def test_a_policy_without_weights(tmp_path):
    folder = save_policy(tmp_path / "policy")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_model((str(folder), {}), torch.float32)
    assert "\n" not in str(caught.value)


def test_pairs_that_differ_both_ways_are_seen():
    """Means are 0 where half of the pairs are above their reference, and half below."""
    references.check_first_pairs(0.01, 0.003, 1e-3)  # below four times the noise
    references.check_first_pairs(5e-4, 0.0, 1e-3)
    with pytest.raises(UserError, match=r"by 0\.04 nats .*rounding makes 0\.003"):
        references.check_first_pairs(0.04, 0.003, 1e-3)
    with pytest.raises(UserError, match="is not the policy that this stage began with"):
        references.check_first_pairs(2e-3, 0.0, 1e-3)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["q_prj"], "'q_prj' is no linear layer of this model (did you mean 'q_proj'?)"),
        ([".*nothing"], "is no linear layer"),
        (["lm_head"], "lm_head cannot carry an adapter"),
    ],
)
def test_targets_that_carry_no_adapter(small, targets, message):
    model = load_model((str(small["policy"]), {}), torch.float32)
    with pytest.raises(UserError, match=re.escape(message)):
        policies.check_targets(model, Lora(targets=tuple(targets)))
    policies.check_targets(model, Lora(targets=("q_proj", "up_proj")))
    policies.check_targets(model, Lora(targets=r".*\.(q|k)_proj"))
    policies.check_targets(model, Lora())


def test_log_probabilities_of_fewer_bits_are_refused():
    check_dtype(torch.zeros(2))
    with pytest.raises(UserError, match=r"come as torch\.bfloat16"):
        check_dtype(torch.zeros(2, dtype=torch.bfloat16))


def test_what_trl_refuses_is_one_line():
    with (
        pytest.raises(UserError, match="moderate: cannot be trained so: too bad"),
        one_line_for_trl("moderate"),
    ):
        raise ValueError("too bad\nand more")


def test_four_bits_need_a_gpu(monkeypatch):
    assert policies.quantized(None) == policies.quantized(Lora()) == {}
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="needs a GPU"):
        policies.quantized(Lora(quantize="nf4"))
