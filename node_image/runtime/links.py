"""Links: the dialled half of the connections between nodes.

There is one TCP connection for each direction, and messages flow on it from the dialer to the listener only. So a
one-way cut is really one-way (on a shared connection it silences both ways as soon as acknowledgements are missed), as
long as the cut is made by the destination port. Dialling is short, and TCP_USER_TIMEOUT ends a connection whose bytes
are not acknowledged: messages that piled up in a cut are lost, as they should be, instead of arriving stale long after
it has healed. What cannot be sent now is dropped: Raft sends again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import Final, cast

from node_image.runtime.config import Address
from node_image.runtime.frames import greeting
from node_image.runtime.transports import write

DIAL_TIMEOUT_S: Final = 0.5
REDIAL_DELAY_S: Final = 0.1
USER_TIMEOUT_S: Final = 1.5
MAX_QUEUED_BYTES: Final = 8 << 20
"""In this process, beside the kernel's socket buffer."""

log = logging.getLogger("peers")


class Link(asyncio.Protocol):
    """Keeps dialling one peer, and sends to it while it is there."""

    def __init__(self, node: str, peer: str, address: Address) -> None:
        self._greeting = greeting(node)
        self._peer = peer
        self._address = address
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Event = asyncio.Event()
        self._reported = False

    def send(self, frames: Sequence[bytes]) -> None:
        """Drops them if the peer is away, or too far behind."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() <= MAX_QUEUED_BYTES:
            write(transport, b"".join(frames))

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._dial()
                await asyncio.sleep(REDIAL_DELAY_S)
        finally:
            if self._transport is not None:
                self._transport.abort()

    async def _dial(self) -> None:
        """One connection, until it is lost."""
        self._lost.clear()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                await loop.create_connection(lambda: self, self._address.host, self._address.port)
        except OSError as error:
            self._report(error)
        else:
            await self._lost.wait()

    def _report(self, error: Exception | None) -> None:
        """Once for each time that the peer goes away."""
        if not self._reported:
            log.info("no link to %s (%s:%d): %s", self._peer, *self._address, error or "closed by the peer")
        self._reported = True

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(USER_TIMEOUT_S * 1000))
        write(transport, self._greeting)
        self._transport = transport
        self._reported = False
        log.info("link to %s (%s:%d) is up", self._peer, *self._address)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._report(error)
        self._lost.set()
