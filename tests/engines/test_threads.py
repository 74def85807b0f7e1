"""The number of threads by what others leave of the cores."""

from __future__ import annotations

import pytest
import torch

from udasa_data.engines import threads
from udasa_data.engines.threads import Look, Threads, threads_for


@pytest.mark.parametrize(
    ("others", "cores", "most", "expected"),
    [
        (0.0, 2, 2, 2),  # nobody else works
        (1.0, 2, 2, 1),  # one core is taken
        (0.3, 2, 2, 2),
        (2.0, 2, 2, 1),  # never none
        (1.0, 16, 16, 15),
        (4.0, 16, 8, 8),  # torch takes one thread for two hyperthreads: there is room yet
        (12.0, 16, 8, 4),
    ],
)
def test_threads_are_the_cores_that_others_leave(others, cores, most, expected):
    before, own = Look(10.0, 100.0, 7.0), 1.5
    now = Look(12.0, 100.0 + own + 2 * others, 7.0 + own)
    assert threads_for(before, now, cores, most) == expected


def test_the_load_is_read_of_this_process_s_own_cores(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    monkeypatch.setattr(threads, "_STAT", stat)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(threads.os, "sysconf", lambda _: 100)
    monkeypatch.setattr(threads.os, "times", lambda: (0.0, 0.0, 0.0, 0.0, 0.0))
    now = [50.0]
    monkeypatch.setattr(threads.time, "monotonic", lambda: now[0])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        stat.write_text(
            "cpu  9 9 9\ncpu0 0 0 0 5 5 0 0 0\ncpu1 0 0 0 0 0 0 0 0\ncpu2 0 0 0 0 0 0 0 0\n"
        )
        adapting = Threads()
        now[0] += 1.0
        # core 1 was busy for a second (100 ticks), core 0 idle, and core 2 is not ours
        stat.write_text(
            "cpu  9 9 9\ncpu0 0 0 0 105 5 0 0 0\ncpu1 60 10 30 0 0 0 0 0\ncpu2 100 0 0 0 0 0 0 0\n"
        )
        adapting.adapt()
        assert torch.get_num_threads() == 1
        now[0] += 1.0  # and now nobody works
        adapting.adapt()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_number_that_the_user_has_set_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Threads().adapt()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
