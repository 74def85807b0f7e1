"""Training as a function: its errors speak of the call; what it gives is in test_notebook."""

import pytest

import udasa_recipes
from udasa_data import UserError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"^nothing to run: give model PRESET \(.*tiny.*\) or config FILE"),
        ({"model": "tiny"}, "^data is missing: a dataset of"),
        ({"model": "tiny", "data": "x"}, "^out is missing: the folder"),
        ({"model": "tiny", "config": "x.yaml"}, "^model and config are given: each names a file"),
        ({"model": "tiny", "settings": {"trainin": {}}}, r"^settings: unknown key 'trainin' \(did"),
        ({"model": "tiny", "data": "none", "out": "p"}, "none"),
    ],
)
def test_errors_speak_of_the_call_and_leave_nothing(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        udasa_recipes.dpo(**given)
    assert list(tmp_path.iterdir()) == []


def test_what_there_is_is_listed():
    assert set(udasa_recipes.__all__) <= set(dir(udasa_recipes))
    with pytest.raises(AttributeError):
        udasa_recipes.nothing  # noqa: B018
