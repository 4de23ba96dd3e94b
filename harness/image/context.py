"""What goes into the node image: the Dockerfile, the scripts, libfaketime, and the node's sources.

The name of the image is a hash of exactly these bytes: the same content is never built twice, and a change of any of
them is noticed by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

from harness.faketime import LIBRARY, faketime_library
from harness.systems.raft.source import node_files, pack, shipped_source

_SCRIPTS: Final = "rootfs/usr/local/bin/"
_HASH_DIGITS: Final = 12


@dataclass(frozen=True)
class BuildContext:
    """Path in the build context -> content."""

    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The same for the same content on every machine."""
        summary = sha256()
        for path, content in sorted(self.files.items()):
            summary.update(f"{path}\0{len(content)}\0".encode() + content)
        return summary.hexdigest()[:_HASH_DIGITS]

    def tar(self) -> bytes:
        return pack(self.files, executable=_SCRIPTS)


def build_context() -> BuildContext:
    """The context of this installation. Raises CannotRun where a part of it is missing."""
    root = shipped_source()
    scripts = {f"{_SCRIPTS}{path.name}": path.read_bytes() for path in (root / "bin").iterdir() if path.is_file()}
    sources = {f"node_image/{path}": content for path, content in node_files(root).items()}
    dockerfile = (root / "Dockerfile").read_bytes()
    library = {f"rootfs/usr/local/lib/raftstorm/{LIBRARY}": faketime_library()}
    return BuildContext({"Dockerfile": dockerfile, **library, **scripts, **sources})


def variant_context(packages: Sequence[str]) -> BuildContext:
    """The context of a variant: the node image, with more Debian packages."""
    install = " ".join(sorted(packages))
    dockerfile = f"""\
ARG BASE
FROM ${{BASE}}
RUN export DEBIAN_FRONTEND=noninteractive \\
 && apt-get -qq update \\
 && apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends {install} > /dev/null \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
"""
    return BuildContext({"Dockerfile": dockerfile.encode()})


@cache
def host_archive() -> bytes:
    """A tar archive of what a host needs that has nothing of ours, in the folders of `harness.cluster.layout.under`.
    Raises CannotRun."""
    root = shipped_source()
    scripts = {f"tools/{path.name}": path.read_bytes() for path in (root / "bin").iterdir() if path.is_file()}
    sources = {f"code/node_image/{path}": content for path, content in node_files(root).items()}
    return pack({**scripts, **sources, f"tools/{LIBRARY}": faketime_library()}, executable="tools/")
