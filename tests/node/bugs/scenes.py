"""For every bug of the catalogue a scene: the smallest course of events in which its rule matters. A scene plays with
nodes that have the given bugs and says whether the rule held."""

from __future__ import annotations

from collections.abc import Callable

Bugs = frozenset[str]
Scene = Callable[[Bugs], bool]

SCENES: dict[str, Scene] = {}


def scene(bug: str) -> Callable[[Scene], Scene]:
    def declare(play: Scene) -> Scene:
        assert bug not in SCENES
        SCENES[bug] = play
        return play

    return declare
