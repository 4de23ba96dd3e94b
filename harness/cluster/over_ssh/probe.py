"""Probes: can this node reach those? Asked from inside the node, over TCP, of all peers at once.

A closed port answers as well as an open one: "refused" proves that packets travel both ways. Only silence means that
they do not. The server process takes no part (the kernel answers), so a stopped or killed one can be probed too.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh.shell import run

SILENT: Final = "silent"
"""No answer within the time: the only outcome that proves a cut."""
REACHED: Final = ("open", "refused")

_SCRIPT: Final = """\
import errno, json, select, socket, sys, time
addresses, deadline = json.loads(sys.argv[1]), time.monotonic() + float(sys.argv[2])
poll, dialing, outcomes = select.poll(), {}, {}
for name, (host, port) in addresses.items():
    dial = socket.socket()
    dial.setblocking(False)
    dial.connect_ex((host, port))
    poll.register(dial, select.POLLOUT)
    dialing[dial.fileno()] = name, dial
while dialing and (left := deadline - time.monotonic()) > 0:
    for number, _ in poll.poll(left * 1000):
        name, dial = dialing.pop(number)
        poll.unregister(number)
        error = dial.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        known = {0: "open", errno.ECONNREFUSED: "refused", errno.ETIMEDOUT: "silent"}
        outcomes[name] = known.get(error) or errno.errorcode[error]
for name, _ in dialing.values():
    outcomes[name] = "silent"
print(json.dumps(outcomes))
"""


def address(node: Node) -> tuple[str, int]:
    """The host and port that other nodes reach its server at."""
    host, _, port = node.peer_address.rpartition(":")
    return host, int(port)


def probe_command(addresses: Mapping[str, tuple[str, int]], timeout_s: float) -> str:
    """Prints one JSON object: name -> "open", "refused", "silent" or the error's name."""
    return f"python3 -S -E -c {shlex.quote(_SCRIPT)} {shlex.quote(json.dumps(addresses))} {timeout_s}"


async def probe(source: Node, targets: Mapping[str, Node], *, timeout_s: float) -> dict[str, str]:
    """Raises Trouble, ControlError."""
    if not targets:
        return {}
    addresses = {name: address(node) for name, node in targets.items()}
    outcomes: dict[str, str] = json.loads(await run(source, probe_command(addresses, timeout_s)))
    return outcomes
