"""Sequential consistency: one order of all operations, over all keys together, in which every process sees its own
operations in the order it did them, and every read returns the last value written (Lamport 1979).

- `SequentialByIndex` trusts the log indexes that the nodes report, and decides exactly. Beside it, for other modes:
  `LinearizableByIndex` and `StaleByIndex`.
- `SequentialByValue` trusts nothing but the values. That is NP-complete (Gibbons and Korach 1997, theorem 4.9), so it
  looks for a witness, then for a refutation in polynomial time, then searches within its budget, and is otherwise
  unknown.
"""

from checkers.sequential.by_index import LinearizableByIndex, SequentialByIndex, StaleByIndex
from checkers.sequential.by_value import SequentialByValue

__all__ = ["LinearizableByIndex", "SequentialByIndex", "SequentialByValue", "StaleByIndex"]
