"""Round trips in virtual time: a run with drawn faults and made-up operations, as a script, and played again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from checkers.events import Event, EventType
from checkers.history import History, decode
from harness.client import Invocation
from harness.errors import BadInput
from harness.experiment import Experiment
from harness.generator.base import NS
from harness.interpreter import Interpreter
from harness.mixture import Mixture
from harness.nemesis import Command, Nemesis, Stop, Timed, draw_schedule, feed, load_kinds
from harness.recorder import Recorder
from harness.script import Bounds, Script, ScriptedFault, read_script, replayed, write_script
from harness.world.sync import Queue
from harness.world.virtual import VirtualWorld
from tests.nemesis.fakes import FakeCluster
from tests.workloads.memory import MemorySystem, make_nodes
from workloads.follower_reads import WORKLOAD as FOLLOWER_READS
from workloads.register import WORKLOAD as REGISTER

KINDS = load_kinds(["partition", "kill", "pause", "clock"])
EXPERIMENT = Experiment(nodes=5, time_limit=20.0, concurrency="3", rate=20.0, call_timeout=1.0)
NODES = make_nodes(5)
BEGINS_S = 1.5
"""Of the main phase, after the run's time 0."""


@dataclass
class Played:
    history: History
    begins_ns: int
    ends_ns: int

    def script(self, operations: bool = True) -> Script:
        return replayed(self.history, begins_ns=self.begins_ns, ends_ns=self.ends_ns, operations=operations)


def play(folder: Path, seed: int, script: Script | None = None) -> Played:
    """A run of two workloads on a cluster in memory; its faults hit a cluster that is nothing but a record of them."""
    world = VirtualWorld(seed)
    system, cluster = MemorySystem(world, NODES), FakeCluster(world)
    path = folder / f"{seed}-{script is not None}.jsonl"
    with Recorder(path, world.now) as recorder:
        mixture = Mixture([REGISTER, FOLLOWER_READS], EXPERIMENT, script)
        factory = mixture.client_factory(system, NODES)
        interpreter = Interpreter(world, factory, recorder, concurrency=mixture.concurrency, call_timeout_s=1.0)
        nemesis = Nemesis(world, KINDS, cluster.capabilities, recorder, cluster.statuses)

        async def run() -> tuple[int, int]:
            await world.sleep(BEGINS_S)
            begins_ns = world.now()
            drawn = draw_schedule(world.random("nemesis"), KINDS, time_limit_s=EXPERIMENT.time_limit, interval_s=3.0)
            queue: Queue[Command] = Queue(world)
            hunting = world.spawn(nemesis.run(queue), name="nemesis")
            commands: list[Timed] = drawn if script is None else script.commands()
            feeding = world.spawn(feed(world, commands, queue.put), name="feed")
            await interpreter.run(mixture.main(begins_ns))
            ends_ns = world.now()
            feeding.cancel()
            queue.put(Stop())
            await hunting
            await nemesis.heal_all()
            await interpreter.run(mixture.final(5.0, interpreter.keys))
            await interpreter.close()
            return begins_ns, ends_ns

        begins_ns, ends_ns = world.run(run())
    assert cluster.whole
    return Played(decode(path.read_bytes()), begins_ns, ends_ns)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_drawn_is_played_again_exactly(seed: int, tmp_path: Path) -> None:
    first = play(tmp_path, seed).script()
    assert {fault.kind for fault in first.faults} == set(KINDS)
    file = tmp_path / "schedule.toml"
    file.write_text(write_script(first), "utf-8")
    bounds = Bounds(tuple(node.name for node in NODES), EXPERIMENT.time_limit)
    again = read_script(str(file), bounds)
    assert [unnoted(fault) for fault in again.faults] == [unnoted(fault) for fault in first.faults]
    assert again.operations == first.operations
    second = play(tmp_path, seed, again).script()
    # Beginning took as long again, which is a few hundredths of a second.
    assert len(second.faults) == len(first.faults)
    for one, other in zip(first.faults, second.faults, strict=True):
        assert (one.kind, one.exact) == (other.kind, other.exact)
        assert 0 <= other.at_s - one.at_s < 0.05
        # What is kept going ends between two of its steps.
        assert abs(other.until_s - one.until_s) <= other.exact.get("period_s", 0.001)
    # No outcome was unknown, so no process was ever replaced or late.
    assert second.operations == first.operations


def unnoted(fault: ScriptedFault) -> tuple[object, ...]:
    return fault.at_s, fault.until_s, fault.kind, fault.exact


def test_operations_go_to_the_workload_that_owns_their_key(tmp_path: Path) -> None:
    """Process 0 belongs to register, process 5 to follower-reads; each does both."""
    operations = tuple(
        Invocation(f=f, key=key, value=value, read=read, time=number * NS, process=process)
        for number, (process, f, key, value, read) in enumerate(
            [
                (0, "write", "r0", 1, None),
                (0, "write", "f0", 1, None),
                (0, "read", "f0", None, "sequential"),
                (0, "read", "f0", None, "sequential"),
                (5, "write", "r0", 2, None),
                (5, "read", "r0", None, "linearizable"),
                (5, "write", "f0", 2, None),
            ]
        )
    )
    played = play(tmp_path, 1, Script((), operations))
    done = [operation for operation in played.history.operations if operation.invoke.time < 19 * NS]
    assert [operation.outcome for operation in done] == [EventType.OK] * 7
    assert [operation.value for operation in done] == [1, 1, 1, 1, 2, 2, 2]
    spoken_to = [operation.completion.node for operation in done if operation.completion is not None]
    # follower-reads spreads reads over the nodes; everything else goes to the process's own node.
    assert spoken_to == ["n1", "n1", "n1", "n2", "n1", "n1", "n1"]
    sessions = {(op.process, op.key): op.completion.session for op in done if op.completion is not None}
    assert len(set(sessions.values())) == 4


def nemesis(index: int, type: EventType, action: str, time_s: float, f: str = "kill", **more: object) -> Event:
    value = {"action": action, "kind": f, "variant": "one", "targets": ["n2"]}
    return Event(
        index=index, time=round(time_s * NS), process="nemesis", type=type, f=f, value=value, fault="f1", **more
    )


def replay(*events: Event) -> list[tuple[object, ...]]:
    script = replayed(History(events), begins_ns=1 * NS, ends_ns=10 * NS)
    return [unnoted(fault) for fault in script.faults]


BEGUN = nemesis(0, EventType.OK, "begin", 2.5)
HELD = {"nodes": ["n2"]}


def test_a_fault_holds_from_its_proof_to_its_end() -> None:
    asked, ended = nemesis(0, EventType.INVOKE, "begin", 2.0), nemesis(2, EventType.INVOKE, "end", 4.0)
    assert replay(asked, BEGUN, ended) == [(1.5, 3.0, "kill", HELD)]


def test_a_fault_that_never_ends_ends_with_the_main_phase() -> None:
    assert replay(BEGUN) == [(1.5, 9.0, "kill", HELD)]
    assert replay(BEGUN, nemesis(1, EventType.INVOKE, "end", 12.0)) == [(1.5, 9.0, "kill", HELD)]


@pytest.mark.parametrize(
    "event",
    [
        nemesis(0, EventType.FAIL, "begin", 2.5, error="no-target: nobody"),
        nemesis(0, EventType.INFO, "begin", 2.5, error="control: gone"),
        nemesis(0, EventType.OK, "begin", 0.5),
        nemesis(0, EventType.OK, "begin", 11.0),
    ],
)
def test_what_did_not_hold_in_the_main_phase_is_left_out(event: Event) -> None:
    assert replay(event) == []


def test_a_kind_that_is_not_installed() -> None:
    with pytest.raises(BadInput, match="no fault named 'earthquake'"):
        replay(nemesis(0, EventType.OK, "begin", 2.5, f="earthquake"))


def test_a_begin_that_does_not_say_what_it_hit() -> None:
    with pytest.raises(BadInput, match="Event 0 does not say what the partition hit"):
        replay(nemesis(0, EventType.OK, "begin", 2.5, f="partition"))
