"""Safety inside the nodes, judged from their traces: what clients may never have had the luck to see.

Properties of the Raft paper (figure 3) that can be read off what every node writes down about itself
(docs/trace-format.md), and two promises of its persistent state (figure 2):

- Election safety: at most one leader in a term.
- Leader append-only: as long as a node leads a term, its log does not get shorter.
- Leader completeness: whoever leads a term holds all that was committed in earlier terms, so its log is as long.
- State machine safety: nodes that have applied the same index have applied the same entries; their running hashes
  agree. Checkpoints are written at fixed indexes, so that they can be compared.
- A node's term never goes back and it gives one vote a term, from one start of the process to its end. (Not across
  restarts: a term or a vote that a node had taken but not yet synced, and so had told nobody, may be forgotten.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.checker import Budget, Recording
from checkers.verdict import Anomaly, Result, Verdict

Traces = Mapping[str, Sequence[Mapping[str, Any]]]
MOST_ANOMALIES = 10
"""Of one kind: one lost entry changes every hash after it, and the first few say it all."""


@dataclass(frozen=True)
class ElectionSafety:
    name: str = "election-safety"

    def check(self, recording: Recording, budget: Budget) -> Result:
        anomalies = [*_two_leaders(recording.traces), *_broken_promises(recording.traces)]
        return _result(self.name, recording.traces, anomalies)


@dataclass(frozen=True)
class StateMachineSafety:
    name: str = "state-machine-safety"

    def check(self, recording: Recording, budget: Budget) -> Result:
        anomalies = list(_different_states(recording.traces))
        result = _result(self.name, recording.traces, anomalies)
        compared = _compared(recording.traces)
        result.details["indexes_compared"] = compared
        if not compared and len(recording.traces) > 1 and result.verdict is Verdict.VALID:
            result.verdict, result.reason = Verdict.UNKNOWN, "no two nodes wrote down a hash for the same index"
        return result


@dataclass(frozen=True)
class LeaderSafety:
    """What leaders' logs must be. By lengths alone, since traces do not tell what is in a log: the fifth property, log
    matching, is judged by the hashes of what was applied (StateMachineSafety), as far as it was."""

    name: str = "leader-safety"

    def check(self, recording: Recording, budget: Budget) -> Result:
        anomalies = [*_shortened_logs(recording.traces), *_incomplete_leaders(recording.traces)]
        return _result(self.name, recording.traces, anomalies)


def _shortened_logs(traces: Traces) -> Iterator[Anomaly]:
    for node, trace in traces.items():
        led: Mapping[str, Any] | None = None
        for record in trace:
            if record.get("role") != "leader" or "last_index" not in record:
                led = None
                continue
            same = led is not None and (led["term"], led.get("pid")) == (record["term"], record.get("pid"))
            if led is not None and same and record["last_index"] < led["last_index"]:
                yield Anomaly(
                    kind="leader-cut-its-log",
                    text=f"{node}, leading term {record['term']}, had a log up to index {led['last_index']}, and then "
                    f"up to {record['last_index']} (leader append-only, Raft paper, figure 3)",
                    details={"node": node, "term": record["term"], "from": led["last_index"]},
                )
            led = record


def _incomplete_leaders(traces: Traces) -> Iterator[Anomaly]:
    """An index that somebody knew to be committed in a term was committed in that term or an earlier one. Which came
    first in time does not matter, so clocks need not agree."""
    known: dict[int, tuple[int, str]] = {}
    leaders: dict[int, tuple[str, int]] = {}
    for node, record in _records(traces):
        term = record["term"]
        known[term] = max(known.get(term, (0, node)), (record.get("commit", 0), node))
        if record.get("role") == "leader" and "last_index" in record:
            leaders.setdefault(term, (node, record["last_index"]))
    committed, by, when = 0, "", 0
    for term in sorted(known):
        if term in leaders and leaders[term][1] < committed:
            leader, last_index = leaders[term]
            yield Anomaly(
                kind="incomplete-leader",
                text=f"{leader} led term {term} with a log up to index {last_index}, though {by} knew in term {when} "
                f"that index {committed} was committed (leader completeness, Raft paper, figure 3)",
                details={"node": leader, "term": term, "last_index": last_index, "committed": committed},
            )
        if known[term][0] > committed:
            (committed, by), when = known[term], term


def _result(name: str, traces: Traces, anomalies: list[Anomaly]) -> Result:
    records = sum(len(trace) for trace in traces.values())
    if not records:
        return Result(checker=name, verdict=Verdict.UNKNOWN, reason="there are no traces of the nodes")
    return Result(
        checker=name,
        verdict=Verdict.INVALID if anomalies else Verdict.VALID,
        anomalies=anomalies[:MOST_ANOMALIES],
        operations=records,
        details={"anomalies": len(anomalies)},
    )


def _two_leaders(traces: Traces) -> Iterator[Anomaly]:
    leaders: dict[int, str] = {}
    reported: set[tuple[int, str]] = set()
    for node, record in _records(traces):
        if record.get("role") != "leader":
            continue
        term = record["term"]
        other = leaders.setdefault(term, node)
        if other != node and (term, node) not in reported:
            reported.add((term, node))
            yield Anomaly(
                kind="two-leaders",
                text=f"{other} and {node} both led in term {term} (election safety, Raft paper, figure 3)",
                details={"term": term, "nodes": [other, node]},
            )


def _broken_promises(traces: Traces) -> Iterator[Anomaly]:
    for node, trace in traces.items():
        term, pid = 0, None
        votes: dict[int, str] = {}
        for record in trace:
            # Of a killed process the last line may be torn, and the next one's first line, its start, with it.
            if record.get("event") == "start" or record.get("pid") != pid:
                term, votes, pid = 0, {}, record.get("pid")
            if record["term"] < term:
                yield Anomaly(
                    kind="term-went-back",
                    text=f"{node} went back from term {term} to term {record['term']} (persistent state, figure 2)",
                    details={"node": node, "from": term, "to": record["term"]},
                )
            term = record["term"]
            vote = record.get("vote")
            if vote is not None and votes.setdefault(term, vote) != vote:
                yield Anomaly(
                    kind="voted-twice",
                    text=f"{node} voted for {votes[term]} and then for {vote} in term {term} (figure 2, votedFor)",
                    details={"node": node, "term": term, "votes": [votes[term], vote]},
                )
                votes[term] = vote


def _different_states(traces: Traces) -> Iterator[Anomaly]:
    first: dict[int, tuple[str, str]] = {}
    reported: set[str] = set()
    for node, index, digest in _checkpoints(traces):
        other, expected = first.setdefault(index, (node, digest))
        if digest != expected and node not in reported:
            reported.add(node)
            who = f"{node} at two times" if node == other else f"{other} and {node}"
            yield Anomaly(
                kind="different-states",
                text=f"{who} had applied different entries up to index {index} "
                f"(state machine safety, Raft paper, figure 3): hashes {expected} and {digest}",
                details={"index": index, "nodes": [other, node], "hashes": [expected, digest]},
            )


def _compared(traces: Traces) -> int:
    seen: dict[int, set[str]] = {}
    for node, index, _ in _checkpoints(traces):
        seen.setdefault(index, set()).add(node)
    return sum(len(nodes) > 1 for index, nodes in seen.items() if index)


def _checkpoints(traces: Traces) -> Iterator[tuple[str, int, str]]:
    """(node, applied index, hash)."""
    for node, record in _records(traces):
        for index, digest in record.get("checkpoints", ()):
            yield node, index, digest
        if record.get("hash") is not None:
            yield node, record["applied"], record["hash"]


def _records(traces: Traces) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for node, trace in traces.items():
        for record in trace:
            yield node, record
