"""Foreign histories: events out of lines, and errors with their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkers.formats import read_jepsen_edn, read_jepsen_log
from checkers.history import PENDING, History, HistoryError

LOG = b"""INFO  jepsen.core - starting
INFO  jepsen.util - 0\t:invoke\t:write\t3
INFO  jepsen.util - 1\t:invoke\t:cas\t[3 4]
INFO  jepsen.util - 0\t:ok\t:write\t3
INFO  jepsen.util - 1\t:info\t:cas\t:timed-out
INFO  jepsen.util - :nemesis\t:info\t:start\tnil
INFO  jepsen.util - 2\t:invoke\t:read\tnil
INFO  jepsen.util - 2\t:ok\t:read\t4
"""

EDN = b"""[{:process 0, :type :invoke, :f :read, :value nil}
 {:process :nemesis, :type :info, :f :start, :value #{"n1"}}
 {:process 0, :type :ok, :f :read, :value nil}
 {:process 1, :type :invoke, :f :put, :key "k", :value "x"}
 {:process 1, :type :fail, :f :put, :key "k", :value "x", :error [:down nil]}]
"""


def summary(history: History) -> list[tuple[Any, ...]]:
    return [(op.process, op.f, op.key, op.value, op.outcome.value, op.returned) for op in history.operations]


def test_log() -> None:
    assert summary(read_jepsen_log(LOG)) == [
        (0, "write", None, 3, "ok", 2),
        (1, "cas", None, [3, 4], "info", PENDING),
        (2, "read", None, 4, "ok", 6),
    ]
    assert read_jepsen_log(LOG).events[3].error == "timed-out"


def test_edn() -> None:
    put = (1, "put", "k", "x", "fail", 4)
    assert summary(read_jepsen_edn(EDN)) == [(0, "read", None, None, "ok", 2), put]
    assert summary(read_jepsen_edn(EDN, nil_reads_say_nothing=True)) == [(0, "read", None, None, "info", PENDING), put]


log = read_jepsen_log
edn = read_jepsen_edn
INVOKE = b"{:process 0 :type :invoke :f :read :value nil}\n"


@pytest.mark.parametrize(
    ("read", "data", "line", "why"),
    [
        (log, b"INFO  jepsen.core - hi\n", 1, "no line of the form 'INFO  jepsen.util - PROCESS :TYPE :F VALUE'"),
        (log, b"INFO  jepsen.util - 0 :invoke", 1, "'0 :invoke' is not 'PROCESS :TYPE :F VALUE'"),
        (log, b"\nINFO  jepsen.util - 0 :invoke :write [3", 2, "the text ends where ] is missing"),
        (log, b"INFO  jepsen.util - 0 :ok :read 3\n", 1, "process 0 completes a read that it never invoked"),
        (edn, b"\n[3]", 2, "3 is not a map"),
        (edn, b"\xff", 1, "not UTF-8"),
        (edn, b"{:process 0 :f :read}", 1, "an event without :type"),
        (edn, INVOKE + INVOKE, 2, "process 0 invokes before its last operation completed"),
        (edn, INVOKE.replace(b"0", b"zero"), 1, "process 'zero' is neither a number nor nemesis"),
        (edn, INVOKE.replace(b"invoke", b"begin"), 1, "type 'begin' is not one of invoke, ok, fail, info"),
        (log, LOG[:-2], 8, "'2\\t:ok\\t:read' is not 'PROCESS :TYPE :F VALUE'"),
        (log, LOG[:-1], 8, "the last line does not end: the file was cut in its middle"),
    ],
)
def test_bad_input(read: Callable[[bytes], History], data: bytes, line: int, why: str) -> None:
    with pytest.raises(HistoryError) as caught:
        read(data)
    assert (caught.value.line, caught.value.why) == (line, why)
