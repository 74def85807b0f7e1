"""Requests in flight: as many as a real local server bears, and the same rows whatever it bears."""

import asyncio
import time

import pytest
from misbehaving_server import MisbehavingServer, answer

from udasa_data.config.build import Sampling
from udasa_data.config.engine import Server
from udasa_data.engines.meter import Meter
from udasa_data.engines.openai import OpenAIEngine
from udasa_data.engines.protocol import PolicyPrompt
from udasa_data.engines.window import Window

PROMPTS = [PolicyPrompt((("user", f"Say {n}"),), raw=False, seed=n * 1024) for n in range(200)]
PARAMS = Sampling(samples=4, max_tokens=16)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Back off in milliseconds."""
    monkeypatch.setattr("udasa_data.engines.wire._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("udasa_data.engines.wire._LONGEST_PAUSE", 0.05)


def drawn(server, **options):
    """Return all answers by prompt, and the seconds that they took."""
    engine = OpenAIEngine("m", Server(base_url=server.url, timeout=20.0, **options), Meter())
    begun = time.monotonic()
    try:
        found = dict(engine.sample(PROMPTS, PARAMS, lambda _n: None))
    finally:
        engine.close()
    return found, time.monotonic() - begun


def check_rows(found):
    for n, prompt in enumerate(PROMPTS):
        texts = [answer(prompt.messages, prompt.seed + k)[0] for k in range(4)]
        assert [one.text for one in found[n]] == texts


@pytest.mark.parametrize("bears", [1, 8])
def test_a_server_that_bears_few_is_asked_few_at_a_time(bears):
    with MisbehavingServer(bears=bears, seconds=0.1 if bears > 1 else 0.01) as server:
        # fewer retries than a fixed number of requests in flight would need
        found, seconds = drawn(server, in_flight=64, retries=8)
        check_rows(found)
        seen = server.seen
    refused = sum(status == 503 for status in seen.statuses)
    assert len(seen.statuses) - refused == 200
    # a step past the capacity is refused, and is made after eight answers at the soonest
    assert refused < 200 / 4
    # three quarters on average, as the window saws between half and whole; less the machine's own
    assert seen.busy / seconds > 0.4 * bears


def test_a_server_that_bears_all_is_asked_as_much_as_is_allowed():
    with MisbehavingServer(seconds=0.1) as server:
        found, _ = drawn(server, in_flight=24)
        check_rows(found)
        assert server.seen.most_in_flight == 24


def test_a_window_by_hand():
    async def run():
        window = Window(most=10)
        assert window.size == 4
        entered = [await window.enter() for _ in range(4)]
        # full, and not yet halved: one more for each answer
        window.leave(entered.pop(), answered=True)
        assert window.size == 5
        # three left of five: more room would not be used
        window.leave(entered.pop(), answered=True)
        assert window.size == 5
        # of two overloads sent in the same window one counts
        for one in entered:
            window.leave(one, overloaded=True)
        assert window.size == 2.5
        entered = [await window.enter() for _ in range(2)]
        window.leave(entered.pop(), answered=True)
        assert window.size == pytest.approx(2.5 + 1 / 8)
        late, other = (asyncio.create_task(window.enter()) for _ in range(2))
        await asyncio.sleep(0)
        assert (late.done(), other.done()) == (True, False)
        other.cancel()  # whoever waits no longer takes no room
        third = asyncio.create_task(window.enter())
        window.leave(await late, overloaded=True)
        window.leave(entered.pop())
        await third
        # never less than one, and sent since: it is halved again
        window.leave(third.result(), overloaded=True)
        assert window.size == 1

    asyncio.run(run())
