"""Whether containers can have disks that fail: a file system in user space (node_image/disk) needs the machine's FUSE.

Only an engine on this machine is looked at. What another machine has shows when its containers are made, which is
before anything runs in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.cluster.engine_address import is_here

DEVICE: Final = "/dev/fuse"
NEED_IT: Final = ("power", "disks")
"""Fields of harness.cluster.Capabilities."""
MISSING: Final = f"there is no {DEVICE} on this machine (`modprobe fuse` brings it, where the kernel has it)"


def is_missing(device: str = DEVICE) -> bool:
    return is_here() and not Path(device).is_char_device()
