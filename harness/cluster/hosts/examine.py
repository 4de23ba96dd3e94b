"""What a host has, looked at before anything is done to it: one command, and a sentence for all that is missing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.cluster.hosts.inventory import FOLDER, Host
from harness.cluster.over_ssh.firewall import QUEUES
from harness.control.ssh import SshControl
from harness.errors import CannotRun
from harness.faketime import faketime_machine
from harness.systems.server import last_words

PYTHON: Final = (3, 11)
TOOLS: Final = ("tar", "setsid", "tail", "env")
PACKET_FILTER: Final = ("iptables", "iptables-restore")
QUEUES_TEST: Final = {"iptables' table raw (for packets faults)": QUEUES.listing}
"""Before the host is claimed: a claim that says that there may be queues has the table looked at in the end."""
BASE_OF_ROOT: Final = "/var/lib/raftstorm"
_OTHERS_BASE: Final = ".raftstorm"
TIMEOUT_S: Final = 20.0


@dataclass(frozen=True)
class Facts:
    """`has`: tools, and what the system needs, that were found."""

    machine: str
    kernel: str
    uid: int
    home: str
    python: tuple[int, ...]
    has: frozenset[str]


async def look(
    control: SshControl, host: Host, demands: Mapping[str, str] | None = None, *, packet_filter: bool = False
) -> Facts:
    """`demands`: what else there should be -> a command that succeeds where it is. Raises CannotRun where no command
    can be run as it is to be, ControlError."""
    finished = await control.run(_script(_tests(demands or {}, packet_filter)), timeout_s=TIMEOUT_S)
    if finished.exit_code != 0:
        raise CannotRun(f"{_words(host)} does not run commands as {_whom(host)}: {last_words(finished)}")
    return _facts(finished.stdout)


def check(facts: Facts, host: Host, demands: Mapping[str, str], *, packet_filter: bool) -> None:
    """Raises CannotRun with all that is missing."""
    lacks = _lacks(facts, host, list(_tests(demands, packet_filter)))
    if lacks:
        raise CannotRun(f"{_words(host)} cannot take a node: {'; '.join(lacks)}.")


def base_of(facts: Facts, host: Host) -> str:
    """The folder in which runs have theirs. Raises CannotRun."""
    base = host.folder or (BASE_OF_ROOT if facts.uid == 0 else f"{facts.home}/{_OTHERS_BASE}")
    if not FOLDER.fullmatch(base):
        raise CannotRun(
            f"{_words(host)} has the home folder {facts.home!r}, below which libfaketime cannot be named: give a "
            "'folder' in the inventory."
        )
    return base


def _tests(demands: Mapping[str, str], packet_filter: bool) -> dict[str, str]:
    tools = [*TOOLS, *(PACKET_FILTER if packet_filter else ())]
    return {tool: f"command -v {tool}" for tool in tools} | dict(demands)


def _words(host: Host) -> str:
    return f"Host {host.name} ({host.address})"


def _whom(host: Host) -> str:
    return f"root by sudo of {host.user}" if host.as_root and host.user != "root" else host.user


def _script(tests: Mapping[str, str]) -> str:
    lines = ['echo "machine=$(uname -m)"', 'echo "kernel=$(uname -s)"', 'echo "uid=$(id -u)"', 'echo "home=$HOME"']
    lines += ["python3 -S -E -c 'import sys; print(\"python=%d.%d\" % sys.version_info[:2])' 2>/dev/null"]
    lines += [
        f"if ( {test} ) > /dev/null 2>&1; then echo {shlex.quote(f'has={name}')}; fi" for name, test in tests.items()
    ]
    return "\n".join([*lines, "exit 0"])


def _facts(printed: str) -> Facts:
    pairs = [(name, value) for name, _, value in (line.partition("=") for line in printed.splitlines())]
    told = dict(pairs)
    return Facts(
        machine=told.get("machine", "?"),
        kernel=told.get("kernel", "?"),
        uid=int(told.get("uid") or -1),
        home=told.get("home", ""),
        python=tuple(int(part) for part in told.get("python", "0").split(".")),
        has=frozenset(value for name, value in pairs if name == "has"),
    )


def _lacks(facts: Facts, host: Host, wanted: Sequence[str]) -> list[str]:
    lacks = []
    if facts.kernel != "Linux":
        lacks.append(f"it runs {facts.kernel}, and faults are made for Linux")
    if facts.machine != faketime_machine():
        lacks.append(
            f"it is a {facts.machine}, and the libfaketime of this installation is for {faketime_machine()}: start "
            "raftstorm on a machine of its kind"
        )
    if host.as_root and facts.uid != 0:
        lacks.append(f"{_whom(host)} is not root there (uid {facts.uid})")
    if facts.python < PYTHON:
        found = ".".join(map(str, facts.python)) if facts.python != (0,) else "none"
        lacks.append(f"it needs python3 {'.'.join(map(str, PYTHON))} or newer, and has {found}")
    missing = [name for name in wanted if name not in facts.has]
    if missing:
        lacks.append(f"it lacks {', '.join(missing)}")
    return lacks
