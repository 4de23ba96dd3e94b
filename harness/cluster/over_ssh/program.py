"""Programs of ours on a node: sent along with the command that starts them, since nothing of ours is installed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final

from harness.cluster import Node
from harness.cluster.over_ssh.shell import run
from harness.on_nodes.archive import archive

TIMEOUT_S: Final = 30.0
"""Programs end by themselves long before, but on a machine that is very busy."""


async def call(
    node: Node, program: str, command: str, given: Mapping[str, Any], *, before: str = "", after: str = ""
) -> tuple[dict[str, Any], str]:
    """What `python3 -m harness.on_nodes.PROGRAM COMMAND` printed, and what was printed after it. `before`, `after`:
    shell commands of the same call. Whose the program is can be told from its environment, as of a server. Raises
    Trouble where any fails, ControlError."""
    file = f"{node.layout.state}/{program}.pyz"
    variables = [f"{name}={value}" for name, value in node.layout.environment.items()]
    python = shlex.join(["env", *variables, node.layout.python]) if variables else node.layout.python
    steps = (
        f"cat > {file}.$$ && mv -f {file}.$$ {file}",
        before,
        f"{python} -S -E {file} {command} {shlex.quote(json.dumps(given))}",
        after,
    )
    printed = await run(node, " && ".join(step for step in steps if step), input=archive(program), timeout_s=TIMEOUT_S)
    first, _, rest = printed.partition("\n")
    told: dict[str, Any] = json.loads(first)
    return told, rest
