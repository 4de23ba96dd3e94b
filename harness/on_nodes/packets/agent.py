"""The agent: a process on the receiving node that holds packets of hindered peers, and lets them go when they are due.

It is asked over a socket in the file system: one JSON line with all peers that are hindered from now on (the whole of
it, so that nothing depends on what it was told before), answered by one with its counts. When there are no peers any
more it lets everything go that it holds, answers, and ends.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from heapq import heapify, heappop, heappush
from random import Random
from time import monotonic_ns
from typing import Any, Final, NamedTuple, Protocol

from harness.on_nodes.hindrance import Hindrance
from harness.on_nodes.packets.fate import Copy, Way, flipped
from harness.on_nodes.packets.nfqueue import NUMBER, Packet, Queue

ASK_TIMEOUT_S: Final = 3.0
_MOST_QUESTION: Final = 1 << 16

Ways = Mapping[str, Mapping[str, Any]]
"""The peers' addresses -> the fields of their hindrances."""


class Verdicts(Protocol):
    """The kernel's queue, for the packets in it."""

    def accept(self, number: int, data: bytes | None = None) -> None: ...
    def drop(self, number: int) -> None: ...


class Inject(Protocol):
    """Sends a packet to this node as it is."""

    def __call__(self, data: bytes) -> None: ...


class Arrival(NamedTuple):
    """What is to arrive. `number` None: a copy, which the kernel does not hold."""

    due_ns: int
    order: int
    source: str
    number: int | None
    data: bytes | None
    """None: as the kernel holds it."""


class Holder:
    """The packets that are held. Knows no time but what it is told."""

    def __init__(self, queue: Verdicts, inject: Inject) -> None:
        self._queue = queue
        self._inject = inject
        self._rng = Random()
        self._ways: dict[str, Way] = {}
        self._due: list[Arrival] = []
        self._clogged: list[Arrival] = []
        self._order = 0

    @property
    def next_ns(self) -> int | None:
        return self._due[0].due_ns if self._due else None

    @property
    def hinders(self) -> bool:
        """Whether there is any peer whose packets are hindered."""
        return bool(self._ways)

    def hinder(self, ways: Ways, now_ns: int) -> dict[str, dict[str, int]]:
        """These peers and no others. What is held of one that is free again comes at once, and so does what waited for
        a link to be unclogged. The counts of all peers that were hindered until now, or are."""
        for source in ways:
            self._ways.setdefault(source, Way(self._rng)).hindrance = Hindrance(**ways[source])
        counts = {source: way.counts.as_dict() for source, way in self._ways.items()}
        for source in [source for source in self._ways if source not in ways]:
            del self._ways[source]
        self._hasten(now_ns)
        return counts

    def take(self, packet: Packet, now_ns: int) -> None:
        source = ".".join(map(str, packet.data[12:16]))
        way = self._ways.get(source)
        if way is None:
            self._queue.accept(packet.number)
            return
        copies = way.fate(len(packet.data), now_ns)
        if not copies:
            self._queue.drop(packet.number)
        for index, copy in enumerate(copies):
            self._hold(source, copy, packet, first=index == 0)
        self.release(now_ns)

    def release(self, now_ns: int) -> None:
        """Everything that is due."""
        while self._due and self._due[0].due_ns <= now_ns:
            arrival = heappop(self._due)
            if arrival.number is None:
                self._inject(arrival.data or b"")
            else:
                self._queue.accept(arrival.number, arrival.data)

    def _hold(self, source: str, copy: Copy, packet: Packet, *, first: bool) -> None:
        self._order += 1
        data = flipped(packet.data, self._rng) if copy.corrupt else None if first else packet.data
        arrival = Arrival(copy.due_ns or 0, self._order, source, packet.number if first else None, data)
        if copy.due_ns is None:
            self._clogged.append(arrival)
        else:
            heappush(self._due, arrival)

    def _hasten(self, now_ns: int) -> None:
        freed = [one for one in self._clogged if not self._is_clogged(one.source)]
        self._clogged = [one for one in self._clogged if self._is_clogged(one.source)]
        self._due = [one if one.source in self._ways else one._replace(due_ns=now_ns) for one in self._due]
        self._due += [one._replace(due_ns=now_ns) for one in freed]
        heapify(self._due)
        self.release(now_ns)

    def _is_clogged(self, source: str) -> bool:
        return source in self._ways and self._ways[source].hindrance.clogged


class Loopback:
    """Copies go in through the loopback device, where the fault's rules leave packets alone."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._socket.setblocking(False)

    def __call__(self, data: bytes) -> None:
        with suppress(OSError):  # full buffers: a copy less
            self._socket.sendto(data, (socket.inet_ntoa(data[16:20]), 0))


class Agent:
    """Raises QueueTaken, OSError."""

    def __init__(self, path: str, number: int = NUMBER) -> None:
        self._path = path
        self._queue = Queue(number)
        self._holder = Holder(self._queue, Loopback())
        with suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen()

    def hinder(self, ways: Ways) -> dict[str, dict[str, int]]:
        return self._holder.hinder(ways, monotonic_ns())

    def serve(self) -> None:
        """While there is something to hinder."""
        poll = select.poll()
        poll.register(self._queue, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        while self._holder.hinders:
            ready = {number for number, _ in poll.poll(self._patience_ms())}
            if self._queue.fileno() in ready:
                for packet in self._queue.received():
                    self._holder.take(packet, monotonic_ns())
            self._holder.release(monotonic_ns())
            if self._listener.fileno() in ready:
                self._answer()

    def _patience_ms(self) -> float | None:
        due_ns = self._holder.next_ns
        return None if due_ns is None else max(0.0, (due_ns - monotonic_ns()) / 1e6)

    def _answer(self) -> None:
        with suppress(OSError, ValueError), self._listener.accept()[0] as asked:
            asked.settimeout(ASK_TIMEOUT_S)
            counts = self.hinder(json.loads(_line(asked)))
            if not self._holder.hinders:
                os.unlink(self._path)  # whoever asks next finds nobody, and begins anew
            asked.sendall(json.dumps(counts).encode() + b"\n")


def ask(path: str, ways: Ways) -> dict[str, dict[str, int]] | None:
    """What the agent answers. None: there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ASK_TIMEOUT_S)
        try:
            asking.connect(path)
            asking.sendall(json.dumps(ways).encode() + b"\n")
            counts: dict[str, dict[str, int]] = json.loads(_line(asking))
        except (OSError, ValueError):
            return None
        return counts


def _line(connection: socket.socket) -> bytes:
    """Raises OSError where it does not come, or is too long."""
    received = b""
    while not received.endswith(b"\n"):
        more = connection.recv(_MOST_QUESTION)
        if not more or len(received) > _MOST_QUESTION:
            raise OSError("the line ended")
        received += more
    return received
