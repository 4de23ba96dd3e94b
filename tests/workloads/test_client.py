"""What a system's answers and errors mean: the outcome of every kind of operation, as a table."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from checkers.events import EventType
from harness.client import Completion, Invocation
from harness.system import Answer, Definite, Indefinite, Refused
from harness.world import World
from harness.world.virtual import VirtualWorld
from tests.workloads.memory import make_nodes
from workloads.client import client_factory

OK, FAIL, INFO = EventType.OK, EventType.FAIL, EventType.INFO

READ = Invocation(f="read", key="k", read="linearizable")
WRITE = Invocation(f="write", key="k", value=1)
CAS = Invocation(f="cas", key="k", value=[1, 2])


class Fixed:
    """A system whose every session gives one answer, or raises one error."""

    def __init__(self, answer: Answer | Exception) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []
        self.closed = 0

    def connect(self, world: World, node: Any, *, timeout_s: float, session: str) -> Fixed:
        self.calls.append(("connect", node.name, timeout_s, session))
        self.session = session
        return self

    def give(self, *call: Any) -> Answer:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        return self.give("read", key, mode, min_index)

    async def write(self, key: str, value: Any) -> Answer:
        return self.give("write", key, value)

    async def cas(self, key: str, expected: Any, new: Any) -> Answer:
        return self.give("cas", key, expected, new)

    def close(self) -> None:
        self.closed += 1


def invoke(system: Fixed, *invocations: Invocation, process: int = 0, spread: bool = False) -> list[Completion]:
    world = VirtualWorld()
    client = client_factory(system, make_nodes(3), timeout_s=2.0, spread_reads=spread)(world, process)  # type: ignore[arg-type]

    async def each() -> list[Completion]:
        completions = [await client.invoke(invocation) for invocation in invocations]
        await client.close()
        return completions

    return world.run(each())


@pytest.mark.parametrize(
    ("invocation", "answer", "outcome", "value", "actual", "error"),
    [
        (READ, Answer(value=5, log_index=9), OK, 5, msgspec.UNSET, None),
        (READ, Answer(value=None, log_index=9), OK, None, msgspec.UNSET, None),
        (READ, Definite("no-leader"), FAIL, None, msgspec.UNSET, "no-leader"),
        (READ, Indefinite("timeout"), FAIL, None, msgspec.UNSET, "timeout"),
        (WRITE, Answer(log_index=9), OK, 1, msgspec.UNSET, None),
        (WRITE, Definite("unreachable: n1"), FAIL, None, msgspec.UNSET, "unreachable: n1"),
        (WRITE, Indefinite("disconnected"), INFO, None, msgspec.UNSET, "disconnected"),
        (CAS, Answer(value=2, log_index=9), OK, [1, 2], msgspec.UNSET, None),
        (CAS, Answer(matched=False, value=7, log_index=9), OK, [1, 2], 7, None),
        (CAS, Answer(matched=False, value=None, log_index=9), OK, [1, 2], None, None),
        (CAS, Definite("no-leader"), FAIL, None, msgspec.UNSET, "no-leader"),
        (CAS, Indefinite("timeout"), INFO, None, msgspec.UNSET, "timeout"),
        (WRITE, Refused("wrong-type"), FAIL, None, msgspec.UNSET, "wrong-type"),
    ],
)
def test_outcomes(
    invocation: Invocation, answer: Answer | Exception, outcome: EventType, value: Any, actual: Any, error: str | None
) -> None:
    (completion,) = invoke(Fixed(answer), invocation)
    assert (completion.type, completion.value, completion.actual, completion.error) == (outcome, value, actual, error)
    assert (completion.node, completion.session) == ("n1", "c-0")
    assert completion.log_index == (9 if outcome is OK else None)


def test_calls_go_to_the_processes_own_node_over_one_session() -> None:
    system = Fixed(Answer(log_index=1))
    invoke(system, WRITE, READ, CAS, process=4)
    assert system.calls == [
        ("connect", "n2", 2.0, "c-4"),
        ("write", "k", 1),
        ("read", "k", "linearizable", 0),
        ("cas", "k", 1, 2),
    ]
    assert system.closed == 1


def test_spread_reads_go_round_and_writes_stay() -> None:
    system = Fixed(Answer(log_index=1))
    completions = invoke(system, READ, WRITE, READ, READ, READ, WRITE, process=1, spread=True)
    assert [completion.node for completion in completions] == ["n2", "n2", "n3", "n1", "n2", "n2"]
    assert system.closed == 3


@pytest.mark.parametrize(
    ("f", "value", "outcome"),
    [
        ("read", None, FAIL),
        ("contains", 1, FAIL),
        ("txn", [["r", "k", None]], FAIL),
        ("txn", [["r", "k", None], ["w", "k", 1]], INFO),
        ("dequeue", None, INFO),
        ("drain", None, INFO),
        ("acquire", None, INFO),
    ],
)
def test_what_is_only_read_certainly_did_nothing(f: str, value: Any, outcome: EventType) -> None:
    async def call(session: Any, invocation: Invocation, min_index: int) -> Answer:
        raise Indefinite("timeout")

    world = VirtualWorld()
    client = client_factory(Fixed(Answer()), make_nodes(3), call, timeout_s=2.0)(world, 0)  # type: ignore[arg-type]
    assert world.run(client.invoke(Invocation(f=f, value=value))).type is outcome


def test_a_refusal_of_the_state_is_no_reason_to_wait() -> None:
    async def call(session: Any, invocation: Invocation, min_index: int) -> Answer:
        raise Refused("held") if invocation.f == "acquire" else Definite("no-leader")

    for f, waited in (("acquire", False), ("release", True)):
        world = VirtualWorld()
        client = client_factory(Fixed(Answer()), make_nodes(3), call, timeout_s=2.0)(world, 0)  # type: ignore[arg-type]
        world.run(client.invoke(Invocation(f=f)))
        assert (world.now() > 0) is waited


def test_only_sequential_reads_send_the_index() -> None:
    system = Fixed(Answer(log_index=12))
    modes = ["sequential", "stale", "linearizable", "lease", "sequential"]
    completions = invoke(system, *(Invocation(f="read", key="k", read=mode) for mode in modes))
    assert [call[3] for call in system.calls if call[0] == "read"] == [0, 0, 0, 0, 12]
    assert [completion.min_index for completion in completions] == [0, None, None, None, 12]
