"""Hot loops compiled to machine code by numba, with types kept.

A compiled function works on numpy arrays and numbers alone, and may call other compiled functions of its module. It is
compiled when it is first called (a second or so), and the result is kept on disk for later processes. So it pays for
long histories; short ones are judged by a readable version, which stays beside it and is its reference in the tests.

Importing numba takes half a second. So compiled functions stand in modules of their own, named kernels.py, which import
this one; whoever uses kernels.py imports it inside the function that has seen that the history is long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: the same function, compiled. It runs without the interpreter's lock."""
    fast: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    return fast
