"""Read consistency, graded: which level the reads of each mode reach, and how stale they were. Reading order:

1. levels.py         what the levels mean, and which follow from which
2. record.py         writes, reads and their sources
3. pasts.py          what each read must have seen, level by level
4. write_order.py    whether one key's writes can be ordered so; one_order.py: all keys together
5. refute.py         the two put together; explain.py, shrink.py, words.py: from a circle to words
6. sequential.py     the level that is NP-complete; eventual.py: the one that is about the end
7. staleness.py      milliseconds and versions
8. grade.py          one mode; checker.py: all of them, against their promises
"""

from checkers.consistency.checker import Promises, ReadConsistency
from checkers.consistency.levels import Level

__all__ = ["Level", "Promises", "ReadConsistency"]
