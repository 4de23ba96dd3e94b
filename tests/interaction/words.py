"""Messages, entries and configurations in words, as the scripts show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from node_image.raft import Configuration, Entry, EntryKind
from node_image.raft import messages as raft
from node_image.raft.configurations import decode_configuration
from node_image.raft.messages import Message


def configuration(members: Configuration) -> str:
    words = ["voters " + _names(members.voters)]
    if members.outgoing:
        words.append("outgoing " + _names(members.outgoing))
    if members.learners:
        words.append("learners " + _names(members.learners))
    return ", ".join(words)


def _names(nodes: Iterable[str]) -> str:
    return " ".join(sorted(nodes))


def entry(shown: Entry) -> str:
    return f"{shown.index}/{shown.term} {_contents(shown)}"


def _contents(shown: Entry) -> str:
    if shown.kind is EntryKind.NOOP:
        return "noop"
    if shown.kind is EntryKind.CONFIGURATION:
        return f"[{configuration(decode_configuration(shown.data))}]"
    return shown.data.decode()


def entries(shown: Iterable[Entry]) -> str:
    return ", ".join(map(entry, shown))


def message(shown: Message) -> str:
    """Places in a log are written index/term."""
    more = _WORDS[type(shown)](shown) if type(shown) in _WORDS else ""
    return f"{type(shown).__name__} term {shown.term}{', ' if more else ''}{more}"


def _append(shown: raft.AppendEntries) -> str:
    brought = entries(shown.entries) or "nothing"
    return f"commit {shown.commit}, after {shown.previous_index}/{shown.previous_term}: {brought}"


def _vote(shown: raft.RequestVote) -> str:
    return f"log ends {shown.last_index}/{shown.last_term}{', told by the leader' if shown.transfer else ''}"


def _piece(shown: raft.InstallSnapshot) -> str:
    end = shown.offset + len(shown.data)
    return (
        f"up to {shown.index}/{shown.snapshot_term}, bytes {shown.offset} to {end}{', the last' if shown.done else ''}"
    )


_GRANTED: Final = {True: "granted", False: "refused"}
_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    raft.RequestPreVote: lambda m: f"log ends {m.last_index}/{m.last_term}",
    raft.PreVoteResponse: lambda m: _GRANTED[m.granted],
    raft.RequestVote: _vote,
    raft.VoteResponse: lambda m: _GRANTED[m.granted],
    raft.AppendEntries: _append,
    raft.AppendAccepted: lambda m: f"match {m.match}",
    raft.AppendRejected: lambda m: f"not at {m.previous_index}, perhaps at {m.hint_index}/{m.hint_term}",
    raft.Heartbeat: lambda m: f"commit {m.commit}" + (f", round {m.round}" if m.round else ""),
    raft.HeartbeatResponse: lambda m: f"round {m.round}",
    raft.InstallSnapshot: _piece,
    raft.InstallSnapshotResponse: lambda m: f"up to {m.index}, has {m.offset} bytes",
    raft.ReadIndexResponse: lambda m: "not confirmed" if m.index is None else f"index {m.index}",
}
