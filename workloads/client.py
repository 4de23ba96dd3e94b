"""A client of a system: one process's sessions, and what their answers mean.

A workload says how its operations become calls, with a function of session, invocation and index (`Call`). All of them
share what is here: a `Definite` error is `fail`: it certainly did not happen. An `Indefinite` one is `info` for what
changes something, and `fail` for reads. Nothing is ever sent twice.

The client remembers the highest log index that it has seen, from its writes and its reads. Sequential reads carry it,
so that a node that has not come so far waits: that is what makes them read the process's own writes and never go back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from checkers.events import EventType
from harness.client import Client, ClientFactory, Completion, Invocation, is_read_only
from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite, KeyValue, Refused, System
from harness.world import World
from workloads.promises import SEQUENTIAL

BACK_OFF_S: Final = 0.1
"""After a definite failure, before it is reported."""

Call = Callable[[Any, Invocation, int], Awaitable[Answer]]
"""What a session is asked for an invocation. The index is for sequential reads. May raise Definite, Indefinite."""


async def registers(session: KeyValue, invocation: Invocation, min_index: int) -> Answer:
    """Reads, writes and compare-and-sets."""
    key = invocation.key
    assert key is not None
    if invocation.f == "read":
        assert invocation.read is not None
        return await session.read(key, mode=invocation.read, min_index=min_index)
    if invocation.f == "write":
        return await session.write(key, invocation.value)
    assert invocation.f == "cas", f"{invocation.f!r} is nothing that a register does"
    expected, new = invocation.value
    return await session.cas(key, expected, new)


def client_factory(
    system: System, nodes: Sequence[Node], call: Call = registers, *, timeout_s: float, spread_reads: bool = False
) -> ClientFactory:
    """Process p keeps to node p mod n. With `spread_reads` its reads go round all nodes, beginning with that one."""

    def open_client(world: World, process: int) -> Client:
        placed = [nodes[(process + place) % len(nodes)] for place in range(len(nodes))]
        return SessionClient(system, world, placed, call, f"c-{process}", timeout_s, spread_reads)

    return open_client


class SessionClient:
    """`nodes`: the process's own node first. Connections are dialled on first use."""

    def __init__(
        self,
        system: System,
        world: World,
        nodes: Sequence[Node],
        call: Call,
        session: str,
        timeout_s: float,
        spread_reads: bool,
    ) -> None:
        self._system = system
        self._world = world
        self._nodes: Final = nodes
        self._call = call
        self._session = session
        self._timeout_s = timeout_s
        self._spread_reads = spread_reads
        self._sessions: dict[str, KeyValue] = {}
        self._reads = 0
        self._highest = 0

    async def invoke(self, invocation: Invocation) -> Completion:
        node = self._node_for(invocation)
        min_index = self._highest if invocation.read == SEQUENTIAL else None
        try:
            answer = await self._ask(node, invocation, min_index)
        except Refused as error:
            return self._completion(EventType.FAIL, node, min_index, str(error))
        except Definite as error:
            # It comes at once: without a pause, the processes of a dead node would take up all operations.
            await self._world.sleep(BACK_OFF_S)
            return self._completion(EventType.FAIL, node, min_index, str(error))
        except Indefinite as error:
            outcome = EventType.FAIL if is_read_only(invocation.f, invocation.value) else EventType.INFO
            return self._completion(outcome, node, min_index, str(error))
        self._highest = max(self._highest, answer.log_index or 0)
        return self._ok(invocation, answer, node, min_index)

    async def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _node_for(self, invocation: Invocation) -> Node:
        if not self._spread_reads or invocation.f != "read":
            return self._nodes[0]
        self._reads += 1
        return self._nodes[(self._reads - 1) % len(self._nodes)]

    async def _ask(self, node: Node, invocation: Invocation, min_index: int | None) -> Answer:
        session = self._sessions.get(node.name)
        if session is None:
            session = self._system.connect(self._world, node, timeout_s=self._timeout_s, session=self._session)
            self._sessions[node.name] = session
        return await self._call(session, invocation, min_index or 0)

    def _ok(self, invocation: Invocation, answer: Answer, node: Node, min_index: int | None) -> Completion:
        return Completion(
            type=EventType.OK,
            value=invocation.value if invocation.f == "cas" or answer.value is None else answer.value,
            actual=msgspec.UNSET if answer.matched else answer.value,
            node=node.name,
            log_index=answer.log_index,
            min_index=min_index,
            session=answer.session or self._session,
        )

    def _completion(self, outcome: EventType, node: Node, min_index: int | None, error: str) -> Completion:
        return Completion(type=outcome, node=node.name, min_index=min_index, session=self._session, error=error)
