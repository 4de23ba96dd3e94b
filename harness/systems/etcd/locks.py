"""Locks, by etcd's lock and lease calls.

A holder is a lease, and its lock a key with that lease below the lock's name; of several such keys the one that was
created first holds the lock, and etcd's lock call waits until that is one's own. The fencing token is the revision at
which the key was created: it grows from holder to holder. Who does not want to wait gives up its lease, and with it its
place. A release deletes the key if it is still the one of that token.

A hold ends with its lease. There are three kinds: one whose lease is as good as endless, one that runs out, and one
that runs out unless it is kept alive, which goes on behind the caller's back until it is released or the session is
closed, as etcd's own clients do it.
"""

from __future__ import annotations

from contextlib import suppress
from math import ceil
from typing import Final

from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite, Refused
from harness.systems.etcd import wire
from harness.systems.etcd.calls import Calls, Session
from harness.systems.etcd.errors import HELD, NOT_HELD, TIMEOUT
from harness.systems.etcd.keys import RANGE, TXN
from harness.world import Task, World

GRANT: Final = "/v3/lease/grant"
REVOKE: Final = "/v3/lease/revoke"
KEEP_ALIVE: Final = "/v3/lease/keepalive"
LOCK: Final = "/v3/lock/lock"
ENDLESS_S: Final = 24 * 3600
PATIENCE_S: Final = 0.3
"""How long a lock that is held is waited for."""
PATIENCE_KEPT_S: Final = 1.0
"""Of those that are kept for a while."""
OFTEN: Final = 3
"""Keep-alives in the time that a lease would last."""


class Locks(Session):
    def __init__(self, world: World, node: Node, *, timeout_s: float, session: str) -> None:
        super().__init__(world, node, timeout_s=timeout_s, session=session)
        self._keepers: dict[tuple[str, int], Task[None]] = {}
        """By lock and token."""

    async def acquire(self, key: str) -> Answer:
        return (await self._acquire(key, ENDLESS_S))[0]

    async def acquire_for(self, key: str, seconds: float) -> Answer:
        return (await self._acquire(key, seconds))[0]

    async def acquire_kept(self, key: str, seconds: float) -> Answer:
        answer, lease = await self._acquire(key, seconds, PATIENCE_KEPT_S)
        assert isinstance(answer.value, int)
        self._keepers[key, answer.value] = self._world.spawn(self._keep(lease, seconds / OFTEN), name="keep-alive")
        return answer

    async def release(self, key: str, token: int) -> Answer:
        keeper = self._keepers.pop((key, token), None)
        if keeper is not None:
            keeper.cancel()
        owner = await self._owner(key)
        if owner is None or wire.whole(owner, "create_revision") != token:
            raise Refused(NOT_HELD)
        created = {"target": "CREATE", "result": "EQUAL", "create_revision": str(token)}
        answer = await self._calls.call(
            TXN,
            {
                "compare": [{"key": owner["key"], **created}],
                "success": [{"request_delete_range": {"key": owner["key"]}}],
            },
        )
        if not wire.succeeded(answer):
            raise Refused(NOT_HELD)
        return Answer(value=token, log_index=wire.revision(answer))

    def close(self) -> None:
        while self._keepers:
            self._keepers.popitem()[1].cancel()
        super().close()

    async def _acquire(self, key: str, seconds: float, patience_s: float = PATIENCE_S) -> tuple[Answer, int]:
        """The token, and the lease that it hangs on."""
        lease = await self._lease(ceil(seconds))
        try:
            told = await self._calls.call(LOCK, {"name": wire.key(key), "lease": str(lease)}, timeout_s=patience_s)
        except Definite:
            raise
        except Indefinite as error:
            await self._give_up(lease, error)
            raise Refused(HELD) if str(error) == TIMEOUT else Definite(str(error)) from None
        return await self._token(told), lease

    async def _lease(self, seconds: int) -> int:
        """A lease without a key holds nothing, so no error leaves any doubt. Raises Definite."""
        try:
            return wire.whole(await self._calls.call(GRANT, {"TTL": str(seconds)}), "ID")
        except Indefinite as error:
            raise Definite(str(error)) from error

    async def _give_up(self, lease: int, error: Indefinite) -> None:
        """Without its lease, the key that may have been created is gone, and none can be created any more. Raises
        `error` where that is not certain."""
        try:
            await self._calls.call(REVOKE, {"ID": str(lease)})
        except Refused:
            return  # it has run out already
        except (Definite, Indefinite):
            raise error from None

    async def _token(self, told: wire.Message) -> Answer:
        answer = await self._calls.call(RANGE, {"key": told.get("key")})
        pairs = wire.several(answer, "kvs")
        if not pairs:
            raise Refused(NOT_HELD)  # the lease has run out meanwhile
        return Answer(value=wire.whole(pairs[0], "create_revision"), log_index=wire.revision(answer))

    async def _keep(self, lease: int, every_s: float) -> None:
        """Over a connection of its own, since the session's may be waiting for an answer. Whether it helped is not
        asked: who takes a lock for mutual exclusion does not either."""
        calls = Calls(self._world, self._node, timeout_s=every_s)
        try:
            while True:
                await self._world.sleep(every_s)
                with suppress(Definite, Indefinite):
                    await calls.call(KEEP_ALIVE, {"ID": str(lease)})
        finally:
            calls.close()

    async def _owner(self, key: str) -> wire.Message | None:
        """The key that holds the lock. Nothing has been asked to change yet, so no error leaves any doubt."""
        first = {"sort_order": "ASCEND", "sort_target": "CREATE", "limit": "1"}
        try:
            pairs = wire.several(await self._calls.call(RANGE, {**wire.prefix(f"{key}/"), **first}), "kvs")
        except Indefinite as error:
            raise Definite(str(error)) from error
        return pairs[0] if pairs else None
