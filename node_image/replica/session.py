"""Sessions: why a retry of a write takes effect once (dissertation, section 6.3).

A client names its session and numbers the writes in it 1, 2, 3, ..., one at a time. The state machine keeps, for each
session, the last number and its result. What a numbered command meets when it is applied:

    its number is         the command
    above the last        is applied, and its result kept
    the last              is a retry: it gets the kept result, and changes nothing
    below the last        is refused, `stale-sequence`: whether it once took effect is no longer known

Sessions are forgotten by log position only, so that every node forgets the same ones at the same entry: a session
not used by any of the last `ttl` entries is gone when the next entry is applied.

**New or forgotten?** A session that is not in the table is either new or forgotten, and applying the retry of a
forgotten one would make a write happen twice. Two rules tell them apart, by what the command itself says:

- With `opened` (a log index that the client learnt before it sent the session's first command; the hello line tells
  one), every command of the session has an index above `opened`. So at an index of at most `opened + ttl` nothing of
  the session can have been forgotten: unknown means new, whatever its number is. After that the command is refused.
- Without it, number 1 begins a session, and a higher one is refused. Such a client promises not to retry a session's
  first command for so long that `ttl` entries pass, and to use a number again after a definite failure.

The refusal, `session-expired`, is definite for the attempt that it answers: this entry changed nothing. It says nothing
about earlier attempts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Result(NamedTuple):
    """What became of a command. Sessions keep it, so that a retry gets the first answer."""

    log_index: int
    """Of the entry that took effect (a retry gets the first one's)."""
    answer: dict[str, Any] | None = None
    """What the answer says beside the index, by field; never changed once it is made."""
    error: str | None = None
    """The command was refused and changed nothing."""


class Session(NamedTuple):
    seq: int
    result: Result
    used: int
    """The index of the last entry that named the session."""


class Sessions:
    """All live sessions, least recently used first."""

    def __init__(self, ttl_entries: int, sessions: Iterable[tuple[str, Session]] = ()) -> None:
        self._ttl_entries = ttl_entries
        self._sessions = dict(sessions)

    def __len__(self) -> int:
        return len(self._sessions)

    def last(self, session: str) -> Session | None:
        return self._sessions.get(session)

    def refuse(self, session: str, seq: int, opened: int, index: int) -> Result | None:
        """What a command gets that must not be applied: the kept result or a refusal. None: apply it."""
        last = self._sessions.get(session)
        if last is None:
            new = index <= opened + self._ttl_entries if opened >= 0 else seq == 1
            return None if new else Result(index, error="session-expired")
        if seq > last.seq:
            return None
        self._touch(session, last.seq, last.result, index)
        return last.result if seq == last.seq else Result(index, error="stale-sequence")

    def keep(self, session: str, seq: int, result: Result) -> None:
        self._touch(session, seq, result, result.log_index)

    def expire(self, index: int) -> None:
        """Called with every entry's index, before the entry is applied."""
        oldest = index - 1 - self._ttl_entries
        while self._sessions:
            session = next(iter(self._sessions))
            if self._sessions[session].used > oldest:
                return
            del self._sessions[session]

    def dump(self) -> list[list[Any]]:
        return [[name, kept.seq, list(kept.result), kept.used] for name, kept in self._sessions.items()]

    @classmethod
    def load(cls, ttl_entries: int, dumped: Iterable[list[Any]]) -> Sessions:
        return cls(ttl_entries, ((name, Session(seq, Result(*result), used)) for name, seq, result, used in dumped))

    def _touch(self, session: str, seq: int, result: Result, index: int) -> None:
        self._sessions.pop(session, None)
        self._sessions[session] = Session(seq, result, index)
