"""What commands do to a state in memory, by plain rules on a dict of values; and how they can do it wrong.

| bug | what is wrong |
|---|---|
| loses-writes | every tenth command is acknowledged and has no effect |
| acts-twice | every tenth command has its effect twice |
| forgets-sessions | a command that is sent again has its effect again |
| gives-held-locks | every fourth acquire of a held lock is granted |
| takes-any-token | a release shows any token it likes |
| repeats-ids | every tenth id was given out before |
| repeats-tokens | every third token may be one that was given out before |
| half-transactions | of every tenth transaction the last step is left out |
| old-snapshots | every tenth transaction reads what was there some transactions ago |
| drops-events, repeats-events, tells-backwards | watchers are told that (tests/workloads/memory.py) |
| last-in-first-out | every fifth dequeue takes the newest element |
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

COMMANDS_OF_A_LEASE: Final = 40

State = dict[str, Any]
Request = dict[str, Any]


class No(Exception):
    """The state says no, with this word."""


class Objects:
    """`done`: (session, number) -> answer."""

    def __init__(self, bug: str | None) -> None:
        self.state: State = {}
        self.commands = 0
        self._bug = bug
        self._done: dict[tuple[str, int], Request] = {}
        self._before: list[State] = []
        self._runs_out: dict[str, int] = {}
        """Of locks with a time to live: after how many commands in all."""

    def perform(self, request: Request) -> Request:
        """The answer; `error` in it for a refusal. A command of a number that is known gets the answer it had."""
        identity = (request["session"], request["seq"])
        if identity in self._done and self._bug != "forgets-sessions":
            return self._done[identity]
        self.commands += 1
        answer = {"index": self.commands, **self._perform(request)}
        self._done[identity] = answer
        return answer

    def _perform(self, request: Request) -> Request:
        before = deepcopy(self.state)
        self._before = [*self._before[-8:], before]
        try:
            answer = self._once(request)
            if self._every(10, "acts-twice"):
                self._once(request)
        except No as word:
            self.state = before
            return {"error": str(word)}
        if self._every(10, "loses-writes"):
            self.state = before
        return answer

    def _every(self, nth: int, bug: str) -> bool:
        return self._bug == bug and self.commands % nth == 0

    def _once(self, request: Request) -> Request:
        key, now = request.get("key", ""), self.state.get(request.get("key", ""))
        match request["op"]:
            case "write":
                self.state[key] = request["value"]
            case "cas" if now != request["expected"]:
                return {"matched": False, "value": now}
            case "cas":
                self.state[key] = request["new"]
                return {"matched": True}
            case "set-add":
                self.state[key] = sorted({*(now or []), request["element"]})
            case "set-remove":
                self.state[key] = [element for element in now or [] if element != request["element"]]
            case "counter-add":
                self.state[key] = (now or 0) + request["amount"]
            case "enqueue":
                self.state[key] = [*(now or []), request["element"]]
            case "dequeue":
                newest = self._every(5, "last-in-first-out")
                self.state[key] = (now or [])[:-1] if newest else (now or [])[1:]
                return {"value": (now[-1] if newest else now[0]) if now else None}
            case "drain":
                self.state[key] = []
                return {"value": now or []}
            case "acquire":
                return self._acquire(key, now, request.get("ttl_ms"))
            case "release":
                self._release(key, now, request["token"])
            case "generate":
                return {"value": self.commands - 7 * self._every(10, "repeats-ids")}
            case "txn":
                return {"value": self._transact(request["steps"])}
        return {}

    def _acquire(self, key: str, holder: Any, ttl_ms: int | None) -> Request:
        ran_out = self.commands > self._runs_out.get(key, self.commands)
        if holder is not None and not ran_out and not self._every(4, "gives-held-locks"):
            raise No("held")
        token = self.commands - 40 * self._every(3, "repeats-tokens")
        self.state[key] = token
        if ttl_ms is not None:
            self._runs_out[key] = self.commands + COMMANDS_OF_A_LEASE
        return {"token": token}

    def _release(self, key: str, holder: Any, token: int) -> None:
        if holder != token and self._bug != "takes-any-token":
            raise No("not-held")
        self.state[key] = None

    def end_lock(self, key: str, token: int) -> None:
        """Its holder is no more."""
        if self.state.get(key) == token:
            self.state[key] = None

    def _transact(self, steps: list[list[Any]]) -> list[list[Any]]:
        old = self._before[0] if self._every(10, "old-snapshots") else self.state
        kept = steps[:-1] if self._every(10, "half-transactions") else steps
        done = [[what, key, self._step(what, key, value, old)] for what, key, value in kept]
        return [*done, *steps[len(kept) :]]

    def _step(self, what: str, key: str, value: Any, old: State) -> Any:
        now = self.state.get(key)
        match what:
            case "r":
                return deepcopy(old.get(key))
            case "w":
                self.state[key] = value
            case "append":
                self.state[key] = [*(now or []), value]
            case "add":
                self.state[key] = (now or 0) + value
            case "at-least" if (now or 0) < value:
                raise No("condition-failed")
        return value


BUGS: Final = (
    "loses-writes",
    "acts-twice",
    "forgets-sessions",
    "gives-held-locks",
    "takes-any-token",
    "repeats-ids",
    "repeats-tokens",
    "half-transactions",
    "old-snapshots",
    "last-in-first-out",
)
