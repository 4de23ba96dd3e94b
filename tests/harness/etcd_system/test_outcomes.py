"""What a session makes of etcd's answers, errors and silences: one node, scripted, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from harness.system import Answer, Definite, Indefinite, Refused
from harness.systems.etcd.client import EtcdSession
from harness.systems.etcd.errors import MEANINGS
from harness.world.virtual import VirtualWorld
from tests.harness.etcd_system.fake import (
    CLOSE,
    HOST,
    PORT,
    SILENCE,
    Call,
    Error,
    FakeEtcd,
    ask,
    done,
    kvs,
    pair,
    ranges,
    text,
)

WRITE: Call = lambda kv: kv.write("k", 5)  # noqa: E731
READ: Call = lambda kv: kv.read("k", mode="linearizable")  # noqa: E731
SEQUENTIAL: Call = lambda kv: kv.read("k", mode="sequential", min_index=7)  # noqa: E731
STALE: Call = lambda kv: kv.read("k", mode="stale")  # noqa: E731
CAS: Call = lambda kv: kv.cas("k", 5, 6)  # noqa: E731
TXN: Call = lambda kv: kv.transact([["r", "k", None], ["append", "l", 3]])  # noqa: E731


@pytest.mark.parametrize(
    ("call", "answer", "outcome"),
    [
        (WRITE, done(12), Answer(value=5, log_index=12)),
        (READ, done(7), Answer(value=None, log_index=7)),
        (READ, done(7, **kvs(pair("k", "[1]"))), Answer(value=[1], log_index=7)),
        (STALE, done(7, **kvs(pair("k", "3"))), Answer(value=3, log_index=7)),
        (CAS, done(13, succeeded=True), Answer(value=6, log_index=13)),
        (
            CAS,
            done(13, responses=[{"response_range": kvs(pair("k", "4"))}]),
            Answer(value=4, matched=False, log_index=13),
        ),
        (CAS, done(13, responses=[{"response_range": {}}]), Answer(value=None, matched=False, log_index=13)),
        # Answers that make no sense.
        (WRITE, {}, (Indefinite, "malformed-answer")),
        (WRITE, {"header": {"revision": "x"}}, (Indefinite, "malformed-answer")),
        (WRITE, b"no JSON", (Indefinite, "malformed-answer")),
        (WRITE, b"[]", (Indefinite, "malformed-answer")),
        (CAS, done(13, succeeded="yes"), (Indefinite, "malformed-answer")),
        (CAS, done(13), (Indefinite, "malformed-answer")),
        (READ, done(7, kvs={}), (Indefinite, "malformed-answer")),
        (READ, done(7, **kvs({"key": text("k"), "value": "%"})), (Indefinite, "malformed-answer")),
        (READ, done(7, **kvs(pair("k", "1"), pair("k", "2"))), (Indefinite, "malformed-answer")),
        # After sending, silence and broken connections say nothing.
        (WRITE, CLOSE, (Indefinite, "connection-broken")),
        (WRITE, SILENCE, (Indefinite, "timeout")),
        (READ, SILENCE, (Indefinite, "timeout")),
        # An error that nobody knows is not definite, whatever its status.
        (WRITE, Error("etcdserver: something new", 400), (Indefinite, "unknown-error")),
        (WRITE, Error("", 500), (Indefinite, "unknown-error")),
    ],
)
def test_answers(call: Call, answer: Any, outcome: Any) -> None:
    world = VirtualWorld()
    FakeEtcd(world, [answer])
    assert ask(world, call) == [outcome]


@pytest.mark.parametrize("message", MEANINGS)
@pytest.mark.parametrize("call", [WRITE, CAS], ids=["write", "cas"])
def test_every_error_of_the_table(call: Call, message: str) -> None:
    world = VirtualWorld()
    FakeEtcd(world, [Error(message)])
    reason, kind = MEANINGS[message]
    assert ask(world, call) == [(kind, reason)]


@pytest.mark.parametrize(
    ("message", "definite"),
    [
        ("etcdserver: request timed out", False),
        ("etcdserver: leader changed", False),
        ("etcdserver: server stopped", False),
        ("context deadline exceeded", False),
        ("etcdserver: too many requests", True),
        ("raft proposal dropped", True),
    ],
)
def test_what_matters_most_in_the_table(message: str, definite: bool) -> None:
    """Each was looked up in etcd's source: whether it can be said after a proposal was handed to raft."""
    assert issubclass(MEANINGS[message].kind, Definite) is definite


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (CLOSE, "connection-refused"),
        (SILENCE, "no-hello"),
        ({"hello": "raftstorm"}, "connection-refused"),
        (b"<html>", "connection-refused"),
        (Error("not found", 404), "connection-refused"),
    ],
)
def test_nothing_was_sent_before_the_node_told_its_version(greeting: Any, reason: str) -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [], greeting)
    assert ask(world, WRITE) == [(Definite, reason)]
    assert etcd.requests == []


def test_nobody_listens() -> None:
    assert ask(VirtualWorld(), WRITE) == [(Definite, "connection-refused")]


def test_a_connection_that_died_meanwhile_was_not_used() -> None:
    """The session knows that it is broken, sends nothing over it, and dials anew."""
    world = VirtualWorld()
    etcd = FakeEtcd(world, [done(2), done(3)])

    async def write_and_crash(kv: EtcdSession) -> Answer:
        answer = await kv.write("k", 5)
        etcd.server.close()
        etcd.server = world.listen(HOST, PORT, etcd._serve)
        await world.sleep(1)
        return answer

    assert ask(world, write_and_crash, WRITE) == [Answer(value=5, log_index=2), Answer(value=5, log_index=3)]
    assert etcd.connections == 2


def test_after_a_timeout_the_next_call_dials_anew() -> None:
    """Or it would take the late answer for its own."""
    world = VirtualWorld()
    etcd = FakeEtcd(world, [SILENCE, done(9)])
    assert ask(world, WRITE, WRITE) == [(Indefinite, "timeout"), Answer(value=5, log_index=9)]
    assert etcd.connections == 2


def test_one_connection_serves_many_calls() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [done(2), Error("etcdserver: leader changed"), done(3)])
    ask(world, WRITE, WRITE, WRITE)
    assert (etcd.connections, len(etcd.requests)) == (1, 3)


def test_nothing_is_sent_twice() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [CLOSE, Error("etcdserver: request timed out"), SILENCE])
    ask(world, WRITE, WRITE, WRITE)
    assert len(etcd.requests) == 3


@pytest.mark.parametrize(("call", "local"), [(READ, False), (SEQUENTIAL, True), (STALE, True)])
def test_what_reads_ask_for(call: Call, local: bool) -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [done(9)])
    ask(world, call)
    [request] = etcd.requests
    assert request == ("/v3/kv/range", {"key": text("k"), "serializable": local})


def test_a_sequential_read_waits_for_what_the_client_has_seen() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [done(5), done(6), done(7, **kvs(pair("k", "1")))])
    assert ask(world, SEQUENTIAL) == [Answer(value=1, log_index=7)]
    assert len(etcd.requests) == 3


def test_a_node_that_does_not_catch_up_answers_nothing() -> None:
    world = VirtualWorld()
    FakeEtcd(world, [done(5)] * 1000)
    assert ask(world, SEQUENTIAL) == [(Definite, "not-caught-up")]


def test_a_mode_that_etcd_does_not_have() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [])
    assert ask(world, lambda kv: kv.read("k", mode="lease")) == [(Definite, "no-such-read-mode")]
    assert etcd.requests == []


# Transactions

BEFORE = ranges(8, kvs(pair("k", "4", 5)), {})


def test_a_transaction_reads_and_writes_if_nothing_has_changed() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [BEFORE, done(9, succeeded=True)])
    assert ask(world, TXN) == [Answer(value=[["r", "k", 4], ["append", "l", 3]], log_index=9)]
    assert etcd.requests[1].body == {
        "compare": [
            {"key": text("k"), "target": "MOD", "result": "EQUAL", "mod_revision": "5"},
            {"key": text("l"), "target": "MOD", "result": "EQUAL", "mod_revision": "0"},
        ],
        "success": [{"request_put": {"key": text("l"), "value": text("[3]")}}],
    }


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([BEFORE, done(9)], (Refused, "conflict")),
        ([BEFORE, SILENCE], (Indefinite, "timeout")),
        ([BEFORE, Error("etcdserver: request timed out")], (Indefinite, "etcd-timeout")),
        # While it reads, nothing has been written.
        ([SILENCE], (Definite, "timeout")),
        ([CLOSE], (Definite, "connection-broken")),
        ([Error("etcdserver: leader changed")], (Definite, "leader-changed")),
        ([ranges(8)], (Definite, "malformed-answer")),
    ],
)
def test_transactions_that_come_to_nothing(answers: list[Any], outcome: Any) -> None:
    world = VirtualWorld()
    FakeEtcd(world, answers)
    assert ask(world, TXN) == [outcome]


def test_what_only_reads_is_one_request() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [ranges(8, kvs(pair("k", "4")), {})])
    steps = [["r", "k", None], ["r", "l", None]]
    assert ask(world, lambda kv: kv.transact(steps)) == [Answer(value=[["r", "k", 4], ["r", "l", None]], log_index=8)]
    assert len(etcd.requests) == 1


def test_blind_writes_read_nothing() -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [done(9, succeeded=True)])
    ask(world, lambda kv: kv.transact([["w", "k", 1], ["r", "k", None], ["w", "k", 2]]))
    [request] = etcd.requests
    assert request.body["success"] == [{"request_put": {"key": text("k"), "value": text("2")}}]


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        (lambda kv: kv.set_add("s", 3), ("/v3/kv/put", {"key": text("s/3"), "value": text("3")})),
        (lambda kv: kv.set_remove("s", 3), ("/v3/kv/deleterange", {"key": text("s/3")})),
        (
            lambda kv: kv.set_read("s", mode="linearizable"),
            ("/v3/kv/range", {"key": text("s/"), "range_end": text("s0"), "serializable": False}),
        ),
    ],
)
def test_sets_are_keys_below_a_key(call: Call, request_: Any) -> None:
    world = VirtualWorld()
    etcd = FakeEtcd(world, [done(9)])
    ask(world, call)
    assert etcd.requests == [request_]
