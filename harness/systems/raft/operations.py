"""The node's operations as calls: what is asked (docs/client-protocol.md), and what an answer means.

Two classes have them, a session and a session's command of one number (`client`); they differ in how a command gets its
number. An answer without the fields that it must have says nothing definite.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.system import Answer, Indefinite
from harness.systems.raft.errors import MALFORMED

_MISSING: Final = object()


class RaftOperations(ABC):
    @abstractmethod
    async def _read(self, request: Mapping[str, Any], mode: str, min_index: int) -> dict[str, Any]:
        """The answer to a read, if it is ok. Raises Definite, Indefinite."""

    @abstractmethod
    async def _command(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a command of the session, if it is ok. Raises Definite, Indefinite."""

    # Plain values

    async def read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        return _answer(await self._read({"key": key}, mode, min_index))

    async def write(self, key: str, value: Any) -> Answer:
        return _done(await self._command({"op": "write", "key": key, "value": value}), value)

    async def cas(self, key: str, expected: Any, new: Any) -> Answer:
        answer = await self._command({"op": "cas", "key": key, "expected": expected, "new": new})
        matched = answer.get("matched")
        if not isinstance(matched, bool):
            raise Indefinite(MALFORMED)
        value = new if matched else answer.get("value")
        return Answer(value=value, matched=matched, log_index=_index(answer))

    # Objects

    async def set_add(self, key: str, element: Any) -> Answer:
        return _done(await self._command({"op": "set-add", "key": key, "element": element}), element)

    async def set_remove(self, key: str, element: Any) -> Answer:
        return _done(await self._command({"op": "set-remove", "key": key, "element": element}), element)

    async def set_contains(self, key: str, element: Any, *, mode: str, min_index: int = 0) -> Answer:
        return _answer(await self._read({"key": key, "contains": element}, mode, min_index))

    async def set_read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        return _answer(await self._read({"key": key}, mode, min_index), nothing=[])

    async def counter_add(self, key: str, amount: int) -> Answer:
        return _done(await self._command({"op": "counter-add", "key": key, "amount": amount}), amount)

    async def counter_read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        return _answer(await self._read({"key": key}, mode, min_index), nothing=0)

    async def enqueue(self, key: str, element: Any) -> Answer:
        return _done(await self._command({"op": "enqueue", "key": key, "element": element}), element)

    async def dequeue(self, key: str) -> Answer:
        return _answer(await self._command({"op": "dequeue", "key": key}))

    async def drain(self, key: str) -> Answer:
        return _answer(await self._command({"op": "drain", "key": key}))

    async def acquire(self, key: str) -> Answer:
        return _answer(await self._command({"op": "acquire", "key": key}), field="token")

    async def acquire_for(self, key: str, seconds: float) -> Answer:
        request = {"op": "acquire", "key": key, "ttl_ms": round(seconds * 1000)}
        return _answer(await self._command(request), field="token")

    async def release(self, key: str, token: int) -> Answer:
        return _done(await self._command({"op": "release", "key": key, "token": token}), token)

    async def generate(self) -> Answer:
        return _answer(await self._command({"op": "generate"}))

    # Several keys

    async def transact(self, steps: Sequence[Sequence[Any]]) -> Answer:
        answer = _answer(await self._command({"op": "txn", "steps": steps}))
        if not _are_steps(answer.value):
            raise Indefinite(MALFORMED)
        return answer

    async def read_together(self, keys: Sequence[str], *, mode: str, min_index: int = 0) -> Answer:
        return _answer(await self._read({"keys": keys}, mode, min_index))


def _answer(answer: Mapping[str, Any], *, field: str = "value", nothing: Any = None) -> Answer:
    """`nothing`: what null means, the answer for a key that has nothing."""
    value = answer.get(field, _MISSING)
    if value is _MISSING:
        raise Indefinite(MALFORMED)
    return Answer(value=nothing if value is None else value, log_index=_index(answer))


def _are_steps(value: Any) -> bool:
    """Whoever reads a history takes them apart."""
    return isinstance(value, list) and all(isinstance(step, list) and len(step) == 3 for step in value)


def _done(answer: Mapping[str, Any], value: Any) -> Answer:
    return Answer(value=value, log_index=_index(answer))


def _index(answer: Mapping[str, Any]) -> int:
    index = answer.get("index")
    if not isinstance(index, int):
        raise Indefinite(MALFORMED)
    return index
