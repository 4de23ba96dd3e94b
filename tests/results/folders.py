"""Run folders made up for the tests of the report: a cluster imagined well enough to look real, from one seed.

Keys are atomic registers; clients take turns on virtual time; a partition cuts off the leader, clocks jump, a node is
killed and one is paused. Into the invalid run a stale read is put by hand.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from checkers.checker import Budget, Recording
from checkers.events import Event, EventType
from checkers.history import History, encode
from checkers.history import pair as pair_operations
from checkers.invariants import Availability
from checkers.stats import count, latencies

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
NODES = ["n1", "n2", "n3", "n4", "n5"]
BASE_MONO = 9_007_199_254_740_993 + 55
"""A CLOCK_MONOTONIC past the integers that a browser holds."""
FAULTS = [
    ("partition", "isolate-leader", [["n1"], ["n2", "n3", "n4", "n5"]], 0.16, 0.27),
    ("clock", "jump-forward", {"n2": "+200 ms"}, 0.22, 0.40),
    ("kill", "leader", ["n3"], 0.35, 0.44),
    ("pause", "minority", ["n4", "n5"], 0.48, 0.58),
    ("partition", "bridge", [["n1", "n2"], ["n3"], ["n4", "n5"]], 0.55, 0.68),
    ("clock", "strobe", {"n1": "±100 ms", "n4": "±100 ms"}, 0.62, 0.75),
    ("kill", "majority", ["n1", "n2", "n5"], 0.77, 0.80),
]


@dataclass
class Story:
    """A run while it is made up. Events are collected with their time, and numbered at the end."""

    seed: int
    length_ns: int
    events: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def add(self, time: int, **fields: Any) -> None:
        self.events.append((time, len(self.events), fields))

    def numbered(self) -> list[Event]:
        ordered = sorted(self.events, key=lambda item: item[:2])
        return [Event(index=index, time=time, **fields) for index, (time, _, fields) in enumerate(ordered)]

    def disturbed(self, time: int) -> bool:
        return any(begin <= time / self.length_ns <= end for kind, *_, begin, end in FAULTS if kind != "clock")


def clients(story: Story, operations: int, concurrency: int, keys: list[str]) -> None:
    """Operations spread over the run; an unknown outcome retires its process."""
    rng, state, written = story.rng, dict.fromkeys(keys, 0), dict.fromkeys(keys, 0)
    step = story.length_ns * concurrency // max(operations, 1)
    turns = [(int(rng.random() * step), process) for process in range(concurrency)]
    heapq.heapify(turns)
    for log_index in range(operations):
        time, process = heapq.heappop(turns)
        trouble = story.disturbed(time) and rng.random() < 0.08
        took = int(rng.lognormvariate(1.2, 0.5) * MILLISECOND * (40 if trouble else 1))
        key, node = rng.choice(keys), NODES[process % len(NODES)]
        event = {"process": process, "key": key, "node": node}
        f = rng.choices(["read", "write", "cas"], [5, 3, 2])[0]
        outcome = (
            rng.choices([EventType.FAIL, EventType.INFO], [2, 1])[0] if trouble and rng.random() < 0.5 else EventType.OK
        )
        took = min(took, max(step - MILLISECOND, MILLISECOND)) if outcome is EventType.OK else max(took, step // 2)
        call, answer = _values(f, key, state, written, outcome)
        reason = {EventType.OK: {"log_index": log_index + 1}}.get(outcome, {"error": _error(outcome, node)})
        story.add(time, type=EventType.INVOKE, f=f, **event, **call)
        story.add(time + took, type=outcome, f=f, **event, **answer, **reason)
        heapq.heappush(
            turns,
            (
                time + max(int(step * rng.uniform(0.8, 1.2)), took + 1000),
                process + (concurrency if outcome is EventType.INFO else 0),
            ),
        )


def _error(outcome: EventType, node: str) -> str:
    return "timed-out: no answer in 3 s" if outcome is EventType.INFO else f"no-leader: {node} knows none"


def _values(
    f: str, key: str, state: dict[str, int], written: dict[str, int], outcome: EventType
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of invocation and completion."""
    if f == "read":
        return {"value": None, "read": "linearizable"}, {"value": state[key] if outcome is EventType.OK else None}
    written[key] += 1
    if f == "write":
        if outcome is EventType.OK:
            state[key] = written[key]
        return {"value": written[key]}, {"value": written[key]}
    matches = written[key] % 3 != 0
    pair = [state[key] if matches else state[key] + 7, written[key]]
    if outcome is EventType.OK and matches:
        state[key] = written[key]
    return {"value": pair}, {
        "value": pair,
        **({} if matches or outcome is not EventType.OK else {"actual": state[key]}),
    }


def faults(story: Story) -> None:
    for number, (kind, variant, targets, begin, end) in enumerate(FAULTS, 1):
        common = {"process": "nemesis", "f": kind, "fault": f"f{number}"}
        for action, at in (("begin", begin), ("end", end)):
            time = int(at * story.length_ns)
            value = {"action": action, "kind": kind, "variant": variant, "targets": targets}
            story.add(time, type=EventType.INVOKE, value=value, **common)
            story.add(time + 60 * MILLISECOND, type=EventType.OK, value=value, evidence=_evidence(action), **common)
    failed = {"process": "nemesis", "f": "kill", "fault": "f8"}
    value = {"action": "begin", "kind": "kill", "variant": "leader", "targets": []}
    story.add(int(0.7 * story.length_ns), type=EventType.INVOKE, value=value, **failed)
    story.add(int(0.7 * story.length_ns) + 1, type=EventType.FAIL, value=value, error="no-target: nobody led", **failed)


def _evidence(action: str) -> dict[str, Any]:
    cut = action == "begin"
    return {
        "probes": [{"from": "n1", "to": "n2", "reached": not cut, "ms": None if cut else 0.4}],
        "packets_dropped": {"n1": 1042, "n2": 377},
        "rules": "-A INPUT -s 10.0.0.3/32 -j DROP\n-A INPUT -s 10.0.0.4/32 -j DROP",
    }


def stale_read(story: Story) -> dict[str, list[int]]:
    """While the partition isolates n1: a write acknowledged by the others, then a read from n1 of what was before.
    Returns the times of the three invocations."""
    base = int(0.2 * story.length_ns)
    times = [base - int(0.9 * SECOND), base, base + int(0.3 * SECOND)]
    old = {"process": 900, "key": "r0", "node": "n3", "f": "write"}
    new = {"process": 901, "key": "r0", "node": "n2", "f": "write"}
    read = {"process": 902, "key": "r0", "node": "n1", "f": "read", "read": "linearizable"}
    story.add(times[0], type=EventType.INVOKE, value=100041, **old)
    story.add(times[0] + 4 * MILLISECOND, type=EventType.OK, value=100041, log_index=811, **old)
    story.add(times[1], type=EventType.INVOKE, value=100052, **new)
    story.add(times[1] + 7 * MILLISECOND, type=EventType.OK, value=100052, log_index=842, **new)
    story.add(times[2], type=EventType.INVOKE, value=None, **read)
    story.add(times[2] + 2 * MILLISECOND, type=EventType.OK, value=100041, log_index=811, **read)
    return {"times": times}


def leader_at(time: int, length_ns: int) -> list[tuple[str, int]]:
    """(node, term) of those that hold themselves to be leader: n1 is deposed at 0.17 and does not know until 0.25."""
    share = time / length_ns
    held = [("n1", 3, -1.0, 0.25), ("n3", 4, 0.18, 0.35), ("n2", 6, 0.37, 0.55), ("n4", 7, 0.585, 2.0)]
    return [(node, term) for node, term, begin, end in held if begin <= share < end]


def traces(story: Story) -> dict[str, list[dict[str, Any]]]:
    result: dict[str, list[dict[str, Any]]] = {node: [] for node in NODES}
    heard = dict.fromkeys(NODES, 3)
    for time in range(-SECOND, story.length_ns, 250 * MILLISECOND):
        leaders = dict(leader_at(time, story.length_ns))
        for node in NODES:
            term = heard[node] = leaders.get(node, max([heard[node], *leaders.values()]))
            offset = 200 * MILLISECOND if node == "n2" and 0.22 < time / story.length_ns < 0.4 else 0
            if node in ("n1", "n4") and 0.62 < time / story.length_ns < 0.75:
                offset = story.rng.choice([-100, 100]) * MILLISECOND
            record = {
                "mono": BASE_MONO + time,
                "wall": 1_700_000_000 * SECOND + time + offset,
                "node": node,
                "event": "interval",
            }
            role = "leader" if node in leaders else "follower"
            result[node].append({**record, "term": term, "role": role, "commit": 1, "applied": 1, "hash": "ab12"})
    return result


def statuses(story: Story) -> list[dict[str, Any]]:
    rows = []
    for time in range(0, story.length_ns, 500 * MILLISECOND):
        leaders = dict(leader_at(time, story.length_ns))
        for node in NODES:
            down = node in ("n4", "n5") and 0.48 < time / story.length_ns < 0.58
            if down:
                rows.append({"time": time, "node": node, "error": "no answer in 0.5 s"})
                continue
            role = "leader" if node in leaders else "follower"
            rows.append({"time": time, "node": node, "term": leaders.get(node, 3), "role": role, "offset_ns": 120_000})
    return rows


def graded() -> dict[str, Any]:
    """A read mode as the read-consistency checker tells of it."""
    why = "process 2 wrote 5 to r0 at 1.000 s, and then process 2 read 4 from r0 at 1.200 s, the initial value"
    levels = {"linearizable": "no", "sequential": "no", "monotonic reads": "yes", "eventual": "unknown"}
    worst = {"milliseconds": 310.5, "versions": 4, "operations": [3], "text": "process 7 read 41 from r0 on n3"}
    return {
        "mode": "stale",
        "promised": ["monotonic reads"],
        "reached": ["monotonic reads"],
        "verdict": "valid",
        "more": False,
        "levels": [
            {"level": level, "holds": holds, "how": "zones"}
            | ({"why": why, "operations": [3, 9]} if holds == "no" else {})
            for level, holds in levels.items()
        ],
        "staleness": {
            "reads": 2000,
            "stale": 12,
            "milliseconds": {"p50": 0.0, "p95": 0.0, "p99": 7.25, "max": 310.5},
            "versions": {"p50": 0, "p95": 0, "p99": 1, "max": 4},
            "histogram_ms": [[1, 0], [2, 9], [1000, 2], [None, 1]],
            "worst": worst,
            "most_versions": worst,
        },
    }


def verdict(events: list[Event], seed: int, anomalies: list[dict[str, Any]]) -> dict[str, Any]:
    operations = [*pair_operations(events)]
    by_outcome = {name: sum(op.outcome == name for op in operations) for name in ("ok", "fail", "info")}
    word = "invalid" if anomalies else "valid"
    result = {
        "anomalies": [],
        "reason": None,
        "algorithm": None,
        "operations": len(operations),
        "details": {},
        "seconds": 0.4,
    }
    checkers = [
        {**result, "checker": "statistics", "verdict": "valid", "details": {"by_f": count(operations)}},
        {**result, "checker": "linearizability", "verdict": word, "algorithm": "zones", "anomalies": anomalies},
        {**result, "checker": "election-safety", "verdict": "valid"},
        {**result, "checker": "state-machine-safety", "verdict": "valid"},
        {**result, "checker": "no-invented-values", "verdict": "valid"},
        {**result, "checker": "read-consistency", "verdict": "valid", "details": {"modes": [graded()]}},
        {**result, "checker": "faults", "verdict": "valid", "operations": 8},
        msgspec.to_builtins(Availability().check(Recording(History(events)), Budget())),
    ]
    return {
        "verdict": word,
        "run": "made-up",
        "seed": seed,
        "operations": {"total": len(operations), **by_outcome},
        "anomalies": [{"checker": "linearizability", **anomaly} for anomaly in anomalies],
        "checkers": checkers,
        "faults": [
            {"kind": "partition", "asked": 2, "effective": 2, "lifted": 2, "reason": None},
            {"kind": "kill", "asked": 3, "effective": 2, "lifted": 2, "reason": "no-target: nobody led"},
            {"kind": "pause", "asked": 1, "effective": 1, "lifted": 1, "reason": None},
            {"kind": "clock", "asked": 2, "effective": 2, "lifted": 2, "reason": None},
        ],
        "latencies": latencies(operations),
        "seconds": 71.5,
        "phases": [],
    }


def run_json(story: Story, name: str) -> dict[str, Any]:
    length = story.length_ns
    edges = [
        ("quiet beginning", 0, 0.12),
        ("faults", 0.12, 0.82),
        ("healing", 0.82, 0.86),
        ("quiet end", 0.86, 0.97),
        ("final reads", 0.97, 1),
    ]
    return {
        "name": name,
        "version": "0.1.0",
        "created": "2026-03-14T02:00:11Z",
        "seed": story.seed,
        "command": "raftstorm run --bug unconfirmed-reads --time-limit 60 --name made-up",
        "options": {
            "workload": ["register"],
            "nemesis": ["partition", "clock", "kill", "pause"],
            "nodes": 5,
            "concurrency": "2n",
            "rate": 200.0,
            "bug": "unconfirmed-reads",
            "read-mode": None,
        },
        "nodes": [
            {"name": node, "host": "127.0.0.1", "port": 32768 + number, "peer_address": f"172.18.0.{number + 2}:7000"}
            for number, node in enumerate(NODES)
        ],
        "python": "3.11.7",
        "engine": "Docker 20.10.24",
        "wall_base_ns": 1_700_000_000 * SECOND,
        "mono_base_ns": BASE_MONO,
        "phases": [
            {"name": phase, "begin": int(begin * length), "end": int(end * length)} for phase, begin, end in edges
        ],
    }


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(content))


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def make(
    path: Path, *, seed: int = 7, operations: int = 2000, seconds: int = 60, concurrency: int = 10, stale: bool = False
) -> Path:
    """A whole run folder at `path`; with `stale`, one whose verdict tells of a stale read."""
    story = Story(seed, seconds * SECOND)
    clients(story, operations, concurrency, [f"r{number}" for number in range(5)])
    faults(story)
    times = stale_read(story)["times"] if stale else []
    events = story.numbered()
    path.mkdir(parents=True, exist_ok=True)
    (path / "history.jsonl").write_bytes(b"".join(encode(event) for event in events))
    write_json(path / "run.json", run_json(story, path.name))
    write_json(path / "verdict.json", verdict(events, seed, [_stale_anomaly(events, times)] if stale else []))
    write_lines(path / "status.jsonl", statuses(story))
    for node, records in traces(story).items():
        write_lines(path / "nodes" / node / "trace.jsonl", records)
        log = "".join(f"{time / 4:.3f} {node} INFO term 3: heartbeat {time}\n" for time in range(400))
        (path / "nodes" / node / "node.log").write_text(log)
    (path / "harness.log").write_text("cluster up in 3.1 s\n")
    return path


def _stale_anomaly(events: list[Event], times: list[int]) -> dict[str, Any]:
    part = [e.index for e in events if e.type is EventType.INVOKE and e.process in (900, 901, 902)]
    write, read = times[1] / 1e9 + 0.007, times[2] / 1e9
    return {
        "kind": "stale-read",
        "text": f"process 902 read 100041 from r0 at {read:.3f} s, after process 901's write of 100052 had been "
        f"acknowledged at {write:.3f} s; 100041 was written by process 900 before that.",
        "operations": part,
        "key": "r0",
        "details": {"zones": [100041, 100052]},
    }


HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u202eevil\u2028日本語 \"quote' & {{7*7}}"


def write_hostile(path: Path) -> Path:
    """A run in which every text that came from outside tries to break the page."""
    story = Story(3, 20 * SECOND)
    clients(story, 300, 6, [HOSTILE, "k", "日本"])
    faults(story)
    for number, (_, _, fields) in enumerate(story.events):
        _poison(number, fields)
    events = story.numbered()
    path.mkdir(parents=True)
    (path / "history.jsonl").write_bytes(b"".join(encode(event) for event in events))
    anomaly = {"kind": HOSTILE, "text": HOSTILE, "operations": [0, 2, 5, 10**9, "x"], "key": HOSTILE}
    write_json(
        path / "verdict.json", verdict(events, 3, [{**anomaly, "details": {HOSTILE: HOSTILE, "deep": {"a": [1, {}]}}}])
    )
    told = verdict_told(path)
    for row in told["checkers"]:
        for mode in row["details"].get("modes", ()):
            mode |= {"mode": HOSTILE, "reached": [HOSTILE, 7], "more": HOSTILE, "verdict": {}, "promised": HOSTILE}
            mode["levels"] += [{"level": HOSTILE, "holds": HOSTILE, "why": HOSTILE, "operations": [HOSTILE, 2**70]}, 5]
            mode["staleness"] |= {"reads": 2**80, "milliseconds": {HOSTILE: HOSTILE, "p50": float("1e308")}}
            mode["staleness"] |= {
                "histogram_ms": [[HOSTILE, 3], [5, -1], [7], 8, [None, 2]],
                "worst": {"text": HOSTILE},
            }
    write_json(path / "verdict.json", told)
    run = run_json(story, HOSTILE)
    write_json(
        path / "run.json", {**run, "trouble": HOSTILE, "seed": 2**63, "options": {HOSTILE: HOSTILE, "bug": HOSTILE}}
    )
    poll = {"node": HOSTILE, "role": "leader", "term": 3, "offset_ns": 2**62}
    write_lines(path / "status.jsonl", [{"time": 1, **poll}, {"time": 10**9, **poll}, {"node": None}, {"time": "x"}])
    talk = {"event": "send", "node": HOSTILE, "peer": "n1", "message": HOSTILE, "text": HOSTILE, "term": 2**70}
    write_lines(
        path / "messages.jsonl",
        [
            {"time": 10**9, **talk},
            {"time": 2 * 10**9, **talk, "event": "drop"},
            {"time": 2 * 10**9, "event": "role", "node": HOSTILE, "role": HOSTILE, "term": HOSTILE},
            {"time": 2 * 10**9, "event": "commit", "node": "n1", "commit": 2**70},
            {"time": 2 * 10**9, "event": "fault-begin", "fault": HOSTILE, "text": HOSTILE},
            {"time": 3 * 10**9, "event": HOSTILE, "node": 7, "peer": [], "message": {}},
            {"time": 3 * 10**9, "event": "send", "node": [HOSTILE], "peer": {}},
            {"time": HOSTILE, "event": "send"},
        ],
    )
    log = path / "nodes" / "n1" / "node.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"\xff\x00bad\n" + HOSTILE.encode() + b"\n")
    return path


def verdict_told(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode((path / "verdict.json").read_bytes())
    return told


def _poison(number: int, fields: dict[str, Any]) -> None:
    if fields["process"] == "nemesis":
        fields["evidence"] = {HOSTILE: [HOSTILE, {HOSTILE: {HOSTILE: None}}]}
        fields["value"] = {**fields["value"], "targets": {HOSTILE: HOSTILE}, "variant": HOSTILE}
        return
    fields["node"] = HOSTILE
    if fields["f"] == "write":
        fields["value"] = [HOSTILE, 2**53 + 1, 1e308][number % 3]
    if "error" in fields:
        fields["error"] = HOSTILE
