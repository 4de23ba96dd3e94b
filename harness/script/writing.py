"""Scripts into TOML files, as reading.py reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

import msgspec

from harness.client import Invocation
from harness.generator.base import NS
from harness.script.timeline import Script, ScriptedFault


def write_script(script: Script, *, head: Iterable[str] = ()) -> str:
    """The text of a file. `head`: lines of comment above everything."""
    parts = [*(f"# {_one_line(line)}\n" for line in head)]
    parts += ["\n" + "".join(_fault_lines(fault)) for fault in script.faults]
    parts += ["\n" + "".join(_operation_lines(operation)) for operation in script.operations]
    return "".join(parts)


def _fault_lines(fault: ScriptedFault) -> Iterator[str]:
    yield "[[fault]]" + (f"  # {_one_line(fault.note)}" if fault.note else "") + "\n"
    yield f"at = {seconds_text(round(fault.at_s * NS))}\n"
    yield f"until = {seconds_text(round(fault.until_s * NS))}\n"
    yield f"kind = {toml(fault.kind)}\n"
    if fault.variant is not None:
        yield f"variant = {toml(fault.variant)}\n"
    for name, value in (fault.exact or {}).items():
        yield f"{name} = {toml(value)}\n"


def _operation_lines(operation: Invocation) -> Iterator[str]:
    yield "[[operation]]\n"
    yield f"at = {seconds_text(operation.time)}\n"
    yield f"process = {operation.process}\n"
    yield f"f = {toml(operation.f)}\n"
    if operation.key is not None:
        yield f"key = {toml(operation.key)}\n"
    if operation.value is not None:
        yield _value_line(operation.value)
    if operation.read is not None:
        yield f"read = {toml(operation.read)}\n"


def _value_line(value: Any) -> str:
    if _holds_null(value):
        return f"value_json = {toml(msgspec.json.encode(value).decode())}\n"
    return f"value = {toml(value)}\n"


def _holds_null(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_null(item) for item in value)
    if isinstance(value, Mapping):
        return any(_holds_null(item) for item in value.values())
    return value is None


def seconds_text(nanoseconds: int) -> str:
    """Seconds that are read back as the same nanoseconds: "12.5"."""
    text = f"{nanoseconds // NS}.{nanoseconds % NS:09}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def toml(value: Any) -> str:
    """A value without nulls in it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(name)} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    assert isinstance(value, int | float)
    assert isfinite(value)
    return repr(value)


def _quoted(text: str) -> str:
    """JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
