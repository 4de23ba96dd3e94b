"""Ports that servers listen on inside their nodes: every node has an address of its own, so all use the same."""

from __future__ import annotations

from typing import Final

CLIENT_PORT: Final = 8000
PEER_PORT: Final = 7000
SSH_PORT: Final = 22
