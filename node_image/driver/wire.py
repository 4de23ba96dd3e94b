"""Messages between nodes as bytes: msgpack, a list of a tag and the message's fields.

Both ends check: `decode` gives a message whose every field has its type, or raises WireError; nothing that a peer sends
can do more harm than being refused. Lists are as long as the bytes that hold them, so memory is bounded by the frame,
whose size the transport bounds.

AppendEntries is the hot path. Its entries travel as (term, kind, data): the indexes follow from `previous_index`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import msgpack

from node_image.raft import Configuration, Entry, EntryKind
from node_image.raft import messages as raft
from node_image.raft.configurations import decode_configuration
from node_image.raft.messages import Message
from node_image.replica import messages as replica
from node_image.replica.messages import ReplicaMessage
from node_image.replica.state import Query

PeerMessage = Message | ReplicaMessage

_NATURAL_LIMIT: Final = 1 << 63
_KINDS: Final = tuple(EntryKind)
_CONFIGURATION_KIND: Final = int(EntryKind.CONFIGURATION)
_T = TypeVar("_T")


class WireError(ValueError):
    """Bytes that are no message."""


def encode(message: PeerMessage) -> bytes:
    tag, fields = _ENCODERS[type(message)]
    packed: bytes = msgpack.packb([tag, *fields(message)])
    return packed


def decode(data: bytes) -> PeerMessage:
    """Raises WireError for anything that `encode` does not make."""
    try:
        fields = msgpack.unpackb(data)
        message: PeerMessage = _DECODERS[fields[0]](fields)
    except _MALFORMED as error:
        raise WireError(f"{type(error).__name__}: {error}") from error
    return message


_MALFORMED: Final = (ValueError, TypeError, KeyError, IndexError, RecursionError, msgpack.UnpackException)
"""What unpacking, taking apart and `_checked` raise; nothing else runs on a peer's bytes."""


class _Kind(NamedTuple):
    """One type of field: how it is packed, and how it is checked."""

    pack: Callable[[Any], Any] | None
    check: Callable[[Any], Any]


def _checked(type_: type[_T]) -> Callable[[Any], _T]:
    def check(value: Any) -> _T:
        if type(value) is not type_:
            raise TypeError(f"expected {type_.__name__}, found {type(value).__name__}")
        return value

    return check


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _NATURAL_LIMIT:
        raise TypeError("expected a natural number")
    return value


def _natural_or_none(value: Any) -> int | None:
    return None if value is None else _natural(value)


_bytes = _checked(bytes)
_str = _checked(str)
_list = _checked(list)


def _pack_configuration(configuration: Configuration) -> list[list[str]]:
    sets = (configuration.voters, configuration.outgoing, configuration.learners)
    return [sorted(names) for names in sets]


def _names(value: Any) -> frozenset[str]:
    return frozenset([_str(name) for name in _list(value)])


def _configuration(value: Any) -> Configuration:
    voters, outgoing, learners = _list(value)
    return Configuration(_names(voters), _names(outgoing), _names(learners))


def _writes(value: Any) -> tuple[tuple[int, bytes], ...]:
    return tuple([(_natural(number), _bytes(data)) for number, data in _list(value)])


def _reads(value: Any) -> tuple[tuple[int, Query, float], ...]:
    return tuple([(_natural(number), _query(query), _seconds(wait)) for number, query, wait in _list(value)])


def _query(value: Any) -> Query:
    if type(value) is str:
        return value
    kind, *rest = _list(value)
    if kind == "keys":
        return [kind, *[_str(key) for key in rest]]
    key, element = rest
    if kind != "contains" or type(element) not in (str, int):
        raise TypeError("expected what a read asks for")
    return [kind, _str(key), element]


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < _NATURAL_LIMIT:
        raise TypeError("expected seconds")
    return float(value)


def _answers(value: Any) -> tuple[tuple[int, dict[str, Any]], ...]:
    return tuple([(_natural(number), _plain_dict(answer)) for number, answer in _list(value)])


def _plain_dict(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise TypeError("expected an answer")
    _require_plain(value)
    return value


def _require_plain(value: Any) -> None:
    """What JSON can say."""
    if type(value) is dict:
        for name, part in value.items():
            _str(name)
            _require_plain(part)
    elif type(value) is list:
        for part in value:
            _require_plain(part)
    elif value is not None and type(value) not in (str, int, float, bool):
        raise TypeError(f"expected a plain value, found {type(value).__name__}")


_NATURAL: Final = _Kind(None, _natural)
_BOOL: Final = _Kind(None, _checked(bool))
_BYTES: Final = _Kind(None, _bytes)
_OPTIONAL_INDEX: Final = _Kind(None, _natural_or_none)
_CONFIGURATION: Final = _Kind(_pack_configuration, _configuration)

_TABLE: Final[list[tuple[int, type, dict[str, _Kind]]]] = [
    (1, raft.RequestPreVote, {"term": _NATURAL, "last_index": _NATURAL, "last_term": _NATURAL}),
    (2, raft.PreVoteResponse, {"term": _NATURAL, "granted": _BOOL}),
    (3, raft.RequestVote, {"term": _NATURAL, "last_index": _NATURAL, "last_term": _NATURAL, "transfer": _BOOL}),
    (4, raft.VoteResponse, {"term": _NATURAL, "granted": _BOOL}),
    # 5: AppendEntries, below
    (6, raft.AppendAccepted, {"term": _NATURAL, "match": _NATURAL}),
    (
        7,
        raft.AppendRejected,
        {"term": _NATURAL, "previous_index": _NATURAL, "hint_index": _NATURAL, "hint_term": _NATURAL},
    ),
    (8, raft.Heartbeat, {"term": _NATURAL, "commit": _NATURAL, "round": _NATURAL}),
    (9, raft.HeartbeatResponse, {"term": _NATURAL, "round": _NATURAL}),
    (
        10,
        raft.InstallSnapshot,
        {
            "term": _NATURAL,
            "index": _NATURAL,
            "snapshot_term": _NATURAL,
            "configuration": _CONFIGURATION,
            "offset": _NATURAL,
            "data": _BYTES,
            "done": _BOOL,
        },
    ),
    (11, raft.InstallSnapshotResponse, {"term": _NATURAL, "index": _NATURAL, "offset": _NATURAL}),
    (12, raft.ReadIndexRequest, {"term": _NATURAL, "request": _NATURAL}),
    (13, raft.ReadIndexResponse, {"term": _NATURAL, "request": _NATURAL, "index": _OPTIONAL_INDEX}),
    (14, raft.TimeoutNow, {"term": _NATURAL}),
    (20, replica.ForwardWrites, {"writes": _Kind(None, _writes)}),
    (21, replica.ForwardReads, {"reads": _Kind(None, _reads)}),
    (22, replica.ForwardAnswers, {"answers": _Kind(None, _answers)}),
]
"""Tag, message, and its fields in the order of the dataclass."""

_APPEND_ENTRIES: Final = 5
_Encoder = Callable[[Any], list[Any]]
_Decoder = Callable[[list[Any]], Any]
_ENCODERS: Final[dict[type, tuple[int, _Encoder]]] = {}
_DECODERS: Final[dict[int, _Decoder]] = {}


def _encoder(kinds: dict[str, _Kind]) -> _Encoder:
    packers = [(name, kind.pack) for name, kind in kinds.items()]

    def pack(message: Any) -> list[Any]:
        values = [(getattr(message, name), pack) for name, pack in packers]
        return [value if pack is None else pack(value) for value, pack in values]

    return pack


def _decoder(message: type, kinds: dict[str, _Kind]) -> _Decoder:
    checks = [kind.check for kind in kinds.values()]
    length = len(checks) + 1

    def unpack(fields: list[Any]) -> Any:
        if type(fields) is not list or len(fields) != length:
            raise TypeError(f"{message.__name__} has {length} parts")
        return message(*[check(value) for check, value in zip(checks, fields[1:], strict=True)])

    return unpack


def _pack_append_entries(message: raft.AppendEntries) -> list[Any]:
    entries = [(entry.term, entry.kind, entry.data) for entry in message.entries]
    return [message.term, message.previous_index, message.previous_term, message.commit, entries]


def _append_entries(fields: list[Any]) -> raft.AppendEntries:
    _, term, previous_index, previous_term, commit, packed = _list(fields)
    first = _natural(previous_index) + 1
    entries = tuple([_entry(index, *entry) for index, entry in enumerate(_list(packed), first)])
    return raft.AppendEntries(_natural(term), previous_index, _natural(previous_term), _natural(commit), entries)


def _entry(index: int, term: Any, kind: Any, data: Any) -> Entry:
    if type(data) is not bytes or type(kind) is not int or kind < 0:
        raise TypeError("expected an entry")
    if kind == _CONFIGURATION_KIND:
        decode_configuration(data)
    return Entry(_natural(term), index, _KINDS[kind], data)


for _tag, _message, _kinds in _TABLE:
    _ENCODERS[_message] = (_tag, _encoder(_kinds))
    _DECODERS[_tag] = _decoder(_message, _kinds)
_ENCODERS[raft.AppendEntries] = (_APPEND_ENTRIES, _pack_append_entries)
_DECODERS[_APPEND_ENTRIES] = _append_entries
