"""Histories that other tools recorded, read into ours.

Each reader takes the bytes of a file and gives a History; bad input raises HistoryError with the line. Times are not
in these files, so time goes on by a millisecond with every event.
"""

from checkers.formats.jepsen_log import read_jepsen_log
from checkers.formats.knossos import read_edn_history

__all__ = ["read_edn_history", "read_jepsen_log"]
