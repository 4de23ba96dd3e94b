"""Both workloads, run whole in the virtual world against a system in memory, and judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.events import EventType
from checkers.verdict import Verdict
from harness.workload import Workload, WorkloadOptions
from tests.workloads.runs import NODES, OPTIONS, Run
from workloads.follower_reads import WORKLOAD as FOLLOWER_READS
from workloads.register import WORKLOAD as REGISTER


def options_for(mode: str | None) -> WorkloadOptions:
    return WorkloadOptions(read_mode=mode, keys=3, ops_per_key=60, call_timeout_s=1.0)


REGISTER_LIKE = ["linearizable", "linearizable-by-index", "read-consistency", "statistics"]
SEQUENTIAL = ["linearizable-writes", "sequential-by-index", "sequential-by-value", "read-consistency", "statistics"]
STALE = ["linearizable-writes", "no-invented-values", "stale-by-index", "read-consistency", "statistics"]


@pytest.mark.parametrize("crashes", [False, True], ids=["calm", "crashes"])
@pytest.mark.parametrize(
    ("workload", "mode", "judges"),
    [
        (REGISTER, None, REGISTER_LIKE),
        (REGISTER, "sequential", SEQUENTIAL),
        (REGISTER, "stale", STALE),
        (FOLLOWER_READS, None, SEQUENTIAL),
        (FOLLOWER_READS, "linearizable", REGISTER_LIKE),
        (FOLLOWER_READS, "stale", STALE),
    ],
    ids=lambda value: getattr(value, "name", value if isinstance(value, str | None) else ""),
)
def test_a_good_system_is_valid(
    workload: Workload, mode: str | None, judges: list[str], crashes: bool, tmp_path: Path
) -> None:
    run = Run(workload, tmp_path, options=options_for(mode), crashes=crashes)
    assert run.verdicts() == dict.fromkeys(judges, Verdict.VALID), [r.reason for r in run.results.values()]
    assert all(map(workload.owns, run.history.operations))


@pytest.mark.parametrize(
    ("workload", "bug", "judge"),
    [
        (REGISTER, "stale-reads", "linearizable"),
        (REGISTER, "stale-reads", "linearizable-by-index"),
        (REGISTER, "stale-reads", "read-consistency"),
        (REGISTER, "loses-writes", "linearizable"),
        (FOLLOWER_READS, "ignores-index", "sequential-by-index"),
        (FOLLOWER_READS, "ignores-index", "sequential-by-value"),
        (FOLLOWER_READS, "ignores-index", "read-consistency"),
        (FOLLOWER_READS, "loses-writes", "sequential-by-value"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_bad_system_is_found_out(workload: Workload, bug: str, judge: str, tmp_path: Path) -> None:
    result = Run(workload, tmp_path, bug=bug).results[judge]
    assert result.verdict is Verdict.INVALID
    assert result.anomalies


@pytest.mark.parametrize("workload", [REGISTER, FOLLOWER_READS], ids=lambda workload: workload.name)
def test_stale_reads_judged_as_linearizable_ones_are_found_out(workload: Workload, tmp_path: Path) -> None:
    """As stale reads they are what they promise."""
    run = Run(workload, tmp_path, options=replace(options_for("stale"), judge_reads="linearizable"))
    assert list(run.results) == REGISTER_LIKE
    assert run.results["linearizable"].anomalies
    assert run.results["read-consistency"].verdict is Verdict.INVALID


def test_too_few_operations_say_nothing(tmp_path: Path) -> None:
    run = Run(REGISTER, tmp_path, seconds=0.05)
    assert run.verdicts()["statistics"] is Verdict.UNKNOWN


# What the register workload does


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(REGISTER, tmp_path_factory.mktemp("register"), seconds=15.0)


@pytest.fixture(scope="module")
def follower_reads(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(FOLLOWER_READS, tmp_path_factory.mktemp("follower-reads"), seconds=5.0, crashes=True)


def test_shares_of_reads_writes_and_compare_and_sets(register: Run) -> None:
    main = Counter(op.f for op in register.history.operations if op.invoke.time < register.final_from)
    shares = {f: round(count / main.total(), 2) for f, count in main.items()}
    assert shares == pytest.approx({"read": 0.5, "write": 0.35, "cas": 0.15}, abs=0.03)


def test_compare_and_sets_match_often_and_not_always(register: Run) -> None:
    matched = [op.matched for op in register.history.operations if op.f == "cas" and op.outcome is EventType.OK]
    assert 0.5 < sum(matched) / len(matched) < 0.95


def test_values_never_repeat_within_a_key(register: Run) -> None:
    written: dict[str | None, list[int]] = defaultdict(list)
    for op in register.history.operations:
        if op.f in ("write", "cas"):
            written[op.key].append(op.value if op.f == "write" else op.value[1])
    assert all(len(values) == len(set(values)) for values in written.values())


def test_keys_are_used_up_and_replaced(register: Run) -> None:
    main = Counter(op.key for op in register.history.operations if op.invoke.time < register.final_from)
    assert set(register.keys) == {f"r{number}" for number in range(len(main))}
    assert max(main.values()) == OPTIONS.ops_per_key
    assert sum(count < OPTIONS.ops_per_key for count in main.values()) <= OPTIONS.keys


def test_every_node_answers_for_every_key(register: Run) -> None:
    used = {(op.key, op.completion.node) for op in register.history.operations if op.completion is not None}
    assert {(key, node.name) for key in register.keys[:-3] for node in NODES} <= used


def test_a_process_keeps_to_its_node(register: Run) -> None:
    for op in register.history.operations:
        assert op.completion is not None
        assert op.completion.node == NODES[op.process % 3].name


def test_final_reads_ask_every_node_for_every_key_in_use(register: Run) -> None:
    final = [op for op in register.history.operations if op.invoke.time >= register.final_from]
    assert {op.f for op in final} == {"read"}
    asked = {(op.key, op.completion.node) for op in final if op.completion is not None}
    assert asked == {(key, node.name) for key in register.keys[-6:] for node in NODES}


# What the follower-reads workload does


def test_reads_go_round_all_nodes_and_writes_do_not(follower_reads: Run) -> None:
    nodes: dict[tuple[int, str], set[Any]] = defaultdict(set)
    for op in follower_reads.history.operations:
        assert op.completion is not None
        nodes[op.process, op.f].add(op.completion.node)
    everyone = {node.name for node in NODES}
    assert all(len(used) == 1 for (_, f), used in nodes.items() if f == "write")
    assert nodes[0, "read"] == nodes[1, "read"] == everyone


def test_sequential_reads_carry_the_highest_index_seen(follower_reads: Run) -> None:
    highest: dict[int, int] = defaultdict(int)
    checked = 0
    for event in follower_reads.history.events:
        if event.type is EventType.INVOKE or not isinstance(event.process, int):
            continue
        if event.f == "read":
            assert event.read == "sequential"
            assert event.min_index == highest[event.process]
            checked += event.min_index > 0
        if event.type is EventType.OK:
            highest[event.process] = max(highest[event.process], event.log_index or 0)
    assert checked > 200
    sent = [request["min_index"] for request in follower_reads.system.requests if request["op"] == "read"]
    assert max(sent) > 100


def test_crashes_leave_unknown_writes_and_failed_reads(follower_reads: Run) -> None:
    outcomes = Counter((op.f, op.outcome) for op in follower_reads.history.operations)
    assert ("read", EventType.INFO) not in outcomes
    assert outcomes["read", EventType.FAIL] > 0
    assert outcomes["write", EventType.INFO] + outcomes["write", EventType.FAIL] > 0
    sessions = {(event.process, event.session) for event in follower_reads.history.events if event.session}
    assert sessions == {(process, f"c-{process}") for process, _ in sessions}


def test_one_seed_one_history(tmp_path: Path) -> None:
    def bytes_of(seed: int, name: str) -> bytes:
        folder = tmp_path / name
        folder.mkdir()
        return msgspec.json.encode(Run(FOLLOWER_READS, folder, seed=seed, crashes=True).history.events)

    assert bytes_of(1, "one") == bytes_of(1, "again")
    assert bytes_of(1, "once-more") != bytes_of(2, "other")
