"""Terminal tables and junit.xml: the verdict where there is no browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from results.junit import junit, write_junit
from results.summary import summary
from tests.results.folders import make, write_hostile

RESULT: dict[str, Any] = {"checker": "linearizable", "seconds": 0.5, "operations": 12_345}
STALE = {"kind": "stale-read", "text": "process 7 read 41", "operations": [3, 9], "checker": "linearizable"}
AVAILABILITY = {
    "workloads": [
        {"name": "register", "operations": 1578, "share": 0.99999, "longest_gap_s": 7.264, "longest_gap_from_s": 3.731}
    ],
    "recovery_by_kind": [
        {"kind": "kill", "lifted": 2, "first_ok_ms": {"p50": 12.4, "max": 1050}, "first_write_ms": None}
    ],
}
GRADED = {
    "checker": "register: read-consistency",
    "verdict": "valid",
    "details": {
        "modes": [
            {
                "mode": "stale",
                "verdict": "valid",
                "promised": ["eventual"],
                "reached": ["monotonic reads", "eventual"],
                "more": True,
                "staleness": {"reads": 2000, "stale": 12, "milliseconds": {"p50": 0.0, "p99": 7.25, "max": 310.0}},
            }
        ]
    },
}
OBJECT: dict[str, Any] = {
    "verdict": "invalid",
    "seed": 7,
    "run": "results/runs/x",
    "operations": {"total": 12345, "ok": 12000, "fail": 300, "info": 45},
    "anomalies": [STALE] * 5,
    "checkers": [
        {**RESULT, "verdict": "invalid", "anomalies": [STALE] * 5},
        {**RESULT, "checker": "availability", "verdict": "valid", "details": AVAILABILITY},
        GRADED,
    ],
    "faults": [{"kind": "kill", "asked": 3, "effective": 2, "lifted": 2, "reason": "no-target: nobody led"}],
    "latencies": [{"f": "read", "read": "lease", "count": 900, "p50_ms": 1.25, "p95_ms": 2, "p99_ms": 3, "max_ms": 4}],
}


@pytest.mark.parametrize(
    ("result", "element", "text"),
    [
        ({"verdict": "valid"}, None, None),
        ({"verdict": "invalid", "anomalies": [STALE]}, "failure", "stale-read: process 7 read 41 (events 3, 9)"),
        ({"verdict": "invalid"}, "failure", None),
        ({"verdict": "unknown", "reason": "out of time"}, "error", "out of time"),
        ({"verdict": "invalid", "anomalies": [{"kind": "k", "text": "\x00<&\ud800"}]}, "failure", "k: \ufffd<&\ufffd"),
    ],
)
def test_a_checker_is_a_test_case(result: dict[str, Any], element: str | None, text: str | None) -> None:
    root = ElementTree.fromstring(junit("run", {"checkers": [{**RESULT, **result}]}))
    suite, case = root[0], root[0].find("testcase")
    assert case is not None
    assert [child.tag for child in case] == ([element] if element else [])
    assert not element or (case[0].text or None) == text
    assert (suite.get("failures"), suite.get("errors")) == (
        str(int(element == "failure")),
        str(int(element == "error")),
    )


def test_a_run_without_a_verdict_is_an_error(tmp_path: Path) -> None:
    assert write_junit(tmp_path) == tmp_path / "junit.xml"
    assert ElementTree.parse(tmp_path / "junit.xml").find(".//error") is not None


@pytest.mark.parametrize("folder", [make, write_hostile])
def test_junit_is_xml(tmp_path: Path, folder: Any) -> None:
    root = ElementTree.parse(write_junit(folder(tmp_path / "run"))).getroot()
    assert len(root.findall(".//testcase")) == 8


@pytest.mark.parametrize(
    "words",
    [
        "✗ INVALID, seed 7: results/runs/x",
        "stale-read: process 7 read 41",
        "and 2 more, in the report",
        "5 x stale-read",
        "12,345  12,000       300         45",
        "no-target: nobody led",
        "register: stale  12 of 2,000  0.0 ms  7.2 ms  310.0 ms",
        "(more than was",
        "read lease",
        "1.2 ms",
        "99.9 %  7.264 s, from 3.731 s",
        "12 ms, 1.05 s",
        "never",
        "Report: out/report.html",
    ],
)
def test_the_summary_says(words: str) -> None:
    assert words in summary(OBJECT, Path("out/report.html"), width=100)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = {**OBJECT, "checkers": [{**RESULT, "verdict": "unknown", "reason": "too few operations succeeded " * 9}]}
    assert max(map(len, summary(long, width=width).splitlines())) <= width


def test_an_empty_verdict_has_a_summary() -> None:
    assert summary({}, width=80) == "? NOT JUDGED"
