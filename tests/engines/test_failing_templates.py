"""Chat templates that fail as programs do, or that leave out what they are to ask."""

import pytest
from jinja2 import TemplateError
from small_models import TEMPLATE, save_policy

from udasa_data.config import ModelRef, Sampling
from udasa_data.engines import PolicyPrompt
from udasa_data.engines.policy_tokens import PolicyTokens
from udasa_data.engines.preflight import require_system_turn, try_template
from udasa_data.errors import UserError
from udasa_data.schema import Why
from udasa_data.storage import locate

CONTENT = "{{ m['content'] }}"
PARTS = TEMPLATE.replace(CONTENT, "{% for part in m['content'] %}{{ part['text'] }}{% endfor %}")
ADDS = TEMPLATE.replace(CONTENT, "{{ m['content'] + 1 }}")
OF_SYSTEM = TEMPLATE.replace(
    CONTENT, "{% if m['role'] == 'system' %}{{ m['content'] + [] }}{% endif %}{{ m['content'] }}"
)
NEEDS_SYSTEM = "{{ raise_exception('no system') if messages[0].role != 'system' }}" + TEMPLATE


def policy(folder, template):
    return locate(ModelRef(id=str(save_policy(folder / "p", template=template))))


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (ADDS, r"cannot render a prompt \(TypeError: can only concatenate str"),
        ("{{ messages[9].content }}", r"cannot render a prompt \("),
        ("{% for m in messages %}{{ m.content }", r"cannot render a prompt \(unexpected '}'\)"),
        (PARTS, "leaves a prompt's text out; it may be made for contents in parts"),
        ("<user>", "leaves a prompt's text out"),
    ],
    ids=["type", "index", "syntax", "parts", "fixed"],
)
def test_one_that_can_ask_nothing_is_told_before_anything_is_sampled(template, problem, tmp_path):
    with pytest.raises(UserError, match=rf"its chat template {problem}"):
        try_template(policy(tmp_path, template), Sampling(), None)


def test_one_that_wants_a_system_turn_may_get_it_from_the_prompts(tmp_path):
    assert try_template(policy(tmp_path, NEEDS_SYSTEM), Sampling(), None) is None


def test_a_type_error_of_a_system_turn_is_its_refusal(tmp_path):
    found = policy(tmp_path, OF_SYSTEM)
    with pytest.raises(UserError, match=r"takes no system turn \(TypeError: can only concat"):
        require_system_turn(found, "Be kind.")
    tokens = PolicyTokens(found)
    prompt = PolicyPrompt((("system", "Be kind."), ("user", "Hi")), raw=False, seed=0)
    with pytest.raises(TemplateError):
        tokens.encode(prompt)
    set_aside = tokens.fit(prompt, 4)  # and one prompt's is its own
    assert set_aside.why is Why.MALFORMED
    assert "the chat template refuses it: TypeError" in set_aside.detail
