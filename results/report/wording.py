"""Verdicts, promises and operations in plain words."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from checkers.events import EventType
from checkers.history import Operation
from checkers.verdict import Verdict
from results.report.values import listing, mapping, mappings, plain, shorten, show

PROMISES: Final = (
    ("list-append", "Some order of the transactions explains every read (strict serializable, or the model named)."),
    ("rw-register", "Some order of the transactions explains every read (strict serializable, or the model named)."),
    ("read-consistency", "The reads of each mode reach the level of consistency that the mode promises."),
    (
        "linearizable-by-index",
        "A read shows the state at its log index, which is none lower than anybody had been told.",
    ),
    ("stale-by-index", "A read shows the state at the log index that its node reports."),
    ("linearizab", "Every operation takes effect at one instant between its call and its answer."),
    ("index", "A read shows the state at the log index that its node reports, and that index never goes back."),
    ("sequential", "All reads fit one order of the writes that keeps the order of each client's own operations."),
    ("follower", "A client reads its own writes on any node, and never sees the state go back."),
    ("session", "A client reads its own writes on any node, and never sees the state go back."),
    ("leader", "A leader's log does not get shorter, and is as long as what was committed before its term."),
    ("election", "At most one node leads in a term; terms never go back; a node votes once a term."),
    ("state-machine", "Nodes that have applied the same log index have applied the same entries."),
    ("invented", "A read returns only what somebody had written by then."),
    ("statistics", "Enough operations of each kind succeed for the run to say something."),
    ("fault", "Every kind of fault that was asked for really took effect."),
    ("run", "The harness itself did all that it set out to do."),
)
"""What a checker holds the cluster to, by a part of the checker's name (after its workload's); the first that fits
counts."""

SYMBOLS: Final = {Verdict.VALID.value: "✓", Verdict.INVALID.value: "✗", Verdict.UNKNOWN.value: "?"}
_OPTIONS_OF_ONE_RUN: Final = ("--name", "--runs", "--seed")


def promise(checker: str, details: Mapping[str, Any]) -> str:
    """A result may bring its own words in details["promise"]."""
    if details.get("promise"):
        return plain(details["promise"], 400)
    name = checker.rsplit(": ", 1)[-1].lower()
    return next((words for part, words in PROMISES if part in name), "")


def headline(verdict: Mapping[str, Any] | None) -> tuple[str, str]:
    """The verdict in a word, and in a sentence."""
    if verdict is None:
        return "Not judged", "The run ended before its history was checked. What was recorded is below."
    results = mappings(verdict.get("checkers"))
    word = verdict.get("verdict")
    if word == Verdict.INVALID:
        return "Invalid", _broken(results)
    if word == Verdict.UNKNOWN:
        return "Unknown", "Nothing was seen to break, but this run does not prove that everything held."
    if word == Verdict.VALID:
        return "Valid", _held(verdict, results)
    return "Not judged", "verdict.json holds no verdict that is known."


def _broken(results: Sequence[Mapping[str, Any]]) -> str:
    broken = [plain(result.get("checker")) for result in results if result.get("verdict") == Verdict.INVALID]
    if not broken:
        return "A promise was broken."
    if len(results) == 1:
        return f"The promise was broken: {broken[0]}."
    were = "was" if len(broken) == 1 else "were"
    return f"{len(broken)} of {len(results)} promises {were} broken: {', '.join(broken)}."


def _held(verdict: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    total = mapping(verdict.get("operations")).get("total", 0)
    effective = sum(row.get("effective") or 0 for row in mappings(verdict.get("faults")))
    faults = f" and {effective:,} faults" if effective else ""
    held = "The promise" if len(results) == 1 else f"All {len(results)} promises"
    return f"{held} held, over {plain(f'{total:,}')} operations{faults}."


def repeat_command(run: Mapping[str, Any]) -> str | None:
    """The command that runs this experiment again, with this run's seed. Its name is taken already, and of several runs
    it was one, so neither is repeated."""
    command, seed = run.get("command"), run.get("seed")
    words = _split(command) if isinstance(command, str) else [str(word) for word in listing(command)]
    if not words:
        return None
    kept = [*_without(words, _OPTIONS_OF_ONE_RUN)]
    return plain(shlex.join([*kept, *(["--seed", str(seed)] if seed is not None else [])]), 4000)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _without(words: Sequence[str], options: Sequence[str]) -> Iterable[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in options:
            skip = True
        elif not word.startswith(tuple(f"{option}=" for option in options)):
            yield word


def label(operation: Operation) -> str:
    """ "write 52", "read → 41", "cas 3→4 saw 7", "read failed": the operation as its client knows it."""
    text = f"{plain(operation.f, 20)} {value_text(operation)}".strip()
    if operation.outcome is EventType.FAIL:
        return f"{text} failed"
    return f"{text} ?" if operation.outcome is EventType.INFO else text


def value_text(operation: Operation, most: int = 60) -> str:
    """The value of a write, the value that a read returned, a compare-and-set as "expected→new"."""
    if operation.f == "cas" and isinstance(operation.value, list | tuple) and len(operation.value) == 2:
        expected, new = (show(part, most) for part in operation.value)
        return f"{expected}→{new}{_seen(operation, most)}"
    if operation.f == "read":
        return f"→ {show(operation.value, most)}" if operation.outcome is EventType.OK else ""
    value = _last_value(operation)
    return _steps(value, most) if operation.f == "txn" and _is_transaction(value) else show(value, most)


def _is_transaction(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(step, list) and len(step) == 3 for step in value)


def _steps(value: Any, most: int) -> str:
    """'append x 3, r y [1,2]'"""
    told = (" ".join([plain(f, 20), plain(key, 20), *([] if what is None else [show(what)])]) for f, key, what in value)
    return shorten(", ".join(told), most)


def _seen(operation: Operation, most: int) -> str:
    completion = operation.completion
    if completion is None or completion.actual is msgspec.UNSET:
        return ""
    return f" saw {show(completion.actual, most)}"


def _last_value(operation: Operation) -> Any:
    """A transaction's values are known when it completes; a write's when it is invoked."""
    completion = operation.completion
    done = completion is not None and completion.type is EventType.OK and completion.value is not None
    return completion.value if done and completion is not None else operation.value


def outcome_words(operation: Operation) -> str:
    if operation.completion is None:
        return "unknown: no completion was recorded"
    error = f" ({plain(operation.completion.error)})" if operation.completion.error else ""
    words = {EventType.OK: "ok", EventType.FAIL: "failed", EventType.INFO: "unknown"}
    return words.get(operation.outcome, "unknown") + error


def seconds_text(nanoseconds: int, decimals: int = 3) -> str:
    """Run time in seconds, cut and not rounded, so that order shows."""
    scale = 10 ** (9 - decimals)
    whole, rest = divmod(abs(nanoseconds) // scale, 10**decimals)
    return f"{'-' if nanoseconds < 0 else ''}{whole}.{rest:0{decimals}d}"


def duration_text(nanoseconds: int) -> str:
    """ "340 µs", "12.3 ms", "1.24 s" """
    if nanoseconds >= 1_000_000_000:
        return f"{nanoseconds / 1e9:.3g} s" if nanoseconds < 100_000_000_000 else f"{nanoseconds / 1e9:.0f} s"
    if nanoseconds >= 1_000_000:
        return f"{nanoseconds / 1e6:.3g} ms"
    return f"{nanoseconds / 1e3:.3g} µs"


def size_text(size_bytes: int) -> str:
    for unit, scale in (("MB", 1 << 20), ("kB", 1 << 10)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:,.1f} {unit}"
    return f"{size_bytes} bytes"
