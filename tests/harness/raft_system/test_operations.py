"""Every operation of a session: what it asks, and what it makes of the node's answers. One node, scripted."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from harness.capabilities import Number
from harness.system import Answer, Definite, Indefinite, Refused
from harness.systems.raft.client import RaftKeyValue
from harness.world.virtual import VirtualWorld
from tests.harness.raft_system.test_client import HELLO, SILENCE, FakeNode, ask, refusal

Call = Callable[[RaftKeyValue], Coroutine[Any, Any, Answer]]

READ = {"op": "read", "key": "k", "mode": "stale", "min_index": 3, "timeout_s": 2.0}
STALE: dict[str, Any] = {"mode": "stale", "min_index": 3}
STEPS = [["r", "a", None], ["append", "b", 1]]
DONE = [["r", "a", 5], ["append", "b", 1]]

# what is called | what is asked, without id and session | what the node answers, beside the index | what comes of it
EXCHANGES: list[tuple[Call, dict[str, Any], dict[str, Any], Any]] = [
    (lambda s: s.set_add("k", 1), {"op": "set-add", "key": "k", "element": 1}, {}, 1),
    (lambda s: s.set_remove("k", 1), {"op": "set-remove", "key": "k", "element": 1}, {}, 1),
    (lambda s: s.set_contains("k", 1, **STALE), {**READ, "contains": 1}, {"value": True}, True),
    (lambda s: s.set_read("k", **STALE), READ, {"value": [2, 1]}, [2, 1]),
    (lambda s: s.set_read("k", **STALE), READ, {"value": None}, []),
    (lambda s: s.counter_add("k", -2), {"op": "counter-add", "key": "k", "amount": -2}, {}, -2),
    (lambda s: s.counter_read("k", **STALE), READ, {"value": 7}, 7),
    (lambda s: s.counter_read("k", **STALE), READ, {"value": None}, 0),
    (lambda s: s.enqueue("k", "e"), {"op": "enqueue", "key": "k", "element": "e"}, {}, "e"),
    (lambda s: s.dequeue("k"), {"op": "dequeue", "key": "k"}, {"value": "e"}, "e"),
    (lambda s: s.dequeue("k"), {"op": "dequeue", "key": "k"}, {"value": None}, None),
    (lambda s: s.drain("k"), {"op": "drain", "key": "k"}, {"value": [1]}, [1]),
    (lambda s: s.acquire("k"), {"op": "acquire", "key": "k"}, {"token": 10}, 10),
    (lambda s: s.acquire_for("k", 0.25), {"op": "acquire", "key": "k", "ttl_ms": 250}, {"token": 10}, 10),
    (lambda s: s.release("k", 10), {"op": "release", "key": "k", "token": 10}, {}, 10),
    (lambda s: s.generate(), {"op": "generate"}, {"value": 10}, 10),
    (lambda s: s.transact(STEPS), {"op": "txn", "steps": STEPS}, {"value": DONE}, DONE),
    (
        lambda s: s.read_together(["a", "b"], **STALE),
        {**{k: v for k, v in READ.items() if k != "key"}, "keys": ["a", "b"]},
        {"value": [1, None]},
        [1, None],
    ),
]


@pytest.mark.parametrize(("call", "asked", "says", "value"), EXCHANGES)
def test_exchanges(call: Call, asked: dict[str, Any], says: dict[str, Any], value: Any) -> None:
    world = VirtualWorld()
    fake = FakeNode(world, [{"ok": True, "index": 12, **says}])
    assert ask(world, call) == [Answer(value=value, log_index=12)]
    [request] = fake.requests
    in_session = {} if asked["op"] == "read" else {"session": "c-1", "seq": 1, "opened": HELLO["applied"]}
    assert request == {"id": 1, **asked, **in_session}


@pytest.mark.parametrize("word", ["held", "not-held", "condition-failed", "wrong-type", "out-of-range"])
def test_what_the_state_refuses(word: str) -> None:
    world = VirtualWorld()
    FakeNode(world, [refusal(word, True), refusal(word, False)])
    acquire: Call = lambda s: s.acquire("k")  # noqa: E731
    assert ask(world, acquire, acquire) == [(Refused, word), (Indefinite, word)]


@pytest.mark.parametrize("call", [exchange[0] for exchange in EXCHANGES])
def test_answers_that_make_no_sense(call: Call) -> None:
    world = VirtualWorld()
    FakeNode(world, [{"ok": True}, {"ok": True, "index": "twelve", "value": 1, "token": 1}])
    assert ask(world, call, call) == [(Indefinite, "malformed-answer")] * 2


@pytest.mark.parametrize("value", [7, "e", None, [1], [["r", "x"]]])
def test_another_requests_answer_to_a_transaction(value: Any) -> None:
    """Nodes with the bug answer-overwritten give such."""
    world = VirtualWorld()
    FakeNode(world, [{"ok": True, "index": 12, "value": value}])
    assert ask(world, lambda s: s.transact(STEPS)) == [(Indefinite, "malformed-answer")]


def test_a_numbered_command_is_sent_again_as_it_was() -> None:
    world = VirtualWorld()
    fake = FakeNode(world, [{"ok": True, "index": 12}, {"ok": True, "index": 12}, {"ok": True, "index": 13}])

    async def twice(session: RaftKeyValue) -> Answer:
        number = await session.next_number()
        assert number == Number("c-1", 1, 9)
        for _ in range(2):
            await session.numbered(number).enqueue("k", 1)
        return await session.enqueue("k", 2)

    ask(world, twice)
    assert [(request["element"], request["seq"]) for request in fake.requests] == [(1, 1), (1, 1), (2, 2)]


def test_a_command_in_a_session_of_its_own() -> None:
    """It was opened at the newest log index that was heard of: an old one might have been forgotten."""
    world = VirtualWorld()
    fake = FakeNode(world, [{"ok": True, "index": 12}, {"ok": True, "index": 13}])

    async def alone(session: RaftKeyValue) -> Answer:
        assert await session.next_number("x") == Number("x", 1, 9)
        await session.enqueue("k", 1)
        return await session.numbered(await session.next_number("y")).enqueue("k", 2)

    ask(world, alone)
    assert [(r["session"], r["seq"], r["opened"]) for r in fake.requests] == [("c-1", 1, 9), ("y", 1, 12)]


@pytest.mark.parametrize(("greeting", "word"), [(SILENCE, "no-hello"), ({"hello": "else"}, "connection-refused")])
def test_without_a_node_there_is_no_number(greeting: Any, word: str) -> None:
    world = VirtualWorld()
    FakeNode(world, [], greeting)

    async def number(session: RaftKeyValue) -> Any:
        return await session.next_number()

    assert ask(world, number) == [(Definite, word)]
