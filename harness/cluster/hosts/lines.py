"""SSH lines to the hosts of an inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import paramiko

from harness.cluster.hosts.inventory import SUDO, Host
from harness.control.ssh import Endpoint, SshControl
from harness.errors import CannotRun

_AS_ITSELF: Final = 'env PATH="$PATH:/usr/sbin:/sbin" sh -c'
"""Whatever shell the user has, commands are for sh; and packet filters lie where only root looks."""
_BY_SUDO: Final = "sudo -n sh -c"


class Lines:
    """A control for each host, by name; to be closed. Raises CannotRun where a host is to be shown an agent's keys, and
    no agent has any."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._agents: list[paramiko.Agent] = []
        self.controls: dict[str, SshControl] = {}
        try:
            for host in hosts:
                self.controls[host.name] = SshControl(self._endpoint(host))
        except CannotRun:  # no control has dialled yet
            self._close_agents()
            raise

    def _endpoint(self, host: Host) -> Endpoint:
        return Endpoint(
            name=host.name,
            host=host.address,
            port=host.port,
            host_keys=host.host_keys,
            client_keys=self._agent_keys(host) if host.client_key is None else (host.client_key,),
            user=host.user,
            shell=_BY_SUDO if host.become == SUDO else _AS_ITSELF,
        )

    def _agent_keys(self, host: Host) -> tuple[paramiko.PKey, ...]:
        """Each line has a connection to the agent for itself: lines dial at the same time."""
        try:
            agent = paramiko.Agent()
        except (paramiko.SSHException, OSError) as error:
            raise CannotRun(
                f"The SSH agent does not answer ({error}): start it, or name a 'key' in the inventory."
            ) from error
        self._agents.append(agent)
        keys = agent.get_keys()
        if not keys:
            raise CannotRun(
                f"Host {host.name} names no 'key' in the inventory, and there is no SSH agent that holds one: name a "
                "key, or add one to an agent (ssh-add)."
            )
        return keys

    async def close(self) -> None:
        await asyncio.gather(*(control.close() for control in self.controls.values()))
        self._close_agents()

    def _close_agents(self) -> None:
        for agent in self._agents:
            agent.close()
