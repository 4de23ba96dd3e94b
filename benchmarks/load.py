"""A load generator for anything that speaks JSON lines: closed-loop clients over given addresses.

Client c keeps to address c mod n and has one request in the air. It costs as little as it can, since it shares the
machine with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

Address = tuple[str, int]


class Load(NamedTuple):
    clients: int = 50
    read_share: float = 0.5
    read_mode: str = "linearizable"
    keys: int = 20
    warm_up_s: float = 0.5
    seconds: float = 4.0


class Measured(NamedTuple):
    """Operations acknowledged in `seconds`, after warming up; latencies in seconds, sorted."""

    ok: int
    refused: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.ok / self.seconds

    def quantile_ms(self, quantile: float) -> float:
        return 1000 * self.latencies[int(quantile * (len(self.latencies) - 1))] if self.latencies else float("nan")


class _Client(asyncio.Protocol):
    """`begins` and `ends` bound, in monotonic seconds, what counts."""

    def __init__(self, number: int, load: Load, begins: float) -> None:
        self._number = number
        self._load = load
        self._begins = begins
        self._ends = begins + load.seconds
        self._requests = 0
        self._writes = 0
        self._sent_at = 0.0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.latencies: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            self._line(line)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _line(self, line: bytes) -> None:
        """The hello, or the answer to the request in the air."""
        now = time.monotonic()
        if self._requests > 0 and self._begins <= now < self._ends:
            if json.loads(line)["ok"]:
                self.latencies.append(now - self._sent_at)
            else:
                self.refused += 1
        if now < self._ends:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        self._requests += 1
        self._sent_at = time.monotonic()
        self._transport.write(json.dumps(self._request()).encode() + b"\n")

    def _request(self) -> dict[str, Any]:
        number = self._number + self._requests
        key = f"k{number % self._load.keys}"
        if number * self._load.read_share % 1 + self._load.read_share >= 1:
            return {"id": self._requests, "op": "read", "key": key, "mode": self._load.read_mode}
        self._writes += 1
        session = {"session": f"load-{self._begins}-{self._number}", "seq": self._writes, "opened": 0}
        return {"id": self._requests, "op": "write", "key": key, "value": number, **session}

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def measure(addresses: Sequence[Address], load: Load) -> Measured:
    """Raises OSError if a connection fails or ends early."""
    loop = asyncio.get_running_loop()
    begins = time.monotonic() + load.warm_up_s
    clients = [_Client(number, load, begins) for number in range(load.clients)]
    try:
        for number, client in enumerate(clients):
            await loop.create_connection(lambda client=client: client, *addresses[number % len(addresses)])  # type: ignore[misc]
        async with asyncio.timeout(load.warm_up_s + load.seconds + 10):
            await asyncio.gather(*(client.done for client in clients))
    finally:
        for client in clients:
            client.done.cancel()
            client.close()
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return Measured(len(latencies), sum(client.refused for client in clients), load.seconds, latencies)
