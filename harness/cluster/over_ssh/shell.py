"""Small things that all capabilities over a shell share."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from harness.cluster import Evidence, Finished, Node
from harness.world import World
from harness.world.gather import gather

Details = dict[str, Any]
"""What one node shows: JSON values by name."""


class Trouble(Exception):
    """Something on a node is not as it should be; `str(error)` says what, and becomes the evidence's trouble."""


async def run(node: Node, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> str:
    """The command's stdout. Raises Trouble where it fails, ControlError where the node is out of reach."""
    finished = await node.control.run(command, input=input, timeout_s=timeout_s)
    if finished.exit_code != 0:
        raise Trouble(f"{node.name}: {reason(finished)}")
    return finished.stdout


def script(node: Node, source: str, *arguments: str) -> str:
    """The command that runs a Python script which needs nothing but the standard library, started as fast as can be."""
    return shlex.join([node.layout.python, "-S", "-E", "-c", source, *arguments])


def reason(finished: Finished) -> str:
    """Why a command failed, in one line."""
    lines = (finished.stderr or finished.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {finished.exit_code}"


def evidence(details: Mapping[str, Any], troubles: Iterable[str]) -> Evidence:
    """Effective where there is no trouble."""
    listed = list(troubles)
    return Evidence(effective=not listed, details=dict(details), trouble="; ".join(listed) or None)


async def on_each(world: World, acts: Mapping[str, Awaitable[Details]], *, name: str) -> Evidence:
    """Acts on several nodes (by name) at once. One node's trouble spoils the whole, and hides no other's details.
    Raises ControlError."""
    told = await gather(world, {node: _told(act) for node, act in acts.items()}, name=name)
    return evidence(told, [details["trouble"] for details in told.values() if "trouble" in details])


async def _told(act: Awaitable[Details]) -> Details:
    try:
        return await act
    except Trouble as trouble:
        return {"trouble": str(trouble)}


def by_name(nodes: Iterable[Node]) -> dict[str, Node]:
    return {node.name: node for node in nodes}
