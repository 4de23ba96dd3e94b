"""A system under test: how to install, start, inspect and speak to it.

The bundled Raft node is one (`harness.systems.raft`); others are added by the entry point group `raftstorm.systems`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from checkers.checker import Checker
from harness.cluster import Membership, Node, Processes, Replacements
from harness.world import World


class Status(msgspec.Struct, kw_only=True, frozen=True):
    """What a node says of itself. Clocks in nanoseconds, None where it does not tell them: `wall` is the time that its
    own process sees (a clock fault shows here), `mono` its CLOCK_MONOTONIC."""

    id: str
    term: int
    role: str
    leader: str | None
    commit: int
    applied: int
    wall: int | None = None
    mono: int | None = None


class Bug(msgspec.Struct, kw_only=True, frozen=True):
    """A deliberate bug of a system's nodes. Only its name and description must be known."""

    name: str
    description: str
    breaks: str = ""
    """The rule that is broken, and where it stands."""
    group: str = ""
    checks: tuple[str, ...] = ()
    """The kinds of check that ought to find it."""
    found_by: dict[str, str] = {}
    """Options of `raftstorm run` in which it ought to show, others as they are by default."""
    simulator_only: str | None = None
    """Why a cluster of containers cannot show it."""


class Answer(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A definite answer. A cas that did not match has matched=False and `value` the value seen."""

    value: Any = None
    matched: bool = True
    log_index: int | None = None
    session: str | None = None
    """Whose command it was, where it was not this session's own (it was sent again for another)."""


class Definite(Exception):
    """It certainly did not happen. `str(error)` is a kebab-case reason."""


class Refused(Definite):
    """The system did what it was asked to, and its state said no: the lock is held, the account is too low."""


class Indefinite(Exception):
    """It may have happened, may yet happen, or never."""


class KeyValue(Protocol):
    """A session with one node of a key-value system. Every method raises Definite or Indefinite. What a session can do
    beyond this is in `harness.capabilities`."""

    session: str

    async def read(self, key: str, *, mode: str, min_index: int = 0) -> Answer: ...
    async def write(self, key: str, value: Any) -> Answer: ...
    async def cas(self, key: str, expected: Any, new: Any) -> Answer: ...
    def close(self) -> None: ...


@runtime_checkable
class Demanding(Protocol):
    """A system whose nodes need what a host of somebody's may lack (node images have it)."""

    def demands(self) -> Mapping[str, str]:
        """What must be there, by a name that people can install it by -> a shell command that succeeds where it is."""


class System(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def packages(self) -> Sequence[str]:
        """Debian packages that its nodes need, beside what every node has: containers get an image with them."""

    @property
    def read_modes(self) -> Sequence[str]:
        """Those of `harness.client.READ_MODES` that its sessions know."""

    @property
    def lacks(self) -> Mapping[str, str]:
        """What cannot be done to its nodes though the place could (fields of `harness.cluster.Capabilities`), and why:
        the end of a sentence."""

    def checkers(self) -> Sequence[Checker]:
        """What must hold of its nodes' logs and traces, whatever clients saw."""

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises BadInput, in one sentence, for options that it cannot work with, before anything is started."""

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None:
        """Brings configuration (and, with options["source"], changed code) to every node. `options["bug"]` names a
        deliberate bug. Raises BadInput, ControlError."""

    async def start(self, node: Node) -> int:
        """Starts the server process and returns its pid. It need not be ready yet. Raises ServerEnded
        where it ends at once (it refuses to run from what its disk has), ControlError."""

    async def pid(self, node: Node) -> int | None:
        """The pid of the running (or stopped, SIGSTOP) server process."""

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> KeyValue:
        """A session that dials on first use; each call is bounded by `timeout_s`. A system whose sessions can do more
        than this annotates it with their class: that is where `harness.capabilities` looks."""

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        """None where the node does not answer in time."""

    def log_files(self, node: Node) -> Mapping[str, str]:
        """Name in the run folder (nodes/NAME/...) -> path on the node: logs, and `trace.jsonl`."""

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        """Deliberate bugs that nodes can be started with, by name (of options["source"], where that is given). Raises
        BadInput."""


@runtime_checkable
class ChangesMembers(Protocol):
    """A system whose nodes can leave the cluster and come back: it offers this by having the method."""

    def membership(self, world: World, nodes: Sequence[Node]) -> Membership: ...


@runtime_checkable
class ReplacesNodes(Protocol):
    """A system whose nodes can be lost with all their data, and replaced: it offers this by having the method."""

    def replacements(
        self, world: World, nodes: Sequence[Node], processes: Processes, membership: Membership
    ) -> Replacements:
        """`membership`: its own, which other faults change too."""


@runtime_checkable
class SendsAsDialled(Protocol):
    """A system whose nodes send messages to each other only on TCP connections that they dialled, to the port of the
    other's `Node.peer_address`; a cut one way can then leave the other way open. (etcd's, say, send on connections that
    the receiver has dialled.)"""

    @property
    def sends_as_dialled(self) -> bool: ...


def sends_as_dialled(system: System) -> bool:
    return isinstance(system, SendsAsDialled) and system.sends_as_dialled
