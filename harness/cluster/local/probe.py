"""Probes through the relay: can this node's processes reach those nodes? Asked over TCP by a process of the node's own,
of all peers at once.

A probe comes from an address that belongs to its node and is used for nothing else. The relay takes it as it takes any
connection of the node's, on the same path. What it says in the end is what its own dial to the peer's server came to,
sent on the path back; so a peer that is stopped can be probed as well, and one that is killed: "refused" proves that
the way is free. Only silence means that it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh.shell import run, script

SILENT: Final = "silent"
REACHED: Final = ("open", "refused")

_SCRIPT: Final = """\
import errno, select, sys, time
from _socket import SOL_SOCKET, SO_ERROR, socket
deadline, own = time.monotonic() + float(sys.argv[1]), sys.argv[2]
poll, dialing = select.poll(), {}
for word in sys.argv[3:]:
    name, host, port = word.split(",")
    dial = socket()
    dial.setblocking(False)
    dial.bind((own, 0))
    dial.connect_ex((host, int(port)))
    poll.register(dial, select.POLLIN)
    dialing[dial.fileno()] = name, dial
while dialing and (left := deadline - time.monotonic()) > 0:
    for number, _ in poll.poll(left * 1000):
        name, dial = dialing.pop(number)
        poll.unregister(number)
        try:
            print(name, dial.recv(16).decode() or "ended")
        except OSError as error:
            print(name, errno.errorcode[error.errno])
for name, _ in dialing.values():
    print(name, "silent")
"""


async def probe(source: Node, address: str, targets: Mapping[str, Node], *, timeout_s: float) -> dict[str, str]:
    """By target: "open", "refused", "silent" or the error's name. `address`: of the source's probes. Raises Trouble,
    ControlError."""
    words = [f"{name},{node.peer_address.replace(':', ',')}" for name, node in targets.items()]
    printed = await run(source, script(source, _SCRIPT, str(timeout_s), address, *words))
    return {name: outcome for name, _, outcome in (line.partition(" ") for line in printed.splitlines())}
