"""Changes of the configuration, as the leader makes them: joint consensus (paper, section 6; dissertation 4.3).

    C_old  --(new voters join as learners, and catch up: 4.2.1)-->  C_old + learners
           --(entry C_old,new: decisions need a majority of both)-->  C_old,new
           --(when that is committed: entry C_new)-->  C_new
           --(when that is committed)--> done; a leader that is not in it steps down (4.2.2)

A change that leaves the voters as they are (learners come or go) is one entry, since it moves no majority. One change
at a time: none begins before the one under way is done, nor before the leader has committed an entry of its term, until
which it does not know whether the last configuration in its log stands. A leader that finds C_old,new, or an
uncommitted configuration, in its log when it is elected leads that change to its end.

Each rule has one place: what the next configuration is in `entering` and `leaving`, when it is appended in `advance`,
what is refused in `begin`.
"""

from __future__ import annotations

from node_image.raft.catch_up import CatchUp
from node_image.raft.configurations import encode_configuration
from node_image.raft.ready import Notice
from node_image.raft.replication import Replication
from node_image.raft.state import State
from node_image.raft.types import Configuration, Entry, EntryKind


class ChangeRefused(Exception):
    """Nothing was proposed. `str(error)` is a word for why."""


def entering(current: Configuration, wanted: Configuration) -> Configuration:
    """C_old,new; where no voter changes, already C_new."""
    if wanted.voters == current.voters:
        return wanted
    return Configuration(wanted.voters, current.voters, wanted.learners)


def leaving(joint: Configuration) -> Configuration:
    """C_new"""
    return Configuration(joint.voters, frozenset(), joint.learners)


class Membership:
    """The change under way, if there is one; belongs to one term of one leader."""

    __slots__ = ("_catch_up", "_replication", "_state", "_wanted", "under_way")

    def __init__(self, state: State, replication: Replication) -> None:
        self._state = state
        self._replication = replication
        self._wanted: Configuration | None = None
        """Of a change whose new voters are catching up."""
        self._catch_up: CatchUp | None = None
        self.under_way = True
        """Until `advance` finds that the last configuration in the log is committed, and none follows it. A leader that
        is not in that one stays busy with it until it steps down."""

    @property
    def removes_leader(self) -> bool:
        """The configuration in force is committed, handed out to be applied, and this node has no vote in it: its work
        is done (dissertation 4.2.2)."""
        state = self._state
        return not state.is_voter and state.configurations.index <= state.log.delivered

    def begin(self, wanted: Configuration, *, has_committed_in_its_term: bool) -> None:
        """Raises ChangeRefused."""
        if not has_committed_in_its_term:
            raise ChangeRefused("not-ready")
        if self.under_way:
            raise ChangeRefused("change-under-way")
        self.under_way = True
        current = self._state.configuration
        incoming = wanted.voters - current.voters
        if not incoming:
            self._append(entering(current, wanted))
            return
        self._wanted = wanted
        if not incoming <= current.learners:
            self._append(Configuration(current.voters, frozenset(), current.learners | incoming))
        self._catch_up = CatchUp(self._state, self._replication, incoming)

    def advance(self) -> None:
        """What follows from what is committed and from who has caught up."""
        state = self._state
        if state.configurations.index > state.log.committed:
            return
        if state.configuration.is_joint:
            self._append(leaving(state.configuration))
        elif self._wanted is None:
            self.under_way = not state.is_voter
        elif self._catch_up is not None and self._catch_up.is_done():
            wanted, self._wanted, self._catch_up = self._wanted, None, None
            self._append(entering(state.configuration, wanted))

    def heartbeat_interval_passed(self) -> None:
        """Those that were removed have been told so by now, if they can be; a change whose new voters do not catch up
        is given up."""
        if self._state.configurations.index <= self._state.log.committed:
            self._replication.forget_removed()
        if self._catch_up is not None and self._catch_up.has_failed():
            self._wanted = self._catch_up = None
            self._state.outbox.notices.append(Notice.CHANGE_ABANDONED)

    def _append(self, configuration: Configuration) -> None:
        """In force from here on."""
        state = self._state
        data = encode_configuration(configuration)
        entry = Entry(state.term, state.log.last_index + 1, EntryKind.CONFIGURATION, data)
        state.log.append([entry])
        state.configuration_appended(entry)
        self._replication.configuration_changed()
