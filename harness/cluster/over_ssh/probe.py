"""Probes: can this node reach those? Asked from inside the node, over TCP, of all peers at once.

A closed port answers as well as an open one: "refused" proves that packets travel both ways. Only silence means that
they do not. The server process takes no part (the kernel answers), so a stopped or killed one can be probed too.
Probes come from ports that hindrances of packets leave alone, so that a link that is slow or lossy is not taken for one
that is cut, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh.firewall import FIRST_PROBE_PORT
from harness.cluster.over_ssh.shell import run, script

SILENT: Final = "silent"
"""No answer within the time: the only outcome that proves a cut."""
REACHED: Final = ("open", "refused")

# _socket is the part of socket that is written in C: importing the whole of it takes longer than all the rest, and
# every node of a busy machine pays for it at the same moment.
_SCRIPT: Final = """\
import errno, os, select, sys, time
from _socket import SOL_SOCKET, SO_ERROR, socket
deadline, first = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
poll, dialing = select.poll(), {}
for word in sys.argv[3:]:
    name, host, port = word.split(",")
    dial = socket()
    dial.setblocking(False)
    for _ in range(50):
        try:
            dial.bind(("", first + int.from_bytes(os.urandom(2), "big") % (65536 - first)))
            break
        except OSError:
            continue
    begun = dial.connect_ex((host, int(port)))
    if begun not in (0, errno.EINPROGRESS):
        print(name, errno.errorcode[begun])
        continue
    poll.register(dial, select.POLLOUT)
    dialing[dial.fileno()] = name, dial
while dialing and (left := deadline - time.monotonic()) > 0:
    for number, _ in poll.poll(left * 1000):
        name, dial = dialing.pop(number)
        poll.unregister(number)
        error = dial.getsockopt(SOL_SOCKET, SO_ERROR)
        known = {0: "open", errno.ECONNREFUSED: "refused", errno.ETIMEDOUT: "silent"}
        print(name, known.get(error) or errno.errorcode[error])
for name, _ in dialing.values():
    print(name, "silent")
"""


def address(node: Node) -> tuple[str, int]:
    """The host and port that other nodes reach its server at."""
    host, _, port = node.peer_address.rpartition(":")
    return host, int(port)


async def probe(source: Node, targets: Mapping[str, Node], *, timeout_s: float) -> dict[str, str]:
    """By target: "open", "refused", "silent" or the error's name. Raises Trouble, ControlError."""
    words = [",".join(map(str, (name, *address(node)))) for name, node in targets.items()]
    printed = await run(source, script(source, _SCRIPT, str(timeout_s), str(FIRST_PROBE_PORT), *words))
    return {name: outcome for name, _, outcome in (line.partition(" ") for line in printed.splitlines())}
