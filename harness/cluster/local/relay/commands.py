"""What the harness says to the relay, and is answered: one JSON object a line, over the relay's stdin and stdout."""

from __future__ import annotations

import msgspec

from harness.cluster.local.relay.paths import Held
from harness.on_nodes.hindrance import Hindrance


class Seat(msgspec.Struct, kw_only=True):
    """One node. `peer_port`: where on 127.0.0.1 its server listens for its peers; `pid_file`: what says which process
    that is; `probe_address`, `measuring_address`: where its probes come from, and what it sends to measure links."""

    peer_port: int
    pid_file: str
    probe_address: str
    measuring_address: str


class Begin(msgspec.Struct, tag=True):
    """The first of all. Answered by the ports on which others reach the nodes. `stay`: whether the relay outlives the
    harness."""

    folder: str
    nodes: dict[str, Seat]
    stay: bool = False
    seed: int = 0


Pairs = list[tuple[str, str]]
"""Links: from, to."""


class Cut(msgspec.Struct, tag=True):
    fault: str
    links: Pairs


class Heal(msgspec.Struct, tag=True):
    """The paths to this node."""

    fault: str
    target: str


class Slow(msgspec.Struct, tag=True):
    fault: str
    links: Pairs
    hindrance: Hindrance


class Reset(msgspec.Struct, tag=True):
    """Connections that the first of a pair has dialled to the second: at once, and every so many seconds."""

    fault: str
    links: Pairs
    every_s: float


class Calm(msgspec.Struct, tag=True):
    """Nothing is hindered or reset any more because of this fault."""

    fault: str


class Look(msgspec.Struct, tag=True):
    """At the paths to this node, or all."""

    target: str | None = None


class PathState(msgspec.Struct, kw_only=True):
    source: str
    target: str
    cuts: dict[str, Held]
    hindrances: dict[str, Hindrance]
    connections: int
    resets: int
    """Connections on it that the relay has reset."""
    resetting: list[str]
    """The faults that want it to."""
    passed_bytes: int
    delayed_bytes: int


Command = Cut | Heal | Slow | Reset | Calm | Look


class Request(msgspec.Struct):
    """One line. `number`: the answer's too."""

    number: int
    command: Command | Begin


class Done(msgspec.Struct):
    """Every answer. `ports`: to Begin; `paths`: to Look."""

    ports: dict[str, int] = {}
    paths: list[PathState] = []
    number: int = 0
