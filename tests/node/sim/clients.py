"""Clients with sessions, who retry until they know; and what their answers must say.

Every answer names a log index, and `Safety` knows the committed log, so consistency is checked exactly, and without a
search: `Reference` says what each entry did, with sessions of its own making.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node_image.raft import Entry, EntryKind
from node_image.replica.command import Operation, decode
from tests.node.sim.cluster import Cluster
from tests.node.sim.safety import Violation

TIMEOUT_S: Final = 0.4
PAUSE_S: Final = 0.03
KEYS: Final = ("a", "b", "c")
READ_MODES: Final = ("linearizable", "linearizable", "lease", "sequential", "stale")


@dataclass
class Outcome:
    """One operation that was answered. `floor` is the highest index that anybody had been told of when it began, `own`
    the highest that its own client had."""

    request: dict[str, Any]
    floor: int
    own: int
    response: dict[str, Any] = field(default_factory=dict)


class Client:
    """One operation after another, each until it is answered."""

    def __init__(self, crowd: Crowd, name: str, rng: random.Random) -> None:
        self.name = name
        self._crowd = crowd
        self._rng = rng
        self._seq = 0
        self._index = 0
        self._seen: Any = None
        self._attempt = 0
        self._outcome = Outcome({}, 0, 0)

    def begin(self) -> None:
        """The next operation, unless the crowd has stopped."""
        self._outcome = Outcome(self._draw(), self._crowd.told, self._index)
        self._crowd.waiting.add(self.name)
        self._try()

    def _draw(self) -> dict[str, Any]:
        key = self._rng.choice(KEYS)
        kind = self._rng.random()
        if kind < 0.4:
            mode = self._rng.choice(READ_MODES)
            return {"op": "read", "key": key, "mode": mode, "min_index": self._index, "timeout_s": TIMEOUT_S}
        self._seq += 1
        session = {"session": self.name, "seq": self._seq, "opened": 0}
        value = f"{self.name}-{self._seq}" + "x" * self._rng.choice([0, 0, 0, 600])
        if kind < 0.8:
            return {"op": "write", "key": key, "value": value, **session}
        return {"op": "cas", "key": key, "expected": self._seen, "new": value, **session}

    def _try(self) -> None:
        self._attempt += 1
        attempt = self._attempt
        cluster = self._crowd.cluster
        node = self._rng.choice(cluster.names)
        request = {"id": attempt, **self._outcome.request}
        if request["op"] != "read" and attempt > 1:
            self._crowd.retries += 1
        connection = cluster.ask(node, request, lambda response: self._answered(attempt, response))
        cluster.scheduler.after(TIMEOUT_S, lambda: self._timed_out(attempt, connection))

    def _timed_out(self, attempt: int, connection: int) -> None:
        if attempt == self._attempt:
            self._crowd.cluster.hang_up(connection)
            self._try()

    def _answered(self, attempt: int, response: dict[str, Any]) -> None:
        if attempt != self._attempt:
            return
        if not response["ok"]:
            self._refused(response)
            return
        self._attempt += 1
        self._outcome.response = response
        self._index = max(self._index, response["index"])
        if "value" in response:
            self._seen = response["value"]
        self._crowd.completed(self, self._outcome)

    def _refused(self, response: dict[str, Any]) -> None:
        if response["error"] in ("session-expired", "stale-sequence", "bad-request"):
            raise Violation(f"{self.name} is told {response} for {self._outcome.request}")
        attempt = self._attempt
        self._crowd.cluster.scheduler.after(PAUSE_S, lambda: self._try() if attempt == self._attempt else None)


class Crowd:
    def __init__(self, cluster: Cluster, count: int) -> None:
        self.cluster = cluster
        self.stopped = False
        self.waiting: set[str] = set()
        """Clients in the middle of an operation."""
        self.outcomes: list[Outcome] = []
        self.retries = 0
        self.told = 0
        """The highest index in any strong answer so far: later operations must not act before it."""
        rng = random.Random(cluster.rng.random())
        self.clients = [Client(self, f"c{number}", random.Random(rng.random())) for number in range(count)]
        for client in self.clients:
            cluster.scheduler.after(rng.random() * 0.1, client.begin)

    def completed(self, client: Client, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.waiting.discard(client.name)
        if outcome.request.get("mode") not in ("sequential", "stale"):
            self.told = max(self.told, outcome.response["index"])
        if not self.stopped:
            self.cluster.scheduler.after(PAUSE_S, client.begin)

    def check(self) -> None:
        """Every answer against the committed log. Raises Violation."""
        reference = Reference([committed.entry for committed in self.cluster.safety.committed])
        for outcome in self.outcomes:
            reference.check(outcome)


class Reference:
    """What the log says, by a plain rule: of all entries with one (session, seq), the first takes effect."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._versions: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        """Of each key: (index, value), ascending."""
        self._done: dict[tuple[str, int], tuple[int, bool, Any]] = {}
        """(index, whether it took effect, the value before)."""
        for entry in entries:
            if entry.kind is EntryKind.COMMAND:
                self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        command = decode(entry.data)
        identity = (command.session, command.seq)
        if identity in self._done:
            return
        before = self.value(command.key, entry.index)
        effective = command.operation == Operation.WRITE or before == command.expected
        self._done[identity] = (entry.index, effective, before)
        if effective:
            self._versions[command.key].append((entry.index, command.value))

    def value(self, key: str, index: int) -> Any:
        """After the entry at `index`."""
        versions = self._versions[key]
        place = bisect_right(versions, index, key=lambda version: version[0])
        return versions[place - 1][1] if place else None

    def check(self, outcome: Outcome) -> None:
        request, response = outcome.request, outcome.response
        index = response["index"]
        if request["op"] == "read":
            right = response["value"] == self.value(request["key"], index)
            least = {"stale": 0, "sequential": outcome.own}.get(request["mode"], outcome.floor)
        else:
            right = self._is_right(request, response)
            least = outcome.floor + 1
        if not right or index < least:
            raise Violation(f"{request} is answered {response}, at least index {least} was due")

    def _is_right(self, request: dict[str, Any], response: dict[str, Any]) -> bool:
        done = self._done.get((request["session"], request["seq"]))
        if done is None or done[0] != response["index"]:
            return False
        if request["op"] == "write":
            return True
        return response["matched"] is done[1] and (done[1] or response["value"] == done[2])
