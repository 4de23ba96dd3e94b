"""The server process of a node, whatever system it is of: started detached, under a clock that can be set wrong, and
found again.

The scripts node-start and node-pid (node_image/bin), which every place has, keep to one rule: the pid that they print
is the server's own. Each step is one command on the control line.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from harness.cluster import Finished, Node
from harness.errors import ControlError, ServerEnded

START_TIMEOUT_S: Final = 60.0
LOG: Final = "node.log"
PID_FILE: Final = "server.pid"
"""In the folder of state, written by node-start: the pid, and when the process was started (ticks since the machine
was)."""


async def start_server(node: Node, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> int:
    """Starts `command` (its executable first) in the folder of code, and returns its pid once it listens on the
    client port; after ten seconds also where it does not yet. What it prints goes to node.log. Where a server runs
    already, its pid. Raises ServerEnded where it ends at once, ControlError."""
    layout = node.layout
    faketime = {
        "LD_PRELOAD": layout.faketime,
        "FAKETIME_TIMESTAMP_FILE": layout.clock_file,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    variables = [f"{name}={value}" for name, value in {**faketime, **layout.environment, **(environment or {})}.items()]
    start = [f"{layout.tools}/node-start", layout.state, log_path(node), str(layout.client_port), *variables, *command]
    line = f"cd {shlex.quote(layout.code)} && sh {shlex.join(start)}"
    started = await node.control.run(line, timeout_s=START_TIMEOUT_S)
    if started.exit_code != 0 or not started.stdout.strip().isdecimal():
        raise ServerEnded(node.name, started.stderr)
    return int(started.stdout)


async def server_pid(node: Node) -> int | None:
    """The pid of the server that `start_server` started, running or stopped. Raises ControlError."""
    find = shlex.join([f"{node.layout.tools}/node-pid", node.layout.state])
    printed = await do(node, "find the server process", f"sh {find}")
    return int(printed) if printed.strip() else None


def log_path(node: Node) -> str:
    """What the server prints."""
    return f"{node.layout.logs}/{LOG}"


async def do(node: Node, doing: str, command: str, data: bytes = b"") -> str:
    """The command's stdout. Raises ControlError where it fails; `doing` says what could not be done."""
    finished = await node.control.run(command, input=data, timeout_s=START_TIMEOUT_S)
    if finished.exit_code != 0:
        raise ControlError(f"Could not {doing} on {node.name}: {last_words(finished)}")
    return finished.stdout


def last_words(finished: Finished) -> str:
    return " / ".join(finished.stderr.split("\n")).strip(" /") or f"exit code {finished.exit_code}, and no word."
