"""Named streams of choices, all from one seed.

A stream depends on the seed and its own name alone, so that drawing more from one (a longer schedule of faults, one
more process) leaves all others as they were. The name is hashed with blake2b: Python's own `hash` differs from one
interpreter to the next.

A fork makes other choices from some time on. What was before it stays as it was, to the last bit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite
from random import Random
from typing import Final

STREAMS: Final = ("swarm", "network", "machine", "generator", "nemesis", "bit-flips")
"""First words of streams. `generator` (what clients do) is drawn from at the beginning alone."""
_FORK: Final = re.compile(r"(?P<at>\d+(?:\.\d+)?):(?P<salt>\d+)(?::(?P<streams>[a-z-]+(?:\+[a-z-]+)*))?")


def stream(seed: int, name: str) -> Random:
    """The stream `name` of this seed, from its beginning."""
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big"))


@dataclass(frozen=True)
class Fork:
    """From `at_s` on (seconds of the world's time) the streams named, and those of which they are the first word, go on
    as others do: which, the salt decides. No streams: all of them."""

    at_s: float
    salt: int
    streams: tuple[str, ...] = ()

    def touches(self, name: str) -> bool:
        return not self.streams or any(name == first or name.startswith(f"{first}-") for first in self.streams)

    def stream(self, seed: int, name: str) -> Random:
        """What the stream `name` of this seed goes on as."""
        return stream(seed, f"{name}/{self.salt}")

    def __str__(self) -> str:
        """As `parse_fork` reads it."""
        at = f"{self.at_s:.6f}".rstrip("0").rstrip(".")
        return f"{at}:{self.salt}" + (f":{'+'.join(self.streams)}" if self.streams else "")


def parse_fork(text: str) -> Fork:
    """ "12.5:7" forks everything at 12.5 s with the salt 7, "0:7:network+machine" two streams from the beginning on.
    Raises ValueError."""
    match = _FORK.fullmatch(text.strip())
    if match is None or not isfinite(float(match["at"])):
        raise ValueError(f"{text!r} is no fork: write SECONDS:SALT or SECONDS:SALT:STREAM+STREAM, like 12.5:7:network")
    streams = tuple(match["streams"].split("+")) if match["streams"] else ()
    for name in streams:
        if name not in STREAMS:
            raise ValueError(f"{text!r} forks a stream {name!r} that there is not: there are {', '.join(STREAMS)}")
    return Fork(float(match["at"]), int(match["salt"]), streams)
