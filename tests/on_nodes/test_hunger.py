"""Whom the kernel ends where memory runs out, and a process that takes it until another one is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.on_nodes.hunger.__main__ import OWN_BYTES, field, step_bytes, take
from harness.on_nodes.hunger.order import MOST, score

MIB = 1 << 20


def badness(size: float, added: int, limit: int) -> float:
    """As the kernel has it."""
    return size + added * limit / 1000


@given(st.integers(4, 400), st.integers(0, 40), st.floats(0, 1), st.integers(0, 400), st.integers(0, 400))
def test_first_the_server_then_the_program_then_anybody_else(
    server_mib: int, steps: int, progress: float, other_mib: int, files_mib: int
) -> None:
    """Whenever memory runs out: all that there is then are these three, which fill the limit, or files did."""
    server, other = server_mib * MIB, other_mib * MIB
    step = step_bytes(server)
    limit = server + other + files_mib * MIB + 24 * MIB
    will_be = OWN_BYTES + (steps + 1) * step
    mine = OWN_BYTES - 8 * MIB + (steps + progress) * step
    if server + mine + other > limit:
        return
    added = score(server, will_be, limit)
    assert 0 <= added < MOST
    assert badness(mine, added, limit) < badness(server, MOST, limit)
    if server + mine + other + 8 * MIB > limit:  # it is full, or will be by the server's end
        assert badness(mine, added, limit) > badness(other, 0, limit)


def test_it_stops_when_the_server_is_gone() -> None:
    """Killed by somebody else here: nothing limits this process's memory."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as server:
        threading.Timer(0.2, lambda: server.send_signal(signal.SIGKILL)).start()
        before = Path("/proc/self/oom_score_adj").read_text()
        try:
            taken = take(server.pid, 200 * MIB)
        finally:
            Path("/proc/self/oom_score_adj").write_text(before)
    assert 0 < taken <= 200 * MIB + 100 * MIB


def test_a_server_that_is_gone() -> None:
    with subprocess.Popen(["true"]) as server:
        server.wait()
        assert take(server.pid, 200 * MIB) == 0
    assert field(f"/proc/{server.pid}/status", "State") is None
