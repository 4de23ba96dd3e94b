"""What a session makes of a node's answers and silences: one node, scripted, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite
from harness.systems.raft import SYSTEM
from harness.systems.raft.client import RaftKeyValue
from harness.world import Connection
from harness.world.virtual import VirtualWorld

HELLO = {"hello": "raftstorm", "node": "n1", "version": 1, "applied": 9}
CLOSE, SILENCE = "close", "silence"

Call = Callable[[RaftKeyValue], Coroutine[Any, Any, Answer]]
WRITE: Call = lambda kv: kv.write("k", 5)  # noqa: E731
READ: Call = lambda kv: kv.read("k", mode="sequential", min_index=7)  # noqa: E731
CAS: Call = lambda kv: kv.cas("k", 5, 6)  # noqa: E731


class FakeNode:
    """Says hello, then answers each request with the next line of its script (a dict, bytes as they are, CLOSE or
    SILENCE). The script goes on over all connections; the greetings begin anew with each."""

    def __init__(self, world: VirtualWorld, answers: list[Any], greeting: Any = HELLO) -> None:
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.greeting = greeting
        self._answers = iter(answers)
        self._world = world
        self.server = world.listen("127.0.0.1", 8000, self._serve)

    async def _serve(self, connection: Connection) -> None:
        self.connections += 1
        if not await self._say(connection, self.greeting):
            return
        while True:
            request = msgspec.json.decode(await connection.receive())
            self.requests.append(request)
            answer = next(self._answers)
            if not await self._say(connection, {"id": request["id"], **answer} if type(answer) is dict else answer):
                return

    async def _say(self, connection: Connection, what: Any) -> bool:
        if what == CLOSE:
            return False
        if what == SILENCE:
            await self._world.sleep(1000)
        else:
            connection.send(what if isinstance(what, bytes) else msgspec.json.encode(what) + b"\n")
        return True


def node() -> Node:
    return Node(name="n1", host="127.0.0.1", port=8000, peer_address="10.0.0.1:7000", control=None)  # type: ignore[arg-type]


def ask(world: VirtualWorld, *calls: Call) -> list[Any]:
    """What each call, one after another in one session, answered or raised."""

    async def main() -> list[Any]:
        session = SYSTEM.connect(world, node(), timeout_s=2.0, session="c-1")
        outcomes: list[Any] = []
        for call in calls:
            try:
                outcomes.append(await call(session))
            except (Definite, Indefinite) as error:
                outcomes.append((type(error), str(error)))
        session.close()
        return outcomes

    return world.run(main())


def refusal(error: str, definite: Any) -> dict[str, Any]:
    return {"ok": False, "error": error, "definite": definite, "leader": None}


@pytest.mark.parametrize(
    ("call", "answer", "outcome"),
    [
        (WRITE, {"ok": True, "index": 12}, Answer(value=5, log_index=12)),
        (READ, {"ok": True, "value": None, "index": 7}, Answer(value=None, log_index=7)),
        (CAS, {"ok": True, "index": 13, "matched": True}, Answer(value=6, log_index=13)),
        (CAS, {"ok": True, "index": 13, "matched": False, "value": 4}, Answer(value=4, matched=False, log_index=13)),
        (WRITE, refusal("no-leader", True), (Definite, "no-leader")),
        (WRITE, refusal("overwritten", True), (Definite, "overwritten")),
        (WRITE, refusal("unavailable", False), (Indefinite, "unavailable")),
        (READ, refusal("unavailable", True), (Definite, "unavailable")),
        (READ, refusal("lease-expired", True), (Definite, "lease-expired")),
        # The node's word alone does not make an error definite, nor does the table alone.
        (WRITE, refusal("stale-sequence", True), (Indefinite, "stale-sequence")),
        (WRITE, refusal("invented", True), (Indefinite, "invented")),
        (WRITE, refusal("no-leader", False), (Indefinite, "no-leader")),
        (WRITE, refusal("no-leader", "yes"), (Indefinite, "no-leader")),
        # Answers that make no sense.
        (WRITE, {"ok": True}, (Indefinite, "malformed-answer")),
        (CAS, {"ok": True, "index": 13}, (Indefinite, "malformed-answer")),
        (WRITE, {"ok": False}, (Indefinite, "malformed-answer")),
        (WRITE, b"no JSON\n", (Indefinite, "malformed-answer")),
        (WRITE, b"[]\n", (Indefinite, "malformed-answer")),
        # After sending, silence and broken connections say nothing.
        (WRITE, CLOSE, (Indefinite, "connection-broken")),
        (WRITE, SILENCE, (Indefinite, "timeout")),
        (READ, SILENCE, (Indefinite, "timeout")),
    ],
)
def test_answers(call: Call, answer: Any, outcome: Any) -> None:
    world = VirtualWorld()
    FakeNode(world, [answer])
    assert ask(world, call) == [outcome]


@pytest.mark.parametrize(
    ("greeting", "outcome"),
    [
        (CLOSE, (Definite, "connection-refused")),
        (SILENCE, (Definite, "no-hello")),
        (b"SSH-2.0-OpenSSH\n", (Definite, "connection-refused")),
        ({"hello": "something else"}, (Definite, "connection-refused")),
        ({**HELLO, "applied": "many"}, (Definite, "connection-refused")),
    ],
)
def test_before_hello_nothing_was_sent(greeting: Any, outcome: Any) -> None:
    world = VirtualWorld()
    fake = FakeNode(world, [], greeting)
    assert ask(world, WRITE) == [outcome]
    assert fake.requests == []


def test_nobody_listens() -> None:
    assert ask(VirtualWorld(), WRITE) == [(Definite, "connection-refused")]


def test_a_host_that_drops_everything_is_given_up_in_time() -> None:
    world = VirtualWorld()
    FakeNode(world, []).server.silent = True
    assert ask(world, WRITE)[0][0] is Definite
    assert world.now() <= 2_001_000_000


def test_requests() -> None:
    world = VirtualWorld()
    fake = FakeNode(
        world, [{"ok": True, "index": 10}, {"ok": True, "value": 5, "index": 10}, refusal("no-leader", True)]
    )
    ask(world, WRITE, READ, CAS)
    session = {"session": "c-1", "opened": 9}
    assert fake.connections == 1
    assert fake.requests == [
        {"id": 1, "op": "write", "key": "k", "value": 5, "seq": 1, **session},
        {"id": 2, "op": "read", "key": "k", "mode": "sequential", "min_index": 7, "timeout_s": 2.0},
        {"id": 3, "op": "cas", "key": "k", "expected": 5, "new": 6, "seq": 2, **session},
    ]


@pytest.mark.parametrize("trouble", [CLOSE, SILENCE, b"garbage\n"])
def test_the_next_call_dials_anew_and_the_session_goes_on(trouble: Any) -> None:
    world = VirtualWorld()
    fake = FakeNode(world, [trouble, {"ok": True, "index": 12}])
    first, second = ask(world, WRITE, WRITE)
    assert first[0] is Indefinite
    assert second == Answer(value=5, log_index=12)
    assert fake.connections == 2
    assert [(request["seq"], request["opened"]) for request in fake.requests] == [(1, 9), (2, 9)]


def test_a_node_that_died_meanwhile_is_a_definite_failure() -> None:
    """The broken connection is noticed before anything is sent on it."""
    world = VirtualWorld()
    fake = FakeNode(world, [{"ok": True, "index": 12}])

    async def dies(session: RaftKeyValue) -> Answer:
        fake.server.close()
        await world.sleep(1.0)
        return await session.write("k", 6)

    assert ask(world, WRITE, dies)[1] == (Definite, "connection-refused")
    assert len(fake.requests) == 1


def test_calls_overlap_and_answers_come_in_any_order() -> None:
    world = VirtualWorld()
    held: list[dict[str, Any]] = []

    async def backwards(connection: Connection) -> None:
        connection.send(msgspec.json.encode(HELLO) + b"\n")
        while len(held) < 2:
            held.append(msgspec.json.decode(await connection.receive()))
        for request in reversed(held):
            answer = {"id": request["id"], "ok": True, "value": request["key"] + "!", "index": 1}
            connection.send(msgspec.json.encode({"id": 99, "ok": True}) + b"\n")  # an answer to nobody
            connection.send(msgspec.json.encode(answer) + b"\n")
        await connection.receive()

    world.listen("127.0.0.1", 8000, backwards)

    async def main() -> list[Any]:
        session = SYSTEM.connect(world, node(), timeout_s=2.0, session="c-1")
        reads = [world.spawn(session.read(key, mode="stale"), name=key) for key in ("a", "b")]
        answers = [(await read).value for read in reads]
        session.close()
        return answers

    assert world.run(main()) == ["a!", "b!"]


STATUS = {
    "ok": True,
    "node": "n1",
    "term": 4,
    "role": "leader",
    "leader": "n1",
    "commit": 7,
    "applied": 6,
    "wall": 1_700_000_000_000_000_000,
    "mono": 81_000_000_000,
    "last_index": 8,
    "first_index": 1,
    "version": 1,
}


@pytest.mark.parametrize(("answer", "role"), [(STATUS, "leader"), (SILENCE, None), (CLOSE, None), ({"ok": True}, None)])
def test_status(answer: Any, role: str | None) -> None:
    world = VirtualWorld()
    FakeNode(world, [answer])
    status = world.run(SYSTEM.status(world, node(), timeout_s=1.0))
    assert (status.role if status is not None else None) == role


def test_status_of_a_node_that_is_down() -> None:
    world = VirtualWorld()
    assert world.run(SYSTEM.status(world, node(), timeout_s=1.0)) is None
