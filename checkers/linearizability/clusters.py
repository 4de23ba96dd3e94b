"""Clusters: who wrote what was seen. The first two steps of the theory in zones.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from checkers.linearizability.actions import APPEND, CAS, IMPOSSIBLE, READ, Action, Value
from checkers.linearizability.outcome import Contradiction


class Ambiguous(Exception):
    """A value that was seen may have come from more than one writer (or from a writer and appends to it)."""

    def __init__(self, value: Value) -> None:
        super().__init__(f"{value!r} may have been written more than once")
        self.value = value


@dataclass(slots=True, eq=False)
class Cluster:
    """One writer and those who read from it. `writer` is None for the initial value; `successor` is the
    compare-and-set that replaced the value."""

    writer: Action | None
    reads: list[Action] = field(default_factory=list)
    successor: Action | None = None

    def members(self) -> list[Action]:
        return self.reads if self.writer is None else [self.writer, *self.reads]


class Clusters:
    """The clusters of a register's actions, and the contradictions that show before time comes into it.

    Raises Ambiguous when created if a value that was seen may have more than one writer."""

    def __init__(self, actions: Sequence[Action], initial: Value) -> None:
        self.contradictions: list[Contradiction] = []
        self._root = Cluster(None)
        self._of: dict[Value, Cluster] = {initial: self._root}
        """Seen value (and the initial one) -> its cluster."""
        self._writers: dict[Value, Action] = {}
        self._more_writers: dict[Value, list[Action]] = {}
        self._unknown_cas: list[tuple[Action, Cluster]] = []
        self._collect_writers(actions)
        self._see(actions)
        self._unseen = list(self._unseen_plain_writes(initial))

    def chains(self) -> Iterator[list[Cluster]]:
        """Maximal runs of clusters of which each is replaced by the next one's compare-and-set."""
        for cluster in (*self._of.values(), *self._unseen):
            if cluster.writer is None or cluster.writer.kind != CAS:
                yield list(self._chain(cluster))

    def cycle(self, chains: Sequence[Sequence[Cluster]]) -> Contradiction | None:
        """Compare-and-sets that follow each other in a circle: what no chain reaches."""
        reached = {id(cluster) for chain in chains for cluster in chain}
        start = next((cluster for cluster in self._of.values() if id(cluster) not in reached), None)
        if start is None:
            return None
        return Contradiction([action for cluster in self._chain(start) for action in cluster.members()[:2]])

    def proof(self, cluster: Cluster) -> Iterator[Action]:
        """Actions which show that the cluster's writer happened."""
        for each in self._chain(cluster):
            if each.writer is not None:
                yield each.writer
            if each.writer is None or each.writer.certain:
                return
            if each.reads:
                yield each.reads[0]
                return

    def _collect_writers(self, actions: Sequence[Action]) -> None:
        writers = self._writers
        for action in actions:
            if action.kind != READ and writers.setdefault(action.value, action) is not action:
                self._more_writers.setdefault(action.value, []).append(action)
            if action.kind == APPEND:
                raise Ambiguous(action.value)

    def _see(self, actions: Sequence[Action]) -> None:
        clusters = self._of
        for action in actions:
            kind = action.kind
            if kind == READ:
                cluster = clusters.get(action.value)
                if cluster is None or cluster is self._root:
                    cluster = self._saw(action, action.value)
                cluster.reads.append(action)
            elif kind == CAS and action.certain:
                self._replace(action)
            elif kind == IMPOSSIBLE:
                self.contradictions.append(Contradiction([action]))
        while self._unknown_cas:
            self._replace(self._unknown_cas.pop()[0])

    def _saw(self, seer: Action, value: Value) -> Cluster:
        """The cluster of a value that `seer` needs."""
        cluster = self._of.get(value)
        writer = self._writers.get(value)
        if cluster is self._root:
            if writer is not None:
                raise Ambiguous(value)
            return cluster
        if cluster is not None:
            return cluster
        if value in self._more_writers:
            raise Ambiguous(value)
        return self._seen_first(seer, value, writer)

    def _seen_first(self, seer: Action, value: Value, writer: Action | None) -> Cluster:
        cluster = self._of[value] = Cluster(writer)
        if writer is None:
            self.contradictions.append(Contradiction([seer, *self._seers_of(seer)]))
        elif writer.kind == CAS and not writer.certain:
            self._unknown_cas.append((writer, cluster))
        return cluster

    def _replace(self, cas: Action) -> None:
        cluster = self._saw(cas, cas.expected)
        other = cluster.successor
        cluster.successor = cas
        if other is not None:
            both = [other, *self._seers_of(other), cas, *self._seers_of(cas)]
            self.contradictions.append(Contradiction(both))

    def _seers_of(self, action: Action) -> Iterator[Action]:
        """If the action is unknown: actions which show that it happened nevertheless."""
        if not action.certain:
            yield from self.proof(self._of[action.value])

    def _unseen_plain_writes(self, initial: Value) -> Iterator[Cluster]:
        for value, writer in self._writers.items():
            if value not in self._of or value == initial:
                for each in (writer, *self._more_writers.get(value, ())):
                    if each.certain and each.kind != CAS:
                        yield Cluster(each)

    def _chain(self, start: Cluster) -> Iterator[Cluster]:
        """From `start` on, once around where it is a circle."""
        cluster = start
        while True:
            yield cluster
            cas = cluster.successor
            if cas is None:
                return
            following = self._of.get(cas.value)
            cluster = following if following is not None and following.writer is cas else Cluster(cas)
            if cluster is start:
                return
