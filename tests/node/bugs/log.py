"""Scenes about the log: what a follower checks, keeps and tells of it, and what is durable when it is counted."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from node_image.driver.effects import Effect
from node_image.driver.node import Node
from node_image.raft.messages import AppendAccepted, AppendEntries, Heartbeat, InstallSnapshot
from node_image.storage import Storage, recover
from node_image.variants import variant
from tests.node.bugs.scenes import Bugs, scene
from tests.node.driver.test_node import CONFIG, LATER, Host
from tests.node.raft.pump import Packet, Pump, entries


def append(pump: Pump, message: AppendEntries) -> None:
    """n1 gets it from n2."""
    pump.deliver(Packet("n2", "n1", message))
    pump.collect("n1")


@scene("no-previous-check")
def the_entry_before_is_of_another_term(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.boot("n1", 1, 1, 1)
    append(pump, AppendEntries(3, 2, 2, 0, entries(3, 3)))
    return pump.terms("n1") == [1, 1]


@scene("cut-at-every-append")
def an_earlier_append_comes_again(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    for message in (AppendEntries(1, 0, 0, 0, entries(1, 1, 1, 1)), AppendEntries(1, 0, 0, 0, entries(1, 1))):
        append(pump, message)
    return pump.terms("n1") == [1, 1, 1]


@scene("match-from-last-index")
def a_deposed_leader_hears_a_heartbeat(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.boot("n1", 2, 1, 2, 2)
    pump.deliver(Packet("n2", "n1", Heartbeat(3, 0, 1)))
    pump.collect("n1")
    return not any(answer.match > 1 for answer in pump.sent_of(AppendAccepted, "n1"))


@scene("count-follower-before-sync")
def a_followers_disk_is_slow(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.held = {"n1"}
    append(pump, AppendEntries(1, 0, 0, 0, entries(1, 1)))
    early = pump.sent_of(AppendAccepted)
    pump.sync("n1")
    assert pump.sent_of(AppendAccepted) == [AppendAccepted(1, 1)]
    return not early


@scene("count-own-before-sync")
def a_leaders_disk_is_slow_and_one_of_two_followers_away(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.elect("n1")
    pump.partition("12", "3")
    pump.held = {"n1"}
    pump.propose("n1", b"x")
    pump.settle()
    return pump.nodes["n1"].commit == 1


class KilledHost(Host):
    """Knows what of its files is left when it is killed: what was synced."""

    def carry_out(self, effects: Iterable[Effect]) -> None:
        super().carry_out(effects)
        if not self.tokens:
            return
        self.at_sync = dict(self.files)

    def sync(self) -> None:
        synced = self.at_sync if self.tokens else None
        super().sync()
        if synced is not None:
            self.durable = synced

    def acknowledged(self) -> int:
        return max([message.match for message in self.sent if isinstance(message, AppendAccepted)], default=0)

    def kept(self) -> int:
        return Node(CONFIG, self.durable, random.Random(2), self.clocks).raft.last_index


def keeps_what_it_acknowledged(bugs: Bugs, after_s: float) -> bool:
    [bug] = bugs or [None]
    host = KilledHost(replace(CONFIG, bug=bug))
    host.sync()
    host.now = LATER
    host.receive(AppendEntries(1, 0, 0, 0, tuple(entries(1, 1, 1, 1))))
    if after_s:
        host.run_until(LATER + after_s)
    kept = host.acknowledged() <= host.kept()
    host.sync_all()
    return kept


@scene("ack-before-sync")
def killed_at_once_after_an_append(bugs: Bugs) -> bool:
    return keeps_what_it_acknowledged(bugs, 0.0)


@scene("never-sync")
def killed_long_after_an_append(bugs: Bugs) -> bool:
    return keeps_what_it_acknowledged(bugs, 10.0)


@scene("accept-torn-record")
def a_log_ends_within_a_value(bugs: Bugs) -> bool:
    written = [replace(entry, data=b"v" * 40) for entry in entries(1, 1, 1)]
    storage = Storage(recover({}))
    for entry in written:
        storage.append(None, [entry])
    write = storage.write()
    recovered = variant(recover, bugs)({write.file: write.data[:-10]})
    return list(recovered.entries) == written[:1]


@scene("keep-log-after-snapshot")
def a_snapshot_ends_where_a_deposed_leader_has_entries_of_its_own(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.boot("n1", 2, 1, 2, 2, 2)
    pump.deliver(Packet("n2", "n1", InstallSnapshot(3, 2, 3, pump.configuration, 0, b"a\nb", True)))
    pump.collect("n1")
    return pump.machines["n1"].commands == [b"a", b"b"]
