"""What a session does with keys: values, sets and transactions.

The index that answers report is the revision of the whole store: it grows by one with every transaction that changes
something, and a read tells at which revision it read. Linearizable reads ask the leader for its commit index first;
sequential and stale ones are etcd's `serializable` reads, which the node answers from what it has applied. (There, the
word is about transactions: what is read is a state that there once was.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from harness.system import Answer, Definite, Indefinite, Refused
from harness.systems.etcd import wire
from harness.systems.etcd.calls import Session
from harness.systems.etcd.errors import CONFLICT, MALFORMED, NO_SUCH_MODE, NOT_CAUGHT_UP
from harness.systems.etcd.transactions import keys_needed, perform
from harness.systems.etcd.wire import Message

RANGE: Final = "/v3/kv/range"
PUT: Final = "/v3/kv/put"
DELETE: Final = "/v3/kv/deleterange"
TXN: Final = "/v3/kv/txn"
LINEARIZABLE: Final = "linearizable"
SEQUENTIAL: Final = "sequential"
READ_MODES: Final = (LINEARIZABLE, SEQUENTIAL, "stale")
LOOK_AGAIN_S: Final = 0.01
UNMATCHED: Final = "unmatched"
"""A key that a compare-and-set writes when it does not match, so that its answer has a revision of its own, as every
command's has."""


class Keys(Session):
    # Plain values

    async def read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        answer = await self._read(RANGE, {"key": wire.key(key)}, mode, min_index)
        return Answer(value=_only_value(answer), log_index=wire.revision(answer))

    async def write(self, key: str, value: Any) -> Answer:
        answer = await self._calls.call(PUT, _pair(key, value))
        return Answer(value=value, log_index=wire.revision(answer))

    async def cas(self, key: str, expected: Any, new: Any) -> Answer:
        answer = await self._calls.call(
            TXN,
            {
                "compare": [_holds(key, expected)],
                "success": [{"request_put": _pair(key, new)}],
                "failure": [{"request_range": {"key": wire.key(key)}}, {"request_put": _pair(UNMATCHED, self.session)}],
            },
        )
        index = wire.revision(answer)
        if wire.succeeded(answer):
            return Answer(value=new, log_index=index)
        return Answer(value=_only_value(_range_of(answer, 0)), matched=False, log_index=index)

    # Sets: an element is a key below the set's own

    async def set_add(self, key: str, element: Any) -> Answer:
        answer = await self._calls.call(PUT, _pair(_member(key, element), element))
        return Answer(value=element, log_index=wire.revision(answer))

    async def set_remove(self, key: str, element: Any) -> Answer:
        answer = await self._calls.call(DELETE, {"key": wire.key(_member(key, element))})
        return Answer(value=element, log_index=wire.revision(answer))

    async def set_contains(self, key: str, element: Any, *, mode: str, min_index: int = 0) -> Answer:
        answer = await self._read(RANGE, {"key": wire.key(_member(key, element))}, mode, min_index)
        return Answer(value=bool(wire.several(answer, "kvs")), log_index=wire.revision(answer))

    async def set_read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        answer = await self._read(RANGE, wire.prefix(f"{key}/"), mode, min_index)
        elements = [wire.value_of(pair) for pair in wire.several(answer, "kvs")]
        return Answer(value=elements, log_index=wire.revision(answer))

    # Several keys

    async def transact(self, steps: Sequence[Sequence[Any]]) -> Answer:
        needed = keys_needed(steps)
        held, revisions, index = await self._before(needed)
        done, written = perform(steps, held)
        if not written:
            return Answer(value=done, log_index=index)
        answer = await self._calls.call(
            TXN,
            {
                "compare": [_unchanged(key, revision) for key, revision in revisions.items()],
                "success": [{"request_put": _pair(key, value)} for key, value in written.items()],
            },
        )
        if not wire.succeeded(answer):
            raise Refused(CONFLICT)
        return Answer(value=done, log_index=wire.revision(answer))

    async def read_together(self, keys: Sequence[str], *, mode: str, min_index: int = 0) -> Answer:
        answer = await self._read_all(keys, mode, min_index)
        values = [_only_value(_range_of(answer, place)) for place in range(len(keys))]
        return Answer(value=values, log_index=wire.revision(answer))

    async def _before(self, keys: Sequence[str]) -> tuple[dict[str, Any], dict[str, int], int]:
        """What the keys hold, when each was last changed (0: never), and the revision of the store. Nothing has been
        written yet, so no error leaves any doubt. Raises Definite."""
        if not keys:
            return {}, {}, 0
        try:
            answer = await self._read_all(keys, LINEARIZABLE, 0)
            ranges = {key: _range_of(answer, place) for place, key in enumerate(keys)}
            held = {key: _only_value(told) for key, told in ranges.items()}
            changed = {key: wire.whole(_only_pair(told) or {}, "mod_revision") for key, told in ranges.items()}
            return held, changed, wire.revision(answer)
        except Indefinite as error:
            raise Definite(str(error)) from error

    async def _read_all(self, keys: Sequence[str], mode: str, min_index: int) -> Message:
        """All at one revision. A transaction of serializable reads alone is one as well."""
        local = {"serializable": True} if mode != LINEARIZABLE else {}
        ranges = [{"request_range": {"key": wire.key(key), **local}} for key in keys]
        return await self._read(TXN, {"success": ranges}, mode, min_index)

    async def _read(self, path: str, request: Mapping[str, Any], mode: str, min_index: int) -> Message:
        """A sequential read is asked for again until the node has come so far: reading twice changes nothing."""
        if mode not in READ_MODES:
            raise Definite(NO_SUCH_MODE)
        asked = {**request, "serializable": mode != LINEARIZABLE} if path == RANGE else request
        if mode != SEQUENTIAL:
            return await self._calls.call(path, asked)
        try:
            async with self._world.timeout(self._timeout_s):
                while wire.revision(answer := await self._calls.call(path, asked)) < min_index:
                    await self._world.sleep(LOOK_AGAIN_S)
                return answer
        except TimeoutError:
            raise Definite(NOT_CAUGHT_UP) from None


def _pair(key: str, value: Any) -> Message:
    return {"key": wire.key(key), "value": wire.value(value)}


def _member(key: str, element: Any) -> str:
    return f"{key}/{msgspec.json.encode(element).decode()}"


def _holds(key: str, value: Any) -> Message:
    """A key without a value was never created."""
    if value is None:
        return {"key": wire.key(key), "target": "CREATE", "result": "EQUAL", "create_revision": "0"}
    return {"key": wire.key(key), "target": "VALUE", "result": "EQUAL", "value": wire.value(value)}


def _unchanged(key: str, revision: int) -> Message:
    return {"key": wire.key(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}


def _range_of(answer: Mapping[str, Any], place: int) -> Message:
    """The answer to one of the reads of a transaction."""
    responses = wire.several(answer, "responses")
    if place >= len(responses):
        raise Indefinite(MALFORMED)
    return wire.part(responses[place], "response_range")


def _only_pair(answer: Mapping[str, Any]) -> Message | None:
    pairs = wire.several(answer, "kvs")
    if len(pairs) > 1:
        raise Indefinite(MALFORMED)
    return pairs[0] if pairs else None


def _only_value(answer: Mapping[str, Any]) -> Any:
    pair = _only_pair(answer)
    return None if pair is None else wire.value_of(pair)
