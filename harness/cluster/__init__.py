"""Clusters: where nodes live, and what can be done to them there.

A cluster brings nodes up and down. What else a place can do it offers as capabilities (`Network`, `Processes`,
`Clocks`), which faults ask for by name: a place that cannot do a thing does not offer it. Every capability method
returns `Evidence` read from the thing that was hit, never from what the harness meant to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from harness.cluster.layout import IMAGE, Layout
from harness.on_nodes.hindrance import Hindrance as Hindrance

if TYPE_CHECKING:
    from harness.system import System
    from harness.world import World


class Finished(NamedTuple):
    """A command that ended."""

    exit_code: int
    stdout: str
    stderr: str


class Control(Protocol):
    """A held-open line to one node. All methods raise ControlError when the line or the host is gone."""

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        """Runs a shell command line: as root, but on `local`. A non-zero exit is returned, not raised."""

    async def read_file(self, path: str) -> bytes: ...
    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None: ...


@dataclass(frozen=True)
class Node:
    """One place for one server. `host`, `port`: where its client port is reached from here; `peer_address`: the
    address that other nodes reach it at, which need not be the one that it listens on (`layout` says that)."""

    name: str
    host: str
    port: int
    peer_address: str
    control: Control
    layout: Layout = IMAGE


IN_FORCE: Final = "in_force_after_s"
"""A detail of evidence: from when a fault was asked for until it was there, where proving it takes longer."""


class Evidence(msgspec.Struct, kw_only=True):
    """Proof that a fault took hold, or was lifted."""

    effective: bool
    details: dict[str, Any] = {}
    """JSON values, by node or link: probes, counters, process states, clock readings."""
    trouble: str | None = None
    """Where not effective: why, in words, naming the node."""


class Link(NamedTuple):
    """Packets from `source` to `target` (node names). One direction only."""

    source: str
    target: str

    @property
    def words(self) -> str:
        """As evidence and events tell it."""
        return f"{self.source}->{self.target}"


class Network(Protocol):
    async def cut(self, fault: str, links: Collection[Link]) -> Evidence:
        """Drops all packets on these links. Cuts of several faults add up."""

    async def heal(self, fault: str) -> Evidence:
        """Takes away what `cut` put in for this fault, and nothing else. Safe to call again."""

    async def verify_healed(self) -> Evidence:
        """Whether every node reaches every other, and no rule of any fault is left."""


class Processes(Protocol):
    async def kill(self, names: Collection[str]) -> Evidence: ...

    async def restart(self, names: Collection[str], *, prove: bool = True) -> Evidence:
        """Starts those that are down, and waits until all answer (`prove=False`: does not wait)."""

    async def pause(self, names: Collection[str]) -> Evidence: ...
    async def resume(self, names: Collection[str]) -> Evidence: ...

    async def verify_healed(self) -> Evidence:
        """Whether every node's server runs and is not stopped."""


class Clocks(Protocol):
    """Each fault adds its own offset to the wall clock of a node's server process; the offsets of several faults add
    up, and the monotonic clock and the host's clock are never touched."""

    async def shift(self, fault: str, offsets_s: Mapping[str, float], *, prove: bool = True) -> Evidence:
        """Sets this fault's offset on each node named (0.0 lifts it), and reads the clock back (`prove=False` spares
        the reading: for the many small steps of a drift)."""

    async def verify_healed(self) -> Evidence:
        """Whether every node's server tells the true time."""


class Packets(Protocol):
    async def disturb(self, fault: str, links: Collection[Link], hindrance: Hindrance) -> Evidence:
        """Where several faults disturb the same link, it does all of what they ask for (`hindrance.together`)."""

    async def holds(self, fault: str) -> Evidence:
        """Whether what `disturb` put in for this fault is still there."""

    async def calm(self, fault: str) -> Evidence:
        """Takes away what `disturb` put in for this fault, and nothing else. Safe to call again."""

    async def verify_healed(self) -> Evidence:
        """Whether no link is disturbed."""


class Power(Protocol):
    async def cut(self, names: Collection[str], *, after_effects: int | None = None, torn: bool = False) -> Evidence:
        """The machines lose power: what their disks had not made durable is lost, in part or as a whole.
        `after_effects`: not at once, but before the process does so many more things. `torn`: in the middle of making
        something durable, of which a part stays."""

    async def restore(self, names: Collection[str]) -> Evidence: ...
    async def verify_healed(self) -> Evidence: ...


class DiskFailure(StrEnum):
    """What a disk does not do any more."""

    FULL = "full"
    """Nothing more can be written: no space is left."""
    WRITES = "write-fails"
    SYNCS = "sync-fails"
    READS = "read-fails"
    """Servers read their files when they start: they are killed and started, and must not go on without them."""


class Harm(StrEnum):
    """What becomes of a file that was durable."""

    BIT_FLIP = "bit-flip"
    TRUNCATION = "truncate"
    """It ends too soon. Never the last file, whose missing end nobody could tell from a write that a crash has torn."""


class Disks(Protocol):
    async def slow(self, names: Collection[str], sync_s: float) -> Evidence: ...
    async def fail(self, names: Collection[str], failure: DiskFailure) -> Evidence: ...

    async def harm(self, names: Collection[str], harm: Harm) -> Evidence:
        """One file each, while the process is down: it is started again, and must not believe it."""

    async def mend(self, names: Collection[str]) -> Evidence:
        """All of it; servers that ended because of it are started."""

    async def verify_healed(self) -> Evidence: ...


class Membership(Protocol):
    """Which nodes are members, by the system's own means."""

    async def remove(self, fault: str, names: Collection[str]) -> Evidence:
        """They leave. Those that several faults took out are out until the last of these is lifted."""

    async def restore(self, fault: str) -> Evidence:
        """Those that this fault took out come back, and catch up. Safe to call again."""

    async def transfer(self, to: str) -> Evidence:
        """The leader hands over."""

    async def verify_healed(self) -> Evidence:
        """Whether every node is a member."""


class Replacements(Protocol):
    """Machines that are lost for good."""

    async def lose(self, fault: str, names: Collection[str]) -> Evidence:
        """Their servers end, they leave the cluster, and nothing is left of their data."""

    async def replace(self, fault: str, names: Collection[str]) -> Evidence:
        """Empty ones join under the same names, and catch up. Where `lose` did not get so far as to take their data,
        their servers start as they were. Safe to call again."""

    async def verify_healed(self) -> Evidence: ...


class Resets(Protocol):
    """Connections between nodes."""

    async def begin(self, fault: str, links: Collection[Link], every_s: float) -> Evidence:
        """Those that a link's source has dialled to its target are reset, at once and again and again."""

    async def end(self, fault: str) -> Evidence:
        """They stay. Safe to call again."""

    async def verify_healed(self) -> Evidence: ...


class Limits(Protocol):
    """How much of a machine a node may use: its server, and whatever runs beside it."""

    async def limit_cpu(self, names: Collection[str], share: float) -> Evidence:
        """So much of one processor's time, no more."""

    async def unlimit_cpu(self, names: Collection[str]) -> Evidence: ...

    async def limit_memory(self, names: Collection[str]) -> Evidence:
        """So little memory that the servers are ended for want of it."""

    async def unlimit_memory(self, names: Collection[str]) -> Evidence:
        """As much as there is; the servers that ended are started."""

    async def verify_healed(self) -> Evidence:
        """Whether no node is limited."""


@dataclass(frozen=True)
class Capabilities:
    """What can be done to the nodes of a cluster. None: this place cannot."""

    network: Network | None = None
    processes: Processes | None = None
    clocks: Clocks | None = None
    packets: Packets | None = None
    power: Power | None = None
    disks: Disks | None = None
    membership: Membership | None = None
    replacements: Replacements | None = None
    resets: Resets | None = None
    limits: Limits | None = None

    def without(self, names: Iterable[str]) -> Capabilities:
        """The others: what cannot be done to the nodes of a system."""
        return replace(self, **dict.fromkeys(names))


class Cluster(Protocol):
    """`name` is the run's id. Everything made carries the label raftstorm.run=<name>."""

    @property
    def nodes(self) -> Sequence[Node]: ...

    async def up(self) -> None:
        """Raises CannotRun."""

    async def down(self) -> None:
        """Removes what `up` made. Safe to call twice, and after a failed `up`."""

    @property
    def engine(self) -> str:
        """What the nodes run on, for the record. Known once the cluster is up."""

    def able(self, world: World, system: System) -> Capabilities:
        """What can be done to the nodes, on which `system` has been installed."""

    def leave(self) -> None:
        """Instead of `down`, where the cluster is to outlive the run."""

    def shell_command(self, node: Node) -> str:
        """What a person types to get a shell on the node (for --keep)."""
