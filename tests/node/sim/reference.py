"""What the log says, by plain rules: of all entries with one (session, seq), the first takes effect; a transaction
works on a copy of everything, which is thrown away if a step is refused; what has a time to live ends at the entry
that names it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

from harness.cluster.simulation.safety import Committed, Violation
from node_image.raft import EntryKind
from node_image.replica.command import Command, Operation, decode

CLOCK_DRIFT: Final = 0.03
"""Of machines' clocks (see `cluster`)."""

Answer = dict[str, Any] | str
"""What an answer says beside the index, or the word of a refusal."""


class Reference:
    def __init__(self, committed: Sequence[Committed]) -> None:
        self.state: dict[str, Any] = {}
        self._leases: dict[str, tuple[int, int]] = {}
        """Key -> (index of the entry that began it, milliseconds)."""
        self._versions: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        """Of each key: (index, value), ascending."""
        self._done: dict[tuple[str, int], tuple[int, Answer]] = {}
        self.expired = 0
        self._times = [entry.time for entry in committed]
        for entry in (done.entry for done in committed):
            if entry.kind is EntryKind.COMMAND:
                self._apply(decode(entry.data), entry.index)

    def done(self, session: str, seq: int) -> tuple[int, Answer] | None:
        """The index at which a command took effect, and its answer."""
        return self._done.get((session, seq))

    def read(self, request: dict[str, Any], index: int) -> Any:
        """After the entry at `index`."""
        if "keys" in request:
            return [self._value(key, index) for key in request["keys"]]
        value = self._value(request["key"], index)
        return request["contains"] in (value or []) if "contains" in request else value

    def _value(self, key: str, index: int) -> Any:
        versions = self._versions[key]
        place = bisect_right(versions, index, key=lambda version: version[0])
        return versions[place - 1][1] if place else None

    def _apply(self, command: Command, index: int) -> None:
        if command.operation == Operation.EXPIRE:
            self._expire(command, index)
        elif (command.session, command.seq) not in self._done:
            answer = self._perform(command, index)
            self._done[command.session, command.seq] = (index, answer)
        for key, value in self.state.items():
            if self._value(key, index) != value:
                self._versions[key].append((index, deepcopy(value)))

    def _expire(self, command: Command, index: int) -> None:
        began, ttl_ms = self._leases.get(command.key, (0, 0))
        if began != command.value:
            return
        lived_s = self._times[index - 1] - self._times[began - 1]
        if lived_s < ttl_ms / 1000 / (1 + CLOCK_DRIFT):
            raise Violation(f"{command.key} of entry {began} ended after {lived_s:.3f} s, not {ttl_ms} ms")
        self.expired += 1
        self._set(command.key, None)

    def _set(self, key: str, value: Any, lease: tuple[int, int] | None = None) -> None:
        self.state[key] = value
        self._leases.pop(key, None)
        if lease is not None:
            self._leases[key] = lease

    def _perform(self, command: Command, index: int) -> Answer:
        key, value, second = command.key, command.value, command.second
        now = self.state.get(key)
        match command.operation:
            case Operation.WRITE:
                self._set(key, value, None if second is None else (index, second))
            case Operation.CAS if now != second:
                return {"matched": False, "value": now}
            case Operation.CAS:
                self._set(key, value)
                return {"matched": True}
            case Operation.SET_ADD if now is None or value not in now:
                self.state[key] = [*(now or []), value]
            case Operation.SET_REMOVE if now is not None:
                self.state[key] = [element for element in now if element != value]
            case Operation.COUNTER_ADD:
                self.state[key] = (now or 0) + value
            case Operation.ENQUEUE:
                self.state[key] = [*(now or []), value]
            case Operation.DEQUEUE | Operation.DRAIN:
                return {"value": self._take(key, command.operation)}
            case Operation.ACQUIRE if now is not None:
                return "held"
            case Operation.ACQUIRE:
                holder = {"token": index, "session": command.session}
                self._set(key, holder, None if second is None else (index, second))
                return {"token": index}
            case Operation.RELEASE if now is None or now["token"] != value:
                return "not-held"
            case Operation.RELEASE:
                self._set(key, None)
            case Operation.GENERATE:
                return {"value": index}
            case Operation.TRANSACT:
                return self._transact(value)
        return {}

    def _take(self, key: str, operation: int) -> Any:
        queue = self.state.get(key)
        if operation == Operation.DEQUEUE:
            self.state[key] = queue and queue[1:]
            return queue[0] if queue else None
        self.state[key] = queue and []
        return queue or []

    def _transact(self, steps: list[list[Any]]) -> Answer:
        before = deepcopy((self.state, self._leases))
        done = [[name, key, self._step(name, key, value)] for name, key, value in steps]
        if any(result is _FAILED for _, _, result in done):
            self.state, self._leases = before
            return "condition-failed"
        return {"value": done}

    def _step(self, name: str, key: str, value: Any) -> Any:
        now = self.state.get(key)
        if (name == "is" and now != value) or (name == "at-least" and (now or 0) < value):
            return _FAILED
        if name == "w":
            self._set(key, value)
        elif name == "append":
            self.state[key] = [*(now or []), value]
        elif name == "add":
            self.state[key] = (now or 0) + value
        return deepcopy(now) if name == "r" else value


_FAILED: Final = object()
