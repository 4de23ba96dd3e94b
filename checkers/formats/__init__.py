"""Histories in files, ours and those that other tools recorded, read into ours.

    read(data, "auto")       the one call: bytes in, History out
    detect.py                which format it is
    raftstorm.py             history.jsonl
    jepsen_edn.py            Jepsen's and Knossos's histories; independent.py: keys inside values
    jepsen_log.py            Jepsen's log lines
    porcupine_kv.py          Porcupine's key-value histories
    elle_edn.py              Elle's transactions
    edn.py, values.py        EDN, and its values as JSON's; maps.py: what the EDN formats share
    building.py              from lines to a history: order, times, pairs

Whatever the bytes are, a reader gives a History or raises HistoryError with the line (tests/checkers/formats/fuzzing.py
tries millions of them), in time and memory in proportion to their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Final

from checkers.formats.detect import detected
from checkers.formats.elle_edn import read_elle_edn
from checkers.formats.jepsen_edn import read_jepsen_edn
from checkers.formats.jepsen_log import read_jepsen_log
from checkers.formats.porcupine_kv import read_porcupine_kv
from checkers.formats.raftstorm import read_raftstorm
from checkers.history import History

AUTO: Final = "auto"
JEPSEN_EDN: Final = "jepsen-edn"
ELLE_EDN: Final = "elle-edn"
READERS: Final[Mapping[str, Callable[[bytes], History]]] = {
    "raftstorm": read_raftstorm,
    JEPSEN_EDN: read_jepsen_edn,
    "jepsen-log": read_jepsen_log,
    "porcupine-kv": read_porcupine_kv,
    ELLE_EDN: read_elle_edn,
}


class UnknownFormat(ValueError):
    """`str(error)` is one sentence, with the nearest name."""


def read(
    data: bytes, format: str = AUTO, *, nil_reads_say_nothing: bool = False, of_elle: bool = True
) -> tuple[History, str]:
    """The history, and the format that it was in. Raises UnknownFormat, and HistoryError with the line.

    `nil_reads_say_nothing` is for histories in jepsen-edn: an ok read of nil is one whose value is not known. Without
    `of_elle` transactions are not taken for Elle's where the format is to be told."""
    name = detected(data) if format == AUTO else format
    if format == AUTO and name == ELLE_EDN and not of_elle:
        name = JEPSEN_EDN
    if name not in READERS:
        nearest = get_close_matches(name, READERS, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join((AUTO, *READERS))}."
        raise UnknownFormat(f"There is no format named {name!r}: {hint}")
    reader = READERS[name]
    if name == JEPSEN_EDN:
        reader = partial(read_jepsen_edn, nil_reads_say_nothing=nil_reads_say_nothing)
    return reader(data), name


__all__ = [
    "READERS",
    "UnknownFormat",
    "read",
    "read_elle_edn",
    "read_jepsen_edn",
    "read_jepsen_log",
    "read_porcupine_kv",
    "read_raftstorm",
]
