"""The interpreter, in the virtual world: what is recorded, who takes over from whom, and how a run ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from checkers.events import NEMESIS, Event, EventType
from checkers.history import decode
from harness import generator as gen
from harness.client import Client, Completion, Invocation
from harness.errors import CannotRun
from harness.interpreter import Interpreter, Stuck
from harness.recorder import Recorder
from harness.world import World
from harness.world.virtual import VirtualWorld

Behaviour: TypeAlias = "Callable[[World, Invocation], Awaitable[Completion]]"
Script: TypeAlias = "Callable[[Interpreter], Coroutine[Any, Any, None]]"

READS, WRITES = gen.repeat({"f": "read", "key": "k"}), gen.repeat({"f": "write", "key": "k", "value": 1})


class Scripted:
    """A client that behaves as it is told, and notes when it is opened and closed."""

    def __init__(self, world: World, behaviour: Behaviour, name: int | str, notes: list[str]) -> None:
        self._world, self._behaviour, self._name, self._notes = world, behaviour, name, notes
        notes.append(f"open {name}")

    async def invoke(self, invocation: Invocation) -> Completion:
        return await self._behaviour(self._world, invocation)

    async def close(self) -> None:
        self._notes.append(f"close {self._name}")


class Lab:
    """One interpreter in a virtual world, and all that came of it."""

    def __init__(
        self, path: Path, behaviour: Behaviour, *, concurrency: int = 1, seed: int = 0, nemesis: bool = False
    ) -> None:
        self.world = VirtualWorld(seed)
        self.notes: list[str] = []
        self.logged: list[str] = []
        self._path = path / "history.jsonl"
        self.recorder = Recorder(self._path, self.world.now)

        def open_client(world: World, process: int) -> Client:
            return Scripted(world, behaviour, process, self.notes)

        self.interpreter = Interpreter(
            self.world,
            open_client,
            self.recorder,
            concurrency=concurrency,
            call_timeout_s=2.0,
            nemesis=Scripted(self.world, behaviour, NEMESIS, []) if nemesis else None,
            log=lambda message, error: self.logged.append(f"{message}: {error}"),
        )

    def run(self, *sources: gen.Source) -> list[Event]:
        async def each() -> None:
            for source in sources:
                await self.interpreter.run(source)
            await self.interpreter.close()

        return self.script(each())

    def script(self, coroutine: Coroutine[Any, Any, None]) -> list[Event]:
        self.world.run(coroutine)
        self.recorder.close()
        return list(decode(self._path.read_bytes()).events)


def rows(events: list[Event]) -> list[tuple[float, int | str, str, str]]:
    return [(event.time / 1e9, event.process, event.type.value, event.f) for event in events]


def after(seconds: float, completion: Completion) -> Behaviour:
    async def behave(world: World, invocation: Invocation) -> Completion:
        await world.sleep(seconds)
        return completion

    return behave


OK, FAIL, INFO = (Completion(type=kind) for kind in (EventType.OK, EventType.FAIL, EventType.INFO))


def test_an_operation_is_recorded_before_it_is_sent_and_after_it_was_answered(tmp_path: Path) -> None:
    sent: list[int] = []

    async def behave(world: World, invocation: Invocation) -> Completion:
        sent.append(len((tmp_path / "history.jsonl").read_bytes().splitlines()))
        await world.sleep(0.5)
        return Completion(type=EventType.OK, value=7, node="n2", log_index=3, min_index=2, session="c-0")

    events = Lab(tmp_path, behave).run({"f": "read", "key": "k", "read": "sequential"})
    assert sent == [1]
    shared: dict[str, Any] = {"process": 0, "f": "read", "key": "k", "read": "sequential"}
    answer: dict[str, Any] = {"value": 7, "node": "n2", "log_index": 3, "min_index": 2, "session": "c-0"}
    assert events == [
        Event(index=0, time=0, type=EventType.INVOKE, value=None, **shared),
        Event(index=1, time=500_000_000, type=EventType.OK, **answer, **shared),
    ]


def test_a_completion_without_a_value_has_that_of_its_invocation(tmp_path: Path) -> None:
    events = Lab(tmp_path, after(0, OK)).run({"f": "cas", "key": "k", "value": [1, 2]})
    assert [event.value for event in events] == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("completion", "processes", "notes"),
    [
        pytest.param(OK, [0, 0, 0], ["open 0", "close 0"], id="ok keeps process and client"),
        pytest.param(FAIL, [0, 0, 0], ["open 0", "close 0"], id="fail keeps process and client"),
        pytest.param(
            INFO,
            [0, 2, 4],
            [f"{verb} {process}" for process in (0, 2, 4) for verb in ("open", "close")],
            id="info retires both",
        ),
    ],
)
def test_who_takes_over(completion: Completion, processes: list[int], notes: list[str], tmp_path: Path) -> None:
    lab = Lab(tmp_path, after(1, completion), concurrency=2)
    events = lab.run(gen.reserve((1, gen.limit(3, WRITES)), None))
    assert [event.process for event in events if event.type is EventType.INVOKE] == processes
    assert lab.notes == notes


@pytest.mark.parametrize(
    ("f", "outcome"), [("read", EventType.FAIL), ("write", EventType.INFO), ("cas", EventType.INFO)]
)
def test_a_client_that_raises(f: str, outcome: EventType, tmp_path: Path) -> None:
    async def broken(world: World, invocation: Invocation) -> Completion:
        raise ValueError("not my day")

    lab = Lab(tmp_path, broken)
    events = lab.run(gen.limit(2, gen.repeat({"f": f, "key": "k", "value": None})))
    assert [(event.process, event.type, event.error) for event in events if event.type is not EventType.INVOKE] == [
        (process, outcome, "exception: ValueError: not my day") for process in (0, 1)
    ]
    assert lab.logged == [f"process {process} raised in {f} of k: not my day" for process in (0, 1)]


def test_processes_clients_and_keys_go_on_from_run_to_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path, after(1, INFO), concurrency=2)
    events = lab.run(gen.limit(2, WRITES), gen.limit(2, gen.repeat({"f": "write", "key": "j", "value": 2})))
    assert sorted(event.process for event in events if event.type is EventType.INVOKE) == [0, 1, 2, 3]
    assert lab.interpreter.keys == ("k", "j")


def test_a_client_lives_from_run_to_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path, after(1, OK))
    lab.run(gen.limit(2, READS), gen.limit(1, READS))
    assert lab.notes == ["open 0", "close 0"]


def test_a_time_limit_ends_issuing_and_what_is_in_flight_is_awaited(tmp_path: Path) -> None:
    events = Lab(tmp_path, after(1.5, OK)).run(gen.time_limit(2, WRITES))
    assert rows(events) == [
        (0.0, 0, "invoke", "write"),
        (1.5, 0, "ok", "write"),
        (1.5, 0, "invoke", "write"),
        (3.0, 0, "ok", "write"),
    ]


@pytest.mark.parametrize(("f", "outcome"), [("read", "fail"), ("write", "info")])
def test_what_is_still_in_flight_after_the_call_timeout_is_given_up(f: str, outcome: str, tmp_path: Path) -> None:
    """The second run begins with the next process, and hears nothing of the first's answer, which comes at 5 s."""
    lab = Lab(tmp_path, after(5, OK))
    events = lab.run({"f": f, "key": "k", "value": None}, gen.limit(1, gen.delay(9, WRITES)))
    assert rows(events) == [
        (0.0, 0, "invoke", f),
        (2.0, 0, outcome, f),
        (2.0, 1, "invoke", "write"),
        (4.0, 1, "info", "write"),
    ]
    assert events[1].error == "abandoned: in flight when the run ended"
    assert lab.notes == ["open 0", "close 0", "open 1", "close 1"]


def test_stop_issues_nothing_more_and_drains(tmp_path: Path) -> None:
    lab = Lab(tmp_path, after(1, OK), concurrency=2)

    async def script() -> None:
        running = lab.world.spawn(lab.interpreter.run(READS), name="run")
        await lab.world.sleep(2.5)
        lab.interpreter.stop()
        await running
        lab.interpreter.stop()  # between two runs it means nothing
        await lab.interpreter.run(gen.limit(1, WRITES))
        await lab.interpreter.close()

    events = rows(lab.script(script()))
    assert len(events) == 2 * 2 * 3 + 2
    assert events[-4:-2] == [(3.0, events[-4][1], "ok", "read"), (3.0, events[-3][1], "ok", "read")]
    assert events[-2][0] == 3.0


def test_stop_before_the_first_run_is_heard_there(tmp_path: Path) -> None:
    lab = Lab(tmp_path, after(1, OK))
    lab.interpreter.stop()
    assert rows(lab.run(READS, gen.limit(1, WRITES))) == [(0.0, 0, "invoke", "write"), (1.0, 0, "ok", "write")]


def test_operations_are_issued_when_they_are_due(tmp_path: Path) -> None:
    events = Lab(tmp_path, after(0.1, OK), concurrency=3).run(gen.limit(4, gen.delay(0.25, READS)))
    assert [time for time, _, kind, _ in rows(events) if kind == "invoke"] == [0, 0.25, 0.5, 0.75]


def test_the_nemesis_keeps_its_name(tmp_path: Path) -> None:
    source = gen.clients(gen.limit(1, WRITES), gen.limit(2, gen.repeat({"f": "kill"})))
    events = Lab(tmp_path, after(1, INFO), nemesis=True).run(source)
    completed = [(event.process, event.f) for event in events if event.type is EventType.INFO]
    assert sorted(completed, key=str) == [(NEMESIS, "kill"), (NEMESIS, "kill"), (0, "write")]


def test_phases_wait_for_each_other(tmp_path: Path) -> None:
    events = Lab(tmp_path, after(1, OK), concurrency=3).run(gen.phases(gen.limit(3, WRITES), gen.limit(1, READS)))
    assert [(time, f) for time, _, kind, f in rows(events) if kind == "invoke"] == [(0, "write")] * 3 + [(1, "read")]


def test_a_generator_that_waits_for_what_cannot_come_is_told(tmp_path: Path) -> None:
    class Never:
        def next(self, context: gen.Context) -> gen.Step:
            return gen.PENDING

        def update(self, context: gen.Context, event: Event) -> gen.Generator:
            return self

    with pytest.raises(Stuck):
        Lab(tmp_path, after(1, OK)).run(Never())


def test_a_history_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    async def closes_history(world: World, invocation: Invocation) -> Completion:
        lab.recorder.close()
        return OK

    lab = Lab(tmp_path, closes_history, concurrency=2)
    with pytest.raises(CannotRun, match="is closed"):
        lab.run(READS)


def test_one_seed_one_history(tmp_path: Path) -> None:
    async def uneven(world: World, invocation: Invocation) -> Completion:
        await world.sleep(0.01 * (1 + hash((invocation.process, invocation.time)) % 7))
        return [OK, OK, FAIL, INFO][invocation.time // 1000 % 4]

    def history(seed: int) -> list[Event]:
        place = tmp_path / f"{seed}-{len(list(tmp_path.iterdir()))}"
        place.mkdir()
        mixed = gen.mix([READS, WRITES])
        return Lab(place, uneven, concurrency=5, seed=seed).run(gen.time_limit(5, gen.rate(50, mixed)))

    assert history(1) == history(1)
    assert history(1) != history(2)
    assert len(history(3)) > 100
