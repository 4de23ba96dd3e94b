"""A session with one node: what a client asks, and which answers and silences are definite.

The contract (harness.client): definite means that it certainly did not happen. Until the node's hello has come,
nothing has been sent, so every failure is definite. After that only the node's own word is (errors.py); silence and
broken connections are not. Nothing is ever sent twice.

A connection that let a call run into its time limit is given up: the next call dials anew, and learns from the missing
hello, definitely, if the node still does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite
from harness.systems.raft.errors import MALFORMED, NO_HELLO, REFUSED, TIMEOUT, refusal
from harness.systems.raft.link import Link, dial
from harness.world import Disconnected, Unreachable, World
from harness.world.sync import Lock


class RaftKeyValue:
    """A `KeyValue`. Calls may overlap; writes of one session should not."""

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

    async def read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        request = {"op": "read", "key": key, "mode": mode, "min_index": min_index, "timeout_s": self._timeout_s}
        answer = await self._call(request)
        return Answer(value=answer.get("value"), log_index=_index(answer))

    async def write(self, key: str, value: Any) -> Answer:
        answer = await self._call({"op": "write", "key": key, "value": value}, in_session=True)
        return Answer(value=value, log_index=_index(answer))

    async def cas(self, key: str, expected: Any, new: Any) -> Answer:
        answer = await self._call({"op": "cas", "key": key, "expected": expected, "new": new}, in_session=True)
        if not isinstance(answer.get("matched"), bool):
            raise Indefinite(MALFORMED)
        return Answer(
            value=new if answer["matched"] else answer.get("value"),
            matched=answer["matched"],
            log_index=_index(answer),
        )

    async def status(self) -> dict[str, Any]:
        """The node's answer, as it stands."""
        return await self._call({"op": "status"})

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _call(self, request: Mapping[str, Any], *, in_session: bool = False) -> dict[str, Any]:
        """The node's answer, if it is ok. Raises Definite, Indefinite."""
        sent = False
        try:
            async with self._world.timeout(self._timeout_s):
                link = await self._connected()
                answering = link.ask({**request, **self._next_in_session()} if in_session else request)
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
        return answer

    async def _connected(self) -> Link:
        async with self._dialling:
            if self._link is None or not self._link.alive:
                self._link = None
                self._link = await dial(self._world, self._node.host, self._node.port, timeout_s=self._timeout_s)
            if self._opened is None:
                self._opened = self._link.applied
            return self._link

    def _next_in_session(self) -> dict[str, Any]:
        """Every command has a number of its own, also after one that failed: were a node wrong about a definite
        failure, a number used again would bring the other command's result."""
        self._sequence += 1
        return {"session": self.session, "seq": self._sequence, "opened": self._opened}


def _index(answer: Mapping[str, Any]) -> int:
    index = answer.get("index")
    if not isinstance(index, int):
        raise Indefinite(MALFORMED)
    return index
