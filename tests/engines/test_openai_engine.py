"""The openai engine against a real local server that breaks the protocol in every way."""

import json
import time

import forked
import msgspec
import polars as pl
import pytest
from misbehaving_server import MisbehavingServer, answer

from udasa_data import build, resolve
from udasa_data.config.build import Sampling
from udasa_data.config.engine import Prices, Server
from udasa_data.engines.dialect import SEEDS
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt, SetAside
from udasa_data.engines.shares import share_out
from udasa_data.errors import UserError
from udasa_data.pipeline.executors.local import LocalExecutor
from udasa_data.progress import Silent

PARAMS = Sampling(samples=4, max_tokens=16)
PROMPTS = [PolicyPrompt((("user", f"Say {n}"),), raw=n % 3 == 0, seed=n * 1024) for n in range(24)]


def expected(prompt, k):
    source = (
        prompt.turns[-1][1]
        if prompt.raw
        else [{"role": role, "content": content} for role, content in prompt.turns]
    )
    return answer(source, (prompt.seed + k) % SEEDS)


def engine_of(server, meter=None, **options):
    options = {"retries": 20, "timeout": 10.0, "in_flight": 8, **options}
    return OpenAIEngine("m", Server(base_url=server.url, **options), meter or Meter())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Back off in milliseconds."""
    monkeypatch.setattr("udasa_data.engines.wire._FIRST_PAUSE", 0.005)
    monkeypatch.setattr("udasa_data.engines.wire._LONGEST_PAUSE", 0.05)


def answers(engine, prompts=PROMPTS, params=PARAMS):
    """All answers by prompt; each prompt comes out once."""
    try:
        found = list(engine.sample(prompts, params, lambda n: None))
    finally:
        engine.close()
    assert sorted(number for number, _ in found) == list(range(len(prompts)))
    return dict(found)


def check_whole(found, *, logprobs=True):
    for prompt, completions in zip(PROMPTS, (found[n] for n in range(24)), strict=True):
        for k, one in enumerate(completions):
            text, ps, why = expected(prompt, k)
            assert (one.text, one.finish_reason, one.seed) == (text, why, prompt.seed + k)
            if logprobs:
                assert one.n_tokens == len(ps)
                assert one.sum_logprob == pytest.approx(sum(ps))
            else:
                assert one.sum_logprob is None


def test_a_server_that_behaves_is_asked_once_a_prompt():
    with MisbehavingServer(seconds=0.02) as server:
        engine = engine_of(server)
        check_whole(answers(engine))
        assert len(server.seen.bodies) == 24
        assert all(body["n"] == 4 for body in server.seen.bodies)
        assert 2 <= server.seen.most_in_flight <= 8
        assert engine.notes == ()


@pytest.mark.parametrize(
    "faults",
    [
        {"too_many": 0.3},
        {"broken": 0.3},
        {"reset": 0.3},
        {"truncated": 0.3},
        {"not_json": 0.3},
        {"stall": 0.1, "stall_seconds": 1.0},
        {
            "too_many": 0.1,
            "broken": 0.1,
            "reset": 0.1,
            "truncated": 0.1,
            "not_json": 0.1,
            "stall": 0.05,
        },
    ],
    ids="+".join,
)
def test_no_fault_loses_or_doubles_an_answer(faults):
    meter = Meter()
    with MisbehavingServer(**faults) as server:
        check_whole(answers(engine_of(server, meter, timeout=0.5 if "stall" in faults else 10)))
        # at least: a try may also be given up before its body is read
        assert meter.usage.retries >= len(server.seen.bodies) - 24 > 0
    assert meter.usage.requests == 24


def test_retry_after_is_honoured_by_all_requests():
    with MisbehavingServer(first=3, retry_after="0.5") as server:
        check_whole(answers(engine_of(server, in_flight=3)))
        # the first three are told to wait half a second, and nothing is sent before that
        assert server.seen.times[3] - server.seen.times[0] >= 0.5
        assert len(server.seen.bodies) == 24 + 3


def test_retry_after_as_a_date_and_one_that_is_too_far():
    at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    with MisbehavingServer(first=1, retry_after=at) as server:
        answers(engine_of(server, in_flight=1), PROMPTS[:1])
        assert server.seen.times[1] - server.seen.times[0] > 0.5  # dates have whole seconds
    with (
        MisbehavingServer(first=1, retry_after="86400") as server,
        pytest.raises(UserError, match="HTTP 429, and asks to wait 86,400 s"),
    ):
        answers(engine_of(server), PROMPTS[:1])


def test_a_server_that_never_answers_ends_in_one_line():
    with (
        MisbehavingServer(broken=1.0) as server,
        pytest.raises(UserError, match="HTTP 500, 3 times; the same command resumes"),
    ):
        answers(engine_of(server, retries=2))
    # nobody listens there any more
    with pytest.raises(UserError, match="the connection broke"):
        answers(engine_of(server, retries=1))


@pytest.mark.parametrize("faults", [{"most_n": 1}, {"most_n": 3}, {"refuse_n": True}])
def test_a_wrong_n_is_asked_one_by_one_with_distinct_seeds(faults):
    with MisbehavingServer(**faults) as server:
        engine = engine_of(server)
        check_whole(answers(engine))
        assert "it is asked one by one" in engine.notes[0]
        singles = [body for body in server.seen.bodies if body.get("n", 1) == 1]
        assert len(singles) == 24 * 4
        assert len({body["seed"] for body in singles}) == 24 * 4
        assert len(server.seen.bodies) - len(singles) <= 8 * 2  # what was in flight, two paths


@pytest.mark.parametrize("faults", [{"logprobs": False}, {"refuse_logprobs": True}])
def test_without_logprobs_they_are_null_and_it_says_what_falls_away(faults):
    with MisbehavingServer(**faults) as server:
        engine = engine_of(server)
        found = answers(engine)
    check_whole(found, logprobs=False)
    assert any("cocoa" in note and "p_true" in note for note in engine.notes)
    for n, prompt in enumerate(PROMPTS):
        # tokens of a request are shared out by length, and none is lost
        told = sum(len(expected(prompt, k)[1]) for k in range(4))
        assert sum(one.n_tokens for one in found[n]) == told


def test_without_logprobs_and_usage_tokens_are_guessed_from_bytes():
    with MisbehavingServer(logprobs=False, usage=False) as server:
        engine = engine_of(server)
        found = answers(engine)
    for completions in found.values():
        for one in completions:
            assert one.n_tokens == -(-len(one.text) // 4)
    assert any("counts no tokens" in note for note in engine.notes)


def test_other_dialects_are_learnt():
    with MisbehavingServer(refuse_seed=True, refuse_max_tokens=True) as server:
        engine = engine_of(server)
        found = answers(engine)
        assert all(len(completions) == 4 for completions in found.values())
        assert any("takes no seed" in note for note in engine.notes)
        chat = [body for body in server.seen.bodies if "messages" in body]
        assert "max_completion_tokens" in chat[-1]


def test_a_prompt_that_is_refused_is_set_aside():
    prompts = [
        PolicyPrompt((("user", "word " * 50),), raw=False, seed=0),
        PolicyPrompt((("user", "forbidden"),), raw=False, seed=1024),
        PolicyPrompt((("user", "fine"),), raw=False, seed=2048),
    ]
    with MisbehavingServer(window=20, refuse="forbidden") as server:
        found = answers(engine_of(server), prompts)
    assert isinstance(found[0], SetAside)
    assert (found[0].why, found[1].why) == ("too_long", "server_refused")
    assert "content policy" in found[1].detail
    assert len(found[2]) == 4


def test_a_server_that_refuses_every_prompt_ends_the_run():
    with (
        MisbehavingServer(refuse="") as server,
        pytest.raises(UserError, match="refuses every prompt: flagged"),
    ):
        answers(engine_of(server))


def test_prompts_that_are_all_refused_do_not_end_the_run_where_the_server_takes_others():
    with MisbehavingServer(refuse="Say") as server:
        found = answers(engine_of(server))
        greetings = [body for body in server.seen.bodies if "Say" not in json.dumps(body)]
        assert len(greetings) == 2  # one a path
    assert {one.why for one in found.values()} == {"server_refused"}


@pytest.mark.parametrize("in_flight", [1, 4, 24])
def test_whichever_prompts_are_refused_first_the_rows_are_the_same(in_flight):
    refused = [PolicyPrompt((("user", f"forbidden {n}"),), raw=False, seed=n) for n in range(40)]
    for prompts in ([*refused, *PROMPTS], [*PROMPTS, *refused]):
        with MisbehavingServer(refuse="forbidden") as server:
            found = answers(engine_of(server, in_flight=in_flight), prompts)
        first = prompts.index(PROMPTS[0])
        check_whole({n: found[first + n] for n in range(24)})
        assert sum(isinstance(one, SetAside) for one in found.values()) == 40


def test_keys_come_from_the_environment_alone(monkeypatch):
    with MisbehavingServer(key="sesame") as server:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(UserError, match="it wants a key; set OPENAI_API_KEY"):
            answers(engine_of(server))
        monkeypatch.setenv("OPENAI_API_KEY", "guess")
        with pytest.raises(UserError, match="OPENAI_API_KEY is not accepted") as told:
            answers(engine_of(server))
        assert "guess" not in str(told.value)
        monkeypatch.setenv("OPENAI_API_KEY", "sesame")
        check_whole(answers(engine_of(server)))


def test_greedy_answers_are_asked_for_once():
    with MisbehavingServer() as server:
        found = answers(engine_of(server), params=Sampling(samples=4, temperature=0.0))
        assert len(server.seen.bodies) == 24
        assert all(body["temperature"] == 0 and "n" not in body for body in server.seen.bodies)
    assert all(len({one.text for one in completions}) == 1 for completions in found.values())
    assert [one.seed for one in found[2]] == [2048, 2049, 2050, 2051]


def test_choices_need_logprobs():
    with MisbehavingServer(logprobs=False) as server:
        engine = engine_of(server)
        with pytest.raises(UserError, match="returns no log-probabilities of given words"):
            engine.choice_logprobs(PROMPTS[1:2], ["Yes", "No"])
        engine.close()
        # known before anything is paid for
        with pytest.raises(UserError, match="returns no log-probabilities of given words"):
            OpenAIEngine("m", Server(base_url=server.url), Meter(), asks_choices=True)


def test_slow_prompts_do_not_hold_back_others():
    with MisbehavingServer(stall_on="Say 5", stall_seconds=3) as server:
        engine = engine_of(server, in_flight=4)
        order = [number for number, _ in engine.sample(PROMPTS, PARAMS, lambda n: None)]
        engine.close()
    assert order[-1] == 5


def test_the_bound_holds_whatever_is_in_flight():
    prices = Prices(input=1000.0, output=1000.0)
    # a chat prompt costs at most (5 + 64 + 4 · 16) tokens · 0.001 = 0.133, in truth about 0.03
    for bound in (0.1, 0.14, 0.3, 0.5):
        meter = Meter(prices, bound)
        with MisbehavingServer(seconds=0.01) as server:
            engine = engine_of(server, meter)
            found = []
            with pytest.raises(UserError, match=rf"--max-cost {bound:g}: .* higher --max-cost"):
                found.extend(engine.sample(PROMPTS, PARAMS, lambda n: None))
            engine.close()
            assert len(found) == len(server.seen.bodies)  # all that was paid for came out
        assert meter.spent <= bound
        assert bound - meter.spent < 0.14  # no more is left than a prompt can cost
        assert (len(found) > 0) == (bound > 0.133)


def test_a_meter_by_hand():
    meter = Meter(Prices(input=1.0, output=2.0), 10.0)
    held = meter.reserve(1_000_000, 1_000_000)
    assert held == pytest.approx(3.0)
    assert meter.reserve(8_000_000, 0) is None
    meter.settle(held, 500_000, 250_000)
    # 0.5 · 1 + 0.25 · 2 = 1 for one prompt; three more at that price make 4
    meter.answered(1)
    assert (meter.spent, meter.reserved) == (1.0, 0.0)
    assert meter.summary(3) == "cost 1 of ~4"
    # of the 9 that are left, 3 are kept for the costliest request
    assert meter.affords(6)
    assert not meter.affords(7)
    again = Meter(Prices(input=1.0, output=2.0), 10.0, meter.usage)
    assert again.spent == 1.0


def test_shares_sum_up():
    assert share_out(10, [1, 1, 1]) == [4, 3, 3]
    assert share_out(7, [0, 0]) == [4, 3]
    assert share_out(5, [1, 9]) == [1, 4]  # 0.5 and 4.5: the tie goes to the first


def config_of(server, small_config, prompts, **options):
    given = {"base_url": server.url, "in_flight": 4, "retries": 20, **options}
    return resolve(
        "some-model",
        {"engine": "openai", "server": given, "prompts": [str(prompts)]},
        file=without_policy(small_config),
    )


def without_policy(config):
    path = config.with_name("served.yaml")
    text = config.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in text if not line.startswith("policy")))
    return path


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "p.txt"
    path.write_text("".join(f"Say something about {thing}.\n" for thing in "abcdefghijklmnop"))
    return path


def rows(out):
    pairs = pl.read_parquet(out / "pairs.parquet")
    samples = pl.read_parquet(out / "dataset" / "data" / "samples" / "*.parquet")
    return pairs, samples


def test_a_build_stopped_by_its_bound_goes_on_with_a_higher_one(small_config, prompts, tmp_path):
    prices = {"input": 1000.0, "output": 1000.0}
    with MisbehavingServer() as server:
        whole = build(config_of(server, small_config, prompts), tmp_path / "whole")
        n_whole = len(server.seen.bodies)
    used = json.loads((tmp_path / "whole" / "manifest.json").read_text())["usage"]
    whole_cost = (used["prompt_tokens"] + used["completion_tokens"]) * 1000 / 1e6
    with MisbehavingServer() as server:
        bounded = config_of(server, small_config, prompts, prices=prices, max_cost=0.3)
        with pytest.raises(UserError, match=r"max_cost 0\.3"):
            build(bounded, tmp_path / "bounded")
        used = json.loads((tmp_path / "bounded" / "manifest.json").read_text())["usage"]
        assert 0 < used["cost"] <= 0.3
        assert used["projected_cost"] == pytest.approx(whole_cost, rel=0.2)
        done = len(server.seen.bodies)
        assert 0 < done < n_whole
        more = config_of(server, small_config, prompts, prices=prices, max_cost=40.0)
        made = build(more, tmp_path / "bounded")
        assert len(server.seen.bodies) == n_whole  # nothing was paid for twice
    told = json.loads((tmp_path / "bounded" / "manifest.json").read_text())
    assert told["usage"]["requests"] == n_whole
    assert told["models"]["some-model@main"].startswith("served:some-model at http://127.0.0.1")
    for one, other in zip(rows(whole.out), rows(made.out), strict=True):
        assert one.equals(other, null_equal=True)


def test_another_server_is_another_policy(small_config, prompts, tmp_path):
    with MisbehavingServer() as server, MisbehavingServer() as other:
        build(config_of(server, small_config, prompts), tmp_path / "run")
        with pytest.raises(UserError, match="differs in: model weights"):
            build(config_of(other, small_config, prompts), tmp_path / "run")


class EndingAfterFive(Silent):
    answered = 0

    def advance(self, prompts, tokens=0):  # noqa: ARG002 (of the protocol)
        self.answered += prompts
        if self.answered == 5:
            raise KeyboardInterrupt


def test_what_was_paid_for_is_not_asked_again(small_config, prompts, tmp_path):
    with MisbehavingServer() as server:
        whole = build(config_of(server, small_config, prompts), tmp_path / "whole")
        n_whole = len(server.seen.bodies)
    with MisbehavingServer() as server:
        # in one shard, which is not whole when the build ends; four answered before five
        config = config_of(server, small_config, prompts, in_flight=1)
        config = msgspec.structs.replace(config, shard_size=16)
        executor = LocalExecutor(keep_every=0.0)
        with pytest.raises(KeyboardInterrupt):
            build(config, tmp_path / "ended", EndingAfterFive(), executor)
        before = len(server.seen.bodies)
        build(config, tmp_path / "ended")
    # the fifth, and the one that was in flight, may be asked twice
    assert n_whole <= len(server.seen.bodies) <= n_whole + 2
    assert before < n_whole
    for one, other in zip(rows(whole.out), rows(tmp_path / "ended"), strict=True):
        assert one.equals(other, null_equal=True)


@pytest.mark.slow
def test_a_killed_build_goes_on_with_the_same_rows(small_config, prompts, tmp_path):
    with MisbehavingServer() as server:
        whole = build(config_of(server, small_config, prompts), tmp_path / "whole")
    with MisbehavingServer(too_many=0.2, reset=0.1, truncated=0.1, seconds=0.15) as server:
        served = without_policy(small_config)
        command = ["-m", "udasa_data", "build", "--model", "some-model"]
        command += ["--engine", "openai", "--base-url", server.url, "--config", served]
        command += ["--prompts", prompts, "--out", tmp_path / "killed", "--json"]
        process = forked.Process(*command)
        shard = tmp_path / "killed" / "samples"
        deadline = time.monotonic() + 120
        while not list(shard.glob("0*.parquet")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
        seen = len(server.seen.bodies)
        forked.run(*command).check_returncode()
        assert len(server.seen.bodies) > seen  # it was not done when it was killed
    for one, other in zip(rows(whole.out), rows(tmp_path / "killed"), strict=True):
        assert one.equals(other, null_equal=True)
