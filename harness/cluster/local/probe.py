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


_MEASURE: Final = """\
import select, sys, time
from _socket import SHUT_WR, socket
began, own = time.monotonic(), sys.argv[2]
deadline = began + float(sys.argv[1])
poll, asked = select.poll(), {}
for word in sys.argv[3:]:
    name, host, port, size = word.split(",")
    line = socket()
    line.bind((own, 0))
    line.connect((host, int(port)))
    line.send(bytes(int(size)))
    line.shutdown(SHUT_WR)
    poll.register(line, select.POLLIN)
    asked[line.fileno()] = name, line, time.monotonic()
while asked and (left := deadline - time.monotonic()) > 0:
    for number, _ in poll.poll(left * 1000):
        name, line, since = asked.pop(number)
        poll.unregister(number)
        try:
            if line.recv(16):
                print(name, time.monotonic() - since)
        except OSError:
            pass
"""


async def measure(
    source: Node, address: str, targets: Mapping[str, tuple[Node, int]], *, timeout_s: float
) -> dict[str, float | None]:
    """By target: seconds until so many bytes (beside each target) had come there and the answer was back. None: it was
    not. `address`: where what is measured by comes from. Raises Trouble, ControlError."""
    words = [f"{name},{node.peer_address.replace(':', ',')},{size}" for name, (node, size) in targets.items()]
    printed = await run(source, script(source, _MEASURE, str(timeout_s), address, *words))
    seconds = {name: float(passed) for name, passed in (line.split() for line in printed.splitlines())}
    return {name: seconds.get(name) for name in targets}
