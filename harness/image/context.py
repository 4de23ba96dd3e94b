"""What goes into the node image: the Dockerfile, the scripts, libfaketime, and the node's sources.

The name of the image is a hash of exactly these bytes: the same content is never built twice, and a change of any of
them is noticed by itself.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from harness.errors import BadInput, CannotRun

ENTRY: Final = "runtime/__main__.py"
"""What a folder must hold to be a node's sources."""
_SCRIPTS: Final = "rootfs/usr/local/bin/"
_LIBRARY: Final = "libfaketime.so.1"
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
        return pack(self.files)


def build_context() -> BuildContext:
    """The context of this installation. Raises CannotRun where a part of it is missing."""
    root = shipped_source()
    scripts = {f"{_SCRIPTS}{path.name}": path.read_bytes() for path in (root / "bin").iterdir() if path.is_file()}
    sources = {f"node_image/{path}": content for path, content in node_files(root).items()}
    dockerfile = (root / "Dockerfile").read_bytes()
    library = {f"rootfs/usr/local/lib/raftstorm/{_LIBRARY}": faketime_library()}
    return BuildContext({"Dockerfile": dockerfile, **library, **scripts, **sources})


def shipped_source() -> Path:
    """The folder of the bundled node. It is found without importing it: the harness only ships it as files."""
    spec = find_spec("node_image")
    if spec is None or not spec.submodule_search_locations:
        raise CannotRun("The node's sources are missing from this installation: install raftstorm again.")
    return Path(spec.submodule_search_locations[0])


def node_files(root: Path) -> dict[str, bytes]:
    """The Python files of a node, by path below `root`. Raises BadInput where it is no node's folder."""
    if not (root / ENTRY).is_file():
        hint = "; did you mean its folder node_image?" if (root / "node_image" / ENTRY).is_file() else "."
        raise BadInput(f"{root} does not hold a node's sources: there is no {ENTRY} in it{hint}")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _python_files(root)}


def _python_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*.py")):
        if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts):
            yield path


def faketime_library() -> bytes:
    """The shared library that the Python package libfaketime carries. Debian's own build breaks time.sleep."""
    try:
        carried = [file for file in files("libfaketime") or () if file.name == _LIBRARY]
    except PackageNotFoundError:
        carried = []
    if not carried:
        raise CannotRun(
            "The Python package libfaketime, which clock faults need, is not installed or carries no library: "
            "on Linux, `pip install libfaketime` brings it."
        )
    return Path(str(carried[0].locate())).read_bytes()


def pack(contents: Mapping[str, bytes]) -> bytes:
    """A tar archive that depends on nothing but names and contents. The image's scripts are executable in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(contents.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o755 if path.startswith(_SCRIPTS) else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
