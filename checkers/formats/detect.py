"""Which format a file is in: told for sure from how it begins, or not at all."""

from __future__ import annotations

import re
from typing import Any, Final

from checkers.events import NEMESIS
from checkers.formats.edn import elements_of
from checkers.formats.elle_edn import MICRO_OPERATIONS
from checkers.formats.maps import shown
from checkers.formats.porcupine_kv import FUNCTIONS
from checkers.formats.text import decoded
from checkers.history import HistoryError

_LOG: Final = re.compile(r"^INFO\s+jepsen\.util\s+-\s", re.MULTILINE)
_JSON: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"')
_EDN: Final = re.compile(r"(?:[\s,]|;[^\n]*+)*+[\[({#]")


def detected(data: bytes) -> str:
    """The name of the format. Raises HistoryError, saying why, where that cannot be told."""
    if _JSON.match(data):
        return "raftstorm"
    text = decoded(data)
    if _EDN.match(text):
        return _edn(text)
    if _LOG.search(text):
        return "jepsen-log"
    first = text.strip().split("\n")[0][:30].rstrip()
    raise HistoryError(
        1 + text[: text.index(first)].count("\n"),
        f"it begins with {first!r}, as no format does that there is: say which with --format",
    )


def _edn(text: str) -> str:
    """The first map of a client tells."""
    for line, element in elements_of(text):
        if not isinstance(element, dict) or "type" not in element:
            raise HistoryError(line, f"{shown(element)} is EDN, but no event: an event is a map with :type and more")
        if element.get("process") != NEMESIS:
            return _edn_of(line, element)
    raise HistoryError(1, "there is no operation of a client in it")


def _edn_of(line: int, element: dict[Any, Any]) -> str:
    f, value = element.get("f"), element.get("value")
    if f in FUNCTIONS and "key" in element:
        return "porcupine-kv"
    if f in ("txn", None) and isinstance(value, list | tuple) and all(map(_of_elle, value)):
        return "elle-edn"
    if f is None:
        raise HistoryError(line, "an event without :f whose value is no transaction: no EDN format that there is")
    return "jepsen-edn"


def _of_elle(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 1 and value[0] in MICRO_OPERATIONS
