"""Scripts out of TOML files. Whatever cannot work is told in one sentence, with the place where it stands, before
anything is started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import msgspec

from harness import plugins
from harness.client import READ_MODES, READ_ONLY, Invocation
from harness.errors import BadInput
from harness.generator.base import NS
from harness.nemesis.commands import Begin, check_command
from harness.nemesis.exact import check_names
from harness.nemesis.fault import FaultKind, View
from harness.script.timeline import Script, ScriptedFault
from harness.toml_file import TomlFile, ended, read_toml

_TABLES: Final = ("fault", "operation")
_TIMES: Final = ("at", "for", "until")
_OPERATION: Final = ("at", "process", "f", "key", "value", "value_json", "read")


@dataclass(frozen=True)
class Bounds:
    """What a script has to fit into."""

    nodes: tuple[str, ...]
    time_limit_s: float
    owned: Callable[[Invocation], bool] = lambda invocation: True
    """Whether an operation is some workload's."""
    read_mode: str = "linearizable"
    """Of reads that name none."""


@dataclass(frozen=True)
class _Place:
    """Where a table stands: for sentences."""

    file: TomlFile
    words: str

    def __str__(self) -> str:
        return self.words

    def error(self, why: str) -> BadInput:
        return self.file.error(self.words, why)


@contextmanager
def _told_with(place: _Place) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        raise place.error(str(error)) from error


def read_script(path: str, bounds: Bounds) -> Script:
    """Raises BadInput."""
    tables, places = _tables(path)
    faults = [_fault(table, place, bounds) for table, place in zip(tables["fault"], places["fault"], strict=True)]
    _check_overlaps(faults, places["fault"], bounds.nodes)
    operations = [
        _operation(table, place, bounds) for table, place in zip(tables["operation"], places["operation"], strict=True)
    ]
    return Script(tuple(faults), tuple(sorted(operations, key=lambda operation: operation.time)))


def _tables(path: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[_Place]]]:
    file = read_toml("The schedule", path)
    try:
        check_names(file.content, _TABLES, str(file))
    except BadInput as error:
        raise BadInput(ended(str(error))) from error
    tables = {name: file.tables(name) for name in _TABLES}
    if not any(tables.values()):
        raise BadInput(f"{file} is empty: it takes [[fault]] and [[operation]] tables.")
    return tables, {name: [_Place(file, words) for words in file.places(name)] for name in _TABLES}


# Faults.


def _fault(table: Mapping[str, Any], place: _Place, bounds: Bounds) -> ScriptedFault:
    with _told_with(place):
        name = table.get("kind")
        if not isinstance(name, str):
            raise BadInput("it has no 'kind'")
        kind: FaultKind = plugins.load("fault", name)
        at_s, until_s = _span(table, bounds)
        details = {key: value for key, value in table.items() if key not in (*_TIMES, "kind", "variant")}
        variant, exact = _what(table.get("variant"), details, kind)
        check_command(Begin("it", name, variant, exact=exact), {name: kind}, bounds.nodes)
    return ScriptedFault(at_s, until_s, name, variant, exact)


def _what(variant: Any, details: dict[str, Any], kind: FaultKind) -> tuple[str | None, dict[str, Any] | None]:
    """A variant, or exact details."""
    if variant is None and not details:
        raise BadInput(f"it takes a 'variant' ({', '.join(kind.variants)}), or says itself what to hit")
    if variant is None:
        return None, details
    if not isinstance(variant, str):
        raise BadInput(f"'variant' takes a name, not {variant!r}")
    if details:
        raise BadInput(f"it has a 'variant' and {next(iter(details))!r}: a variant chooses by itself what it hits")
    return variant, None


def _span(table: Mapping[str, Any], bounds: Bounds) -> tuple[float, float]:
    at_s = _time(table, "at")
    if ("for" in table) == ("until" in table):
        raise BadInput("it takes either 'for' or 'until', in seconds")
    until_s = _time(table, "until") if "until" in table else at_s + _time(table, "for")
    if until_s <= at_s:
        raise BadInput(f"it ends at {until_s:g} s, and so never begins")
    if until_s > bounds.time_limit_s:
        raise BadInput(f"it ends at {until_s:g} s, and the main phase at {bounds.time_limit_s:g} s (--time-limit)")
    return at_s, until_s


def _time(table: Mapping[str, Any], name: str) -> float:
    if name not in table:
        raise BadInput(f"it has no {name!r}")
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise BadInput(f"{name!r} takes seconds, 0 or more, not {value!r}")
    return float(value)


def _check_overlaps(faults: Sequence[ScriptedFault], places: Sequence[_Place], nodes: Sequence[str]) -> None:
    """A node is killed or paused by one fault at a time. Of variants nobody knows whom they will hit: they look for
    nodes that are free."""
    held: dict[str, list[tuple[ScriptedFault, _Place]]] = defaultdict(list)
    for fault, place in sorted(zip(faults, places, strict=True), key=lambda pair: pair[0].at_s):
        for node in _held(fault, nodes):
            for other, there in held[node]:
                if fault.at_s < other.until_s:
                    raise place.error(f"{node} is held until {other.until_s:g} s by the {other.kind} of {there}")
            held[node].append((fault, place))


def _held(fault: ScriptedFault, nodes: Sequence[str]) -> Sequence[str]:
    kind: FaultKind = plugins.load("fault", fault.kind)
    if not kind.exclusive or fault.exact is None:
        return ()
    return kind.exact(fault.exact, View(tuple(nodes))).targets


# Operations.


def _operation(table: Mapping[str, Any], place: _Place, bounds: Bounds) -> Invocation:
    with _told_with(place):
        check_names(table, _OPERATION, "an operation")
        at_s = _time(table, "at")
        if at_s >= bounds.time_limit_s:
            raise BadInput(
                f"it comes at {at_s:g} s, and the main phase ends at {bounds.time_limit_s:g} s (--time-limit)"
            )
        f, key = table.get("f"), table.get("key")
        if not isinstance(f, str):
            raise BadInput("it has no 'f', like \"write\"")
        if key is not None and not isinstance(key, str):
            raise BadInput(f"'key' takes text, not {key!r}")
        invocation = Invocation(
            f=f,
            key=key,
            value=_value(table, f),
            read=_mode(table, f, bounds),
            time=round(at_s * NS),
            process=_process(table),
        )
        if not bounds.owned(invocation):
            raise BadInput(f"no workload of this run has operations on {_about(invocation)}")
    return invocation


def _process(table: Mapping[str, Any]) -> int:
    process = table.get("process")
    if isinstance(process, bool) or not isinstance(process, int) or process < 0:
        raise BadInput("'process' takes a whole number, 0 or more")
    return process


def _mode(table: Mapping[str, Any], f: str, bounds: Bounds) -> str | None:
    mode = table.get("read")
    if mode is None:
        return bounds.read_mode if f in READ_ONLY else None
    if mode not in READ_MODES:
        raise BadInput(f"'read' takes {', '.join(READ_MODES)}, not {mode!r}")
    return str(mode)


def _value(table: Mapping[str, Any], f: str) -> Any:
    """TOML has no null: a value that holds one is written as JSON."""
    if "value" in table and "value_json" in table:
        raise BadInput("it takes either 'value' or 'value_json'")
    value = _json(table["value_json"]) if "value_json" in table else table.get("value")
    if not _is_json(value):
        raise BadInput("'value' holds a date or a time, which no history does")
    if f == "txn" and not _is_transaction(value):
        raise BadInput('the value of a txn takes steps, like [["append", "x", 1]]')
    return value


def _json(text: Any) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise BadInput(f"'value_json' takes JSON text, like '[null, 1]', not {text!r}") from error


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    if isinstance(value, dict):
        return all(_is_json(item) for item in value.values())
    return value is None or isinstance(value, str | int | float)


def _is_transaction(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(step, list) and len(step) == 3 and isinstance(step[1], str) for step in value
    )


def _about(invocation: Invocation) -> str:
    return f"the key {invocation.key!r}" if invocation.key is not None else f"what this {invocation.f} is about"
