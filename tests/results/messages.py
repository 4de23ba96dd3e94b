"""A conversation between nodes, imagined well enough to look like Raft, from one seed: a leader's heartbeats and
entries with their answers, some of them lost; now and then an election, a crash, a pause."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.results.folders import write_lines

MILLISECOND = 1_000_000
ROUND_NS = 50 * MILLISECOND


@dataclass
class Conversation:
    nodes: list[str]
    seed: int = 1
    loss: float = 0.05
    lines: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    sent: int = 0
    term: int = 4
    last: int = 10
    down: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.leader = self.nodes[0]

    def add(self, time: int, event: str, **fields: Any) -> None:
        self.lines.append((time, len(self.lines), {"time": time, "event": event, **fields}))

    def send(self, time: int, node: str, peer: str, text: str) -> int | None:
        """When it arrives, or None if it does not."""
        self.sent += 1
        number, takes = self.sent, int(self.rng.lognormvariate(0.7, 0.5) * MILLISECOND)
        self.add(time, "send", node=node, peer=peer, message=number, text=text, term=self.term)
        if self.rng.random() < self.loss or peer in self.down:
            why = f"{peer} is down" if peer in self.down else "lost on the way"
            self.add(time + takes // 2, "drop", node=peer, peer=node, message=number, text=why)
            return None
        self.add(time + takes, "deliver", node=peer, peer=node, message=number)
        return time + takes

    def others(self, node: str) -> list[str]:
        return [other for other in self.nodes if other != node]

    def heartbeat(self, time: int) -> None:
        entries = self.rng.choice([0, 0, 1, 3])
        text = f"AppendEntries {entries} entries from {self.last + 1}, commit {self.last}"
        answers = []
        self.last += entries
        for peer in self.others(self.leader):
            arrived = self.send(time, self.leader, peer, text)
            if arrived is not None:
                answered = self.send(arrived + 300_000, peer, self.leader, f"AppendReply matches {self.last}")
                answers.append(answered)
        heard = sorted(answer for answer in answers if answer is not None)
        if entries and len(heard) >= len(self.nodes) // 2:
            self.add(heard[len(self.nodes) // 2 - 1], "commit", node=self.leader, commit=self.last, term=self.term)
            for peer in self.others(self.leader):
                if peer not in self.down:
                    self.add(time + ROUND_NS + 3 * MILLISECOND, "commit", node=peer, commit=self.last, term=self.term)

    def elect(self, time: int) -> None:
        """The next node asks for votes and gets them."""
        candidate = next(node for node in self.others(self.leader) if node not in self.down)
        self.term += 1
        self.add(time, "role", node=candidate, role="candidate", term=self.term)
        for peer in self.others(candidate):
            arrived = self.send(
                time + 200_000, candidate, peer, f"RequestVote last {self.last} in term {self.term - 1}"
            )
            if arrived is not None:
                self.add(arrived, "role", node=peer, role="follower", term=self.term)
                self.send(arrived + 200_000, peer, candidate, "VoteReply granted")
        self.leader = candidate
        self.add(time + 9 * MILLISECOND, "role", node=candidate, role="leader", term=self.term)

    def written(self) -> list[dict[str, Any]]:
        return [line for _, _, line in sorted(self.lines, key=lambda item: item[:2])]


def conversation(count: int, nodes: list[str], *, begins_ns: int = 0, seed: int = 1) -> list[dict[str, Any]]:
    """About this many messages."""
    talk = Conversation(nodes, seed)
    for node in nodes:
        talk.add(begins_ns, "start", node=node)
        role = "leader" if node == talk.leader else "follower"
        talk.add(begins_ns, "role", node=node, role=role, term=talk.term)
    time, number, crashed = begins_ns + 10 * MILLISECOND, 0, ""
    while talk.sent < count:
        number += 1
        if number % 40 == 4:
            crashed = talk.leader
            talk.down.add(crashed)
            talk.add(time, "crash" if number % 80 == 4 else "pause", node=crashed)
            talk.add(time, "fault-begin", fault=f"f{number}", text=f"kill {crashed}")
            talk.elect(time + 30 * MILLISECOND)
        elif number % 40 == 9:
            talk.down.discard(crashed)
            talk.add(time, "start" if number % 80 == 9 else "resume", node=crashed)
            talk.add(time, "role", node=crashed, role="follower", term=talk.term)
            talk.add(time, "fault-end", fault=f"f{number - 5}")
        else:
            talk.heartbeat(time)
        time += ROUND_NS
    return talk.written()


def write_messages(folder: Path, count: int, nodes: list[str], **options: Any) -> list[dict[str, Any]]:
    lines = conversation(count, nodes, **options)
    write_lines(folder / "messages.jsonl", lines)
    return lines
