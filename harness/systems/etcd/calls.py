"""Calls to one etcd node: each is sent once, and ends with an answer, or with an error that is definite or not.

Until the node has told its version nothing has been sent, so every failure is definite. After that only errors that
the table knows to be are (errors.py); silence and broken connections are not. A connection that let a call run into its
time limit is given up, and so is one whose caller was cancelled: its answer would be taken for the next call's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster import Node
from harness.system import Definite, Indefinite
from harness.systems.etcd.errors import NO_HELLO, REFUSED, TIMEOUT
from harness.systems.etcd.link import Link, dial
from harness.systems.etcd.wire import Message
from harness.world import Disconnected, Unreachable, World
from harness.world.sync import Lock


class Session:
    """What every part of a session with one node has: its calls, one at a time."""

    def __init__(self, world: World, node: Node, *, timeout_s: float, session: str) -> None:
        self.session = session
        self._world = world
        self._node = node
        self._timeout_s = timeout_s
        self._calls = Calls(world, node, timeout_s=timeout_s)

    def close(self) -> None:
        self._calls.close()


class Calls:
    """One after another, over one connection, which is dialled on first use and where it broke."""

    def __init__(self, world: World, node: Node, *, timeout_s: float) -> None:
        self._world = world
        self._node = node
        self._timeout_s = timeout_s
        self._link: Link | None = None
        self._turn = Lock(world)

    async def call(self, path: str, request: Mapping[str, Any], *, timeout_s: float | None = None) -> Message:
        """Raises Definite, Indefinite."""
        async with self._turn:
            return await self._call(path, request, self._timeout_s if timeout_s is None else timeout_s)

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _call(self, path: str, request: Mapping[str, Any], timeout_s: float) -> Message:
        sent = False
        try:
            async with self._world.timeout(timeout_s):
                link = await self._send(path, request)
                sent = True
                return await link.receive()
        except (Definite, Indefinite):
            raise
        except Unreachable:
            raise Definite(REFUSED) from None
        except TimeoutError:
            self.close()
            raise (Indefinite(TIMEOUT) if sent else Definite(NO_HELLO)) from None
        except Disconnected as error:
            self.close()
            raise (Indefinite(str(error)) if sent else Definite(REFUSED)) from None
        except BaseException:
            self.close()
            raise

    async def _send(self, path: str, request: Mapping[str, Any]) -> Link:
        """Over the connection that there is, or a new one where it is known to be broken, and nothing was sent."""
        if self._link is not None and self._link.alive:
            try:
                self._link.send(path, request)
                return self._link
            except Disconnected:
                self.close()
        self._link = await dial(self._world, self._node.host, self._node.port, timeout_s=self._timeout_s)
        self._link.send(path, request)
        return self._link
