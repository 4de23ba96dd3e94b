"""Clients with sessions, who retry until they know; and what their answers must say.

Answers name a log index, and `Safety` knows the committed log, so consistency is checked exactly, and without a search:
`Reference` says what each entry did, with sessions of its own making.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

from harness.cluster.simulation.safety import Violation
from tests.node.sim.cluster import Cluster
from tests.node.sim.reference import Answer, Reference
from tests.node.sim.requests import Draws

TIMEOUT_S: Final = 0.4
PAUSE_S: Final = 0.03
STATE_SAYS_NO: Final = ("held", "not-held", "condition-failed")
"""Refusals that are answers: the command was applied, and changed nothing."""


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
        self._draws = Draws(name, rng)
        self._attempt = 0
        self._outcome = Outcome({}, 0, 0)

    def begin(self) -> None:
        """The next operation, unless the crowd has stopped."""
        self._outcome = Outcome(self._draw(), self._crowd.told, self._index)
        self._crowd.waiting.add(self.name)
        self._try()

    def _draw(self) -> dict[str, Any]:
        if self._rng.random() < 0.4:
            return {**self._draws.read(), "min_index": self._index, "timeout_s": TIMEOUT_S}
        self._seq += 1
        return {**self._draws.command(), "session": self.name, "seq": self._seq, "opened": 0}

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
        if not response["ok"] and response["error"] not in STATE_SAYS_NO:
            self._refused(response)
            return
        self._attempt += 1
        self._outcome.response = response
        self._index = max(self._index, response.get("index", 0))
        self._draws.learn(self._outcome.request, response)
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
        self.expired = 0
        """How often a time to live ended."""
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
            self.told = max(self.told, outcome.response.get("index", 0))
        if not self.stopped:
            self.cluster.scheduler.after(PAUSE_S, client.begin)

    def check(self) -> None:
        """Every answer against the committed log. Raises Violation."""
        reference = Reference(self.cluster.safety.committed)
        for outcome in self.outcomes:
            check(outcome, reference)
        self.expired = reference.expired


def check(outcome: Outcome, reference: Reference) -> None:
    """One answer against the log. Raises Violation."""
    request, response = outcome.request, outcome.response
    if request["op"] == "read":
        right = response["value"] == reference.read(request, response["index"])
        least = {"stale": 0, "sequential": outcome.own}.get(request["mode"], outcome.floor)
        right = right and response["index"] >= least
    else:
        least = outcome.floor + 1
        right = _is_right(outcome, reference.done(request["session"], request["seq"]), least)
    if not right:
        raise Violation(f"{request} is answered {response}, at least index {least} was due")


def _is_right(outcome: Outcome, done: tuple[int, Answer] | None, least: int) -> bool:
    if done is None or done[0] < least:
        return False
    index, answer = done
    if isinstance(answer, str):
        return outcome.response.get("error") == answer
    said = {name: value for name, value in outcome.response.items() if name not in ("id", "ok")}
    return said == {"index": index, **answer}
