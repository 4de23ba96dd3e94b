"""Our histories in the words of Knossos and Elle: EDN maps, one a line, in one vector.

What differs between their models and ours, and what is written so that they say what ours say:

- A key goes into the value, [key value], as Jepsen's module for independent keys has it; where all operations are on
  one key (or one is asked for), it is left out, since Knossos' models know no keys.
  So that our reader need not guess, the key stands beside the pair too, as :independent/key.
- A compare-and-set that did not match is ok here, with the value that it saw, and judged as a read of it. Knossos takes
  an ok cas for one that matched, and Jepsen's clients would fail it and forget what it saw. It is written as that
  read, with `:cas [expected new]` beside it for people. One that did not match although it saw what it expected becomes
  a read of :saw-what-it-expected, which nobody writes.
- To Knossos a read of nil says nothing. Ours read nothing, which is a value: null is written :nil in the values of
  registers, and the model begins with it, (model/cas-register :nil). Our reader takes :nil for null.
- A transaction is Elle's: [[:append k v] [:r k [v ...]]], where a read of nothing is nil; or, where its parts are named
  :read and :write, one of Knossos' multi-register, where null is :nil as in its other registers.
- The nemesis' events are all :info, as Jepsen's are.
- Names of micro-operations, types, functions are keywords; all other strings are strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from checkers.canonical import canonical
from checkers.events import NEMESIS, Event, EventType
from checkers.formats.edn import MOST_NESTED, Keyword
from checkers.history import History, HistoryError

REGISTER: Final = frozenset(("read", "write", "cas", "get", "put"))
NOTHING: Final = Keyword("nil")
IMPOSSIBLE: Final = Keyword("saw-what-it-expected")
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def jepsen_edn(history: History, *, key: str | None = None) -> Iterator[bytes]:
    """The file, piece by piece. `key`: only the operations on it. Raises HistoryError for what EDN cannot say."""
    mismatched = {op.invoked for op in history.operations if op.f == "cas" and _mismatched(op.completion)}
    keys = {operation.key for operation in history.operations}
    if key is not None and key not in keys:
        raise HistoryError(1, f"there is no operation on the key {key!r}")
    keyed = key is None and keys != {None} and len(keys) > 1
    begun = b"["
    for event in history.events:
        if key is None or event.process == NEMESIS or event.key == key:
            yield begun + _line(history, event, keyed, event.index in mismatched)
            begun = b"\n "
    yield b"]\n" if begun != b"[" else b"[]\n"


def _mismatched(completion: Event | None) -> bool:
    return completion is not None and completion.actual is not msgspec.UNSET


def _line(history: History, event: Event, keyed: bool, mismatched: bool) -> bytes:
    fields = _fields(event, keyed, mismatched)
    if not history.timed:
        del fields["time"]
    try:
        return edn({Keyword(name): value for name, value in fields.items()}).encode()
    except (UnicodeEncodeError, TypeError) as error:
        raise HistoryError(history.line_of(event.index), f"a value that EDN cannot hold: {error}") from None


def _fields(event: Event, keyed: bool, mismatched: bool) -> dict[str, Any]:
    nemesis = event.process == NEMESIS
    f, value = ("read", _seen(event)) if mismatched or _mismatched(event) else (event.f, _value(event))
    fields: dict[str, Any] = {
        "process": Keyword(NEMESIS) if nemesis else event.process,
        "type": Keyword(EventType.INFO if nemesis else event.type),
        "f": _name(f),
        "value": value,
        "time": event.time,
        "index": event.index,
    }
    if keyed and event.key is not None:
        fields |= {"value": [event.key, value], "independent/key": event.key}
    if f != event.f:
        fields["cas"] = event.value
    for name in ("error", "node", "evidence"):
        if (found := getattr(event, name)) is not None:
            fields[name] = found
    return fields


def _seen(event: Event) -> Any:
    if event.type is EventType.INVOKE:
        return None
    same = (
        isinstance(event.value, list | tuple) and event.value and canonical(event.value[0]) == canonical(event.actual)
    )
    return IMPOSSIBLE if same else _named_nothing(event.actual)


def _value(event: Event) -> Any:
    if event.f == "txn" and isinstance(event.value, list | tuple):
        return [_micro_operation(each, event.type) for each in event.value]
    if event.f not in REGISTER or event.process == NEMESIS:
        return event.value
    if event.f in ("read", "get"):
        return _named_nothing(event.value) if event.type is EventType.OK else event.value
    if event.f == "cas" and isinstance(event.value, list | tuple):
        return [_named_nothing(each) for each in event.value]
    return event.value if event.type is EventType.FAIL else _named_nothing(event.value)


def _named_nothing(value: Any) -> Any:
    return NOTHING if value is None else value


def _micro_operation(value: Any, type_: EventType) -> Any:
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], str):
        return value
    name, rest = value[0], list(value[1:])
    if len(value) == 3 and (name == "write" or (name == "read" and type_ is EventType.OK)):
        rest = [rest[0], _named_nothing(rest[1])]
    return [_name(name), *rest]


def _name(text: str) -> str:
    """A keyword, where one can be made of it."""
    return Keyword(text) if text and text[0].isalpha() and _NAME_CHARACTERS.issuperset(text) else text


def edn(value: Any, depth: int = 0) -> str:
    """A JSON value, or one with keywords, as EDN text. Raises TypeError for what is neither."""
    if depth > MOST_NESTED:
        raise TypeError(f"more than {MOST_NESTED} brackets inside each other")
    if value is None or isinstance(value, bool):
        return {None: "nil", True: "true", False: "false"}[value]
    if isinstance(value, Keyword):
        return f":{value}"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int | float):
        return repr(value) if isinstance(value, float) or -(2**63) <= value < 2**63 else f"{value}N"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{edn(name, depth + 1)} {edn(each, depth + 1)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + " ".join(edn(each, depth + 1) for each in value) + "]"
    raise TypeError(f"{value!r} is no JSON value")


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def _string(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(each, each if each >= " " else f"\\u{ord(each):04x}") for each in text) + '"'
