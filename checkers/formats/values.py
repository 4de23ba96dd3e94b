"""EDN values as JSON values, which is what histories hold.

    keywords, symbols, characters   their names, as strings
    lists, vectors, sets            arrays (a set's members in an order of their own that is always the same)
    maps                            objects; a key that is no name becomes its JSON text: {0 10} is {"0": 10}
    :nil                            null (see export.py, which writes it)

Two keys of one map, or of one history, that would become the same are an error: merging them could hide a mistake.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from checkers.formats.edn import Keyword
from checkers.history import HistoryError

NIL_NAMED: Final = Keyword("nil")
_PLAIN: Final = frozenset({type(None), bool, int, float, str})


def as_json(line: int, value: Any) -> Any:
    """Raises HistoryError for what has no JSON form."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [as_json(line, each) for each in value]
    if isinstance(value, str):
        return None if kind is Keyword and value == NIL_NAMED else str(value)
    if isinstance(value, list | tuple):
        return [as_json(line, each) for each in value]
    if isinstance(value, dict):
        return _object(line, value)
    assert isinstance(value, frozenset), f"{value!r} is not what the EDN reader makes"
    return sorted((as_json(line, each) for each in value), key=as_text)


def _object(line: int, value: dict[Any, Any]) -> dict[str, Any]:
    made = {name_of(line, name): as_json(line, member) for name, member in value.items()}
    if len(made) != len(value):
        raise HistoryError(line, "a map with two keys that are the same in JSON")
    return made


def name_of(line: int, value: Any) -> str:
    """A map's key, or a register's, as the string that names it."""
    return str(value) if isinstance(value, str) else as_text(as_json(line, value))


def as_text(value: Any) -> str:
    """A JSON value as JSON text."""
    return msgspec.json.encode(value, order="deterministic").decode()
