"""A template's own system prompt: the same wherever the policy is asked, and told."""

import pytest
from small_models import OWN_SYSTEM, TEMPLATE, save_policy

from udasa_data.config import ModelRef, Sampling
from udasa_data.engines import PolicyPrompt, own_system_prompt
from udasa_data.engines.policy_tokens import PolicyTokens
from udasa_data.engines.preflight import system_note, try_template
from udasa_data.schema import Mode
from udasa_data.storage import locate
from udasa_recipes.staged.rendering import Renderer, load_tokenizer

SAID = "puts its own system prompt before prompts that have none: 'You are Small, made for tests.'"


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies") / "own"
    save_policy(folder, template=OWN_SYSTEM)
    return locate(ModelRef(id=str(folder)))


def test_build_and_training_read_the_same_prompt(policy):
    tokens = PolicyTokens(policy)
    built = tokens.encode(PolicyPrompt((("user", "Hello"),), raw=False, seed=0))
    renderer = Renderer(load_tokenizer(policy), frozenset(tokens.ends))
    row = {"prompt": [{"role": "user", "content": "Hello"}], "mode": Mode.CHAT}
    text = renderer.prompt_text(row)
    assert "You are Small, made for tests." in text
    assert renderer.ids(text) == built


def test_it_is_told(policy):
    assert SAID in try_template(policy, Sampling(), None)
    assert system_note(policy, {}).endswith(SAID)


def test_a_system_prompt_of_the_user_takes_its_place(policy):
    assert SAID not in (try_template(policy, Sampling(), "Be brief.") or "")


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        "{{ 'Today is Monday. ' }}" + TEMPLATE,
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE,
        "{% for m in messages if m['role'] != 'system' %}{{ m['content'] }}{% endfor %}",
    ],
)
def test_templates_without_one(template, tmp_path):
    save_policy(tmp_path / "plain", template=template)
    tokenizer = PolicyTokens(locate(ModelRef(id=str(tmp_path / "plain")))).tokenizer
    assert own_system_prompt(tokenizer, {}) is None
