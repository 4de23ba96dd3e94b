"""Scenes about commitment, and about what clients are told of it."""

from __future__ import annotations

from node_image.raft import Entry, EntryKind
from node_image.raft.messages import AppendAccepted, AppendEntries
from tests.node.bugs.scenes import Bugs, scene
from tests.node.raft.pump import Packet, Pump, T
from tests.node.replica.test_replica import WRITE, Bench, leading


def bench(bugs: Bugs) -> Bench:
    """Of a leader."""
    [bug] = bugs or [None]
    return leading(bug)


@scene("commit-old-terms")
def a_majority_has_an_entry_of_an_earlier_term(bugs: Bugs) -> bool:
    """Figure 8, (c): nothing keeps a later leader from overwriting it."""
    pump = Pump(bugs=bugs)
    pump.boot("n1", 2, 1, 2)
    for name in ("n2", "n3"):
        pump.boot(name, 2, 1)
    pump.lose = lambda packet: isinstance(packet.message, AppendEntries)
    leader = pump.elect("n1")
    pump.deliver(Packet("n2", "n1", AppendAccepted(leader.term, 2)))
    pump.collect("n1")
    return leader.commit == 0


@scene("answer-on-append")
def a_write_is_not_committed_yet(bugs: Bugs) -> bool:
    told = bench(bugs)
    told.ask(**WRITE)
    early = told.answers()
    told.commit()
    assert early + told.answers() == [{"id": 7, "ok": True, "index": 1}]
    return not early


@scene("answer-overwritten")
def another_leaders_write_is_applied_at_the_index(bugs: Bugs) -> bool:
    told, other = bench(bugs), bench(frozenset())
    told.ask(**WRITE)
    other.ask(**{**WRITE, "session": "t"})
    told.replica.commit([Entry(3, 1, EntryKind.COMMAND, other.raft.log[0].data)], told.now)
    [answer] = told.answers()
    return answer["ok"] is False


@scene("commit-past-match")
def a_heartbeat_reaches_a_follower_before_the_entries_do(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    for name, terms in {"n1": (1, 1, 1), "n2": (1, 2, 2), "n3": (1, 1, 1)}.items():
        pump.boot(name, 2, *terms)
    pump.lose = lambda packet: packet.to == "n2" and isinstance(packet.message, AppendEntries)
    leader = pump.elect("n1")
    pump.wait(T / 2)
    assert leader.commit == 4
    return pump.machines["n2"].index == 0


@scene("apply-before-commit")
def a_leader_is_alone_with_an_entry(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.elect("n1")
    pump.partition("1", "23")
    pump.propose("n1", b"lost")
    pump.settle()
    applied = list(pump.machines["n1"].commands)
    pump.elect("n2")
    pump.propose("n2", b"kept")
    pump.settle()
    pump.heal()
    pump.wait(2 * T)
    assert pump.machines["n3"].commands == [b"kept"]
    return applied == []
