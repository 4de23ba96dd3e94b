"""Building the node image: one at a time on a machine, and only where it is not there yet."""

from __future__ import annotations

import fcntl
import io
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import docker

from harness.cluster.engine import connect, told
from harness.errors import BadInput, CannotRun
from harness.image.base import find_base, present
from harness.image.bootstrap import Progress
from harness.image.context import BuildContext, build_context, variant_context

REPOSITORY: Final = "raftstorm/node"
_LAST_LINES: Final = 3
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


def default_tag() -> str:
    """The name of the image that belongs to this installation's node. It need not exist yet. The names of its variants,
    which have more packages, begin with it."""
    return _tag(build_context())


def ensure(progress: Progress, client: docker.DockerClient | None = None, *, packages: Sequence[str] = ()) -> str:
    """The name of the default image, or of its variant with these packages; it is built first where it is missing.
    Raises CannotRun."""
    context = build_context()
    tag = _tag(context, packages)
    with _client(client) as engine:
        if present(engine, tag):
            return tag
        with _one_at_a_time(progress):
            if not present(engine, _tag(context)):  # another process may have built it while this one waited
                _build(engine, context, _tag(context), find_base(engine, progress), progress)
            if not present(engine, tag):
                _build(engine, variant_context(packages), tag, _tag(context), progress)
    return tag


def build(progress: Progress, *, base: str | None = None, packages: Sequence[str] = ()) -> str:
    """Builds the default image whether it is there or not, on `base` if one is named, and on it its variant with these
    packages, if any are; returns the name. Layers that have not changed are not built again. Raises BadInput,
    CannotRun."""
    context = build_context()
    tag = _tag(context, packages)
    with _client(None) as client, _one_at_a_time(progress):
        if base is not None and not present(client, base):
            raise BadInput(f"There is no image {base} here to build on: pull or import it first.")
        _build(client, context, _tag(context), base or find_base(client, progress), progress)
        if packages:
            _build(client, variant_context(packages), tag, _tag(context), progress)
    return tag


def require(tag: str, client: docker.DockerClient | None = None) -> str:
    """The same name, if there is such an image. Raises BadInput."""
    with _client(client) as engine:
        if present(engine, tag):
            return tag
    raise BadInput(
        f"There is no image {tag} here: leave --image out to use the project's own, or build or pull that one."
    )


@contextmanager
def _client(given: docker.DockerClient | None) -> Iterator[docker.DockerClient]:
    """The client that was given, or one for this once."""
    if given is not None:
        yield given
    else:
        with closing(connect()) as own:
            yield own


def _tag(context: BuildContext, packages: Sequence[str] = ()) -> str:
    variant = f"-{variant_context(packages).digest}" if packages else ""
    return f"{REPOSITORY}:{context.digest}{variant}"


def _build(client: docker.DockerClient, context: BuildContext, tag: str, base: str, progress: Progress) -> None:
    progress(f"building {tag} on {base}")
    with told("build the node image"):
        lines: Any = client.api.build(
            fileobj=io.BytesIO(context.tar()),
            custom_context=True,
            tag=tag,
            buildargs={"BASE": base},
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(lines, progress)


def _follow(lines: Iterator[dict[str, Any]], progress: Progress) -> None:
    """Hands the build's output on, line by line. Raises CannotRun with the last lines where it failed."""
    said: list[str] = []
    for line in lines:
        for text in _COLOURS.sub("", str(line.get("stream", ""))).splitlines():
            if text.strip():
                said.append(text.strip())
                progress(said[-1])
        if "error" in line:
            last = " / ".join(said[-_LAST_LINES:])
            raise CannotRun(f"The node image could not be built: {line['error']} (after: {last}).")


@contextmanager
def _one_at_a_time(progress: Progress) -> Iterator[None]:
    """A lock between all processes of this user; the kernel lets go of it when its holder dies."""
    path = Path(tempfile.gettempdir()) / f"raftstorm-image-{os.getuid()}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting: another process is building the node image")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
