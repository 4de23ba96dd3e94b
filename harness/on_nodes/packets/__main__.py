"""Commands on a node. Each takes one JSON object and prints one line of JSON.

hinder {"path": the agent's socket, "ways": {address: hindrance}, "number": of its queue}
    -> {"counts": {address: ...}, "kernel": its counters}
measure {"links": {address: [what is looked for, all that the link does]}, "seconds": 2.0}
    -> {address: what was seen}
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from harness.on_nodes.packets.agent import Agent, Ways, ask
from harness.on_nodes.packets.nfqueue import NUMBER, QueueTaken
from harness.on_nodes.packets.pings import measure

QUEUES: Final = Path("/proc/net/netfilter/nfnetlink_queue")
COUNTERS: Final = Path("/proc/net/snmp")
END_S: Final = 2.0


def hinder(path: str, ways: Ways, number: int = NUMBER) -> dict[str, Any]:
    """Raises QueueTaken, OSError."""
    os.chdir(os.path.dirname(path))  # a socket's path may have 107 letters, and hosts' folders may be deep
    path = os.path.basename(path)
    counts = ask(path, ways) if os.path.exists(path) else None
    if counts is None and ways:
        counts = _begin(path, ways, number)
    elif not ways:
        _wait_gone(number)
    return {"counts": counts or {}, "kernel": counters()}


def counters() -> dict[str, int]:
    """What the node's kernel says of its TCP and of pings that came."""
    protocols: dict[str, dict[str, int]] = {}
    lines = [line.split() for line in COUNTERS.read_text().splitlines()]
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        protocols[names[0]] = dict(zip(names[1:], map(int, numbers[1:]), strict=True))
    return {
        "tcp_retransmitted": protocols["Tcp:"]["RetransSegs"],
        "tcp_checksum_errors": protocols["Tcp:"]["InCsumErrors"],
        "icmp_checksum_errors": protocols["Icmp:"]["InCsumErrors"],
    }


def _begin(path: str, ways: Ways, number: int) -> dict[str, dict[str, int]]:
    """The agent is a child that goes on when this process has ended."""
    agent = Agent(path, number)
    counts = agent.hinder(ways)
    if os.fork() == 0:
        _alone(path)
        agent.serve()
        os._exit(0)
    return counts


def _alone(path: str) -> None:
    """Without the shell that it was started from. What it complains of is kept beside its socket."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    complaints = os.open(f"{path}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, file in ((0, nothing), (1, nothing), (2, complaints)):
        os.dup2(file, number)


def _wait_gone(number: int) -> None:
    """Until the kernel knows of no agent any more. That it is so is for the harness to see."""
    deadline_s = monotonic() + END_S
    while monotonic() < deadline_s and _is_held(number):
        sleep(0.002)


def _is_held(number: int) -> bool:
    lines = QUEUES.read_text().splitlines() if QUEUES.exists() else []
    return any(line.split()[0] == str(number) for line in lines)


COMMANDS: Final[dict[str, Callable[..., Any]]] = {"hinder": hinder, "measure": measure}


def main(command: str, given: str) -> int:
    try:
        print(json.dumps(COMMANDS[command](**json.loads(given))), flush=True)
    except QueueTaken as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
