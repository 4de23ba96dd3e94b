"""Capabilities over a control line: what can be done to any node that a root shell reaches.

Containers and machines alike: nothing here knows where a node lives. Each capability sends one command to each node,
to all of them at once, and believes what comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.cluster import Capabilities, Node
from harness.cluster.over_ssh.barrier import PacketFilter
from harness.cluster.over_ssh.clocks import ShellClocks
from harness.cluster.over_ssh.disks import ShellDisks, ShellPower
from harness.cluster.over_ssh.network import ShellNetwork
from harness.cluster.over_ssh.packets import ShellPackets
from harness.cluster.over_ssh.processes import ShellProcesses
from harness.system import ChangesMembers, ReplacesNodes, System, sends_as_dialled
from harness.world import World


def capabilities(world: World, nodes: Sequence[Node], system: System, *, frail_disks: bool = False) -> Capabilities:
    """For nodes on which `system` has been installed. What the system must do itself is there if it can. `frail_disks`:
    the nodes' disks can lose power and fail."""
    processes = ShellProcesses(world, nodes, system)
    membership = system.membership(world, nodes) if isinstance(system, ChangesMembers) else None
    return Capabilities(
        network=ShellNetwork(world, nodes, PacketFilter(answers_pass=sends_as_dialled(system))),
        processes=processes,
        clocks=ShellClocks(world, nodes, system),
        packets=ShellPackets(world, nodes),
        membership=membership,
        replacements=(
            system.replacements(world, nodes, processes, membership)
            if isinstance(system, ReplacesNodes) and membership is not None
            else None
        ),
        power=ShellPower(world, nodes, system) if frail_disks else None,
        disks=ShellDisks(world, nodes, system) if frail_disks else None,
    )
