"""Locks by etcd's lock and lease calls: one node, scripted, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from harness.system import Answer, Definite, Indefinite, Refused
from harness.systems.etcd.client import EtcdSession
from harness.world.virtual import VirtualWorld
from tests.harness.etcd_system.fake import CLOSE, SILENCE, Call, Error, FakeEtcd, ask, done, kvs, text

ACQUIRE: Call = lambda kv: kv.acquire("k")  # noqa: E731
RELEASE: Call = lambda kv: kv.release("k", 8)  # noqa: E731
LEASE = done(7, ID="123", TTL="60")
LOCKED = done(9, key=text("k/7b"))
GONE = Error("etcdserver: requested lease not found", 404)


def lock_key(revision: int) -> dict[str, Any]:
    return done(9, **kvs({"key": text("k/7b"), "create_revision": str(revision), "lease": "123"}))


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([LEASE, LOCKED, lock_key(8)], Answer(value=8, log_index=9)),
        # Without a key, a lease holds nothing.
        ([SILENCE], (Definite, "timeout")),
        ([Error("etcdserver: request timed out")], (Definite, "etcd-timeout")),
        # Who waits no longer gives up its lease, and is certain only if that was confirmed.
        ([LEASE, SILENCE, done(9)], (Refused, "held")),
        ([LEASE, SILENCE, GONE], (Refused, "held")),
        ([LEASE, SILENCE, SILENCE], (Indefinite, "timeout")),
        ([LEASE, SILENCE, CLOSE], (Indefinite, "timeout")),
        ([LEASE, Error("etcdserver: leader changed"), done(9)], (Definite, "leader-changed")),
        ([LEASE, CLOSE, Error("etcdserver: request timed out")], (Indefinite, "connection-broken")),
        ([LEASE, GONE], (Refused, "lease-not-found")),
        # It was given the lock, and may hold it still.
        ([LEASE, LOCKED, SILENCE], (Indefinite, "timeout")),
        ([LEASE, LOCKED, done(9)], (Refused, "not-held")),
    ],
)
def test_acquire(answers: list[Any], outcome: Any) -> None:
    world = VirtualWorld()
    FakeEtcd(world, answers)
    assert ask(world, ACQUIRE) == [outcome]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([lock_key(8), done(10, succeeded=True)], Answer(value=8, log_index=10)),
        ([lock_key(8), done(10)], (Refused, "not-held")),
        ([lock_key(7)], (Refused, "not-held")),
        ([done(9)], (Refused, "not-held")),
        ([SILENCE], (Definite, "timeout")),
        ([lock_key(8), SILENCE], (Indefinite, "timeout")),
    ],
)
def test_release(answers: list[Any], outcome: Any) -> None:
    world = VirtualWorld()
    FakeEtcd(world, answers)
    assert ask(world, RELEASE) == [outcome]


@pytest.mark.parametrize(("seconds", "ttl"), [(1.0, "1"), (2.5, "3")])
def test_a_hold_lasts_so_long_or_longer(seconds: float, ttl: str) -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [LEASE, LOCKED, lock_key(8)])
    ask(world, lambda kv: kv.acquire_for("k", seconds))
    assert etcd.requests[0] == ("/v3/lease/grant", {"TTL": ttl})
    assert etcd.requests[1] == ("/v3/lock/lock", {"name": text("k"), "lease": "123"})


@pytest.mark.parametrize("ends", ["release", "close"])
def test_a_hold_is_kept_alive_until_it_is_released_or_its_session_closed(ends: str) -> None:
    world = VirtualWorld()
    kept = {"result": {"ID": "123", "TTL": "3"}}
    end = [lock_key(8), done(10, succeeded=True)] if ends == "release" else []
    etcd = FakeEtcd(world, [LEASE, LOCKED, lock_key(8), kept, Error("etcdserver: no leader"), kept, *end])

    async def hold(kv: EtcdSession) -> Answer:
        answer = await kv.acquire_kept("k", 3.0)
        await world.sleep(3.5)
        if ends == "release":
            await kv.release("k", 8)
        else:
            kv.close()
        await world.sleep(30)
        return answer

    assert ask(world, hold) == [Answer(value=8, log_index=9)]
    assert [request for request in etcd.requests if request.path.endswith("keepalive")] == [
        ("/v3/lease/keepalive", {"ID": "123"})
    ] * 3
