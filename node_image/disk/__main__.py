"""`python3 -m node_image.disk --store FOLDER --mount FOLDER --control SOCKET`: one disk, until it is killed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pyfuse3
import trio

from node_image.disk.control import Control
from node_image.disk.filesystem import FileSystem
from node_image.disk.store import FolderStore
from node_image.disk.volume import Volume


def main() -> None:
    parser = argparse.ArgumentParser(prog="node_image.disk", description="A disk that can fail.")
    parser.add_argument("--store", type=Path, required=True, help="an empty folder: where what is durable lies")
    parser.add_argument("--mount", type=Path, required=True, help="where the file system is to be seen")
    parser.add_argument("--control", required=True, help="a socket for commands, which is made")
    arguments = parser.parse_args()
    filesystem = FileSystem(Volume(FolderStore(arguments.store)), str(arguments.store))
    pyfuse3.init(filesystem, str(arguments.mount), {"fsname=raftstorm", "default_permissions"})
    trio.run(_serve, filesystem, arguments.control)


async def _serve(filesystem: FileSystem, control: str) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pyfuse3.main)
        nursery.start_soon(Control(filesystem).serve, control)


if __name__ == "__main__":
    main()
