"""What systems offer and workloads need: found by asking, and one sentence where it does not fit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness import capabilities
from harness.capabilities import Counters, Ids, Leases, Locks, Queues, Retries, Sets, Transactions, offers
from harness.errors import BadInput
from harness.system import Answer, KeyValue, System
from harness.systems.raft import SYSTEM
from harness.workload import Workload


class Counting:
    """A session that has counters and nothing else."""

    async def counter_add(self, key: str, amount: int) -> Answer:
        return Answer()

    async def counter_read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        return Answer()


class OnlyCounters:
    name = "abacus"
    read_modes = ("linearizable", "stale")

    def connect(self, world: Any, node: Any, *, timeout_s: float, session: str) -> Counting:
        return Counting()


class OnlyKeys:
    name = "plain"

    def connect(self, world: Any, node: Any, *, timeout_s: float, session: str) -> KeyValue:
        raise NotImplementedError


class SaysNothing:
    name = "silent"

    def connect(self, world, node, *, timeout_s, session):  # type: ignore[no-untyped-def]
        raise NotImplementedError


ALL = {Sets, Counters, Queues, Locks, Leases, Ids, Transactions, Retries}


@pytest.mark.parametrize(
    ("system", "offered"),
    [(SYSTEM, ALL), (OnlyCounters(), {Counters}), (OnlyKeys(), set()), (SaysNothing(), set())],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_offered(system: System, offered: set[type]) -> None:
    assert {capability for capability in ALL if offers(system, capability)} == offered


def workload(*needs: type) -> Workload:
    return cast(Workload, SimpleNamespace(name="tally", needs=needs))


def test_a_workload_that_fits() -> None:
    capabilities.check(
        [workload(Counters), cast(Workload, SimpleNamespace(name="no needs"))], cast(System, OnlyCounters())
    )


@pytest.mark.parametrize(
    ("reads", "asked", "sentence"),
    [
        ("sequential", None, "cannot run on the system abacus with sequential reads: it has linearizable, stale ones."),
        ("linearizable", "lease", "cannot run on the system abacus with lease reads"),
        ("linearizable", None, None),
        ("sequential", "stale", None),
    ],
)
def test_read_modes_that_a_system_does_not_have(reads: str, asked: str | None, sentence: str | None) -> None:
    reading = [cast(Workload, SimpleNamespace(name="reading", reads=reads))]
    if sentence is None:
        capabilities.check(reading, cast(System, OnlyCounters()), asked)
    else:
        with pytest.raises(BadInput, match=sentence):
            capabilities.check(reading, cast(System, OnlyCounters()), asked)


def test_one_that_does_not() -> None:
    with pytest.raises(BadInput) as error:
        capabilities.check([workload(Counters), workload(Counters, Sets, Retries)], cast(System, OnlyCounters()))
    assert str(error.value) == (
        "The workload tally cannot run on the system abacus: it needs sets, commands that can be sent again, which its "
        "sessions do not offer."
    )
