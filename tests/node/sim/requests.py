"""What clients ask: every operation there is, over a few keys of each type, so that they get in each other's way."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

REGISTERS: Final = ("a", "b", "c")
LISTS: Final = ("x", "y")
READ_MODES: Final = ("linearizable", "linearizable", "lease", "sequential", "stale")
QUERIES: Final[tuple[dict[str, Any], ...]] = (
    *({"key": key} for key in (*REGISTERS, *LISTS, "timed", "set", "counter", "queue", "lock")),
    {"keys": [*REGISTERS, *LISTS, "counter"]},
    {"key": "set", "contains": 3},
)
TTLS_MS: Final = (100, 300)
ELEMENTS: Final = 6
"""Of sets: few, so that they are removed again."""


@dataclass
class Draws:
    """The choices of one client, and what it remembers for them."""

    name: str
    rng: random.Random
    seen: Any = None
    """What it last saw in a register."""
    token: int = 1
    """Of the lock that it acquired last."""
    _counter: int = field(default=0)

    def read(self) -> dict[str, Any]:
        return {"op": "read", "mode": self.rng.choice(READ_MODES), **self.rng.choice(QUERIES)}

    def command(self) -> dict[str, Any]:
        if self.rng.random() < 0.5:
            return self._register()
        draws = (self._timed, self._set, self._counter_add, self._queue, self._lock, self._transaction)
        return self.rng.choice(draws)()

    def learn(self, request: dict[str, Any], response: dict[str, Any]) -> None:
        if "value" in response and request.get("key") in REGISTERS:
            self.seen = response["value"]
        self.token = response.get("token", self.token)

    def _fresh(self) -> str:
        self._counter += 1
        return f"{self.name}-{self._counter}"

    def _register(self) -> dict[str, Any]:
        key, value = self.rng.choice(REGISTERS), self._fresh() + "x" * self.rng.choice([0, 0, 0, 600])
        if self.rng.random() < 0.7:
            return {"op": "write", "key": key, "value": value}
        return {"op": "cas", "key": key, "expected": self.seen, "new": value}

    def _timed(self) -> dict[str, Any]:
        request = {"op": "write", "key": "timed", "value": self._fresh()}
        return request if self.rng.random() < 0.2 else {**request, "ttl_ms": self.rng.choice(TTLS_MS)}

    def _set(self) -> dict[str, Any]:
        op = self.rng.choice(["set-add", "set-add", "set-remove"])
        return {"op": op, "key": "set", "element": self.rng.randrange(ELEMENTS)}

    def _counter_add(self) -> dict[str, Any]:
        return {"op": "counter-add", "key": "counter", "amount": self.rng.randint(-5, 5)}

    def _queue(self) -> dict[str, Any]:
        op = self.rng.choice(["enqueue", "enqueue", "enqueue", "dequeue", "dequeue", "drain"])
        request = {"op": op, "key": "queue"}
        return {**request, "element": self._fresh()} if op == "enqueue" else request

    def _lock(self) -> dict[str, Any]:
        if self.rng.random() < 0.2:
            return {"op": "generate"}
        if self.rng.random() < 0.5:
            return {"op": "release", "key": "lock", "token": self.token}
        lease = {} if self.rng.random() < 0.5 else {"ttl_ms": self.rng.choice(TTLS_MS)}
        return {"op": "acquire", "key": "lock", **lease}

    def _transaction(self) -> dict[str, Any]:
        return {"op": "txn", "steps": [self._step() for _ in range(self.rng.randint(1, 4))]}

    def _step(self) -> list[Any]:
        kind = self.rng.choice(["r", "r", "w", "append", "append", "add", "is", "at-least"])
        if kind == "append":
            return [kind, self.rng.choice(LISTS), self._fresh()]
        if kind in ("add", "at-least"):
            return [kind, "counter", self.rng.randint(-5, 5)]
        key = self.rng.choice(REGISTERS if kind != "r" else (*REGISTERS, *LISTS, "counter"))
        return [kind, key, {"r": None, "w": self._fresh(), "is": self.seen}[kind]]
