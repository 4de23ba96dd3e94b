"""Mistakes with changes of the membership."""

from __future__ import annotations

from node_image import bugs
from node_image.raft.follower import Follower
from node_image.raft.membership import Membership, leaving
from node_image.raft.messages import AppendEntries, Heartbeat
from node_image.raft.replication import Replication
from node_image.raft.state import State
from node_image.raft.types import Configuration, NodeId
from node_image.variants import mistake


@mistake(bugs.TWO_CHANGES_AT_ONCE, instead_of=Membership)
class BeginsAnotherChange(Membership):
    def begin(self, wanted: Configuration, *, has_committed_in_its_term: bool) -> None:
        self.under_way = False
        self._wanted = self._catch_up = None
        super().begin(wanted, has_committed_in_its_term=has_committed_in_its_term)


@mistake(bugs.LEAVE_JOINT_EARLY, instead_of=Membership)
class LeavesAtOnce(Membership):
    def advance(self) -> None:
        if self._state.configuration.is_joint:
            self._append(leaving(self._state.configuration))
        else:
            super().advance()


class _Counting(Replication):
    """Counts others than the voters too."""

    def _also(self) -> frozenset[NodeId]:
        raise NotImplementedError

    def advance_commit(self) -> None:
        state, right = self._state, self._state.configuration
        state.configuration = Configuration(right.voters | self._also(), right.outgoing, right.learners)
        super().advance_commit()
        state.configuration = right


@mistake(bugs.COUNT_REMOVED, instead_of=Replication)
class CountsTheRemoved(_Counting):
    def _also(self) -> frozenset[NodeId]:
        return frozenset(self.progress.keys() - self._state.configuration.members)

    def forget_removed(self) -> None:
        pass


@mistake(bugs.COUNT_LEARNERS, instead_of=Replication)
class CountsLearners(_Counting):
    def _also(self) -> frozenset[NodeId]:
        return self._state.configuration.learners


# A configuration that is used when it is committed: where one is put in force, and whoever moves the commit index.


@mistake(bugs.CONFIGURATION_WHEN_COMMITTED, instead_of=State)
class UsesWhatIsCommitted(State):
    def _put_in_force(self) -> None:
        self._go_by(self.configurations.at(self.log.committed))

    def commit_has_moved(self) -> bool:
        """True if another configuration is in force."""
        before = self.configuration
        if before is self.configurations.at(self.log.committed):
            return False
        self._put_in_force()
        return self.configuration != before


@mistake(bugs.CONFIGURATION_WHEN_COMMITTED, instead_of=Replication)
class CommitsAConfiguration(Replication):
    def advance_commit(self) -> None:
        super().advance_commit()
        assert isinstance(self._state, UsesWhatIsCommitted)
        if self._state.commit_has_moved():
            self.configuration_changed()


@mistake(bugs.CONFIGURATION_WHEN_COMMITTED, instead_of=Follower)
class LearnsOfAConfiguration(Follower):
    def append_entries(self, leader: NodeId, message: AppendEntries) -> None:
        super().append_entries(leader, message)
        assert isinstance(self._state, UsesWhatIsCommitted)
        self._state.commit_has_moved()

    def heartbeat(self, leader: NodeId, message: Heartbeat) -> None:
        super().heartbeat(leader, message)
        assert isinstance(self._state, UsesWhatIsCommitted)
        self._state.commit_has_moved()
