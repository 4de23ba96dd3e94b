"""The place of a run: a cluster that is up, with the system installed and started on every node.

Bringing it up takes what a dead harness left behind out of the way first, and builds the node image where the
project's own is missing. Whatever goes wrong, what was brought up is taken down again, unless it is to be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from threading import Event
from typing import Final

from harness import plugins
from harness.cluster import Cluster, fuse
from harness.errors import CannotRun
from harness.experiment import Experiment, left_out_of_all, needs_frail_disks
from harness.progress import Display, Progress
from harness.system import Demanding, System

AUTO: Final = "auto"
Phase = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Opening:
    """What it takes to bring up a place. `name`: the run's."""

    experiment: Experiment
    name: str
    shown: Display
    progress: Progress
    phase: Phase


@asynccontextmanager
async def open_place(opening: Opening, system: System) -> AsyncIterator[Cluster]:
    """Up on entry, down on exit. Raises BadInput, CannotRun."""
    experiment = opening.experiment
    cluster = await _MAKERS[experiment.cluster](opening)
    try:
        with opening.phase("cluster up"):
            await cluster.up()
            await system.install(cluster.nodes, experiment.system_options)
            await asyncio.gather(*(system.start(node) for node in cluster.nodes))
        yield cluster
    finally:
        if experiment.keep and cluster.nodes:
            cluster.leave()
            _say_kept(cluster, opening.shown)
        else:
            with opening.phase("cluster down"):
                await cluster.down()


def chosen_cluster(asked: str, *, image: str | None = None) -> tuple[str, str]:
    """Where a run's nodes are to be, and a sentence about it where there is something to say: `auto` is Docker where an
    engine answers, or where a node image was asked for, and otherwise this machine's processes."""
    if asked != AUTO or image is not None:
        return "docker" if asked == AUTO else asked, ""
    from harness.cluster.engine import connect

    try:
        connect().close()
    except CannotRun as error:
        return "local", f"{error} Nodes are local processes instead (--cluster local)."
    return "docker", ""


# Each place brings libraries that the others have no use for, and importing them takes as long as an election.


async def _containers(opening: Opening) -> Cluster:
    from harness.cluster.docker import DockerCluster

    experiment = opening.experiment
    with opening.phase("node image"):
        image = await _image_in_time(experiment, opening.shown, opening.progress)
    left_out = left_out_of_all(experiment)
    if left_out:
        opening.shown.say(f"without {' and '.join(left_out)} faults: {fuse.MISSING}")
    return DockerCluster(
        opening.name,
        experiment.node_names,
        image=image,
        keep=experiment.keep,
        frail_disks=needs_frail_disks(experiment.nemesis),
    )


async def _hosts(opening: Opening) -> Cluster:
    from harness.cluster.hosts.cluster import HostsCluster

    experiment = opening.experiment
    hosts, system = experiment.hosts, plugins.load("system", experiment.system)
    assert hosts is not None, "an experiment on hosts has an inventory"
    return HostsCluster(
        opening.name,
        hosts,
        needs={plugins.load("fault", kind).needs for kind in experiment.nemesis},
        demands=system.demands() if isinstance(system, Demanding) else {},
        say=opening.shown.say,
        keep=experiment.keep,
    )


async def _processes(opening: Opening) -> Cluster:
    from harness.cluster.local import folders
    from harness.cluster.local.cluster import LocalCluster

    _say_removed(await asyncio.to_thread(lambda: folders.remove_all(folders.crashed())), opening.shown)
    return LocalCluster(opening.name, opening.experiment.node_names, keep=opening.experiment.keep)


_MAKERS: Final[Mapping[str, Callable[[Opening], Awaitable[Cluster]]]] = {
    "docker": _containers,
    "local": _processes,
    "ssh": _hosts,
}
"""By the name of the place. What a maker gives back is not up yet."""


async def _image_in_time(experiment: Experiment, shown: Display, progress: Progress) -> str:
    """A cancelled build ends at its next word: the thread that it runs in would keep the process until it is done."""
    cancelled = Event()

    def note(detail: str) -> None:
        if cancelled.is_set():
            raise CannotRun("The node image was not built: interrupted.")
        progress.note(detail)

    try:
        return await asyncio.to_thread(_image, experiment, shown, note)
    except asyncio.CancelledError:
        cancelled.set()
        raise


def _image(experiment: Experiment, shown: Display, note: Callable[[str], None]) -> str:
    from harness.cluster.cleanup import clean_crashed
    from harness.cluster.engine import connect
    from harness.image import ensure, require

    with closing(connect()) as client:
        removed = clean_crashed(client)
        _say_removed(removed.containers or removed.networks or removed.volumes, shown)
        if experiment.image is not None:
            return require(experiment.image, client)
        return ensure(note, client, packages=plugins.load("system", experiment.system).packages)


def _say_removed(names: Sequence[str], shown: Display) -> None:
    if names:
        shown.say(f"removed what a run that was killed had left: {', '.join(names)}")


def _say_kept(cluster: Cluster, shown: Display) -> None:
    shown.say("the cluster stays up (`raftstorm clean` removes it); a shell on each node:")
    for node in cluster.nodes:
        shown.say(f"  {node.name}: {cluster.shell_command(node)}    client port {node.host}:{node.port}")
