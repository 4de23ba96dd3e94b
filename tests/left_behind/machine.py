"""What of this machine must be as it was before a run: its firewall, its clock, its processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import msgspec

CLOCK_S = 0.25
"""How far the wall clock may go from the monotonic one by itself: it is disciplined."""

_DOCKERS = r"DOCKER|docker0|br-[0-9a-f]{12}|MASQUERADE"


class Machine(msgspec.Struct, frozen=True):
    firewall: str | None
    """None where nobody may read it, and so nobody without root can have changed it."""
    epoch_s: float
    """The wall clock less the monotonic one."""


def machine() -> Machine:
    return Machine(_firewall(), time.time() - time.monotonic())


def check_as_before(before: Machine) -> None:
    now = machine()
    assert now.firewall == before.firewall
    assert abs(now.epoch_s - before.epoch_s) < CLOCK_S


def _firewall() -> str | None:
    """All rules but those of Docker's own, which come and go with anybody's networks."""
    if os.geteuid() != 0 or shutil.which("iptables-save") is None:
        return None
    said = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    rules = [re.sub(r"\[\d+:\d+\]", "", line) for line in said.splitlines() if not line.startswith("#")]
    return "\n".join(rule for rule in rules if not re.search(_DOCKERS, rule))


def processes_of(name: str) -> list[str]:
    """Commands of this machine's processes that name the run, in their arguments or their environment; zombies and
    this process aside."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            said = command + (folder / "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if name.encode() in said:
            found.append(command.replace(b"\0", b" ").decode(errors="replace").strip())
    return found
