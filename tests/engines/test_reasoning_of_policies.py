"""Thoughts where engines return text: from tokens, and from servers."""

import pytest
from answering_server import AnsweringServer, choice, reply
from small_models import TEMPLATE, save_policy
from transformers import AutoTokenizer

from udasa_data.config import ModelRef, Sampling, Server
from udasa_data.engines import Meter, PolicyPrompt, Thoughts
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.policy_tokens import Drawn, PolicyTokens
from udasa_data.engines.preflight import try_template
from udasa_data.storage import locate

OPENS = TEMPLATE.replace("<assistant>{% endif %}", "<assistant><think>\n{% endif %}")
SWITCH = TEMPLATE.replace(
    "<assistant>{% endif %}",
    "<assistant>{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}{% endif %}",
)
ADDS = TEMPLATE.replace(
    "{{ m['content'] }}",
    "{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}",
)
CUTS = OPENS.replace("{{ m['content'] }}", "{{ m['content'].split('</think>')[-1] }}")
TRIMS = TEMPLATE.replace("{{ m['content'] }}", "{{ m['content'] | trim }}")
ASK = PolicyPrompt((("user", "Rice?"),), raw=False, seed=0)
SAID = ["<think>\nRice.\n</think>\n\nCook it.", "Hm.\n</think>\n\nBoil it.", "<think>Rice is"]


def policy(folder, template=TEMPLATE, special=()):
    save_policy(folder, template=template)
    if special:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
        tokenizer.save_pretrained(folder)
    return locate(ModelRef(id=str(folder)))


def read(tokens, said, prompt=ASK):
    """What the policy's tokens of a text are read as."""
    thoughts = Thoughts()
    opened = tokens.opened(tokens.encode(prompt), thoughts)
    ids = tokens.tokenizer(said, add_special_tokens=False)["input_ids"]
    return tokens.read([Drawn(ids, len(ids) + 1, -1.0, "stop", 0, opened)], thoughts)[0]


def test_tokens_are_read_as_thought_and_answer(tmp_path):
    tokens = PolicyTokens(policy(tmp_path / "p"))
    one = read(tokens, SAID[0])
    assert (one.reasoning, one.text, one.finish_reason) == (SAID[0][:-8], "Cook it.", "stop")
    cut = read(tokens, SAID[2])
    assert (cut.reasoning, cut.text, cut.finish_reason) == (SAID[2], "", "length")
    assert "some answers are empty behind their reasoning" in tokens.notes[0]


def test_a_template_that_opens_the_thought_has_it_end_in_the_text(tmp_path):
    tokens = PolicyTokens(policy(tmp_path / "p", OPENS))
    assert read(tokens, SAID[1])[:1] == ("Boil it.",)
    assert read(tokens, "Rice is").finish_reason == "length"
    raw = PolicyPrompt((("user", "Rice"),), raw=True, seed=0)
    assert read(tokens, " is", raw)[:1] == ("is",)  # no template, no thought


def test_options_reach_the_template_and_one_it_does_not_know_is_told(tmp_path):
    located = policy(tmp_path / "p", SWITCH)
    tokens = PolicyTokens(located, template_options={"enable_thinking": False, "deep": 1})
    assert tokens.tokenizer.decode(tokens.encode(ASK)).endswith("<think>\n\n</think>\n\n")
    assert read(tokens, "Boil it.").text == "Boil it."
    assert [note for note in tokens.notes if "'deep'" in note]
    assert not [note for note in tokens.notes if "enable_thinking" in note]


def test_tags_that_are_special_tokens_are_kept_in_thoughts_alone(tmp_path):
    tokens = PolicyTokens(policy(tmp_path / "p", special=("[THINK]", "[/THINK]")))
    one = read(tokens, "[THINK]Rice.[/THINK]Cook it.")
    assert (one.reasoning, one.text) == ("[THINK]Rice.[/THINK]", "Cook it.")
    assert read(tokens, "Cook<user> it.").text == "Cook it."


def test_a_choice_is_weighed_behind_an_empty_thought(tmp_path):
    tokens = PolicyTokens(policy(tmp_path / "p", OPENS))
    question = tokens.question(ASK, ["Yes"])
    text = tokens.tokenizer.decode(question.prompt)
    assert text.endswith("<assistant><think>\n</think>\n\n")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (TEMPLATE, None),
        (OPENS, "opens a thought (<think>): answers begin after </think>"),
        (SWITCH, "sampling.chat_template_kwargs: {enable_thinking: false} turns thoughts off"),
        (ADDS, r"makes '<think>\n\n</think>\n\n"),
        (CUTS, "opens a thought"),
        (TRIMS, None),
        ("{{ raise_exception('no') }}", None),
    ],
)
def test_what_a_template_makes_of_an_answer_is_told_before_anything_is_sampled(
    template, told, tmp_path
):
    note = try_template(policy(tmp_path / "p", template), Sampling(), None)
    assert (note is None) if told is None else told in note
    assert note is None or "\n" not in note


def test_thoughts_turned_off_leave_nothing_to_tell(tmp_path):
    located = policy(tmp_path / "p", SWITCH)
    asked = Sampling(chat_template_kwargs={"enable_thinking": False})
    note = try_template(located, asked, None)
    assert "opens a thought" not in note
    assert "does not begin the turn" in note  # of an answer, which this one writes without


def served(answer, params=Sampling(samples=3, max_tokens=16), **options):  # noqa: B008
    with AnsweringServer(answer) as server:
        where = Server(base_url=server.url, retries=0)
        engine = OpenAIEngine("m", where, Meter(), **options)
        found = dict(engine.sample([ASK], params, lambda _n: None))[0]
        notes = engine.notes
        engine.close()
        return found, notes, server.bodies


def texts(*said):
    return lambda _path, body: (200, reply(body, lambda k: choice(said[k % len(said)], index=k)))


def test_a_servers_text_is_parted_and_a_thought_without_an_end_is_cut():
    found, notes, _ = served(texts(SAID[0], "Fry it. ", SAID[2]))
    assert [one.text for one in found] == ["Cook it.", "Fry it. ", ""]
    assert [one.finish_reason for one in found] == ["stop", "stop", "length"]
    assert found[0].reasoning + found[0].text == SAID[0]
    assert any("empty behind their reasoning" in note for note in notes)


def test_where_one_answer_ends_a_thought_all_of_them_began_with_it():
    found, _, _ = served(texts(SAID[1], "Rice, then.\n</think>\n\nFry it.", "Rice is a grain that"))
    assert [one.text for one in found] == ["Boil it.", "Fry it.", ""]
    assert found[2].finish_reason == "length"


def test_parts_that_think_are_reasoning():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Rice."},
    ]
    found, _, _ = served(texts(parts))
    assert (found[0].text, found[0].reasoning) == ("Rice.", "hm")


def test_template_options_are_sent_and_left_out_where_they_are_refused():
    options = {"enable_thinking": False}
    found, notes, bodies = served(texts("Rice."), template_options=options)
    assert found[0].text == "Rice."
    assert [body["chat_template_kwargs"] for body in bodies] == [options] * len(bodies)
    assert not any("chat_template_kwargs" in note for note in notes)

    def refuses(_path, body):
        if "chat_template_kwargs" in body:
            return 400, {"error": {"message": "Unrecognized argument: chat_template_kwargs"}}
        return 200, reply(body)

    found, notes, bodies = served(refuses, template_options=options)
    assert found[0].text == "Rice and water."
    assert "the server takes no chat_template_kwargs: its template is as it is" in notes
    assert "chat_template_kwargs" not in bodies[-1]
