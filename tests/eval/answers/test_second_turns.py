import msgspec
import polars as pl
from small_models import save_policy

from udasa_data.config.presets import resolve
from udasa_data.progress import Silent
from udasa_data.runs.store import Run
from udasa_data.schema import Axis
from udasa_data.scorers import conversation_text
from udasa_data.storage.model_files import locate
from udasa_eval.answers.backend import EngineLM
from udasa_eval.answers.generations import TURN_2, Asked, FirstPass
from udasa_eval.tasks.building import build_task, plan_suite
from udasa_eval.tasks.documents import read_documents


def test_the_second_turn_is_asked_after_the_models_own_first_answer(real_data, tmp_path):
    policy = save_policy(tmp_path / "policy", window=2048)
    plan = next(p for p in plan_suite("full", list(Axis)) if p.name == "udasa_mt_bench")
    notes = plan.notes
    read = read_documents(notes.dataset, notes.reader, data_dir=real_data, limit=3, commits={})
    built = build_task(plan, read.documents, 0)
    shorter = msgspec.structs.replace(built.decoding, max_tokens=8)
    config = resolve(str(policy), {}, scorers="tiny")
    located = locate(config.policy)
    run = Run(tmp_path / "run")
    with run.locked():
        asked = Asked(located.fingerprint, None, None, "transformers")
        first = FirstPass(run, EngineLM(located, config), asked, Silent())
        first.run([built._replace(decoding=shorter)])
    first_turns = pl.read_parquet(tmp_path / "run/generations/udasa_mt_bench.parquet")
    second_turns = pl.read_parquet(tmp_path / f"run/generations/udasa_mt_bench{TURN_2}.parquet")
    assert len(first_turns) == len(second_turns) == 3
    # the same hash in both turns, whatever the model answered: runs are paired by it
    assert first_turns["prompt_hash"].to_list() == second_turns["prompt_hash"].to_list()
    for document, answer, prompt in zip(
        read.documents, first_turns["text"], second_turns["prompt"].to_list(), strict=True
    ):
        assert [turn["content"] for turn in prompt] == [
            document["prompt"],
            answer,
            document["follow_up"],
        ]
        assert conversation_text(prompt).startswith(f"User: {document['prompt']}\n\nAssistant: ")
