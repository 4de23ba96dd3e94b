"""Transactions: which anomalies does a history of them show, and which consistency models do these rule out?

After Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (VLDB 2020), on the
ground of Adya, "Weak Consistency" (1999). Where every written value is different, reads show who wrote what they saw,
and, more or less, in which order: so there are transactions that must come before others. If some come before
themselves, no order explains the history, and what the circle is made of says what has gone wrong. Reading order:

1. models.py     anomalies, consistency models, and which rules out which
2. table.py      a history as columns; within.py what is wrong inside one transaction
3. lists.py      what reads of lists show; list_findings.py, list_edges.py anomalies and dependencies
4. registers.py  what reads of registers show; register_findings.py, register_edges.py
5. graph.py      dependencies as a graph, with process and real-time order in linear space
6. cycles.py     the shortest circle of each kind; loops.py its search, kernels.py the same compiled
7. explain.py, findings.py, words.py   anomalies in words
8. checker.py    all together

docs/transactions.md explains the anomalies to people.
"""

from checkers.transactions.checker import ListAppend, RwRegister
from checkers.transactions.models import canonical_model

__all__ = ["ListAppend", "RwRegister", "canonical_model"]
