"""The workloads of objects: each against a system in memory that is right, and against one that is wrong in a way that
the workload is for. What is wrong is found by a checker of the workload, with operations that show it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from checkers.events import EventType
from checkers.verdict import Verdict
from harness import generator as gen
from harness.client import Completion
from harness.generator.simulation import simulate
from harness.workload import Workload, WorkloadOptions
from tests.workloads.runs import NODES, OPTIONS, Run
from workloads.append import WORKLOAD as APPEND
from workloads.bank import WORKLOAD as BANK
from workloads.counter import WORKLOAD as COUNTER
from workloads.leases import WORKLOAD as LEASES
from workloads.lock import WORKLOAD as LOCK
from workloads.lock import Turns
from workloads.mutex import WORKLOAD as A_LONG_MUTEX
from workloads.queue import WORKLOAD as QUEUE
from workloads.rw_register import WORKLOAD as RW_REGISTER
from workloads.sessions import WORKLOAD as SESSIONS
from workloads.set import WORKLOAD as SET
from workloads.unique_ids import WORKLOAD as UNIQUE_IDS
from workloads.watch import WORKLOAD as WATCH

MUTEX = replace(A_LONG_MUTEX, operations=lambda *_: Turns(after_unknown=None, busy_s=0.2, mortal=True))
"""Whose holders are through soon."""
ALL: list[Workload] = [SET, COUNTER, QUEUE, LOCK, LEASES, MUTEX, BANK, APPEND, RW_REGISTER, UNIQUE_IDS, SESSIONS, WATCH]


def name(value: object) -> str:
    return str(getattr(value, "name", value))


def mode(read_mode: str) -> WorkloadOptions:
    return WorkloadOptions(read_mode=read_mode, keys=3, ops_per_key=60, call_timeout_s=1.0)


@pytest.mark.parametrize("crashes", [False, True], ids=["calm", "crashes"])
@pytest.mark.parametrize("workload", ALL, ids=name)
def test_a_good_system_is_valid(workload: Workload, crashes: bool, tmp_path: Path) -> None:
    run = Run(workload, tmp_path, crashes=crashes)
    assert set(run.verdicts().values()) == {Verdict.VALID}, [(r.checker, r.reason) for r in run.results.values()]
    assert all(map(workload.owns, run.history.operations))
    assert not any(other.owns(op) for other in ALL if other is not workload for op in run.history.operations)


@pytest.mark.parametrize("read_mode", ["sequential", "stale"])
@pytest.mark.parametrize("workload", [SET, COUNTER, BANK, SESSIONS], ids=name)
def test_weaker_reads_are_not_blamed_for_being_old(workload: Workload, read_mode: str, tmp_path: Path) -> None:
    run = Run(workload, tmp_path, options=mode(read_mode), seconds=2.5)
    assert set(run.verdicts().values()) == {Verdict.VALID}, [(r.checker, r.reason) for r in run.results.values()]


@pytest.mark.parametrize(("workload", "judge"), [(SET, "set-full"), (COUNTER, "counter-bounds")], ids=name)
def test_weaker_reads_judged_as_linearizable_ones_are_found_out(workload: Workload, judge: str, tmp_path: Path) -> None:
    options = replace(mode("stale"), judge_reads="linearizable")
    run = Run(workload, tmp_path, options=options, seconds=2.5)
    assert run.results["linearizable"].verdict is Verdict.INVALID
    assert judge in run.results


WRONG: list[tuple[Workload, str, str]] = [
    (SET, "loses-writes", "set-full"),
    (SET, "loses-writes", "linearizable"),
    (SET, "stale-reads", "linearizable"),
    (SET, "stale-reads", "set-full"),
    (COUNTER, "loses-writes", "counter-bounds"),
    (COUNTER, "loses-writes", "linearizable"),
    (COUNTER, "acts-twice", "linearizable"),
    (COUNTER, "acts-twice", "counter-bounds"),
    (COUNTER, "stale-reads", "counter-bounds"),
    (QUEUE, "loses-writes", "total-queue"),
    (QUEUE, "loses-writes", "linearizable"),
    (QUEUE, "last-in-first-out", "linearizable"),
    (QUEUE, "acts-twice", "total-queue"),
    (LOCK, "gives-held-locks", "fenced-locks"),
    (LOCK, "gives-held-locks", "linearizable"),
    (LOCK, "takes-any-token", "linearizable"),
    (LOCK, "takes-any-token", "fenced-locks"),
    (LEASES, "takes-any-token", "fenced-locks"),
    (LEASES, "repeats-tokens", "fenced-locks"),
    (MUTEX, "gives-held-locks", "fenced-locks"),
    (MUTEX, "takes-any-token", "fenced-locks"),
    (WATCH, "drops-events", "watched-events"),
    (WATCH, "repeats-events", "watched-events"),
    (WATCH, "tells-backwards", "watched-events"),
    (WATCH, "loses-writes", "watched-events"),
    (BANK, "half-transactions", "bank"),
    (BANK, "loses-writes", "bank"),
    (BANK, "acts-twice", "bank"),
    (APPEND, "loses-writes", "list-append"),
    (APPEND, "acts-twice", "list-append"),
    (APPEND, "half-transactions", "list-append"),
    (APPEND, "old-snapshots", "list-append"),
    (RW_REGISTER, "loses-writes", "rw-register"),
    (RW_REGISTER, "half-transactions", "rw-register"),
    (RW_REGISTER, "old-snapshots", "rw-register"),
    (UNIQUE_IDS, "repeats-ids", "unique-ids"),
    (SESSIONS, "forgets-sessions", "exactly-once"),
    (SESSIONS, "acts-twice", "exactly-once"),
    (SESSIONS, "loses-writes", "exactly-once"),
    (SESSIONS, "stale-reads", "linearizable"),
]


@pytest.mark.parametrize(("workload", "bug", "judge"), WRONG, ids=name)
def test_a_bad_system_is_found_out(workload: Workload, bug: str, judge: str, tmp_path: Path) -> None:
    result = Run(workload, tmp_path, bug=bug, seconds=2.5).results[judge]
    assert result.verdict is Verdict.INVALID, result.reason
    assert result.anomalies


@pytest.mark.parametrize("workload", ALL, ids=name)
def test_too_few_operations_say_nothing(workload: Workload, tmp_path: Path) -> None:
    assert Run(workload, tmp_path, seconds=0.02).verdicts()["statistics"] is Verdict.UNKNOWN


@pytest.mark.parametrize("workload", ALL, ids=name)
def test_one_process_alone_does_everything(workload: Workload, tmp_path: Path) -> None:
    run = Run(workload, tmp_path, processes=1, seconds=5.0)
    assert run.verdicts()["statistics"] is Verdict.VALID, run.results["statistics"].reason


# What they do


def outcomes(run: Run) -> Counter[tuple[str, EventType]]:
    return Counter((op.f, op.outcome) for op in run.history.operations)


def test_locks_are_contended_and_change_hands(tmp_path: Path) -> None:
    run = Run(LOCK, tmp_path, seconds=8.0)
    counts = outcomes(run)
    assert counts["acquire", EventType.OK] > 100
    assert counts["acquire", EventType.FAIL] > 100
    assert counts["release", EventType.OK] >= counts["acquire", EventType.OK] - len(run.keys)
    holders = [op.process for op in run.history.operations if op.f == "acquire" and op.outcome is EventType.OK]
    assert len(set(holders)) == 6


def test_leases_run_out_in_the_hands_of_their_holders(tmp_path: Path) -> None:
    run = Run(LEASES, tmp_path, seconds=8.0)
    assert run.results["fenced-locks"].details["overlapping_beliefs"] > 10
    told = Counter(op.completion.error for op in run.history.operations if op.f == "release" and op.completion)
    assert told["not-held"] > 10
    assert told[None] > 50


def test_a_mutex_is_held_for_a_while_and_ends_with_its_holder(tmp_path: Path) -> None:
    run = Run(MUTEX, tmp_path, crashes=True, seconds=8.0)
    locks = {op.value: op for op in run.history.operations if op.f == "acquire" and op.outcome is EventType.OK}
    releases = [op for op in run.history.operations if op.f == "release" and op.invoke.value in locks]
    held = [op.invoke.time - locks[op.invoke.value].invoke.time for op in releases]
    assert max(held) > 0.15e9
    assert {op.process for op in releases if op.process == locks[op.invoke.value].process}
    died = {op.process for op in run.history.operations if op.outcome is EventType.INFO}
    assert died
    assert not [op for op in releases if op.process != locks[op.invoke.value].process], "the next one holds nothing"


def test_a_lock_of_unknown_state_is_given_up(tmp_path: Path) -> None:
    run = Run(LOCK, tmp_path, crashes=True, seconds=8.0)
    unknown = {op.key for op in run.history.operations if op.outcome is EventType.INFO}
    assert unknown
    for key in unknown:
        own = [op for op in run.history.operations if op.key == key]
        first = next(at for at, op in enumerate(own) if op.outcome is EventType.INFO)
        assert len(own) - first < 30


def test_queues_are_empty_in_the_end_and_were_not_always(tmp_path: Path) -> None:
    run = Run(QUEUE, tmp_path)
    drained = {op.key for op in run.history.operations if op.f == "drain" and op.outcome is EventType.OK}
    assert drained == set(run.keys)
    assert outcomes(run)["dequeue", EventType.OK] > 200
    assert outcomes(run)["drain", EventType.OK] == len(run.keys)


def test_transfers_fail_where_there_is_not_enough(tmp_path: Path) -> None:
    run = Run(BANK, tmp_path, seconds=8.0)
    errors = {op.completion.error for op in run.history.operations if op.outcome is EventType.FAIL and op.completion}
    assert errors == {"insufficient"}


@pytest.mark.parametrize("workload", [APPEND, RW_REGISTER], ids=name)
def test_transactions_write_no_value_twice_and_leave_keys_behind(workload: Workload, tmp_path: Path) -> None:
    run = Run(workload, tmp_path, seconds=5.0)
    written = [tuple(step[1:]) for op in run.history.operations for step in op.invoke.value if step[0] != "r"]
    assert len(set(written)) == len(written) > 300
    assert 48 <= max(Counter(key for key, _ in written).values()) < 60
    assert {len(op.value) for op in run.history.operations} >= {1, 2, 3, 4}
    last = [op for op in run.history.operations if op.invoke.time >= run.final_from]
    assert {step[1] for op in last for step in op.value} == set(run.keys)


@pytest.mark.parametrize("workload", [APPEND, RW_REGISTER], ids=name)
def test_what_fails_does_not_use_up_keys(workload: Workload, tmp_path: Path) -> None:
    source = workload.generator(OPTIONS, 6)
    fails = simulate(gen.limit(3000, source), outcome=lambda *_: (0.0, Completion(type=EventType.FAIL)))
    assert {step[1] for event in fails if event.type is EventType.INVOKE for step in event.value} == {
        f"{'append' if workload is APPEND else 'rw'}{number}" for number in range(OPTIONS.keys)
    }


def test_requests_are_sent_again_through_other_nodes_and_answered_alike(tmp_path: Path) -> None:
    run = Run(SESSIONS, tmp_path)
    nodes: dict[tuple[str | None, int], set[str | None]] = {}
    indexes: dict[tuple[str | None, int], set[int | None]] = {}
    for op in run.history.operations:
        if op.f == "add" and op.outcome is EventType.OK and op.completion is not None:
            nodes.setdefault((op.key, op.value), set()).add(op.completion.node)
            indexes.setdefault((op.key, op.value), set()).add(op.completion.log_index)
    assert sum(len(used) == len(NODES) for used in nodes.values()) > 20
    assert all(len(told) == 1 for told in indexes.values())


def test_half_of_the_processes_only_read(tmp_path: Path) -> None:
    run = Run(COUNTER, tmp_path)
    done: dict[int, set[str]] = {}
    for op in run.history.operations:
        done.setdefault(op.process, set()).add(op.f)
    assert [sorted(done[process]) for process in range(6)] == [["add", "read"]] * 3 + [["read"]] * 3
    assert OPTIONS.ops_per_key >= max(Counter(op.key for op in run.history.operations).values()) - 36
