"""Fuzzing of the importers: whatever the bytes are, a reader gives a history or says in which line they are none.

    python -m tests.checkers.formats.fuzzing 1000000      # inputs, spread over all processors; --seed N for others

An input is a small history of some format, changed a few times: bytes and lines are dropped, doubled, swapped and
replaced, tokens of all formats put in, brackets piled up, the end cut off; or it is nothing but such tokens, or bytes
at random. Each is read as every format in turn, and by detection. A reader that takes it must give a history that can
be paired, judged by its values, written and read again.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from checkers.canonical import canonical
from checkers.formats import AUTO, READERS, read
from checkers.formats.export import jepsen_edn
from checkers.history import History, HistoryError, decode, encode

FORMATS: Final = (AUTO, *READERS)
SEEDS: Final = (
    b"""[{:process 0, :type :invoke, :f :read, :value nil, :time 5, :index 0}
 {:process 1, :type :invoke, :f :cas, :value [1 2], :time 6, :index 1}
 {:process 0, :type :ok, :f :read, :value 1, :time 7, :index 2}
 {:process :nemesis, :type :info, :f :start, :value #{"n1" "n2"}}
 {:process 1, :type :info, :f :cas, :value [1 2], :error [:timeout "x\\u00e9\\ud83d\\ude00"]}]
""",
    b"""{:process 0 :type :invoke :f :read :value #jepsen.independent/tuple [:k nil]} ; a comment
#_ {:left :out} {:process 0 :type :ok :f :read :value #jepsen.independent/tuple [:k {:a 1.5e3, "b" \\newline}]}
""",
    b"""{:process 0, :type :invoke, :f :append, :key "0", :value "x 0 0 y"}
{:process 0, :type :ok, :f :append, :key "0", :value "x 0 0 y"}
{:process 1, :type :invoke, :f :get, :key "0", :value nil}
{:process 1, :type :ok, :f :get, :key "0", :value "x 0 0 y"}
""",
    b"""INFO  jepsen.core - starting
INFO  jepsen.util - 0\t:invoke\t:write\t3
INFO  jepsen.util - 1\t:invoke\t:cas\t[3 4]
INFO  jepsen.util - 0\t:ok\t:write\t3
INFO  jepsen.util - 1\t:info\t:cas\t:timed-out
INFO  jepsen.util - :nemesis\t:info\t:start\tnil
""",
    b"""{:type :invoke, :process 0, :f :txn, :value [[:append :x 1] [:r :y nil]], :index 0}
{:type :ok, :process 0, :f :txn, :value [[:append :x 1] [:r :y [1 2]]], :index 1}
""",
    b"""[{:type :ok, :value [[:w :x 1] [:r :y 2]]} {:type :fail, :value [[:w :x 3]]} {:type :info, :value [[:r :x]]}]
""",
    b"""{"index":0,"time":5,"process":0,"type":"invoke","f":"cas","key":"r0","value":[1,2]}
{"index":1,"time":9,"process":0,"type":"ok","f":"cas","key":"r0","value":[1,2],"actual":null,"node":"n1","log_index":3}
{"index":2,"time":12,"process":"nemesis","type":"invoke","f":"kill","value":{"action":"begin"},"fault":"f1"}
""",
)
_EDN: Final = rb"""[ ] { } ( ) #{ #_ #tag #jepsen.independent/tuple #inst # ; " \\ \a \newline \u00 : :: ,
    :process :type :f :value :key :time :index :error :independent/key :nemesis nemesis :invoke :ok :fail :info
    :read :write :cas :get :append :r :w :txn 0 1 -1 2.5 1e999 1e-999 0x1F 1/2 007 7N 3M NaN Infinity nil true :nil
    "\ud800" "\ud83d\ude00" "\q" "x" null false {"index": "process" "actual": INFO jepsen.util -"""
TOKENS: Final = (
    *_EDN.split(),
    *(b"\r\n", b"\n", b"\r", b"\t", b"\0", b"\x1b", b"\x85", b"\xff"),
    *("\x85".encode(), "\u2028".encode(), "\ufeff".encode(), b"\xed\xa0\x80"),
    b"9" * 25,
    b"9" * 400,
    b"9" * 5000,
    b"-1e" + b"9" * 30,
    b"[" * 120,
    b"{:a " * 120,
    b"#_ " * 300,
    b"#t " * 300,
    b"(" * 3000,
    b"]" * 300,
    b'"' + b"x" * 3000,
    b"[" * 300 + b"]" * 300,
)


def inputs(seed: int, count: int) -> Iterator[bytes]:
    """The same ones for the same seed."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.random()
        if kind < 0.05:
            yield rng.randbytes(rng.randrange(60))
        elif kind < 0.15:
            yield b" ".join(rng.choices(TOKENS, k=rng.randrange(12)))
        else:
            yield changed(rng, rng.choice(SEEDS))


def changed(rng: random.Random, data: bytes) -> bytes:
    """A few changes, mostly few, so that much of what is changed is still nearly a history."""
    for _ in range(min(1 + int(rng.expovariate(0.7)), 12)):
        data = rng.choice(CHANGES)(rng, data)
    return data


def _place(rng: random.Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _put_in(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _replace_token(rng: random.Random, data: bytes) -> bytes:
    parts = data.split(b" ")
    parts[rng.randrange(len(parts))] = rng.choice(TOKENS)
    return b" ".join(parts)


def _swap_tokens(rng: random.Random, data: bytes) -> bytes:
    parts = data.split(b" ")
    one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]
    return b" ".join(parts)


def _drop(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 1, 1, 2, 5, 20)) :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


def _byte(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.randbytes(1) + data[at + 1 :]


def _lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, rng.choice(lines))
        case 2:
            rng.shuffle(lines)
        case _:
            lines.insert(at, rng.choice(rng.choice(SEEDS).split(b"\n")))
    return b"\n".join(lines)


def _line_ends(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b" ", b"\n\n", b"\xe2\x80\xa8")))


CHANGES: Final = (
    *(_put_in, _put_in, _replace_token, _replace_token, _swap_tokens),
    *(_drop, _cut, _byte, _lines, _line_ends),
)


def outcome(data: bytes, format: str) -> str:
    """ "history" or "refused". Raises whatever else comes of reading these bytes."""
    try:
        history, _ = read(data, format)
    except HistoryError as refusal:
        told = refusal
    else:
        _use(history)
        return "history"
    assert 1 <= told.line <= data.count(b"\n") + 1, told
    assert str(told).isprintable(), told
    return "refused"


def _use(history: History) -> None:
    """What checkers, reports and the exporter do with every history."""
    for operation in history.operations:
        canonical(operation.value)
        assert history.line_of(operation.invoked) >= 1
    text = b"".join(map(encode, history.events))
    assert [event.index for event in decode(text).events] == [*range(len(history.events))]
    try:
        written = b"".join(jepsen_edn(history))
        again, _ = read(written, "jepsen-edn")
    except HistoryError:
        return  # a key or value that EDN's words have no room for is refused, too
    assert len(again.operations) == len(history.operations)


def _many(seed: int, count: int) -> tuple[Counter[str], float, bytes]:
    """What came of a batch, and its slowest input."""
    seen: Counter[str] = Counter()
    slowest, slowest_s = b"", 0.0
    for data in inputs(seed, count):
        began = time.perf_counter()
        for format_ in FORMATS:
            try:
                seen[outcome(data, format_)] += 1
            except Exception as error:
                raise RuntimeError(f"{type(error).__name__}: {error} of {data!r} as {format_}") from error
        if (took := time.perf_counter() - began) > slowest_s:
            slowest, slowest_s = data, took
    return seen, slowest_s, slowest


BATCH: Final = 2000


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the importers.")
    parser.add_argument("inputs", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    batches = -(-asked.inputs // BATCH)
    seen: Counter[str] = Counter()
    slowest_s, slowest = 0.0, b""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        seeds = range(asked.seed * 1_000_000, asked.seed * 1_000_000 + batches)
        for number, (counts, took, data) in enumerate(pool.map(_many, seeds, [BATCH] * batches), 1):
            seen += counts
            slowest_s, slowest = max((slowest_s, slowest), (took, data))
            print(f"\r{number * BATCH:,} inputs", end="", file=sys.stderr, flush=True)
    print(
        f"\n{batches * BATCH:,} inputs, each read in {len(FORMATS)} ways: {seen['history']:,} times a history, "
        f"{seen['refused']:,} times refused; the slowest took {slowest_s:.3f} s ({slowest[:80]!r})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
