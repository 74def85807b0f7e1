"""Recipes: every shipped one is read; each fault is one line that names its key."""

from pathlib import Path

import pytest

from udasa_data.errors import UserError
from udasa_recipes.staged.config import options_of, read_recipe

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
