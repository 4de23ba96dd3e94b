"""Linearizability: does every operation seem to happen at one moment between its invocation and its completion?

(Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990.) It composes: a history is
linearizable exactly if each key's part is, so keys are checked one by one. Reading order:

1. actions.py   what an outcome says about a register
2. zones.py     the fast algorithm and its proof; clusters.py its first half
3. frontier.py   the general search; sweep.py one pass of it, open_actions.py and needed.py its bookkeeping
4. register.py  which of the two decides
5. earliest.py  the first contradiction; shrink.py a minimal one; explain.py, words.py from there to words
6. long.py       all of it for long histories, over columns: columns.py, column_zones.py
7. checker.py   all keys; validate.py and refute.py check the certificates of answers
"""

from checkers.linearizability.actions import NotARegister
from checkers.linearizability.checker import Linearizability
from checkers.linearizability.register import RegisterResult, check_register

__all__ = ["Linearizability", "NotARegister", "RegisterResult", "check_register"]
