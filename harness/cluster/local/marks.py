"""Marks: what the processes of a run on this machine carry in their environment, and how they are found by it.

A process's environment is what it was started with, and it hands it on to those that it starts; /proc shows it. So
nothing has to be written down about processes, and a pid that was given away again is never taken for one of ours.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from harness.cluster.hosts.on_host import forget_clock

RUN: Final = "RAFTSTORM_RUN"
"""The run's folder."""
NODE: Final = "RAFTSTORM_NODE"
"""The node that a process belongs to, where it does to one."""
_GONE_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.005


class Marked(NamedTuple):
    pid: int
    node: str | None


def marked(folder: str) -> Iterator[Marked]:
    """The processes of the run with this folder, but this one."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid() and (found := look(int(name), folder)):
            yield found


def look(pid: int, folder: str) -> Marked | None:
    """The process, if it is one of this run's. A zombie is none."""
    variables = environment(pid)
    if variables.get(RUN) != folder:
        return None
    return Marked(pid, variables.get(NODE))


def environment(pid: int) -> dict[str, str]:
    """Empty where the process is gone, or another user's."""
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0"))
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    return {}


def kill_all(folder: str) -> list[int]:
    """Kills every process of the run, until none is left. Their pids. Raises TimeoutError."""
    killed: list[int] = []
    deadline = time.monotonic() + _GONE_S
    while found := [one.pid for one in marked(folder)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {found} do not end")
        killed += [pid for pid in found if _kill(pid, folder) and pid not in killed]
        time.sleep(_LOOK_AGAIN_S)
    for pid in killed:
        forget_clock(pid)
    return killed


def _kill(pid: int, folder: str) -> bool:
    """Whether there was one to kill. The process is held while it is looked at, so it cannot be another one by then."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if look(pid, folder) is None:
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
