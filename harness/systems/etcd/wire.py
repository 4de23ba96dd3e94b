"""How etcd's gateway writes things down: keys and values in base64, 64-bit numbers as strings; where a number is 0, a
list is empty or a truth is false, it leaves them out. Values of ours are JSON inside.

What is not there, or is of another kind than it should be, raises Indefinite: an answer that makes no sense says
nothing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.system import Indefinite
from harness.systems.etcd.errors import MALFORMED

Message = dict[str, Any]


def key(text: str) -> str:
    return b64encode(text.encode()).decode()


def value(thing: Any) -> str:
    return b64encode(msgspec.json.encode(thing)).decode()


def prefix(text: str) -> Message:
    """All keys that begin with this: up to the first that does not. `text` is ASCII, and not empty."""
    return {"key": key(text), "range_end": key(text[:-1] + chr(ord(text[-1]) + 1))}


def key_of(pair: Mapping[str, Any]) -> str:
    return _bytes(pair, "key").decode()


def value_of(pair: Mapping[str, Any]) -> Any:
    try:
        return msgspec.json.decode(_bytes(pair, "value"))
    except msgspec.DecodeError:
        raise Indefinite(MALFORMED) from None


def whole(message: Mapping[str, Any], name: str) -> int:
    """A number, 0 where there is none."""
    told = message.get(name, 0)
    if isinstance(told, int) and not isinstance(told, bool):
        return told
    if isinstance(told, str) and told.lstrip("-").isdecimal():
        return int(told)
    raise Indefinite(MALFORMED)


def part(message: Mapping[str, Any], name: str) -> Message:
    told = message.get(name)
    if not isinstance(told, dict):
        raise Indefinite(MALFORMED)
    return told


def several(message: Mapping[str, Any], name: str) -> list[Message]:
    told = message.get(name, [])
    if not isinstance(told, list) or not all(isinstance(item, dict) for item in told):
        raise Indefinite(MALFORMED)
    return told


def succeeded(answer: Mapping[str, Any]) -> bool:
    """Whether a transaction's comparisons held."""
    told = answer.get("succeeded", False)
    if not isinstance(told, bool):
        raise Indefinite(MALFORMED)
    return told


def revision(message: Mapping[str, Any]) -> int:
    """The revision of the whole store that an answer is about."""
    return whole(part(message, "header"), "revision")


def _bytes(pair: Mapping[str, Any], name: str) -> bytes:
    told = pair.get(name, "")
    try:
        return b64decode(told, validate=True)
    except (NotBase64, TypeError, ValueError):
        raise Indefinite(MALFORMED) from None
