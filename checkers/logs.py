"""Node logs: a server that stopped by a mistake of its own, or wrote a traceback, is a finding whatever clients saw.

`PATTERNS` are how programs in different languages say that they failed by themselves: Python, Go, Rust, the Java
virtual machine, C and C++ with their sanitizers, Erlang, .NET, Node.js. A system that says so in words of its own adds
patterns; one that writes such words for nothing names what is to be passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from checkers.checker import Budget, Recording
from checkers.events import Event
from checkers.verdict import Anomaly, Result, Verdict

PATTERNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "critical": r"\bCRITICAL\b",
        "traceback": r"^\s*Traceback \(most recent call last\)",
        "go-panic": r"^(?:panic: |fatal error: )|^goroutine \d+ \[running\]|\bpanic\b.*\bruntime error\b",
        "data-race": r"^WARNING: DATA RACE|\bWARNING: ThreadSanitizer: data race\b",
        "rust-panic": r"\bthread '[^']*'(?: \(\d+\))? panicked at\b",
        "java-exception": r"^Exception in thread \"|^# A fatal error has been detected by the Java Runtime Environment"
        r"|\bjava\.lang\.(?:OutOfMemoryError|StackOverflowError|AssertionError)\b",
        "crash": r"\b[Ss]egmentation (?:fault|violation)\b|^terminate called |\(core dumped\)",
        "assertion": r"\b[Aa]ssertion [`'\"].*[`'\"] failed\b|^Assertion failed\b",
        "sanitizer": r"\b(?:Address|Leak|Memory|UndefinedBehavior)Sanitizer\b"
        r"|\bruntime error: .*(?:overflow|null pointer)",
        "erlang-crash": r"=CRASH REPORT====|\bCRASH REPORT Process\b",
        "unhandled-exception": r"^Unhandled exception[.:]|\bUnhandledPromiseRejection\b"
        r"|^Uncaught \w*(?:Error|Exception)\b",
        "out-of-memory": r"\bOut of memory: Kill(?:ed)? process\b|\bmemory allocation of \d+ bytes failed\b",
    }
)
"""Name -> what must not stand in a line of a log (a regular expression, found anywhere in the line)."""
MOST_ANOMALIES: Final = 10


@dataclass(frozen=True)
class NodeLogs:
    """`patterns`: what must not stand in a log. `passed_over`: lines in which one of these is found are no findings.
    Nor are those that the nemesis tells itself: it did harm to a disk, and the server refused to start from that."""

    patterns: Mapping[str, str] = field(default_factory=lambda: PATTERNS)
    passed_over: Sequence[str] = ()
    name: str = "node-logs"

    def check(self, recording: Recording, budget: Budget) -> Result:
        if not recording.logs:
            return Result(checker=self.name, verdict=Verdict.UNKNOWN, reason="there are no logs of the nodes")
        refusals = refused_starts(recording.history.nemesis)
        anomalies = [
            anomaly
            for node in sorted(recording.logs)
            for anomaly in self._found(node, recording.logs[node], refusals[node])
        ]
        return Result(
            checker=self.name,
            verdict=Verdict.INVALID if anomalies else Verdict.VALID,
            anomalies=anomalies[:MOST_ANOMALIES],
            operations=sum(log.count("\n") for log in recording.logs.values()),
            details={
                "anomalies": len(anomalies),
                "promise": "No server stops by a mistake of its own, or writes a traceback.",
            },
        )

    def _found(self, node: str, log: str, refusals: Set[str]) -> Iterator[Anomaly]:
        wanted = [(name, re.compile(pattern)) for name, pattern in self.patterns.items()]
        any_of = re.compile("|".join(f"(?:{pattern})" for pattern in self.patterns.values()) or r"(?!)")
        unwanted = [re.compile(pattern) for pattern in self.passed_over]
        for number, line in enumerate(log.splitlines(), 1):
            if any_of.search(line) and line.strip() not in refusals and not any(p.search(line) for p in unwanted):
                name = next(name for name, pattern in wanted if pattern.search(line))
                yield Anomaly(
                    kind="node-failed",
                    text=f"{node}, line {number} of its log: {line[:300]}",
                    details={"node": node, "line": number, "pattern": name},
                )


def refused_starts(nemesis: Iterable[Event]) -> dict[str, set[str]]:
    """The lines with which servers refused to start, by node: evidence of faults that did harm to their disks."""
    said: dict[str, set[str]] = defaultdict(set)
    for event in nemesis:
        for node, shown in (event.evidence or {}).items():
            if isinstance(shown, dict) and "refuses" in shown:
                said[node].add(shown["refuses"])
    return said
