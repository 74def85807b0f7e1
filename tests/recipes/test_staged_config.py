"""Recipes: every shipped one is read; each fault is one line that names its key."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import LlamaConfig

from udasa_data.errors import UserError
from udasa_recipes.staged.config import options_of, read_recipe
from udasa_recipes.staged.stage import Stage
from udasa_recipes.staged.trainer import arguments

ROOT = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(ROOT.glob("*/staged_dpo.yaml"))
OTHERS = [ROOT / "mistral/full.yaml", ROOT / "tiny/ablate_dpo.yaml"]


def written(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text("policy: {id: x/y}\n" + text)
    return path


def test_there_are_presets_for_each_policy():
    names = [path.parent.name for path in RECIPES]
    small = ["qwen-0.5b", "smollm-135m"]
    others = ["llama", "mistral", "olmo3", "qwen", "qwen3", "smollm", "tiny"]
    assert names == sorted([*others, *small])


@pytest.mark.parametrize("path", [*RECIPES, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_presets_are_read(path):
    recipe = read_recipe(path)
    for name in recipe.order:
        assert options_of(recipe, name).beta > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {learning_rat: 1}", "'training.learning_rat' (did you mean 'learning_rate'?)"),
        ("stages: {moderate: {bata: 1}}", "stages.moderate: unknown key 'bata' (did you mean"),
        ("stages: {modrate: {beta: 1}}", "unknown stage 'modrate' (did you mean 'moderate'?)"),
        ("order: [moderate, moderate]", "named twice"),
        ("training: {beta: 0}", "training.beta"),
        ("training: {loss: [sigmoid, sft], loss_weights: [1]}", "1 numbers for 2 losses"),
        ("training: {loss: [sigmod]}", "training.loss"),
        ("optimizer: carry\nlora: {adapter: merge_new}", "nothing to carry"),
        ("lora: {adapter: both}", "lora.adapter"),
        ("lora: {dropout: 0.1}", "unknown key 'lora.dropout'"),
        (
            "training: {label_smoothing: 0.1}",
            "label_smoothing does nothing with the losses sigmoid",
        ),
        ("training: {loss: [robust], label_smoothing: 0.5}", "training.label_smoothing"),
        ("training: {loss: [exo_pair]}", "exo_pair needs a label_smoothing above 0"),
        ("training: {pacing: 0.1}", "pacing is of curriculum: order"),
        ("training: {loss: [ipo], label_smoothing: by_p}", "by_p and curriculum: weight are of"),
        ("training: {curriculum: weight, trl: {ld_alpha: 0.5}}", "without f-divergence, ld_alpha"),
        ("precompute: false\ntraining: {curriculum: weight}", "need precompute: true"),
        ("training: {loss: [aot], trl: {use_weighting: true}}", "cannot weigh pairs"),
        ("training: {loss: [hinge, apo_zero], trl: {f_divergence_type: js_divergence}}", "is of"),
        ("training: {trl: {discopop_tau: 0.1}}", "trl.discopop_tau is of the loss discopop"),
        ("training: {trl: {f_alpha_divergence_coef: 0.1}}", "f_alpha_divergence_coef is of"),
        ("training: {trl: {max_step: 1}}", "unknown key 'training.trl.max_step'"),
        ("measures: {prompts: 0}\nstop: {max_kl: 1}", "need fresh samples (measures.prompts)"),
        ("measures: {stages: last}\nstop: {max_kl: 1}", "need measures.stages: each"),
    ],
)
def test_a_fault_is_one_line(tmp_path, text, said):
    with pytest.raises(UserError) as caught:
        read_recipe(written(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stage_overrides_what_training_says(tmp_path):
    text = "training: {beta: 0.2, replay: 0.1}\nstages: {exploratory: {beta: 0.4, steps: 3}}"
    recipe = read_recipe(written(tmp_path, text))
    assert options_of(recipe, "moderate").beta == 0.2
    options = options_of(recipe, "exploratory")
    assert (options.beta, options.replay, options.steps) == (0.4, 0.1, 3)


def test_options_of_trl_reach_it(tmp_path):
    text = (
        "training: {loss: [robust], label_smoothing: 0.2, schedule: constant, steps: 10,\n"
        "  trl: {f_divergence_type: js_divergence, ld_alpha: 0.5, adam_beta2: 0.95}}\n"
    )
    recipe = read_recipe(written(tmp_path, text))
    options = options_of(recipe, "moderate")
    model = SimpleNamespace(config=LlamaConfig())
    stage = Stage("moderate", 1, options, tmp_path, model, None, None, [1] * 32, None, at_zero=True)
    told = arguments(stage, recipe)
    assert (told.label_smoothing, told.ld_alpha, told.adam_beta2) == (0.2, 0.5, 0.95)
    assert told.f_divergence_type == "js_divergence"
    # transformers' constant schedule would leave the warm-up out
    assert (told.lr_scheduler_type, told.warmup_steps) == ("constant_with_warmup", 1)
