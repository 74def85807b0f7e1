"""What a policy's chat template is tried for before anything is sampled."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from jinja2 import TemplateError

from udasa_data.config import Sampling
from udasa_data.engines.assistant_turn import rewritten, space_before_answers
from udasa_data.engines.control_tokens import ControlTokenError
from udasa_data.engines.policy_tokens import PolicyTokens
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.engines.reasoning import TEMPLATE_NOTE, Thoughts
from udasa_data.engines.system_turn import own_system_prompt, says_itself
from udasa_data.engines.templating import render
from udasa_data.errors import UserError, first_line
from udasa_data.storage import Located

_USER: Final = ("user", "Hello")
_ANSWER: Final = "Yes."


def knows_model_type(name: str) -> bool:
    """Return whether transformers has the code of a kind of model, by its ``model_type``."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return name in CONFIG_MAPPING_NAMES


def require_system_turn(
    policy: Located, system_prompt: str, template_options: Mapping[str, Any] | None = None
) -> None:
    """Try once whether a policy's chat template takes a system prompt.

    Raises:
        UserError: it refuses a system turn, or leaves it out; or the policy cannot be loaded.
    """
    tokens = PolicyTokens(policy, template_options=template_options)
    user = ("user", "Hello")
    without, asked = (
        PolicyPrompt(turns, raw=False, seed=0)
        for turns in ((user,), (("system", system_prompt), user))
    )
    try:
        plain = tokens.encode(without)
    except (TemplateError, ControlTokenError):
        return  # not the system prompt's fault: each prompt says so itself
    try:
        problem = "leaves a system turn out" if tokens.encode(asked) == plain else None
    except TemplateError as error:
        problem = f"takes no system turn ({first_line(error)})"
    except ControlTokenError as error:
        raise UserError(f"system_prompt: {error}; take them out of it") from error
    if problem:
        raise UserError(
            f"model '{policy.name}': its chat template {problem}; leave out system_prompt, put its "
            "text into the prompts, or take a policy whose template has one"
        )


def try_template(policy: Located, sampling: Sampling, system_prompt: str | None) -> str | None:
    """Render one pair with a policy's tokenizer, and look for what was said in it.

    Args:
        policy: located and pinned.
        sampling: its options of the chat template, and its tags of thoughts.
        system_prompt: of the build.

    Returns:
        one line where the template has a system prompt of its own, opens a thought, or has other
        text trained on than was said, and what to do; None where it does none of these.

    Raises:
        UserError: the policy cannot be loaded, or its template cannot render a prompt.
    """
    options = sampling.chat_template_kwargs
    tokens = PolicyTokens(policy, template_options=options)
    system = (("system", system_prompt),) if system_prompt else ()
    prompt = PolicyPrompt((*system, _USER), raw=False, seed=0)
    thoughts = Thoughts(sampling.reasoning)
    try:
        opened = thoughts.opened_by(tokens.tokenizer.decode(tokens.encode(prompt)))
        problem = _problem(tokens, prompt, thoughts, options)
    except TemplateError as error:
        if type(error) is not TemplateError:  # no refusal of its own: a fault in it
            _require_any(tokens, str(error))
        return None  # each prompt says so itself
    except ControlTokenError:
        return None
    _require_question(tokens, prompt, options)
    found = []
    if not system and (own := own_system_prompt(tokens.tokenizer, options)):
        found.append(says_itself(own))
    if opened:
        found.append(f"opens a thought ({opened.open}): answers begin after {opened.close}")
    if problem:
        found.append(f"{problem}: {TEMPLATE_NOTE}")
    if not found:
        return None
    way_out = _way_out(str(tokens.tokenizer.chat_template), options, opens=opened is not None)
    return f"the chat template of {policy.name} {'; it '.join(found)}{way_out}"


def _require_any(tokens: PolicyTokens, problem: str) -> None:
    """Refuse a template that can render no prompt at all, neither with a system turn nor without.

    Raises:
        UserError: says how it fails.
    """
    for system in ((), (("system", "Be kind."),)):
        with suppress(TemplateError):
            tokens.encode(PolicyPrompt((*system, _USER), raw=False, seed=0))
            return
    raise UserError(
        f"model '{tokens.name}': its chat template cannot render a prompt ({problem}); mend it, or "
        "take another policy"
    )


def _require_question(
    tokens: PolicyTokens, prompt: PolicyPrompt, options: Mapping[str, Any]
) -> None:
    """Refuse a template that leaves the question out, as those for contents in parts do.

    Raises:
        UserError: it does.
    """
    shown = render(tokens.tokenizer, prompt.messages, add_generation_prompt=True, **options)
    if _USER[1].casefold() not in shown.casefold():
        raise UserError(
            f"model '{tokens.name}': its chat template leaves a prompt's text out; it may be made "
            "for contents in parts: take a policy whose template takes text"
        )


def system_note(policy: Located, options: Mapping[str, Any]) -> str | None:
    """Return a line about the system prompt that a policy's template adds; None where it does not.

    Raises:
        UserError: the policy cannot be loaded.
    """
    own = own_system_prompt(PolicyTokens(policy).tokenizer, options)
    return f"the chat template of {policy.name} {says_itself(own)}" if own else None


def _way_out(template: str, options: Mapping[str, Any], *, opens: bool) -> str:
    if "enable_thinking" in template and "enable_thinking" not in options:
        return "; sampling.chat_template_kwargs: {enable_thinking: false} turns thoughts off"
    return "; sampling.reasoning: off takes all for the answer" if opens else ""


def _problem(
    tokens: PolicyTokens, prompt: PolicyPrompt, thoughts: Thoughts, options: Mapping[str, Any]
) -> str | None:
    """Return what the template makes of an answer, with a thought before it where it knows one."""
    tokenizer = tokens.tokenizer
    ends = tokenizer.convert_ids_to_tokens(tokens.ends)
    text = render(tokenizer, prompt.messages, add_generation_prompt=True, **options)
    template = str(tokenizer.chat_template)
    thought = "Hm." if any(tags.close in template for tags in thoughts.tags) else ""
    said = [thoughts.wrapped(thought, text, template) + _ANSWER, _ANSWER]
    if thoughts.opened_by(text):
        said.pop()  # an answer that has not ended the thought is none
    spaces = dict.fromkeys(["", space_before_answers(tokenizer, options)])
    for answer in said:
        made = [rewritten(tokenizer, prompt.messages, answer, ends, options, s) for s in spaces]
        if all(made):
            return made[0]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    whole = tokenizer(text + _ANSWER, add_special_tokens=False)["input_ids"]
    return None if whole[: len(ids)] == ids else "ends in a token that an answer's text changes"
