"""Nodes for capabilities to work on: a shell that understands just the commands that they send."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from harness.cluster import Finished, Link, Node
from harness.errors import ControlError
from harness.on_nodes.hindrance import Hindrance
from harness.on_nodes.packets.fate import Way
from harness.on_nodes.packets.nfqueue import NUMBER
from harness.on_nodes.packets.pings import LARGE_BYTES, SMALL_BYTES, Train
from harness.system import Bug, Status
from harness.world import World
from harness.world.virtual import VirtualWorld

EPOCH_NS = 1_700_000_000_000_000_000


@dataclass
class Machine:
    """One node: its packet filter, its server process, its clock. Faults of its own are switched on by the test."""

    name: str
    address: str
    site: Site
    chains: dict[str, list[str]] = field(default_factory=dict)
    """Chain -> addresses that it drops."""
    jumps: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    queues: dict[str, list[str]] = field(default_factory=dict)
    """Chain -> addresses whose packets it queues for the agent."""
    agent: dict[str, Way] | None = None
    """What it does to the packets of which address. None: none runs."""
    checksum_errors: int = 7
    pid: int | None = 100
    state: str = "S"
    offset_file: str = "+0"
    reachable: bool = True
    deaf_filter: bool = False
    """Rules are taken, and drop nothing."""
    clinging_filter: bool = False
    """Rules are not given back."""
    unkillable: bool = False
    stuck_clock: bool = False
    """The server does not look at the offset file."""

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        await self.site.world.sleep(0.002)
        if not self.reachable:
            raise ControlError(f"{self.name}: the connection is gone")
        return Finished(0, self._answer(command, input.decode(errors="replace")), "")

    async def read_file(self, path: str) -> bytes:
        raise AssertionError("no capability reads files")

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        raise AssertionError("no capability writes files")

    def _answer(self, command: str, given: str) -> str:
        if "packets" in command:
            return self._packets(command)
        if "-t raw" in command:
            return self._queue_listing()
        if command.startswith("iptables-restore"):
            return self._restore(given, command)
        if "-D INPUT" in command:
            return self._delete(command.split("-X ")[1].split()[0])
        if "-nvxL" in command:
            return self._listing(command.split()[-1])
        if command.endswith("-S"):
            return "".join(f"-A INPUT -j {chain}\n" for chain in self.jumps)
        if "/proc/net/snmp" in command:
            return f"Icmp: InMsgs InCsumErrors\nIcmp: 1000 {self.checksum_errors}\n"
        if "/proc/" in command:
            return self._signalled(command)
        if command.startswith("python3") and "time_ns" in command:
            return str(EPOCH_NS)
        if command.startswith("python3"):
            return self.site.probed(self, shlex.split(command)[6:])
        if command.startswith("echo"):
            self.offset_file = shlex.split(command)[1]
            return ""
        raise AssertionError(f"not understood: {command}")

    def _packets(self, command: str) -> str:
        """The program that is sent along, or a look at what is left of it."""
        words = shlex.split(command)
        if ".pyz" not in command:
            return self._queue_listing()
        if "measure" in words:
            asked = json.loads(words[words.index("measure") + 1])["links"]
            return json.dumps({address: self.site.pinged(self, address, both) for address, both in asked.items()})
        self._requeue(command)
        return f"{self._hinder(json.loads(words[words.index('hinder') + 1])['ways'])}\n{self._queue_listing()}"

    def _requeue(self, command: str) -> None:
        if removed := re.search(r"-D PREROUTING -j (\S+)", command):
            if not self.clinging_filter:
                self.queues.pop(removed[1], None)
        elif added := re.search(r"^:(\S+)", command, re.M):
            self.queues[added[1]] = re.findall(r"-s (\S+) -j NFQUEUE", command)

    def _hinder(self, ways: Mapping[str, Any]) -> str:
        before = self.agent or {}
        self.agent = {address: before.get(address, Way(self.site.rng)) for address in ways} or None
        for address, fields in ways.items():
            (self.agent or {})[address].hindrance = Hindrance(**fields)
        counts = {address: way.counts.as_dict() for address, way in {**before, **(self.agent or {})}.items()}
        kernel = dict.fromkeys(("tcp_checksum_errors", "icmp_checksum_errors"), self.checksum_errors)
        return json.dumps({"counts": counts, "kernel": kernel})

    def _queue_listing(self) -> str:
        chains = "".join(f"-A PREROUTING -j {chain}\n" for chain in self.queues)
        return chains + ("" if self.agent is None else f" {NUMBER}  1  0 2 65531  0  0  0  1\n")

    def _restore(self, table: str, command: str) -> str:
        (chain,) = re.findall(r"^:(\S+)", table, re.M)
        self.chains[chain] = re.findall(rf"^-A {re.escape(chain)} -s (\S+) -j DROP", table, re.M)
        if f"-I INPUT -j {chain}" in command and chain not in self.jumps:
            self.jumps.insert(0, chain)
        return ""

    def _delete(self, chain: str) -> str:
        if not self.clinging_filter and chain in self.jumps:
            self.jumps.remove(chain)
            del self.chains[chain]
        return ""

    def _listing(self, chain: str) -> str:
        rows = [
            f"{self.counts.get((chain, source), 0)} 60 DROP all -- * * {source} 0.0.0.0/0"
            for source in self.chains[chain]
        ]
        return "\n".join(
            [f"Chain {chain} (1 references)", "pkts bytes target prot opt in out source destination", *rows]
        )

    def _signalled(self, command: str) -> str:
        if self.pid is None or f"/proc/{self.pid}/" not in command:
            return ""
        if command.startswith("kill -KILL") and not self.unkillable:
            self.pid = None
            return ""
        if command.startswith("kill -STOP"):
            self.state = "T"
        if command.startswith("kill -CONT"):
            self.state = "S"
        return self.state

    def arrivals(self, source: Machine, size: int, now_ns: int) -> list[int]:
        """When a ping from there is answered: once, twice, or not at all (ns)."""
        queued = any(source.address in addresses for addresses in self.queues.values()) and not self.deaf_filter
        if self.agent is None or not queued or source.address not in self.agent:
            return [now_ns]
        copies = self.agent[source.address].fate(size, now_ns)
        self.checksum_errors += sum(copy.corrupt for copy in copies)
        return [copy.due_ns for copy in copies if copy.due_ns is not None and not copy.corrupt]

    def hears(self, source: Machine) -> bool:
        """Whether a packet from there arrives, counting it where it is dropped."""
        for chain in self.jumps:
            if source.address in self.chains[chain] and not self.deaf_filter:
                self.counts[chain, source.address] = self.counts.get((chain, source.address), 0) + 1
                return False
        return True


class Site:
    """Five machines and a system on them."""

    name = "fake"

    def __init__(self, names: Sequence[str] = ("n1", "n2", "n3", "n4", "n5")) -> None:
        self.world = VirtualWorld(0)
        self.machines = {name: Machine(name, f"10.0.0.{number}", self) for number, name in enumerate(names, start=1)}
        self.nodes = [
            Node(name, "127.0.0.1", 8000, f"{machine.address}:7000", machine) for name, machine in self.machines.items()
        ]
        self.refuses_to_start = False
        self.rng = Random(1)
        self.pings_ns = 0

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    def probed(self, source: Machine, words: Sequence[str]) -> str:
        names = [word.split(",")[0] for word in words if word.count(",") == 2]
        return "".join(f"{name} {self._dialled(source, self[name])}\n" for name in names)

    def pinged(self, source: Machine, address: str, both: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What a hundred pings show, one every five milliseconds."""
        (target,) = (machine for machine in self.machines.values() if machine.address == address)
        train, answers = Train(*(Hindrance(**fields) for fields in both)), []
        reached = target.hears(source) and source.hears(target)
        size = 28 + (LARGE_BYTES if train.large else SMALL_BYTES)
        self.pings_ns += 20_000_000_000
        for number in range(100):
            sent_ns = self.pings_ns + number * 5_000_000
            train.send(sent_ns / 1e9)
            times = target.arrivals(source, size, sent_ns) if reached else []
            answers += [(answered_ns, number) for answered_ns in times]
        for answered_ns, number in sorted(answers):
            train.answer(number, answered_ns / 1e9 + 0.0001)
        return train.as_dict(self.pings_ns / 1e9 + 10)

    def _dialled(self, source: Machine, target: Machine) -> str:
        if not (target.hears(source) and source.hears(target)):
            return "silent"
        return "refused" if target.pid is None else "open"

    def cut_links(self) -> set[Link]:
        return {
            Link(source, target)
            for source in self.machines
            for target in self.machines
            if any(self[source].address in self[target].chains[chain] for chain in self[target].jumps)
        }

    # As a System.

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None:
        raise AssertionError("no capability installs")

    async def start(self, node: Node) -> int:
        machine = self[node.name]
        assert machine.pid is None, "started twice"
        machine.pid, machine.state = 200, "S"
        if self.refuses_to_start:
            machine.pid = None
        return 200

    async def pid(self, node: Node) -> int | None:
        return self[node.name].pid

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> Any:
        raise AssertionError("no capability is a client")

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        machine = self[node.name]
        if machine.pid is None or machine.state == "T":
            await self.world.sleep(timeout_s)
            return None
        offset_s = 0.0 if machine.stuck_clock else float(machine.offset_file)
        mono = self.world.now()
        wall = mono + EPOCH_NS + round(offset_s * 1e9)
        return Status(id=node.name, term=1, role="leader", leader=None, commit=0, applied=0, wall=wall, mono=mono)

    def log_files(self, node: Node) -> Mapping[str, str]:
        return {}

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        return {}
