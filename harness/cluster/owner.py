"""Who made a cluster, and whether that process still lives: what tells leftovers from clusters in use.

An owner is written as `place/pid/start`. The place is the machine's boot and the pid namespace: a pid means nothing
elsewhere, and there an owner is taken to be alive. The start time tells a process from a later one of the same pid.
"""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Final

_START_FIELD: Final = 19
"""Of /proc/PID/stat, after the command's name in parentheses: field 22 of all."""


def owner() -> str:
    """This process, as an owner."""
    return f"{_place()}/{os.getpid()}/{_start_of(os.getpid()) or ''}"


def alive(written: str) -> bool:
    """Whether the process that this owner names still runs. In doubt: yes."""
    place, _, rest = written.rpartition("/")[0].rpartition("/")
    start = written.rpartition("/")[2]
    if place != _place() or not rest.isdecimal():
        return True
    return _runs(int(rest)) and start in ("", _start_of(int(rest)) or "")


def _place() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot[:13]}.{os.readlink('/proc/self/ns/pid').strip('pid:[]')}"
    return platform.node()


def _start_of(pid: int) -> str | None:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[_START_FIELD]
    return None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
