"""What goes on between the nodes and in them, line by line, for the report's diagram of messages (messages.jsonl)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from node_image.raft import messages as raft
from node_image.replica import messages as replica

if TYPE_CHECKING:
    from harness.cluster.simulation.cluster import SimulatedCluster

MOST_LINES: Final = 200_000
"""The newest are kept: what went wrong is at the end, or is found from the history."""

_encode: Final = msgspec.json.Encoder().encode


class Witness(Protocol):
    """Sees what becomes of messages and of nodes. `number` pairs what was sent with what arrived."""

    def sent(self, number: int, sender: str, to: str, message: Any) -> None: ...
    def delivered(self, number: int, sender: str, to: str) -> None: ...
    def lost(self, number: int, sender: str, to: str) -> None: ...

    def happened(self, node: str, event: str, **facts: Any) -> None:
        """start, crash, pause, resume; role (term, role, commit) when one of them has changed."""


class Onlooker(Witness, Protocol):
    """One that is told which cluster it sees, before anything happens."""

    def attend(self, cluster: SimulatedCluster) -> None: ...


class MessageLog:
    """`now`: the time (ns)."""

    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: 0
        self._lines: deque[dict[str, Any]] = deque(maxlen=MOST_LINES)

    def attend(self, cluster: SimulatedCluster) -> None:
        self.now = cluster.world.now

    def sent(self, number: int, sender: str, to: str, message: Any) -> None:
        self._note("send", sender, peer=to, message=number, text=words(message), term=getattr(message, "term", None))

    def delivered(self, number: int, sender: str, to: str) -> None:
        self._note("deliver", to, peer=sender, message=number)

    def lost(self, number: int, sender: str, to: str) -> None:
        self._note("drop", to, peer=sender, message=number)

    def happened(self, node: str, event: str, **facts: Any) -> None:
        self._note(event, node, **facts)

    def _note(self, event: str, node: str, **facts: Any) -> None:
        self._lines.append({"time": self.now(), "event": event, "node": node, **facts})

    def encoded(self) -> bytes:
        return b"".join(_encode(line) + b"\n" for line in self._lines)


def words(message: Any) -> str:
    """'AppendEntries: 3 entries from 12, commit 11'"""
    name = type(message).__name__
    match message:
        case raft.AppendEntries(previous_index=previous, previous_term=term, commit=commit, entries=entries):
            what = f"{len(entries)} from {previous + 1}" if entries else "nothing"
            return f"{name}: {what}, after {previous} of term {term}, commit {commit}"
        case raft.Heartbeat(commit=commit, round=number):
            return f"{name}: commit {commit}" + (f", round {number}" if number else "")
        case raft.InstallSnapshot(index=index, offset=offset, data=data, done=done):
            return f"{name}: up to {index}, bytes {offset} to {offset + len(data)}{', the last' if done else ''}"
        case replica.ForwardWrites(writes=writes):
            return f"{name}: {len(writes)}"
        case replica.ForwardReads(reads=reads):
            return f"{name}: {len(reads)}"
        case replica.ForwardAnswers(answers=answers):
            return f"{name}: {len(answers)}"
    facts = [f"{field} {getattr(message, field)}" for field in _fields(message) if field != "term"]
    return ": ".join([name, ", ".join(facts)] if facts else [name])


def _fields(message: Any) -> list[str]:
    return list(getattr(type(message), "__dataclass_fields__", ()))
