"""Nodes on hosts of an inventory: installed by SFTP into one folder of the run's own, and all of it removed again.

    connect (host keys are verified) -> look at what each host has -> claim -> install, try -> look who reaches whom

What a host lacks is told before anything is made on any of them. Whatever is made stands in the claim first.
"""

from __future__ import annotations

import asyncio
import shlex
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from harness.cluster import Capabilities, Node
from harness.cluster.hosts import claim as claims
from harness.cluster.hosts.chains import RunChains
from harness.cluster.hosts.claim import MARK, Claim, new_claim, on, read_claim
from harness.cluster.hosts.examine import QUEUES_TEST, base_of, check, look
from harness.cluster.hosts.inventory import Host, Inventory
from harness.cluster.hosts.lines import Lines
from harness.cluster.layout import Layout, under
from harness.cluster.over_ssh import capabilities
from harness.cluster.over_ssh.barrier import PacketFilter
from harness.cluster.over_ssh.network import ShellNetwork
from harness.cluster.over_ssh.packets import ShellPackets
from harness.cluster.over_ssh.probe import REACHED, probe
from harness.cluster.over_ssh.queueing import Queueing
from harness.cluster.over_ssh.shell import Trouble
from harness.cluster.together import all_of, to_the_end
from harness.control.ssh import SshControl
from harness.errors import CannotRun, ControlError
from harness.image.context import host_archive
from harness.system import System, sends_as_dialled
from harness.systems.server import do
from harness.world import World

REACH_S: Final = 3.0
"""How long a host that is up may take to say whether anybody listens on a port."""
_ARCHIVE: Final = "sent.tar"
_NUMBERS: Final = range(8192, 65536)
"""Numbers of queues of the packet filter that a run draws its own from: low ones are what people take."""


@dataclass
class _Place:
    """One host of the run. `claim`: what we have made there is under it."""

    host: Host
    control: SshControl
    base: str = ""
    claim: Claim | None = None

    @property
    def words(self) -> str:
        return f"Host {self.host.name} ({self.host.address})"


class HostsCluster:
    """A `Cluster`. `needs`: capabilities that the run's faults ask for; `demands`: what the system wants to find on a
    host -> a command that succeeds where it is; `say` is told what is worth knowing. `keep`: it is to outlive the run,
    so the next run does not take it for a leftover."""

    def __init__(
        self,
        name: str,
        inventory: Inventory,
        *,
        needs: Collection[str] = (),
        demands: Mapping[str, str] | None = None,
        say: Callable[[str], object] = lambda sentence: None,
        keep: bool = False,
    ) -> None:
        self._name = name
        self._inventory = inventory
        self._needs = frozenset(needs)
        self._packet_filter = bool(self._needs & {"network", "packets"})
        self._demands = demands or {}
        self._say = say
        self._keep = keep
        self._lines: Lines | None = None
        self._places: list[_Place] = []
        self._nodes: tuple[Node, ...] = ()

    @property
    def nodes(self) -> Sequence[Node]:
        return self._nodes

    @property
    def engine(self) -> str:
        return f"SSH, {len(self._inventory.hosts)} hosts of {self._inventory.path}"

    def able(self, world: World, system: System) -> Capabilities:
        offered = capabilities(world, self._nodes, system)
        return Capabilities(
            network=self._network(world, system) if "network" in self._needs else None,
            packets=ShellPackets(world, self._nodes, self._way()) if "packets" in self._needs else None,
            processes=offered.processes,
            clocks=offered.clocks,
            membership=offered.membership,
            replacements=offered.replacements,
        )

    def _network(self, world: World, system: System) -> ShellNetwork:
        barrier = PacketFilter(answers_pass=sends_as_dialled(system), chains=self._chains())
        return ShellNetwork(world, self._nodes, barrier)

    def _way(self) -> Queueing:
        """How packets are hindered."""
        letters = _claim_of(self._places[0]).chains.encode()
        number = _NUMBERS[int(sha256(letters).hexdigest(), 16) % len(_NUMBERS)]
        return Queueing({node.name: node for node in self._nodes}, chains=self._chains(), number=number)

    def _chains(self) -> RunChains:
        """The same on all hosts."""
        spared = sorted({port for place in self._places for port in (place.host.port, place.host.client_port)})
        return RunChains(_claim_of(self._places[0]).chains, spared=spared)

    def leave(self) -> None:
        """Servers stay by themselves."""
        self._say(f"the hosts stay taken until `raftstorm clean --inventory {self._inventory.path}`")

    def shell_command(self, node: Node) -> str:
        [host] = [host for host in self._inventory.hosts if host.name == node.name]
        key = ["-i", host.key_path] if host.key_path is not None else []
        return shlex.join(["ssh", "-p", str(host.port), *key, f"{host.user}@{host.address}"])

    async def up(self) -> None:
        try:
            await self._up()
        except BaseException:
            await self.down()
            raise

    async def down(self) -> None:
        """A host that does not answer keeps what is there, which is said."""
        places, self._places, self._nodes = self._places, [], ()
        told = await asyncio.gather(*(_remove(place) for place in places))
        troubles = [trouble for trouble in told if trouble is not None]
        if troubles:
            self._say(
                f"not everything could be removed: {' '.join(troubles)} Once that is mended, `raftstorm clean "
                f"--inventory {self._inventory.path}` removes the rest."
            )
        if self._lines is not None:
            lines, self._lines = self._lines, None
            await lines.close()

    async def _up(self) -> None:
        self._lines = Lines(self._inventory.hosts)
        self._places = [_Place(host, self._lines.controls[host.name]) for host in self._inventory.hosts]
        await all_of([self._examine(place) for place in self._places])
        # In one order, so that of two runs that want the same hosts one gets them all.
        for place in sorted(self._places, key=lambda place: (place.host.address, place.host.port)):
            await to_the_end(self._claim(place))
        nodes = [await _node(place) for place in self._places]
        await to_the_end(all_of([_install(place, node) for place, node in zip(self._places, nodes, strict=True)]))
        await all_of([_check_reached(place, node) for place, node in zip(self._places, nodes, strict=True)])
        await all_of([_check_reaches(node, nodes) for node in nodes])
        self._nodes = tuple(nodes)
        if "packets" in self._needs:
            await to_the_end(all_of([self._check_queues(place) for place in self._places]))

    async def _check_queues(self, place: _Place) -> None:
        try:
            await self._way().attempt(place.host.name)
        except Trouble as trouble:
            raise CannotRun(
                f"{place.words} cannot queue packets, which packets faults take ({trouble}): have its kernel load "
                "xt_NFQUEUE and nfnetlink_queue, or name other kinds of fault with --nemesis."
            ) from trouble

    async def _examine(self, place: _Place) -> None:
        demands = {**self._demands, **(QUEUES_TEST if "packets" in self._needs else {})}
        facts = await look(place.control, place.host, demands, packet_filter=self._packet_filter)
        check(facts, place.host, demands, packet_filter=self._packet_filter)
        place.base = base_of(facts, place.host)

    async def _claim(self, place: _Place) -> None:
        """Raises CannotRun where another run has the host. What a dead one has left there is removed first."""
        mine = new_claim(self._name, place.base, queues="packets" in self._needs, keep=self._keep)
        place.claim = mine  # noted before it is taken: a line that breaks on the way leaves it in doubt
        standing = await claims.take(place.control, place.base, mine)
        if standing is not None and _crashed(standing):
            await claims.release(place.control, place.base, standing)
            self._say(f"removed what a run that was killed had left on {place.host.name}: {_run_of(standing)}")
            standing = await claims.take(place.control, place.base, mine)
        if standing is not None:
            place.claim = None
            raise CannotRun(
                f"{place.words} is in use by {_run_of(standing)}: wait for its end, or remove it with `raftstorm clean "
                f"--inventory {self._inventory.path}` (--force where it seems to live)."
            )


def _layout(place: _Place) -> Layout:
    folder = _folder(place)
    ports = {"client_port": place.host.client_port, "peer_port": place.host.peer_port}
    return under(folder, environment={MARK: folder}, **ports)


async def _remove(place: _Place) -> str | None:
    """What went wrong."""
    if place.claim is None:
        return None
    try:
        await to_the_end(claims.release(place.control, place.base, place.claim.text()))
    except ControlError as error:
        return str(error)
    return None


async def _node(place: _Place) -> Node:
    host = place.host
    return Node(
        name=host.name,
        host=host.client_host,
        port=host.client_reached_port,
        peer_address=f"{await _ipv4(host)}:{host.peer_port}",
        control=place.control,
        layout=_layout(place),
    )


async def _ipv4(host: Host) -> str:
    """Of the address that other nodes reach it at: a packet filter tells nodes by numbers."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host.peer_address, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CannotRun(
            f"Host {host.name} has no IPv4 address by the name {host.peer_address} ({error.strerror or error}): give "
            "the address that other hosts reach it at as 'peer-address' in the inventory."
        ) from error
    return str(found[0][4][0])


async def _install(place: _Place, node: Node) -> None:
    host, folder, layout = place.host, shlex.quote(_folder(place)), node.layout
    taken = await on(place.control, "ports", str(layout.client_port), str(layout.peer_port))
    if taken:
        raise CannotRun(
            f"{place.words} has something that listens on port {taken[0]} already: end it, or give another "
            "'client-port' or 'peer-port' in the inventory."
        )
    await on(place.control, "make", _folder(place), host.user)
    await place.control.upload(f"{_folder(place)}/{_ARCHIVE}", host_archive())
    folders = shlex.join(layout.folders)
    unpack = f"mkdir -p {folders} && tar -x -f {_ARCHIVE} && rm {_ARCHIVE} && python3 -m compileall -q code"
    await do(node, "unpack the node", f"cd {folder} && {unpack}")
    trouble = await on(place.control, "clock", layout.faketime, layout.state)
    if trouble is not None:
        raise CannotRun(f"{place.words} cannot run servers under libfaketime: {trouble}.")


def _claim_of(place: _Place) -> Claim:
    assert place.claim is not None, "a host is claimed before it is used"
    return place.claim


def _folder(place: _Place) -> str:
    return _claim_of(place).folder


async def _check_reached(place: _Place, node: Node) -> None:
    """Nobody listens yet: a refusal is the answer that is hoped for."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(node.host, node.port), REACH_S)
    except ConnectionRefusedError:
        return
    except (TimeoutError, OSError) as error:
        why = f"no answer within {REACH_S:g} s" if isinstance(error, TimeoutError) else str(error.strerror or error)
        raise CannotRun(
            f"{place.words} is not reached by clients at {node.host} port {node.port} ({why}): open that port, or give "
            "the address at which it is reached from here as 'client-address' in the inventory."
        ) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _check_reaches(node: Node, nodes: Sequence[Node]) -> None:
    others = {other.name: other for other in nodes if other is not node}
    try:
        outcomes = await probe(node, others, timeout_s=REACH_S)
    except Trouble as trouble:
        raise ControlError(f"Could not look whom {node.name} reaches: {trouble}.") from trouble
    for name, outcome in outcomes.items():
        if outcome not in REACHED:
            raise CannotRun(
                f"Host {node.name} does not reach {name} at {others[name].peer_address} ({outcome}): open that port "
                "between the hosts, or give an address that works there as 'peer-address' in the inventory."
            )


def _crashed(text: str) -> bool:
    claim = read_claim(text)
    return claim is not None and claim.abandoned and not claim.keep


def _run_of(text: str) -> str:
    claim = read_claim(text)
    return "a claim that cannot be read" if claim is None else claim.words
