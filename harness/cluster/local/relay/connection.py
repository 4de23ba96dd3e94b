"""One connection between two nodes, through the relay: two sockets, and a flow each way.

Everything that a node does to a connection takes its turn in one queue, dialling, ending and resetting it included. So
the other node hears of nothing that the path keeps from it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final, cast

from harness.cluster.local.relay.paths import Path, now

GIVE_UP_S: Final = 1.5
"""For so long TCP goes on sending what a cut keeps from its peer, as the bundled node sets it (TCP_USER_TIMEOUT)."""
MOST_QUEUED_BYTES: Final = 1 << 20
"""In one flow. Beyond that the sender has to wait, as it would for a peer that does not read."""


ANSWER: Final = b"all came"


class Sign(Enum):
    DIAL = "dial"
    END = "end"
    """Its sender says no more."""
    RESET = "reset"


Item = bytes | Sign


class Side(asyncio.Protocol):
    """One of a connection's two sockets. `flow`: what takes up all that comes in here."""

    flow: Flow | None = None

    def __init__(self, arrived: Callable[[Side], None] | None = None) -> None:
        """`arrived`: called when there is a connection, for one that was accepted."""
        self._arrived = arrived
        self.transport: asyncio.Transport | None = None
        self._lost = False

    def address(self, of: str) -> tuple[str, int]:
        """`of`: "sockname" or "peername"; as it was when the connection came, for it may be gone already."""
        assert self.transport is not None
        return cast(tuple[str, int], self.transport.get_extra_info(of))

    def _set(self, level: int, option: int, value: int | bytes) -> None:
        assert self.transport is not None
        with suppress(OSError):  # it is gone, which comes as connection_lost
            self.transport.get_extra_info("socket").setsockopt(level, option, value)

    @property
    def ready(self) -> bool:
        """Whether there is somebody to send to."""
        return self.transport is not None

    def send(self, item: Item) -> None:
        """Nothing, where the socket is closed."""
        if self.transport is None or self.transport.is_closing():
            return
        if item is Sign.END:
            with suppress(OSError):  # reset meanwhile, which comes as connection_lost
                self.transport.write_eof()
        elif item is Sign.RESET:
            self.reset()
        elif isinstance(item, bytes):
            self.transport.write(item)

    def reset(self) -> None:
        """The peer gets a reset, where `close` would end the connection in order."""
        if self.transport is not None and not self._lost:
            self._set(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def set_reading(self, on: bool) -> None:
        if self.transport is not None and not self._lost:
            (self.transport.resume_reading if on else self.transport.pause_reading)()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._arrived is not None:
            self._arrived(self)

    def data_received(self, data: bytes) -> None:
        if self.flow is not None:
            self.flow.put(data)

    def eof_received(self) -> bool:
        if self.flow is not None:
            self.flow.put(Sign.END)
        return True  # the way back stays open

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        if self.flow is not None:
            self.flow.put(Sign.RESET)

    def pause_writing(self) -> None:
        if self.flow is not None:
            self.flow.back.set_slow_sink(True)

    def resume_writing(self) -> None:
        if self.flow is not None:
            self.flow.back.set_slow_sink(False)


class Measuring(Side):
    """In the place of a server: takes everything, and answers when all has come."""

    ready = True

    def send(self, item: Item) -> None:
        if item is Sign.END and self.flow is not None:
            self.flow.put(ANSWER)
            self.flow.put(Sign.END)


class Flow:
    """From one side to the other, as the path allows. `back`: the connection's other flow."""

    back: Flow

    def __init__(self, path: Path, source: Side, sink: Side, connection: Connection) -> None:
        self._path = path
        self._probes = connection.probes
        self._source = source
        self._sink = sink
        self._connection = connection
        self._queue: deque[tuple[float, Item]] = deque()
        self._queued_bytes = 0
        self._held_since: float | None = None
        """When the first of what a cut holds came."""
        self._slow_sink = False
        self._reading = True
        self._timer: asyncio.TimerHandle | None = None
        self.ended = False
        path.waiting.add(self.wake)

    def put(self, item: Item) -> None:
        if self.ended:
            return
        size = len(item) if isinstance(item, bytes) else 0
        if self._path.cuts:
            self._path.hold(size, dial=item is Sign.DIAL)
            self._held_since = self._held_since or now()
        self._queue.append((now() if self._probes else self._path.arrives_at(size), item))
        self._queued_bytes += size
        self.pump()

    def set_sink(self, sink: Side) -> None:
        self._sink = sink

    def set_slow_sink(self, slow: bool) -> None:
        self._slow_sink = slow
        self._steer_source()

    def wake(self) -> None:
        """Something has been taken from the path that was in the way."""
        if self._path.cuts:
            return
        held_since, self._held_since = self._held_since, None
        if held_since is not None and now() - held_since > GIVE_UP_S:
            self._connection.reset()
        else:
            self.pump()

    def pump(self) -> None:
        """All that is due goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue and self._is_open():
            arrives_at, item = self._queue[0]
            if item is not Sign.DIAL and not self._sink.ready:
                break
            if (wait_s := arrives_at - now()) > 0:
                self._timer = asyncio.get_running_loop().call_later(wait_s, self.pump)
                break
            self._queue.popleft()
            self._deliver(item)
        self._steer_source()

    def _is_open(self) -> bool:
        return not self._path.cuts if self._probes else self._path.open

    def close(self) -> None:
        self.ended = True
        self._path.waiting.discard(self.wake)
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _deliver(self, item: Item) -> None:
        if isinstance(item, bytes):
            self._queued_bytes -= len(item)
            self._path.passed_bytes += len(item)
        if item is Sign.DIAL:
            self._connection.dial()
            return
        self._sink.send(item)
        if item is Sign.END or item is Sign.RESET:
            self.ended = True
            self._connection.flow_ended(item)

    def _steer_source(self) -> None:
        reading = not self._slow_sink and self._queued_bytes < MOST_QUEUED_BYTES
        if reading != self._reading and not self.ended:
            self._reading = reading
            self._source.set_reading(reading)


class Connection:
    """Between `dialer`, the side that is there, and `target`, which is dialled by `dial` when the path lets it.
    `probes`: it asks whether it gets through, and nothing but cuts is in its way: a slow link is none that is cut.
    `measures`: it is the harness's own as well, and shows how slow the paths are."""

    def __init__(
        self,
        dialer: Side,
        there: Path,
        back: Path,
        dial: Callable[[Connection], None],
        closed: Callable[[Connection], None],
        *,
        probes: bool,
        measures: bool,
    ) -> None:
        self.probes = probes
        self.measures = measures
        self.dialer = dialer
        self.target = Side()
        self.there = Flow(there, dialer, self.target, self)
        self.back = Flow(back, self.target, dialer, self)
        self.there.back, self.back.back = self.back, self.there
        self._dial = dial
        self._closed = closed
        self.over = False
        dialer.flow, self.target.flow = self.there, self.back

    def start(self) -> None:
        self.there.put(Sign.DIAL)

    def dial(self) -> None:
        self._dial(self)

    def measure(self) -> None:
        """Instead of a server there is one that measures."""
        measuring = Measuring()
        measuring.flow = self.back
        self.target = measuring
        self.there.set_sink(measuring)

    def flow_ended(self, how: Sign) -> None:
        if how is Sign.RESET or (self.there.ended and self.back.ended):
            self.close()

    def reset(self) -> None:
        """Both sides hear of it at once, whatever the paths are like."""
        self.dialer.reset()
        self.target.reset()
        self.close()

    def close(self) -> None:
        self.over = True
        self.there.close()
        self.back.close()
        self.dialer.close()
        self.target.close()
        self._closed(self)
