"""The packet filter's chains on hosts that are somebody's: they carry the run's own letters, and what is not the nodes'
own talk passes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from harness.cluster.over_ssh.firewall import PREFIX, Chains

_MOST_LETTERS: Final = 28
"""What iptables takes as a chain's name."""


class RunChains(Chains):
    """Those whose names begin with `prefix`: another run may have the host by other ports. `spared`: ports of the
    control line and of clients, since the harness may run on one of the hosts itself."""

    def __init__(self, prefix: str, *, spared: Iterable[int]) -> None:
        super().__init__(spared=spared)
        assert prefix.startswith(PREFIX), "only such chains are ours"
        self._prefix = prefix

    def of(self, fault: str) -> str:
        """The run's letters with the fault's id behind them; of a long one, a hash."""
        if len(self._prefix) + len(fault) > _MOST_LETTERS:
            fault = sha256(fault.encode()).hexdigest()[: _MOST_LETTERS - len(self._prefix)]
        return f"{self._prefix}{fault}"

    def among(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(self._prefix)]
