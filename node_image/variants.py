"""How a bug of the catalogue gets into a node: a class, or a function, with the mistake takes the right one's place.

    log = variant(Log, bugs)(0, 0, entries)         where the node is put together: the place of the switch

    @mistake(NO_PREVIOUS_CHECK, instead_of=Log)     in the package's `mistakes`
    class TrustingLog(Log): ...

Which one it is, is decided once, when the node starts. So a node without bugs runs the code that is written, with no
question about bugs in it, and never even loads the mistakes; and what a mistake changes can be read in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

from node_image.bugs import Bug

T = TypeVar("T")

_MISTAKES: Final[dict[tuple[Any, str], Any]] = {}
"""(the right class or function, the bug's name) -> the one with the mistake."""


def mistake(bug: Bug, *, instead_of: T) -> Callable[[T], T]:
    """Declares a class (a subclass of the right one) or a function for nodes with this bug. A bug may need several."""

    def declare(wrong: T) -> T:
        assert (instead_of, bug.name) not in _MISTAKES
        _MISTAKES[instead_of, bug.name] = wrong
        return wrong

    return declare


def variant(right: T, bugs: frozenset[str]) -> T:
    """`right` itself, or what one of `bugs` puts in its place: declared in `mistakes` of the package of `right`."""
    if not bugs:
        return right
    module: str = right.__module__
    import_module(f"{module.rpartition('.')[0]}.mistakes")
    wrong = [_MISTAKES[right, bug] for bug in sorted(bugs) if (right, bug) in _MISTAKES]
    assert len(wrong) <= 1, f"two bugs at the same place: {', '.join(sorted(bugs))}"
    found: T = wrong[0] if wrong else right
    return found
