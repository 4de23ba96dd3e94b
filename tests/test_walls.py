"""The two walls, and the one way in which imports go (docs/architecture.md). What is checked is the source, not what
happens to be loaded: an import inside a function counts, one that only type checkers see does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ORDER = ("checkers", "results", "harness", "workloads")
"""Each may import itself and those before it."""
NODE = "node_image"
SIMULATION = "harness/cluster/simulation"
"""The only place outside that may import the node."""

WORLDLY = {"asyncio", "time", "random", "socket", "threading", "selectors", "sched", "concurrent", "multiprocessing"}
HARNESS_BEHIND_THE_WALL = (
    "harness/generator",
    "harness/nemesis",
    "harness/interpreter.py",
    "harness/recorder.py",
    "harness/client.py",
    "harness/conductor.py",
    "harness/workload.py",
    "harness/mixture.py",
    "harness/script",
    "harness/system.py",
    "harness/capabilities.py",
    "harness/systems",
    "harness/monitor.py",
    "harness/world/__init__.py",
    "harness/world/sync.py",
    "harness/world/gather.py",
    "harness/cluster/over_ssh",
    "harness/cluster/simulation",
    "workloads",
)
NODE_BEHIND_THE_WALL = ("node_image/raft", "node_image/replica", "node_image/storage", "node_image/driver")
MAY_NAME = {"random": {"Random"}, "asyncio": {"CancelledError"}}
"""What may be named of a forbidden module: a type for streams that are handed in, and the exception that is raised in
a coroutine that is cancelled."""


def sources(place: str) -> list[Path]:
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path] * path.exists()


def imports(path: Path) -> Iterator[tuple[int, str, str | None]]:
    """(line, module, name) of every import, `name` None for a whole module; those under TYPE_CHECKING left out. A
    whole module of which only what MAY_NAME lists is used counts as an import of that."""
    tree = ast.parse(path.read_text("utf-8"))
    unseen = {id(inner) for node in ast.walk(tree) if _type_checking(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                used = _used(tree, alias.asname or alias.name)
                tame = used and used <= MAY_NAME.get(alias.name, set())
                yield node.lineno, alias.name, min(used) if tame else None
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports here are absolute"
            yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _used(tree: ast.AST, module: str) -> set[str]:
    """The attributes of a module that are used anywhere in the tree."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def worldly(path: Path, forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {module}" + (f".{name}" if name else "")
        for line, module, name in imports(path)
        if (top := module.split(".")[0]) in forbidden and name not in MAY_NAME.get(top, set())
    ]


@pytest.mark.parametrize("place", HARNESS_BEHIND_THE_WALL)
def test_harness_meets_time_chance_and_network_through_its_world(place: str) -> None:
    assert [line for path in sources(place) for line in worldly(path, WORLDLY)] == []


@pytest.mark.parametrize("place", NODE_BEHIND_THE_WALL)
def test_node_is_without_io(place: str) -> None:
    forbidden = WORLDLY | {"os", "io", "pathlib", "subprocess", "tempfile", "shutil", "signal"}
    assert [line for path in sources(place) for line in worldly(path, forbidden)] == []


@pytest.mark.parametrize("place", ["checkers"])
def test_checkers_touch_nothing(place: str) -> None:
    forbidden = WORLDLY | {"os", "subprocess", "tempfile", "shutil", "signal"}
    assert [line for path in sources(place) for line in worldly(path, forbidden)] == []


@pytest.mark.parametrize("package", [*ORDER, NODE])
def test_imports_go_one_way(package: str) -> None:
    allowed = {package, *(ORDER[: ORDER.index(package)] if package in ORDER else ())}
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in sources(package)
        for line, module, _ in imports(path)
        if (top := module.split(".")[0]) in {*ORDER, NODE, "tests", "benchmarks"}
        and top not in allowed
        and not (top == NODE and str(path.relative_to(ROOT)).startswith(SIMULATION))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import time", ["time"]),
        ("def f():\n    import asyncio.events", ["asyncio.events"]),
        ("from time import monotonic", ["time.monotonic"]),
        ("from random import Random", []),
        ("from random import Random, choice", ["random.choice"]),
        ("import random", ["random"]),
        ("import random\ndef f(rng: random.Random): ...", []),
        ("import random\ndef f(rng: random.Random):\n    random.shuffle([])", ["random"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import random", []),
        ("from harness.world import sync", []),
    ],
)
def test_the_wall_sees(text: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(text)
    assert [line.split(": ")[1] for line in worldly(path, WORLDLY)] == found
