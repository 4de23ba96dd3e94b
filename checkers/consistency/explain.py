"""From a circle to a small contradiction in words.

The wishes that the circle is made of, with what makes each a wish, and the writes that make time say what it says, are
a first set of operations that contradict each other. Of these, any may be left out as long as the rest still do: to
leave out a write leaves its reads with nothing to say, which contradicts nobody. So what is left is minimal, and
nothing has been invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from checkers.checker import Budget
from checkers.consistency.levels import Level
from checkers.consistency.pasts import server_of
from checkers.consistency.record import INITIAL, Record
from checkers.consistency.refute import circle
from checkers.consistency.shrink import shrink
from checkers.consistency.words import MOST_TOLD, did
from checkers.consistency.write_order import Circle, Wanted
from checkers.history import READS
from checkers.linearizability import words
from checkers.verdict import Anomaly

_MUST: Final = {
    Level.READ_YOUR_WRITES: "a process must read what it wrote itself",
    Level.MONOTONIC_READS: "a process must not read what is older than what it had read",
    Level.MONOTONIC_WRITES: "who sees a write must see what its writer had written before",
    Level.WRITES_FOLLOW_READS: "who sees a write must see what its writer had read before",
    Level.CAUSAL: "who sees something must see what came before it",
}


def explain(record: Record, level: Level, found: Circle, budget: Budget) -> Anomaly:
    chosen = set(found.members)
    for wish in found.wanted:
        chosen |= set(_grounds(record, level, wish))
        chosen |= {wish.first, wish.read, wish.then} - {INITIAL}
    chosen |= {s for n in list(chosen) if (s := record.source.get(n, INITIAL)) != INITIAL and _is_read(record, n)}
    small = shrink(sorted(chosen), lambda some: circle(record.part(some), level, budget) is not None)
    part = record.part(small)
    again = circle(part, level, Budget())
    assert again is not None, "the grounds of a circle make a circle"
    return Anomaly(
        kind="not-" + level.value.replace(" ", "-"),
        key=_one_key(part),
        operations=[step.operation.invoked for step in part.steps],
        text=_text(part, level, again),
    )


def invented(record: Record, number: int) -> Anomaly:
    operation = record.steps[number].operation
    return Anomaly(
        kind="invented-value",
        key=operation.key,
        operations=[operation.invoked],
        text=f"{did(operation)}, a value that nobody had written by then",
    )


def _is_read(record: Record, number: int) -> bool:
    return record.steps[number].operation.f in READS


def _one_key(record: Record) -> str | None:
    keys = {step.key for step in record.steps}
    return keys.pop() if len(keys) == 1 else None


def _grounds(record: Record, level: Level, wish: Wanted) -> Sequence[int]:
    """Steps from the first write to the read which show that the read must have seen the write; both ends included."""
    first, read = wish.first, wish.read
    if level is Level.READ_YOUR_WRITES:
        return [first, read]
    if level is Level.MONOTONIC_READS:
        return [first, next(n for n in reversed(record.before(read)) if record.source.get(n) == first), read]
    if level is Level.CAUSAL:
        return _path(record, read, first)
    if level is Level.MONOTONIC_WRITES:
        return _same_writer(record, first, read)
    return _read_before(record, first, read)


def _causes(record: Record, number: int) -> Iterator[int]:
    """What directly precedes a step."""
    source = record.source.get(number, INITIAL)
    if source != INITIAL:
        yield source
    yield from record.before(number)[-1:]


def _from_same_server(record: Record, read: int) -> list[int]:
    """The session's reads until this one that the same server answered, the latest first."""
    server = server_of(record, read)
    own = [read, *reversed(record.before(read))]
    return [n for n in own if _is_read(record, n) and n in record.source and server_of(record, n) == server]


def _same_writer(record: Record, first: int, read: int) -> Sequence[int]:
    """By a read from the same server of something that the same session wrote after `first`."""
    session = record.sessions[record.steps[first].session]
    later = set(session[record.position[first] + 1 :])
    sight = next(n for n in _from_same_server(record, read) if record.source[n] in later)
    return list(dict.fromkeys([first, record.source[sight], sight, read]))


def _read_before(record: Record, first: int, read: int) -> Sequence[int]:
    """By a read from the same server of something whose session had read `first` before, or had read before what was
    written by a session that had, and so on. Of each session what was told already is not told again: O(n) in all."""
    way: dict[int, tuple[int, ...]] = {}
    """Write -> the steps that lead from it to what it was found by, without itself."""
    for sight in _from_same_server(record, read):
        way.setdefault(record.source[sight], (sight, read) if sight != read else (read,))
    told: dict[int, int] = {}
    queue = [write for write in way if write != INITIAL]
    for write in queue:
        session, end = record.steps[write].session, record.position[write] + 1
        for number in record.sessions[session][told.get(session, 0) : end]:
            source = record.source.get(number, INITIAL)
            if source == first:
                return [first, *dict.fromkeys((number, write, *way[write]))]
            if source not in way:
                way[source] = (number, write, *way[write])
                queue += [source] * (source != INITIAL)
        told[session] = max(end, told.get(session, 0))
    raise AssertionError("nothing brings this write along")


def _path(record: Record, begin: int, goal: int) -> Sequence[int]:
    """The shortest way back by session order and reads-from, told forwards."""
    came: dict[int, int] = {}
    queue = [begin]
    for number in queue:
        for earlier in _causes(record, number):
            if earlier not in came:
                came[earlier] = number
                queue.append(earlier)
        if goal in came:
            break
    path = [goal]
    while path[-1] != begin:
        path.append(came[path[-1]])
    return path


def _text(record: Record, level: Level, found: Circle) -> str:
    told = [_wish(record, level, wish) for wish in found.wanted[:MOST_TOLD]]
    used = {n for wish in found.wanted for n in (*_grounds(record, level, wish), wish.then)}
    rest = [words.between(record.steps[n].operation) for n in range(len(record.steps)) if n not in used]
    more = "; " + "; ".join(rest[:MOST_TOLD]) if rest and len(found.wanted) > 0 else "; ".join(rest[:MOST_TOLD])
    return f"{'; '.join(told)}{more} ({_MUST[level]})"


def _wish(record: Record, level: Level, wish: Wanted) -> str:
    path = _grounds(record, level, wish)
    text = did(record.steps[path[0]].operation)
    for before, number in pairwise(path):
        together = record.steps[before].session == record.steps[number].session
        node = level in (Level.MONOTONIC_WRITES, Level.WRITES_FOLLOW_READS)
        text += f"{', and then ' if together else '; '}{did(record.steps[number].operation, node=node)}"
    return f"{text}, {_old(record, wish)}"


def _old(record: Record, wish: Wanted) -> str:
    if wish.then == INITIAL:
        return "the initial value"
    first, then = record.steps[wish.first].operation, record.steps[wish.then].operation
    if then.returned < first.invoked and then.completion is not None:
        sent = f"{first.invoke.time / 1e9:.3f} s"
        return f"which had been replaced by then: {did(then)}, before the other write was sent at {sent}"
    return f"so {words.deed(then)} must come after {words.deed(first)}"
