"""The rules that Raft's five properties rest on, checked where a node acts on them.

A broken rule need not break a property in the same run: that takes a crash, or a second leader, at the right moment. So
these are looked at too, and find a mistake long before its consequences:

- a node has one vote a term (5.2); a vote leaves it when it is durable there, and an entry is said to be held when it
  is (figure 2: persistent state);
- what a node said before it ended, a vote or an entry that it holds, it knows when it starts again;
- who leads a term was voted for in that term, by a quorum (5.2);
- what a leader commits by counting is of its own term (5.4.2), and a quorum has said in that term to hold it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from node_image.driver.wire import PeerMessage
from node_image.raft import Configuration, Raft, Ready, Role
from node_image.raft.messages import AppendAccepted, RequestVote, VoteResponse
from node_image.raft.quorum import has_quorum

Vote = tuple[int, str | None]
"""Term, and whom the node voted for in it."""


class _Handed(NamedTuple):
    """What a Ready gave to be stored."""

    number: int
    last_index: int
    vote: Vote


class _Stored:
    """What of one process is durable, by its own word."""

    def __init__(self, raft: Raft) -> None:
        self.raft = raft
        self.most = raft.last_index
        """The highest index that ever was, since the process began: an entry that was replaced had been."""
        self.vote: Vote = (raft.term, raft.vote)
        self.handed: deque[_Handed] = deque()


class Rules:
    """`require(holds, what)` is told what must hold. Only nodes that were seen to start are judged."""

    def __init__(self, require: Callable[[bool, str], None]) -> None:
        self._require = require
        self._stored: dict[str, _Stored] = {}
        self._voted: dict[str, tuple[int, str]] = {}
        """Of each node: the last term it has told anybody a vote in, and for whom."""
        self._accepted: dict[str, tuple[int, int]] = {}
        """Of each node: index and term of the last entry that it has told a leader to hold."""
        self._votes: dict[tuple[int, str], set[str]] = {}
        """(term, candidate) -> who has voted for it."""
        self._held: dict[tuple[int, str], int] = {}
        """(term, follower) -> up to where it has said in that term to hold the log."""
        self._led: dict[str, tuple[int, int, Configuration]] = {}
        """Of each node that leads: its term, commit index and configuration at its last Ready."""

    def saw_start(self, raft: Raft) -> None:
        """What was recovered is durable, before anything else happens."""
        term, candidate = self._voted.get(raft.id, (0, ""))
        knows = raft.term > term or (raft.term == term and raft.vote == candidate) or not term
        self._require(knows, f"election safety: {raft.id} has forgotten its vote for {candidate} in term {term}")
        match, entry_term = self._accepted.get(raft.id, (0, 0))
        holds = raft.last_index >= match and raft.term_at(match) in (None, entry_term)
        self._require(
            not match or holds,
            f"persistence: {raft.id} has told a leader that it holds entry {match} of term {entry_term}, and lost it",
        )
        self._stored[raft.id] = _Stored(raft)
        self._led.pop(raft.id, None)

    def replaced(self, name: str) -> None:
        """Its machine is another one, which has promised nothing and holds nothing."""
        self._voted.pop(name, None)
        self._accepted.pop(name, None)
        self._held = {place: match for place, match in self._held.items() if place[1] != name}

    def saw_ready(self, raft: Raft, ready: Ready) -> None:
        stored = self._stored.get(raft.id)
        if stored is None:
            return
        stored.handed.append(_Handed(ready.number, raft.last_index, (raft.term, raft.vote)))
        match, entry_term = self._accepted.get(raft.id, (0, 0))
        if ready.snapshot is not None and (raft.last_index < match or raft.term_at(match) not in (None, entry_term)):
            # It takes the place of another log, which was longer or ended at the same index, and was never committed:
            # nothing of that need come back. Nor need the snapshot, which is not durable yet (found by the seeds
            # 766788830 and 3000607 of 60 s).
            self._accepted.pop(raft.id, None)
        if raft.role is not Role.LEADER:
            self._led.pop(raft.id, None)
            if ready.entries:
                self._replaces(raft, ready.entries[0].index)
            return
        term, commit, configuration = self._led.get(raft.id, (0, 0, raft.configuration))
        if term != raft.term:
            self._is_elected(raft)
        elif raft.commit > commit:
            self._counts(raft, configuration)
        self._led[raft.id] = (raft.term, raft.commit, raft.configuration)

    def saw_persisted(self, raft: Raft, number: int) -> None:
        stored = self._stored.get(raft.id)
        while stored is not None and stored.handed and stored.handed[0].number <= number:
            _, last_index, stored.vote = stored.handed.popleft()
            stored.most = max(stored.most, last_index)

    def saw_send(self, sender: str, to: str, message: PeerMessage) -> None:
        kind = type(message)
        if kind is AppendAccepted:
            assert isinstance(message, AppendAccepted)
            self._holds(sender, message)
        elif kind is RequestVote:
            self._votes_for(sender, message.term, sender)  # type: ignore[union-attr]
        elif kind is VoteResponse and message.granted:  # type: ignore[union-attr]
            self._votes_for(sender, message.term, to)  # type: ignore[union-attr]

    def _votes_for(self, voter: str, term: int, candidate: str) -> None:
        voted_term, voted_for = self._voted.get(voter, (0, candidate))
        self._require(
            term >= voted_term, f"election safety: {voter} votes in term {term} after one in term {voted_term}"
        )
        self._require(
            term > voted_term or candidate == voted_for,
            f"election safety: {voter} votes for {voted_for} and for {candidate} in term {term}",
        )
        self._voted[voter] = (term, candidate)
        self._votes.setdefault((term, candidate), set()).add(voter)
        if voter not in self._stored:
            return
        durable = self._stored[voter].vote
        self._require(
            durable[0] > term or durable == (term, candidate),
            f"persistence: {voter} votes for {candidate} in term {term} before that is durable",
        )

    def _holds(self, follower: str, answer: AppendAccepted) -> None:
        stored = self._stored.get(follower)
        self._require(
            stored is None or answer.match <= stored.most,
            f"persistence: {follower} says in term {answer.term} that it holds entry {answer.match}, before that is "
            "durable",
        )
        place = (answer.term, follower)
        self._held[place] = max(self._held.get(place, 0), answer.match)
        term = None if stored is None else stored.raft.term_at(answer.match)
        if term is not None and answer.match >= self._accepted.get(follower, (0, 0))[0]:
            self._accepted[follower] = (answer.match, term)

    def _replaces(self, raft: Raft, first: int) -> None:
        """Another leader's entries take the place of those from there on: they were not committed."""
        match, _ = self._accepted.get(raft.id, (0, 0))
        if first <= match:
            self._accepted[raft.id] = (first - 1, raft.term_at(first - 1) or 0)

    def _is_elected(self, raft: Raft) -> None:
        voters = self._votes.get((raft.term, raft.id), set()) | {raft.id}
        self._require(
            has_quorum(raft.configuration, voters),
            f"election: {raft.id} leads term {raft.term} with the votes of {', '.join(sorted(voters))} alone (5.2)",
        )

    def _counts(self, raft: Raft, before: Configuration) -> None:
        """`before`: the configuration that a change may have taken the place of since, in the same step."""
        index, term = raft.commit, raft.term
        self._require(
            raft.term_at(index) in (None, term),
            f"commitment: {raft.id}, leading term {term}, commits entry {index} of term {raft.term_at(index)} by "
            "counting (5.4.2)",
        )
        holders = {name for (of, name), match in self._held.items() if of == term and match >= index}
        if self._stored[raft.id].most >= index:
            holders.add(raft.id)
        self._require(
            has_quorum(raft.configuration, holders) or has_quorum(before, holders),
            f"commitment: {raft.id}, leading term {term}, commits entry {index}, which only "
            f"{', '.join(sorted(holders)) or 'nobody'} is known to hold durably (5.3)",
        )
