"""In which order the kernel ends processes where memory runs out: who has most, and to that it adds, in thousandths of
the limit, what it was told for each (oom_score_adj; Linux, mm/oom_kill.c, oom_badness)."""

from __future__ import annotations

MOST = 1000
"""What is added to the server."""
BELOW = 20
"""So much less is added to who comes next: page tables count too, and numbers are rounded."""


def score(server_bytes: int, mine_bytes: int, limit_bytes: int) -> int:
    """What is to be added to a process that will have `mine_bytes`, so that it comes just after the server and before
    any other, however large: a node's disk may be a process that is larger than both."""
    return min(max(MOST - BELOW + MOST * (server_bytes - mine_bytes) // limit_bytes, 0), MOST - BELOW)
