"""Linearizability of every object but one register (../linearizability): queues, stacks, sets, counters, locks, and any
other that has a model (../models). Reading order:

1. outcome.py     what an algorithm answers
2. search.py      the general search, for any model; open_actions.py its bookkeeping
3. lives.py       elements that are put in and taken out; moments.py when a container can have been empty
4. fifo.py, lifo.py, bag.py, membership.py: the fast algorithms and their proofs; counts.py a tree of numbers
5. decide.py      which of them decides
6. shrink.py      from a contradiction to a minimal one; explain.py, words.py from there to words
7. checker.py     all keys; validate.py checks the algorithms' own certificates in tests
"""

from checkers.objects.checker import ObjectLinearizability, ObjectResult, check_object

__all__ = ["ObjectLinearizability", "ObjectResult", "check_object"]
