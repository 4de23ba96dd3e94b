"""Named streams of choices, all from one seed.

A stream depends on the seed and its own name alone, so that drawing more from one (a longer schedule of faults, one
more process) leaves all others as they were. The name is hashed with blake2b: Python's own `hash` differs from one
interpreter to the next.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def stream(seed: int, name: str) -> Random:
    """The stream `name` of this seed, from its beginning."""
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return Random(int.from_bytes(digest, "big"))
