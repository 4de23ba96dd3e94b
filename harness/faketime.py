"""libfaketime: the shared library that the Python package carries, which is the same for all places."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from harness.errors import CannotRun

LIBRARY: Final = "libfaketime.so.1"
_ELF_MACHINE: Final = slice(18, 20)
"""Where an ELF file says what it is for."""
_MACHINES: Final = {62: "x86_64", 183: "aarch64"}


def faketime_machine() -> str:
    """For which machines that library is, as `uname -m` calls them. Raises CannotRun."""
    number = int.from_bytes(faketime_library()[_ELF_MACHINE], "little")
    return _MACHINES.get(number, platform.machine())


def faketime_library() -> bytes:
    """The content of the shared library. Raises CannotRun."""
    return faketime_path().read_bytes()


def faketime_path() -> Path:
    """Debian's own build breaks time.sleep. Raises CannotRun."""
    try:
        carried = [file for file in files("libfaketime") or () if file.name == LIBRARY]
    except PackageNotFoundError:
        carried = []
    if not carried:
        raise CannotRun(
            "The Python package libfaketime, which clock faults need, is not installed or carries no library: "
            "on Linux, `pip install libfaketime` brings it."
        )
    return Path(str(carried[0].locate()))
