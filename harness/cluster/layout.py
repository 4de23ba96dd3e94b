"""Layouts: where things are on a node, and what its server runs with. All that a system has to know of a place.

A place gives every node its layout, and has made the folders by the time that a system is installed. In `code` lies the
bundled node already, in `tools` what node_image/bin holds. A layout without arguments is that of the node image;
`under` makes one whose folders all lie below another, for nodes that share a machine with each other or with others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CLIENT_PORT: Final = 8000
PEER_PORT: Final = 7000
"""Ports of nodes that have an address of their own: all use the same."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Paths are absolute, and the node's own."""

    config: str = "/etc/raftstorm"
    data: str = "/var/lib/raftstorm"
    logs: str = "/var/log/raftstorm"
    state: str = "/run/raftstorm"
    """What goes when the machine does: the server's pid, the clock's control file. Best in memory."""
    code: str = "/opt/raftstorm"
    """The folder that the package node_image is in, and what else a system brings."""
    tools: str = "/usr/local/bin"
    """The folder that the scripts node-start and node-pid are in."""
    python: str = "python3"
    faketime: str = "/usr/local/lib/raftstorm/libfaketime.so.1"
    listen: str = "0.0.0.0"
    """What servers bind: the address of the interfaces that clients and peers come through."""
    client_port: int = CLIENT_PORT
    peer_port: int = PEER_PORT
    environment: Mapping[str, str] = field(default_factory=dict)
    """What every server process carries, so that whose it is can be told from it."""

    @property
    def clock_file(self) -> str:
        """What the server's libfaketime reads its offset from. node-start makes it where there is none."""
        return f"{self.state}/faketime"

    @property
    def folders(self) -> tuple[str, ...]:
        """Those that a place makes."""
        return (self.config, self.data, self.logs, self.state, self.code)


IMAGE: Final = Layout()
"""The node image's."""


def under(prefix: str, **others: Any) -> Layout:
    """A layout whose folders all lie below `prefix`; `others`: the fields of Layout that are not folders, and folders
    that lie elsewhere."""
    folders = {name: f"{prefix}/{name}" for name in ("config", "data", "logs", "state", "code", "tools")}
    return Layout(**{**folders, "faketime": f"{prefix}/tools/libfaketime.so.1", **others})
