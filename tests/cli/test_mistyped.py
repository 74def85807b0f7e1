"""A mistyped path is one line that names what is near, in every command: the Hub is not asked."""

import pytest
from typer.testing import CliRunner

from udasa_data.cli import app as data_app
from udasa_eval.cli import app as eval_app

COMMANDS = {
    "verify": "verify runs/demos",
    "show": "show runs/demos",
    "report": "report runs/demos",
    "diff": "diff runs/demos runs/demo",
    "merge": "merge runs/demos runs/demo --out x",
    "export": "export runs/demos --format kto --out x",
    "push": "push runs/demos org/name",
    "from": "build --from runs/demos --out x",
    "prompts": "build --prompts runs/demos --out x",
    "model": "build --model runs/demos --scorers tiny --out x",
    "answers": "build --answers runs/demos --out x",
    "score": "score runs/demos --out x.parquet",
    "plan": "plan --prompts runs/demos --model tiny",
    "eval": "run --model runs/demos --out x",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_nearest_name_is_told(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    app = eval_app if name == "eval" else data_app
    done = CliRunner().invoke(app, COMMANDS[name].split())
    message = str(done.exception)
    assert done.exit_code == 1
    assert message.startswith(("runs/demos: ", "model 'runs/demos': "))
    assert "(did you mean 'runs/demo'?)" in message
    assert "\n" not in message
