"""Messages between nodes, out of messages.jsonl (docs/messages-format.md), for a Lamport diagram (messages.js).

The file may hold millions of messages, and a page some thousand. So it is read twice: once for the times of all, which
decide what is embedded, and once for what is embedded. What was true when that begins (roles, terms, who was down) is
kept from what comes before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from results.report.columns import Words, differences, fault_rows
from results.report.drawing import Scene
from results.report.faults import colour
from results.report.values import microseconds, plain, whole

MOST_MESSAGES: Final = 4_000
MOST_COMMITS: Final = 6_000
MOST_NODES: Final = 30
SHOWN_FIRST_NS: Final = 2_000_000_000
UNDER_WAY, DELIVERED, LOST = range(3)


class Record(msgspec.Struct, gc=False):
    """A line of the file, none of it believed yet."""

    time: Any = None
    event: Any = None
    node: Any = None
    peer: Any = None
    message: Any = None
    text: Any = None
    term: Any = None
    role: Any = None
    commit: Any = None
    fault: Any = None


@dataclass(frozen=True)
class Stretch:
    """Of run time, in nanoseconds."""

    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class Outline:
    """What the first reading finds: times of all messages sent, sorted; nodes; first and last time of anything."""

    sends: Sequence[int]
    nodes: Sequence[str]
    whole: Stretch


@dataclass
class Message:
    sent_ns: int
    sender: int
    receiver: int
    number: str
    text: str
    term: int | None
    fate: int = UNDER_WAY
    until_ns: int = 0
    """When it was delivered or lost."""
    why: str = ""
    again: bool = False
    """A second arrival of the same message."""


@dataclass
class Standing:
    """What a node is, and since when."""

    role: str | None = None
    term: int | None = None
    role_ns: int = 0
    commit: int | None = None
    down: str | None = None
    down_ns: int = 0
    held: tuple[str | None, int | None] = (None, None)
    """Of a paused node the role and term in which it will go on."""


@dataclass
class Picture:
    """What is embedded."""

    nodes: Sequence[str]
    stretch: Stretch
    first: Stretch
    """What is shown at first."""
    focused: bool
    """Whether that is where the contradiction is."""
    total: int
    """Messages in the file."""
    messages: list[Message] = field(default_factory=list)
    roles: list[tuple[int, int, int, str, int | None]] = field(default_factory=list)
    """Node, from, to, role, term."""
    downs: list[tuple[int, int, int, str]] = field(default_factory=list)
    """Node, from, to, "crashed" or "paused"."""
    commits: list[tuple[int, int, int]] = field(default_factory=list)
    """Node, time, index."""
    faults: dict[str, tuple[str, int, int | None]] = field(default_factory=dict)
    """By id: words, from, to."""

    @property
    def lost(self) -> int:
        return sum(message.fate == LOST for message in self.messages)


def picture(path: Path, listed: Sequence[str], focus: tuple[int, int] | None) -> Picture | None:
    """`listed`: the run's nodes in order. `focus`: the times (ns) of a contradiction, which decide what is shown. None
    where the file holds no record. Raises OSError."""
    outline = _outline(path, listed)
    if outline is None:
        return None
    if focus is not None and not outline.whole.begin_ns <= focus[1] <= outline.whole.end_ns:
        focus = None
    first = _shown_first(outline, focus)
    made = Picture(outline.nodes, _embedded(outline, first), first, focus is not None, len(outline.sends))
    _Reading(made).read(path)
    return made


def _records(path: Path) -> Iterator[tuple[int, str, Record]]:
    """Time, event and the rest. What is no record is passed over."""
    decoder = msgspec.json.Decoder(Record)
    with path.open("rb") as file:
        for line in file:
            try:
                record = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            time = whole(record.time)
            if time is not None and isinstance(record.event, str):
                yield time, record.event, record


def _outline(path: Path, listed: Sequence[str]) -> Outline | None:
    sends: list[int] = []
    seen: dict[str, None] = {}
    begin: int | None = None
    end = 0
    for time, event, record in _records(path):
        begin, end = time if begin is None else min(begin, time), max(end, time)
        if event == "send":
            sends.append(time)
        for name in (record.node, record.peer):
            if isinstance(name, str):
                seen[name] = None
    if begin is None:
        return None
    others = sorted({plain(name, 40) for name in seen} - set(listed))
    return Outline(sorted(sends), [*listed, *others][:MOST_NODES], Stretch(begin, max(end, begin + 1000)))


def _shown_first(outline: Outline, focus: tuple[int, int] | None) -> Stretch:
    """The end of a contradiction and what came before it, or the end of all."""
    everything = outline.whole
    if focus is None:
        return Stretch(max(everything.begin_ns, everything.end_ns - SHOWN_FIRST_NS), everything.end_ns)
    end_ns = min(focus[1] + SHOWN_FIRST_NS // 10, everything.end_ns)
    begin_ns = max(focus[0] - SHOWN_FIRST_NS // 10, end_ns - SHOWN_FIRST_NS, everything.begin_ns)
    return Stretch(min(begin_ns, end_ns - 1000), end_ns)


def _embedded(outline: Outline, first: Stretch) -> Stretch:
    """Everything, if it is little enough; else as many messages as can be around what is shown first, its end if even
    that is too many."""
    sends = outline.sends
    if len(sends) <= MOST_MESSAGES:
        return outline.whole
    before, after = bisect_left(sends, first.begin_ns), bisect_right(sends, first.end_ns)
    spare = MOST_MESSAGES - (after - before)
    if spare <= 0:
        return Stretch(sends[after - MOST_MESSAGES], first.end_ns)
    low = max(0, before - spare // 2)
    high = min(len(sends), low + MOST_MESSAGES)
    low = max(0, high - MOST_MESSAGES)
    end_ns = outline.whole.end_ns if high == len(sends) else sends[high - 1]
    return Stretch(outline.whole.begin_ns if low == 0 else sends[low], max(end_ns, first.end_ns))


class _Reading:
    """The second reading: fills a picture."""

    def __init__(self, made: Picture) -> None:
        self._made = made
        self._stretch = made.stretch
        self._place = {name: number for number, name in enumerate(made.nodes)}
        self._standing = [Standing() for _ in made.nodes]
        self._sent: dict[str | int, Message] = {}

    def read(self, path: Path) -> None:
        for time, event, record in _records(path):
            if event in ("deliver", "drop"):
                self._arrive(time, event, record)
            elif event in ("fault-begin", "fault-end"):
                self._fault(time, event, record)
            elif time <= self._stretch.end_ns and (node := self._node(record.node)) is not None:
                self._happen(max(time, self._stretch.begin_ns), time, event, node, record)
        for node in range(len(self._made.nodes)):
            self._end_role(node, self._stretch.end_ns)
            self._end_down(node, self._stretch.end_ns)
        self._made.messages.sort(key=lambda message: message.sent_ns)

    def _node(self, name: Any) -> int | None:
        if not isinstance(name, str):
            return None
        place = self._place.get(name)
        return self._place.get(plain(name, 40)) if place is None else place

    def _happen(self, drawn_ns: int, time: int, event: str, node: int, record: Record) -> None:
        """`drawn_ns`: the time, or the beginning of what is embedded."""
        standing = self._standing[node]
        inside = time >= self._stretch.begin_ns
        if event in ("commit", "role"):
            self._commit(time, node, whole(record.commit), inside)
        if event == "send":
            if inside and len(self._made.messages) < MOST_MESSAGES:
                self._send(time, node, record)
        elif event in ("role", "start"):
            if event == "start":
                self._end_down(node, drawn_ns)
            self._begin_role(node, drawn_ns, record, anew=event == "start")
        elif event == "crash":
            self._end_role(node, drawn_ns)
            self._end_down(node, drawn_ns)
            standing.down, standing.down_ns = "crashed", drawn_ns
        elif event == "pause" and standing.down is None:
            held = (standing.role, standing.term)
            self._end_role(node, drawn_ns)
            standing.down, standing.down_ns, standing.held = "paused", drawn_ns, held
        elif event == "resume" and standing.down == "paused":
            self._end_down(node, drawn_ns)
            (standing.role, standing.term), standing.role_ns = standing.held, drawn_ns

    def _begin_role(self, node: int, time: int, record: Record, *, anew: bool) -> None:
        """A line that says again what is known changes nothing."""
        standing = self._standing[node]
        role, term = None if record.role is None else plain(record.role, 24), whole(record.term)
        if not anew and (role, term) == (standing.role, standing.term):
            return
        self._end_role(node, time)
        standing.role, standing.term, standing.role_ns = role, term, time

    def _commit(self, time: int, node: int, index: int | None, inside: bool) -> None:
        standing = self._standing[node]
        if index is None or index <= 0 or index == standing.commit:
            return
        standing.commit = index
        if inside and len(self._made.commits) < MOST_COMMITS:
            self._made.commits.append((node, time, index))

    def _send(self, time: int, node: int, record: Record) -> None:
        peer = self._node(record.peer)
        if peer is None:
            return
        text = "" if record.text is None else plain(record.text, 300)
        message = Message(time, node, peer, plain(record.message, 30), text, whole(record.term))
        self._sent[_number(record.message)] = message
        self._made.messages.append(message)

    def _arrive(self, time: int, event: str, record: Record) -> None:
        message = self._sent.get(_number(record.message))
        if message is None or time < message.sent_ns:
            return
        fate = DELIVERED if event == "deliver" else LOST
        if message.fate != UNDER_WAY:
            if fate == LOST or len(self._made.messages) >= MOST_MESSAGES:
                return
            message = replace(message, fate=UNDER_WAY, again=True)
            self._made.messages.append(message)
        message.fate, message.until_ns = fate, time
        message.why = "" if record.text is None or fate == DELIVERED else plain(record.text, 200)

    def _fault(self, time: int, event: str, record: Record) -> None:
        name = plain(record.fault if record.fault is not None else record.text, 40)
        words, from_ns, to_ns = self._made.faults.get(name, (plain(record.text or name, 80), time, None))
        self._made.faults[name] = (words, from_ns, to_ns if event == "fault-begin" else time)

    def _end_role(self, node: int, time: int) -> None:
        standing = self._standing[node]
        if standing.role is not None and time > standing.role_ns:
            self._made.roles.append((node, standing.role_ns, time, standing.role, standing.term))
        standing.role = None

    def _end_down(self, node: int, time: int) -> None:
        standing = self._standing[node]
        if standing.down is not None and time > standing.down_ns:
            self._made.downs.append((node, standing.down_ns, time, standing.down))
        standing.down = None


def _number(value: Any) -> str | int:
    return value if isinstance(value, int) else plain(value, 30)


def message_columns(made: Picture) -> dict[str, Any]:
    """For the page: equally long lists, one item a message by the time of its send; times in microseconds."""
    words = {name: Words() for name in ("text", "why")}
    messages = made.messages
    return {
        "nodes": list(made.nodes),
        "from": microseconds(made.stretch.begin_ns),
        "to": microseconds(made.stretch.end_ns),
        "first": [microseconds(made.first.begin_ns), microseconds(made.first.end_ns)],
        "count": len(messages),
        "sent": differences([microseconds(message.sent_ns) for message in messages]),
        "took": [_took(message) for message in messages],
        "fate": [message.fate for message in messages],
        "again": [int(message.again) for message in messages],
        "sender": [message.sender for message in messages],
        "receiver": [message.receiver for message in messages],
        "number": [message.number for message in messages],
        "term": [message.term if message.term is None else str(message.term) for message in messages],
        "text": [words["text"].number(message.text) for message in messages],
        "why": [words["why"].number(message.why) for message in messages],
        "words": {name: numbered.listed for name, numbered in words.items()},
        "roles": [
            [node, microseconds(begin), microseconds(end), role, None if term is None else str(term)]
            for node, begin, end, role, term in made.roles
        ],
        "downs": [[node, microseconds(begin), microseconds(end), why] for node, begin, end, why in made.downs],
        "commits": [[node, microseconds(time), str(index)] for node, time, index in made.commits],
    }


def fault_bars(made: Picture, scene: Scene) -> list[dict[str, Any]]:
    """The history's faults, and those that only the messages' file knows."""
    rows = fault_rows(scene.faults, scene.kinds, scene.end_ns)
    known = {fault.id for fault in scene.faults}
    for name, (words, from_ns, to_ns) in made.faults.items():
        if name in known:
            continue
        kind = words.split(" ")[0]
        rows.append(
            {
                "id": name,
                "kind": kind,
                "name": f"{name} {words}",
                "brief": f"{name} {kind}",
                "colour": colour(kind, scene.kinds),
                "from": microseconds(from_ns),
                "to": microseconds(made.stretch.end_ns if to_ns is None else to_ns),
                "lifted": to_ns is not None,
            }
        )
    return sorted(rows, key=lambda row: int(row["from"]))


def _took(message: Message) -> int:
    """Microseconds from the send to what became of it; -1 for one that was under way at the end."""
    if message.fate == UNDER_WAY:
        return -1
    return microseconds(message.until_ns) - microseconds(message.sent_ns)
