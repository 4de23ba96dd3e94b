"""Claims: whose a host is while a run is on it. A host takes one run at a time, since ports and CPUs are shared.

The claim is a file on the host that says all that was made there and by whom, so whoever finds it can tell whether that
run still lives, and take everything away if it does not. It is made first and removed last.
"""

from __future__ import annotations

import getpass
import platform
import re
import shlex
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from harness.cluster import owner
from harness.cluster.hosts import on_host
from harness.cluster.over_ssh.firewall import PREFIX
from harness.control.ssh import SshControl
from harness.errors import ControlError
from harness.systems.server import last_words

MARK: Final = on_host.MARK
"""What every server process of a run carries in its environment: the run's folder."""
_SOURCE: Final = Path(on_host.__file__).read_bytes()
_TIMEOUT_S: Final = 60.0
_MARK_DIGITS: Final = 6


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    run: str
    owner: str
    """As harness.cluster.owner writes it: whether the run lives can be told on the machine that it was started on."""
    by: str
    """user@machine, for people."""
    since: str
    folder: str
    chains: str
    """What the names of the run's chains begin with, the same on all hosts."""
    queues: bool = False
    """Whether packets may be queued for it: it may have chains in the table raw too."""
    keep: bool = False

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    @property
    def words(self) -> str:
        return f"the run {self.run} of {self.by}, since {self.since}"

    @property
    def abandoned(self) -> bool:
        return not owner.alive(self.owner)


def new_claim(run: str, base: str, *, queues: bool = False, keep: bool) -> Claim:
    """For this process."""
    mine = owner.owner()
    letters = sha256(f"{run}\0{mine}".encode()).hexdigest()[:_MARK_DIGITS]
    return Claim(
        run=run,
        owner=mine,
        by=f"{_user()}@{platform.node()}",
        since=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}",
        folder=f"{base}/{re.sub(r'[^a-zA-Z0-9_.-]', '-', run)}-{letters}",
        chains=f"{PREFIX}{letters}-",
        queues=queues,
        keep=keep,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name
        return "somebody"


def read_claim(text: str) -> Claim | None:
    """None: it is none of ours."""
    try:
        return msgspec.json.decode(text, type=Claim)
    except msgspec.MsgspecError:
        return None


async def take(control: SshControl, base: str, claim: Claim) -> str | None:
    """None: the host is ours. Else the text of the claim that stands there. Raises ControlError."""
    said = await on(control, "claim", base, claim.text())
    return None if said is None else str(said)


async def held(control: SshControl, base: str) -> str | None:
    """The text of the claim that stands there. Raises ControlError."""
    said = await on(control, "held", base)
    return None if said is None else str(said)


async def release(control: SshControl, base: str, text: str) -> dict[str, list[str]]:
    """Removes all that was made under this claim: processes, chains, folders, by name. Raises ControlError."""
    return msgspec.convert(await on(control, "release", base, text), dict[str, list[str]])


async def on(control: SshControl, *words: str) -> Any:
    """What harness/cluster/hosts/on_host.py says on the host. Raises ControlError where it cannot do it."""
    command = shlex.join(["python3", "-S", "-E", "-", *words])
    finished = await control.run(command, input=_SOURCE, timeout_s=_TIMEOUT_S)
    if finished.exit_code != 0:
        raise ControlError(f"Could not {_DOING[words[0]]} on {control.name}: {last_words(finished)}")
    return msgspec.json.decode(finished.stdout)


_DOING: Final = {
    "claim": "take the host for the run",
    "held": "see whose the host is",
    "make": "make the run's folder",
    "ports": "look at the ports",
    "clock": "try libfaketime",
    "release": "remove what the run has made",
}
