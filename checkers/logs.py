"""Node logs: a server that stopped by a mistake of its own, or wrote a traceback, is a finding whatever clients saw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from checkers.checker import Budget, Recording
from checkers.verdict import Anomaly, Result, Verdict

PATTERN: Final = r"\bCRITICAL\b|^Traceback \(most recent call last\)"
MOST_ANOMALIES: Final = 10


@dataclass(frozen=True)
class NodeLogs:
    """`pattern`: what must not stand in a line of a log."""

    pattern: str = PATTERN
    name: str = "node-logs"

    def check(self, recording: Recording, budget: Budget) -> Result:
        if not recording.logs:
            return Result(checker=self.name, verdict=Verdict.UNKNOWN, reason="there are no logs of the nodes")
        anomalies = [anomaly for node in sorted(recording.logs) for anomaly in self._found(node, recording.logs[node])]
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

    def _found(self, node: str, log: str) -> Iterator[Anomaly]:
        wanted = re.compile(self.pattern)
        for number, line in enumerate(log.splitlines(), 1):
            if wanted.search(line):
                yield Anomaly(
                    kind="node-failed",
                    text=f"{node}, line {number} of its log: {line[:300]}",
                    details={"node": node, "line": number},
                )
