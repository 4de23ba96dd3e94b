"""Small histories and the anomalies that they show, for lists and for registers (histories.py says how they read)."""

from __future__ import annotations

import pytest

from checkers.transactions.models import STRONGER, not_ruled_out, ruled_out
from checkers.verdict import Verdict
from tests.checkers.transactions.histories import check_lists, check_registers, parse

LISTS = [
    # Nothing, and single operations.
    ("", {}),
    ("0 1-2 ax1; 1 3-4 rx1", {}),
    ("0 1-2 rx; 1 3-4 ax1; 0 5-6 rx1", {}),
    ("0 1-4 ax1; 1 2-3 rx", {}),
    ("0 1-4 ax1; 1 2-3 rx1", {}),
    # Unknown transactions count once somebody has seen them, with all that they wrote.
    ("0 1- ax1 ay1; 1 2-3 rx; 1 4-5 rx", {}),
    ("0 1- ax1 ay1; 1 2-3 rx1; 1 4-5 ry1", {}),
    ("0 1- ax1 ay1; 1 2-3 rx1; 1 4-5 ry", {"G-single-process": 1}),
    ("0 1- ax1 ay1; 1 2-3 rx1; 2 4-5 ry", {"G-single-realtime": 1}),
    ("0 9- ax1; 1 2-3 rx1", {"G1c-realtime": 1}),
    ("0 1-2! ax1; 1 3-4 rx", {}),
    # G0: each wrote before the other.
    ("0 0-9 ax1 ay1; 1 0-9 ax2 ay2; 2 10-11 rx1,2 ry2,1", {"G0": 1}),
    ("0 0-9 ax1 ay1; 1 0-9 ax2 ay2; 2 10-11 rx1,2 ry1,2", {}),
    ("0 0-1 ax1; 0 2-3 ax2; 1 9-10 rx2,1", {"G0-process": 1}),
    ("0 0-1 ax1; 1 2-3 ax2; 2 9-10 rx2,1", {"G0-realtime": 1}),
    # G1c: information in a circle.
    ("0 0-9 ax1 ry1; 1 0-9 ay1 rx1", {"G1c": 1}),
    ("0 0-9 ax1 ry1; 1 0-9 ay1 rx", {}),
    ("0 0-1 rx1; 0 2-3 ax1", {"G1c-process": 1}),
    ("0 0-1 rx1; 1 2-3 ax1", {"G1c-realtime": 1}),
    ("0 0-2 rx1; 1 1-3 ax1", {}),
    # G-single: a circle with one rw.
    ("0 0-9 ax1 ay1; 1 0-9 rx1 ry", {"G-single": 1}),
    ("0 0-9 ax1 ay1; 1 0-9 rx1 ry1", {}),
    ("0 0-1 ax1; 0 2-3 rx", {"G-single-process": 1}),
    ("0 0-1 ax1; 1 2-3 rx", {"G-single-realtime": 1}),
    ("0 0-2 ax1; 1 1-3 rx", {}),
    # G-nonadjacent: several rw, none after another (a long fork)
    ("0 0-9 ax1; 1 0-9 ay1; 2 0-9 rx1 ry; 3 0-9 rx ry1", {"G-nonadjacent": 1}),
    ("0 0-9 ax1; 1 0-9 ay1; 2 0-9 rx1 ry; 3 0-9 rx ry", {}),
    ("0 0-1 ax1; 1 0-1 ay1; 0 2-3 ry; 1 2-3 rx", {"G-nonadjacent-process": 1, "G-single-realtime": 1}),
    ("0 0-1 ax1; 1 0-1 ay1; 2 2-3 ry; 3 2-3 rx", {"G-single-realtime": 1}),
    # G2-item: write skew, and with orders.
    ("0 0-9 rx ay1; 1 0-9 ry ax1", {"G2-item": 1}),
    ("0 0-9 rx ay1; 1 0-9 ry1 ax1", {}),
    ("0 0-1 rx; 0 2-3 ay1; 1 0-1 ry; 1 2-3 ax1", {}),
    ("0 0-1 rx1; 0 2-3 ay1; 1 0-1 ry; 1 2-3 ax1", {"G1c-realtime": 1}),
    ("0 0-1 ax1; 0 2-3 rx1 ry; 1 0-1 ay1; 1 2-3 ry1 rx", {"G-nonadjacent": 1, "G-single-realtime": 1}),
    # Aborted and intermediate reads.
    ("0 1-2! ax1; 1 3-4 rx1", {"G1a": 1}),
    ("0 0-9! ax1; 1 0-9 ax2; 2 10-11 rx1,2", {"G1a": 1, "dirty-update": 1}),
    ("0 0-9 ax1 ax2; 1 0-9 rx1", {"G1b": 1, "G-single": 1}),
    ("0 0-9 ax1 ax2; 1 0-9 rx1,2", {}),
    # Inside one transaction.
    ("0 0-9 ax1 rx", {"internal": 1, "G-single": 0}),
    ("0 0-9 ax1 rx1 ax2 rx1,2", {}),
    ("0 0-9 rx ax1 rx1; 1 0-9 ax2 rx1,2", {}),
    ("0 0-9 ax1 rx2,1; 1 0-9 ax2", {}),
    ("0 0-9 ax1 rx1,2; 1 0-9 ax2", {"internal": 1, "G1c": 1}),
    ("0 0-9 rx rx1; 1 0-9 ax1", {"internal": 1, "G-single": 1}),
    ("0 0-9 rx1 ax1", {"future-read": 1}),
    # Lost updates.
    ("0 0-9 rx ax1; 1 0-9 rx ax2; 2 10-11 rx1,2", {"lost-update": 1, "G-single": 1}),
    ("0 0-9 rx ax1; 1 0-9 rx ax2", {"lost-update": 1, "G2-item": 1}),
    ("0 0-9 rx ax1; 1 0-9 rx1 ax2", {}),
    # Lists that are no lists of appends.
    ("0 0-9 ax1; 1 0-9 rx1,1", {"duplicate-elements": 1}),
    ("0 0-9 ax1; 1 0-9 rx7", {"garbage-read": 1}),
    ("0 0-9 ax1; 1 0-9 ax2; 2 0-9 rx1; 3 0-9 rx2", {"incompatible-order": 1}),
    ("0 0-9 ax1; 1 0-9 ax2; 2 0-9 rx1; 3 0-9 rx1,2", {}),
]

REGISTERS = [
    ("", {}),
    ("0 1-2 wx1; 1 3-4 rx1", {}),
    ("0 1-4 wx1; 1 2-3 rx", {}),
    ("0 1- wx1 wy1; 1 2-3 rx1; 1 4-5 ry1", {}),
    ("0 1- wx1 wy1; 1 2-3 rx1; 1 4-5 ry", {"G-single-process": 1}),
    ("0 0-9 wx1 ry1; 1 0-9 wy1 rx1", {"G1c": 1}),
    ("0 0-9 wx1 ry1; 1 0-9 wy1 rx", {}),
    ("0 0-1 rx1; 0 2-3 wx1", {"G1c-process": 1}),
    ("0 0-1 rx1; 1 2-3 wx1", {"G1c-realtime": 1}),
    ("0 0-9 wx1 wy1; 1 0-9 rx1 ry", {"G-single": 1}),
    ("0 0-9 wx1 wy1; 1 0-9 rx1 ry1", {}),
    ("0 0-1 wx1; 0 2-3 rx", {"G-single-process": 1}),
    ("0 0-1 wx1; 1 2-3 rx", {"G-single-realtime": 1}),
    # Stale reads of what was written over: the order of the versions is known by process or in time alone.
    ("0 0-1 wx1; 0 2-3 wx2; 0 4-5 rx1", {"G-single-process": 1}),
    ("0 0-1 wx1; 1 2-3 wx2; 2 4-5 rx1", {"G-single-realtime": 1}),
    ("0 0-1 wx1; 1 2-6 wx2; 2 4-5 rx1", {}),
    ("0 0-9 wx1; 1 0-9 wx2; 2 10-11 rx1; 2 12-13 rx2; 2 14-15 rx1", {"G-single-process": 1}),
    ("0 0-9 wx1; 1 0-9 wx2; 2 10-11 rx1; 3 12-13 rx2; 4 14-15 rx1", {"G-single-realtime": 1}),
    ("0 0-9 wx1; 1 0-9 wy1; 2 0-9 rx1 ry; 3 0-9 rx ry1", {"G-nonadjacent": 1}),
    ("0 0-9 rx wy1; 1 0-9 ry wx1", {"G2-item": 1}),
    ("0 1-2! wx1; 1 3-4 rx1", {"G1a": 1}),
    ("0 0-9! wx1; 1 0-9 rx1 wx2", {"G1a": 1, "dirty-update": 1}),
    ("0 0-9 wx1 wx2; 1 0-9 rx1", {"G1b": 1}),
    ("0 0-9 wx1 wx2; 1 0-9 rx2", {}),
    ("0 0-9 wx1 rx", {"internal": 1}),
    ("0 0-9 wx1 rx1 wx2 rx2", {}),
    ("0 0-9 rx rx1; 1 0-9 wx1", {"internal": 1, "G-single": 1}),
    ("0 0-9 rx1 wx1", {"future-read": 1}),
    ("0 0-9 rx wx1; 1 0-9 rx wx2", {"lost-update": 1, "G2-item": 1}),
    ("0 0-9 wx1; 1 0-9 rx1 wx2; 2 0-9 rx1 wx3", {"lost-update": 1, "G2-item": 1}),
    ("0 0-9 rx wx1; 1 0-9 rx1 wx2", {}),
    ("0 0-9 wx1; 1 0-9 rx7", {"garbage-read": 1}),
    ("0 0-9 rx1 wx2; 1 0-9 rx2 wx1", {"cyclic-versions": 1, "G1c": 1}),
    # ww from a write that follows a read: T1 wrote x, T2 wrote over it; T2 wrote y, T1 wrote over that.
    ("0 0-9 wx1 ry1 wy2; 1 0-9 wy1 rx1 wx2", {"G0": 1}),
]


@pytest.mark.parametrize(("text", "anomalies"), LISTS)
def test_lists(text: str, anomalies: dict[str, int]) -> None:
    result = check_lists(parse(text))
    assert result.details["anomalies"] == {kind: count for kind, count in anomalies.items() if count}
    assert result.verdict is (Verdict.INVALID if anomalies else Verdict.VALID)


@pytest.mark.parametrize(("text", "anomalies"), REGISTERS)
def test_registers(text: str, anomalies: dict[str, int]) -> None:
    result = check_registers(parse(text))
    assert result.details["anomalies"] == anomalies
    assert result.verdict is (Verdict.INVALID if anomalies else Verdict.VALID)


@pytest.mark.parametrize(
    ("text", "promised", "verdict", "beside"),
    [
        ("0 0-9 rx ay1; 1 0-9 ry ax1", "serializable", Verdict.INVALID, []),
        ("0 0-9 rx ay1; 1 0-9 ry ax1", "snapshot-isolation", Verdict.VALID, ["G2-item"]),
        ("0 0-1 ax1; 1 2-3 rx", "strong-session-serializable", Verdict.VALID, ["G-single-realtime"]),
        ("0 0-1 ax1; 1 2-3 rx", "PL-SS", Verdict.INVALID, []),
        ("0 1-2! ax1; 1 3-4 rx1", "read-uncommitted", Verdict.VALID, ["G1a"]),
        ("0 1-2! ax1; 1 3-4 rx1", "read-committed", Verdict.INVALID, []),
        ("0 0-9 ax1 rx", "read-committed", Verdict.VALID, ["internal"]),
    ],
)
def test_what_does_not_break_the_promise_stands_beside_it(
    text: str, promised: str, verdict: Verdict, beside: list[str]
) -> None:
    result = check_lists(parse(text), promised)
    assert result.verdict is verdict
    assert [anomaly["kind"] for anomaly in result.details["beside"]] == beside
    assert bool(result.anomalies) == (verdict is Verdict.INVALID)


@pytest.mark.parametrize(
    ("anomaly", "left"),
    [
        ("G0", set()),
        ("garbage-read", set()),
        ("G0-process", {"serializable"}),
        ("G0-realtime", {"strong-session-serializable"}),
        ("G1a", {"strong-read-uncommitted"}),
        ("G1c", {"strong-read-uncommitted"}),
        ("internal", {"repeatable-read", "update-serializable"}),
        ("lost-update", {"monotonic-view"}),
        ("G-single", {"parallel-snapshot-isolation", "strong-read-committed"}),
        ("G-nonadjacent", {"update-serializable"}),
        ("G2-item", {"strong-snapshot-isolation", "update-serializable"}),
        ("G2-item-process", {"serializable", "strong-snapshot-isolation"}),
        ("G2-item-realtime", {"strong-session-serializable", "strong-snapshot-isolation"}),
        ("G-single-realtime", {"strong-session-serializable", "strong-read-committed"}),
    ],
)
def test_models_that_an_anomaly_leaves(anomaly: str, left: set[str]) -> None:
    assert left <= not_ruled_out([anomaly])
    assert not set(not_ruled_out([anomaly])) & ruled_out([anomaly])


def test_what_rules_out_a_model_rules_out_the_stronger_ones() -> None:
    for anomaly in ("G0", "G1b", "internal", "lost-update", "G-single-process", "G2-item"):
        found = ruled_out([anomaly])
        assert all(model in found for model, weaker in STRONGER.items() if found & set(weaker))
