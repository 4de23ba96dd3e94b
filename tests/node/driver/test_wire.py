"""Messages between nodes: what is encoded comes back, and nothing else gets in."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_image.driver.wire import PeerMessage, WireError, decode, encode
from node_image.raft import Configuration, Entry, EntryKind
from node_image.raft import messages as raft
from node_image.raft.configurations import encode_configuration
from node_image.replica import messages as replica

numbers = st.integers(0, 2**63 - 1)
flags = st.booleans()
names = st.frozensets(st.sampled_from(["n1", "n2", "n3", "a node"]), max_size=3)
configurations = st.builds(Configuration, names, names, names)
plain = st.recursive(
    st.none() | flags | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def append_entries(draw: st.DrawFn) -> raft.AppendEntries:
    previous = draw(st.integers(0, 2**40))
    plain_entries = st.tuples(numbers, st.sampled_from([EntryKind.NOOP, EntryKind.COMMAND]), st.binary(max_size=20))
    changes = st.tuples(numbers, st.just(EntryKind.CONFIGURATION), configurations.map(encode_configuration))
    run = draw(st.lists(plain_entries | changes, max_size=4))
    entries = tuple(Entry(term, index, kind, data) for index, (term, kind, data) in enumerate(run, previous + 1))
    return raft.AppendEntries(draw(numbers), previous, draw(numbers), draw(numbers), entries)


def pairs(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.tuples(*parts), max_size=3).map(tuple)


BY_KIND: dict[type, st.SearchStrategy[Any]] = {
    raft.AppendEntries: append_entries(),
    **{
        kind: st.builds(kind, *parts)
        for kind, parts in {
            raft.RequestPreVote: (numbers, numbers, numbers),
            raft.PreVoteResponse: (numbers, flags),
            raft.RequestVote: (numbers, numbers, numbers, flags),
            raft.VoteResponse: (numbers, flags),
            raft.AppendAccepted: (numbers, numbers),
            raft.AppendRejected: (numbers, numbers, numbers, numbers),
            raft.Heartbeat: (numbers, numbers, numbers),
            raft.HeartbeatResponse: (numbers, numbers),
            raft.InstallSnapshot: (
                numbers, numbers, numbers, configurations, numbers, st.binary(max_size=20), flags,
            ),
            raft.InstallSnapshotResponse: (numbers, numbers, numbers),
            raft.TimeoutNow: (numbers,),
            raft.ReadIndexRequest: (numbers, numbers),
            raft.ReadIndexResponse: (numbers, numbers, st.none() | numbers),
            replica.ForwardWrites: (pairs(numbers, st.binary(max_size=9)),),
            replica.ForwardReads: (pairs(numbers, st.text(max_size=5), st.floats(0, 3600)),),
            replica.ForwardAnswers: (pairs(numbers, st.dictionaries(st.text(max_size=3), plain, max_size=3)),),
        }.items()
    },
}  # fmt: skip
messages: st.SearchStrategy[PeerMessage] = st.one_of(*BY_KIND.values())


def test_no_kind_of_message_is_left_out() -> None:
    assert set(BY_KIND) == {*raft.Message.__args__, *replica.ReplicaMessage.__args__}


@given(messages)
def test_round_trip(message: PeerMessage) -> None:
    assert decode(encode(message)) == message


@given(messages, st.data())
def test_damaged_bytes_are_another_message_or_refused(message: PeerMessage, data: st.DataObject) -> None:
    whole = bytearray(encode(message))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    kept = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    decoded = decoded_or_none(kept)
    assert decoded is None or decode(encode(decoded)) == decoded


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    decoded = decoded_or_none(data)
    assert decoded is None or decode(encode(decoded)) == decoded


def decoded_or_none(data: bytes) -> PeerMessage | None:
    try:
        return decode(data)
    except WireError:
        return None


@pytest.mark.parametrize(
    "fields",
    [
        None,
        5,
        [],
        [99, 1],
        [[], 1],
        [4, 1],
        [4, 1, True, 2],
        [4, True, True],
        [4, 1, 1],
        [4, -1, True],
        [4, 1 << 63, True],
        [5, 1, 2, 3, 4],
        [5, 1, "2", 3, 4, []],
        [5, 1, 2, 3, 4, [[1, 1]]],
        [5, 1, 2, 3, 4, [[1, 7, b""]]],
        [5, 1, 2, 3, 4, [[1, -1, b""]]],
        [5, 1, 2, 3, 4, [[1, 1, "text"]]],
        [5, 1, 2, 3, 4, [[1, 2, b"no configuration"]]],
        [10, 1, 2, 3, [["n1"], [], [5]], 0, b"", True],
        [10, 1, 2, 3, [["n1"], []], 0, b"", True],
        [20, [[1, "text"]]],
        [20, [[1]]],
        [21, [[1, "k", -1.0]]],
        [21, [[1, "k", "soon"]]],
        [22, [[1, "no"]]],
        [22, [[1, {"value": b"bytes"}]]],
        [22, [[1, {"value": msgpack.ExtType(5, b"x")}]]],
    ],
)
def test_wrong_fields_are_refused(fields: Any) -> None:
    with pytest.raises(WireError):
        decode(msgpack.packb(fields))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(WireError):
        decode(b"\x91" * 100_000)
