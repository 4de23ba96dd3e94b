"""EDN histories as Jepsen and Knossos keep them: maps with :process, :type, :f and :value, and perhaps :key, :error,
:index and :time; or with keys inside the values (independent.py)."""

from __future__ import annotations

from checkers.formats.building import Builder
from checkers.formats.independent import with_keys
from checkers.formats.maps import line_of, maps_of
from checkers.history import History


def read_jepsen_edn(data: bytes, *, nil_reads_say_nothing: bool = False) -> History:
    """Raises HistoryError. `nil_reads_say_nothing`: what Knossos means by an ok read of nil, a read whose value
    is not known; it gets the outcome info."""
    lines = [line_of(line, element, ("process", "type", "f")) for line, element in maps_of(data)]
    return Builder(nil_reads_say_nothing=nil_reads_say_nothing).history(with_keys(lines))
