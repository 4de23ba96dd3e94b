"""A session with one node: what a client asks, and which answers and silences are definite.

The contract (harness.client): definite means that it certainly did not happen. Until the node's hello has come,
nothing has been sent, so every failure is definite. After that only the node's own word is (errors.py); silence and
broken connections are not. Nothing is ever sent twice, but by who asks for it (`numbered`).

A connection that let a call run into its time limit is given up: the next call dials anew, and learns from the missing
hello, definitely, if the node still does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.capabilities import Number
from harness.cluster import Node
from harness.system import Definite, Indefinite
from harness.systems.raft.errors import NO_HELLO, REFUSED, TIMEOUT, refusal
from harness.systems.raft.link import Link, dial
from harness.systems.raft.operations import RaftOperations
from harness.world import Disconnected, Unreachable, World
from harness.world.sync import Lock


class RaftKeyValue(RaftOperations):
    """A `KeyValue`, with all that `harness.capabilities` lists. Calls may overlap; commands of one session should
    not, since a node remembers the last one only."""

    def __init__(self, world: World, node: Node, *, timeout_s: float, session: str) -> None:
        self.session = session
        self._world = world
        self._node = node
        self._timeout_s = timeout_s
        self._link: Link | None = None
        self._dialling = Lock(world)
        self._sequence = 0
        self._opened: int | None = None
        """The log index that the session's first hello told: with it, nodes can tell a new session from one that they
        have forgotten."""
        self._newest = 0
        """The highest log index that was heard of."""

    async def status(self) -> dict[str, Any]:
        """The node's answer, as it stands."""
        return await self.ask({"op": "status"})

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The node's answer to what is no command of the session, as it stands. Raises Definite, Indefinite."""
        return await self._call(request)

    async def next_number(self, session: str | None = None) -> Number:
        """Raises Definite."""
        try:
            async with self._world.timeout(self._timeout_s):
                await self._connected()
        except Unreachable:
            raise Definite(REFUSED) from None
        except TimeoutError:
            self.close()
            raise Definite(NO_HELLO) from None
        return self._next_in_session() if session is None else Number(session, 1, self._newest)

    def numbered(self, number: Number) -> Numbered:
        return Numbered(self, number)

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _read(self, request: Mapping[str, Any], mode: str, min_index: int) -> dict[str, Any]:
        fields = {"op": "read", "mode": mode, "min_index": min_index, "timeout_s": self._timeout_s}
        return await self._call({**fields, **request})

    async def _command(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call(request, in_session=True)

    async def _call(self, request: Mapping[str, Any], *, in_session: bool = False) -> dict[str, Any]:
        """The node's answer, if it is ok. Raises Definite, Indefinite."""
        sent = False
        try:
            async with self._world.timeout(self._timeout_s):
                link = await self._connected()
                answering = link.ask({**request, **_fields(self._next_in_session())} if in_session else request)
                sent = True
                answer = await answering
        except Unreachable:
            raise Definite(REFUSED) from None
        except TimeoutError:
            self.close()
            raise (Indefinite(TIMEOUT) if sent else Definite(NO_HELLO)) from None
        except Disconnected as error:
            raise (Indefinite(str(error)) if sent else Definite(REFUSED)) from None
        if answer.get("ok") is not True:
            raise refusal(answer)
        index = answer.get("index")
        if isinstance(index, int) and index > self._newest:
            self._newest = index
        return answer

    async def _connected(self) -> Link:
        async with self._dialling:
            if self._link is None or not self._link.alive:
                self._link = None
                self._link = await dial(self._world, self._node.host, self._node.port, timeout_s=self._timeout_s)
            if self._opened is None:
                self._opened = self._link.applied
                self._newest = max(self._newest, self._opened)
            return self._link

    def _next_in_session(self) -> Number:
        """Every command has a number of its own, also after one that failed: were a node wrong about a definite
        failure, a number used again would bring the other command's result."""
        self._sequence += 1
        return Number(self.session, self._sequence, self._opened)


class Numbered(RaftOperations):
    """A session's command of one number. It may be sent more than once, through any node's session."""

    def __init__(self, session: RaftKeyValue, number: Number) -> None:
        self._session = session
        self._number = number

    async def _read(self, request: Mapping[str, Any], mode: str, min_index: int) -> dict[str, Any]:
        return await self._session._read(request, mode, min_index)

    async def _command(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._session._call({**request, **_fields(self._number)})


def _fields(number: Number) -> dict[str, Any]:
    return {"session": number.session, "seq": number.seq, "opened": number.opened}
