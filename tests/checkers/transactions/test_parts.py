"""Parts by themselves: what is compiled does what is written; relations of many to many are what they stand for; and
what no operation can change changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget, NotOfModel, OutOfTime, Recording
from checkers.events import Event, EventType
from checkers.history import History
from checkers.transactions import ListAppend, RwRegister, cycles, list_findings, lists, registers
from checkers.transactions.graph import Edges, Graph, add_process_order, add_realtime_order
from checkers.transactions.table import OK, tabulate
from checkers.transactions.within import future_read, internal_of_lists
from checkers.verdict import Result, Verdict
from tests.checkers.transactions.histories import check_lists, check_registers, history, parse
from tests.checkers.transactions.simulated import LEVELS, Shape, simulate

randoms = st.randoms(use_true_random=False)


def judged(recorded: History, write: str) -> Result:
    return (ListAppend() if write == "append" else RwRegister()).check(Recording(recorded), Budget())


def some(rng: random.Random, write: str, wrong: float = 0.2, txns: int = 12) -> History:
    shape = Shape(write=write, txns=txns, processes=4, wrong=wrong, read_at_end=rng.random() < 0.5)
    return simulate(rng, shape, rng.choice([*LEVELS]))


def summary(result: Result) -> tuple[Any, ...]:
    return result.verdict, result.details["anomalies"], [len(each.operations) for each in result.anomalies]


@pytest.mark.parametrize("write", ["append", "w"])
def test_compiled_loops_do_what_is_written(write: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = [some(random.Random(seed), write, txns=30) for seed in range(25)]
    written = [summary(judged(each, write)) for each in recorded]
    for module in (cycles, lists, registers):
        monkeypatch.setattr(module, "LONG", -1)
    assert [summary(judged(each, write)) for each in recorded] == written


@given(rng=randoms)
@settings(max_examples=25)
def test_suspects_leave_nobody_out(rng: random.Random) -> None:
    table = tabulate(some(rng, "append", wrong=0.4).operations, "append")
    found = set(list_findings.suspects(lists.Lists(table)).tolist())
    guilty = {
        txn
        for txn, operation in enumerate(table.operations)
        if table.outcome[txn] == OK and (internal_of_lists(operation.value) or future_read(operation.value))
    }
    assert guilty <= found


@given(rng=randoms)
@settings(max_examples=25)
def test_orders_are_those_of_the_events(rng: random.Random) -> None:
    """Nodes between transactions stand for exactly the pairs that they should."""
    table = tabulate(some(rng, "append").operations, "append")
    members = np.flatnonzero([rng.random() < 0.8 for _ in range(table.size)])
    for add, same in ((add_realtime_order, False), (add_process_order, True)):
        edges = Edges(table.size)
        add(edges, table, members)
        expected = {
            (one, other)
            for one in members
            for other in members
            if table.returned[one] < table.invoked[other] and (not same or table.process[one] == table.process[other])
        }
        assert reachable(Graph.of(edges, table.size)) == expected


def reachable(graph: Graph) -> set[tuple[int, int]]:
    """Pairs of transactions with a way between them that passes no third."""
    found = set()
    for source in range(graph.txns):
        waiting = [source]
        while waiting:
            node = waiting.pop()
            for target in graph.targets[graph.offsets[node] : graph.offsets[node + 1]].tolist():
                if target < graph.txns:
                    found.add((source, target))
                else:
                    waiting.append(target)
    return found


@given(rng=randoms)
@settings(max_examples=40)
def test_many_to_many_is_all_pairs(rng: random.Random) -> None:
    txns = 40
    many = [np.array(sorted(rng.sample(range(2 * txns), rng.randint(0, 2 * txns)))) for _ in range(2)]
    (a_group, a), (b_group, b) = (np.divmod(each.astype(np.int64), txns) for each in many)
    edges = Edges(txns)
    edges.add_all(a_group, a, b_group, b, 1)
    pairs = {
        (x, y)
        for g, x in zip(a_group.tolist(), a.tolist(), strict=True)
        for h, y in zip(b_group.tolist(), b.tolist(), strict=True)
        if g == h
    }
    both = {x for x, y in pairs if x == y}
    expected = {pair for pair in pairs if pair[0] != pair[1]}
    found = reachable(Graph.of(edges, txns))
    assert found <= expected
    assert {pair for pair in expected if pair[0] not in both} <= found


def dropped(recorded: History, rng: random.Random) -> History:
    """Without a transaction that certainly did not happen and that nobody could have seen."""
    failed = [op for op in recorded.operations if op.outcome is EventType.FAIL and all(s[0] == "r" for s in op.value)]
    if not failed:
        return recorded
    gone = rng.choice(failed)
    assert gone.completion is not None
    indexes = {gone.invoked, gone.completion.index}
    return renumbered([event for event in recorded.events if event.index not in indexes])


def renumbered(events: list[Event]) -> History:
    return History([remade(event, index=index) for index, event in enumerate(events)])


def remade(event: Event, **changes: Any) -> Event:
    fields = {name: getattr(event, name) for name in ("index", "time", "process", "type", "f", "value")}
    return Event(**fields | changes)


def renamed(recorded: History, rng: random.Random) -> History:
    """Keys and values by other names, of other types."""

    def value(what: Any) -> Any:
        if isinstance(what, list):
            return [value(each) for each in what]
        return what if what is None else f"v{what}"

    def steps(event: Event) -> Any:
        return [[f, {"key": key}, value(what)] for f, key, what in event.value]

    return History([remade(event, value=steps(event)) for event in recorded.events])


def shifted(recorded: History, rng: random.Random) -> History:
    return History([remade(event, time=event.time * 7 + 11) for event in recorded.events])


def other_processes(recorded: History, rng: random.Random) -> History:
    return History([remade(event, process=int(event.process) * 3 + 5) for event in recorded.events])


@pytest.mark.parametrize("write", ["append", "w"])
@pytest.mark.parametrize("change", [dropped, renamed, shifted, other_processes])
@given(rng=randoms)
@settings(max_examples=10)
def test_what_changes_nothing(
    change: Callable[[History, random.Random], History], write: str, rng: random.Random
) -> None:
    recorded = some(rng, write)
    assert summary(judged(change(recorded, rng), write)) == summary(judged(recorded, write))


@given(rng=randoms)
@settings(max_examples=25)
def test_fewer_reads_accuse_of_no_more(rng: random.Random) -> None:
    """Reads of registers that are forgotten leave a history with fewer reasons."""
    recorded = some(rng, "w")
    fewer = History([remade(event, value=_without_reads(event, rng)) for event in recorded.events])
    assert set(judged(fewer, "w").details["ruled_out"]) <= set(judged(recorded, "w").details["ruled_out"])


def _without_reads(event: Event, rng: random.Random) -> Any:
    chosen = random.Random(f"{event.process} {event.value and len(event.value)}")
    return [step for step in event.value if step[0] != "r" or chosen.random() < 0.5]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (5, "the value of a transaction is a list of steps"),
        ([["append", "x"]], 'a step of a transaction is ["append", key, value] or ["r", key, null]'),
        ([["w", "x", 1]], 'a step of a transaction is ["append", key, value] or ["r", key, null]'),
        ([[["append"], "x", 1]], 'a step of a transaction is ["append", key, value] or ["r", key, null]'),
        ([["r", "x", 7]], "a read of a list shows a list, not 7"),
    ],
)
def test_what_is_no_transaction_is_said_with_its_event(value: Any, why: str) -> None:
    events = [
        Event(index=at, time=at, process=0, type=kind, f="txn", value=value) for at, kind in enumerate(("invoke", "ok"))
    ]
    events = [remade(event, type=EventType(event.type)) for event in events]
    with pytest.raises(NotOfModel) as caught:
        ListAppend().check(Recording(History(events)), Budget())
    assert caught.value.event == 0
    assert why in caught.value.why


def test_values_that_are_written_twice_leave_it_unknown() -> None:
    assert check_lists(parse("ax1; ax1")).verdict is Verdict.UNKNOWN
    result = check_registers(parse("wx1; wx1"))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == '[key, value] ["x",1] is written twice (events 0 and 1), so that reads do not show by whom'


def test_a_budget_that_is_used_up_ends_it() -> None:
    with pytest.raises(OutOfTime):
        ListAppend().check(Recording(history(parse("ax1 ry1; ay1 rx1"))), Budget(seconds_left=lambda: 0.0))


def test_a_search_that_was_given_up_is_never_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what was not tried nothing is known; what is there all the same still counts."""
    monkeypatch.setattr(cycles, "MOST_PARTS", 0)
    skew, single = parse("0 0-9 rx ay1; 1 0-9 ry ax1"), parse("0 0-9 ax1 ay1; 1 0-9 rx1 ry")
    result = check_lists(skew, "consistent-view")
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "the search for G-single was given up before it had tried everything"
    assert check_lists(skew, "serializable").verdict is Verdict.INVALID
    assert check_lists(single, "consistent-view").details["anomalies"] == {"G-single": 1}


def test_what_was_found_when_time_ran_out_stands() -> None:
    clock = iter([9.0, 9.0, 9.0, 9.0, 9.0, 9.0, *[0.0] * 99])
    skew = Recording(history(parse("0 0-9 ax1 ry1; 1 0-9 ay1 rx1")))
    result = ListAppend().check(skew, Budget(seconds_left=lambda: next(clock)))
    assert result.verdict is Verdict.INVALID
    assert result.details["anomalies"] == {"G1c": 1}
    clock = iter([9.0, 9.0, 9.0, 9.0, *[0.0] * 99])
    result = ListAppend().check(skew, Budget(seconds_left=lambda: next(clock)))
    assert result.verdict is Verdict.UNKNOWN
    assert "G1c" in (result.reason or "")


def test_orders_of_versions_are_named_and_can_be_chosen() -> None:
    stale = parse("0 0-1 wx1; 1 2-3 wx2; 2 4-5 rx1")
    result = check_registers(stale)
    assert "real time (linearizable keys assumed)" in result.details["orders_of_versions"]
    assert check_registers(stale, "serializable").details["anomalies"] == {}
    assert check_registers(stale, "serializable", linearizable_keys=True).details["anomalies"] == {
        "G-single-realtime": 1
    }
    assert check_registers(stale, linearizable_keys=False).verdict is Verdict.VALID


def test_texts_tell_every_edge() -> None:
    (anomaly,) = check_lists(parse("0 0-1 ax1; 1 2-3 rx")).anomalies
    assert anomaly.text == (
        "T1 had returned at 0.010 s (event 1) before T2 was invoked at 0.020 s (event 2); T2 read x as [], without the "
        "1 that T1 appended: T1 would come before itself. T1 (process 0, 0.000 s to 0.010 s: append x 1); T2 (process "
        "1, 0.020 s to 0.030 s: r x [])"
    )
    assert anomaly.operations == [0, 2]
    assert anomaly.key == "x"
    assert [(e["from"], e["to"], e["type"]) for e in anomaly.details["edges"]] == [
        ("T1", "T2", "realtime"),
        ("T2", "T1", "rw"),
    ]


def test_the_shortest_circle_is_told() -> None:
    """Of a long and a short circle in one component, the short one."""
    text = "0 0-9 ax1 rw1; 1 0-9 ay1 rx1; 2 0-9 az1 ry1; 3 0-9 aw1 rz1 rv1; 4 0-9 av1 rw1"
    result = check_lists(parse(text))
    assert result.details["anomalies"] == {"G1c": 1}
    assert len(result.anomalies[0].operations) == 2
