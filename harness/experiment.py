"""Experiments: everything that decides what a run does, from defaults, a TOML file and flags; flags win.

A file holds the same options as the command line, with the same names:

    workload = ["register"]
    nemesis = ["partition", "clock"]
    time-limit = 120
    concurrency = "3n"
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from harness import plugins
from harness.capabilities import among_all, lacking
from harness.client import READ_MODES
from harness.cluster import fuse
from harness.errors import BadInput
from harness.nemesis.schedule import INTERVAL_S, SHAPES, crowded
from harness.script import Bounds, Script, read_script
from harness.toml_file import read_toml
from harness.workload import WorkloadOptions, owner
from harness.world.streams import Fork, parse_fork

if TYPE_CHECKING:
    from harness.cluster.hosts.inventory import Inventory

CLUSTERS: Final = {
    "docker": ("network", "processes", "clocks", "packets", "power", "disks", "membership", "replacements", "limits"),
    "local": ("network", "processes", "clocks", "packets", "resets", "disks", "membership", "replacements"),
    "ssh": ("network", "processes", "clocks", "packets", "membership", "replacements"),
    "sim": ("network", "processes", "clocks", "packets", "power", "disks", "membership", "replacements"),
}
"""Where nodes can be -> what can be done to them there (fields of harness.cluster.Capabilities)."""
TRAFFIC: Final = ("docker",)
"""Where what nodes send can be kept: it takes root there, and an address of each node's own."""
SOME_VARIANTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "local": {"packets": ("slow", "unsteady", "narrow", "clogged"), "disk": ("bit-flip", "truncate")},
}
"""Kinds of which a place can do some variants alone: what their names begin with."""
MAX_NODES: Final = 15
MAX_PROCESSES: Final = 1000
USUAL_CONCURRENCY: Final = "2n"
ALL: Final = "all"
NONE: Final = "none"
USUAL: Final = "usual"
"""What a run has that is not told: short runs have room for few kinds, and these find most."""
BY_NAME: Final = ("replace",)
"""Kinds that are not among all: a node is replaced while every other one is well, which is seldom so where all kinds of
fault come together, and a kind that never takes effect makes a run unknown."""
USUAL_FAULTS: Final = ("partition", "kill", "pause", "clock")


class Experiment(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The options of `raftstorm run`. `validated` has checked those that an experiment came through."""

    workload: tuple[str, ...] = ("register", "follower-reads")
    """They run together, each with processes of its own. `validated` has resolved "all"."""
    nemesis: tuple[str, ...] = (USUAL,)
    """Kinds of fault. `validated` has resolved "usual", "all" and "none"."""
    nemesis_interval: float | None = None
    """Mean seconds between the beginnings of two faults of one kind. None: `interval_s` says how many."""
    schedule: str | None = None
    """A file with the run's timeline. `validated` has put its kinds of fault in the place of `nemesis`."""
    schedule_shape: str = "random"
    """Of a schedule that is drawn (harness.nemesis.schedule.SHAPES)."""
    read_mode: str | None = None
    """None: each workload's own."""
    judge_reads: str | None = None
    """The read mode by whose promise all reads are judged, to see what another mode is worth. None: each by its own."""
    cluster: str = "docker"
    """Where the nodes are: docker, local (processes), ssh (hosts of an inventory), or sim (virtual time). The command's
    default, auto, is one of them by the time that there is an experiment (harness.place.chosen_cluster)."""
    inventory: str | None = None
    """ssh: the file that names the hosts."""
    swarm: bool | None = None
    """sim: each run draws which of the kinds of fault are possible, and how strong. None: where all were asked for.
    `validated` has resolved it."""
    fork: tuple[str, ...] = ()
    """sim: from when on which streams of choices go on differently (harness.world.streams.parse_fork)."""
    system: str = "raft"
    nodes: int = 5
    """ssh: the first so many hosts; `build` takes all where no number is given."""
    concurrency: str | None = None
    """Client processes of each workload. None: `USUAL_CONCURRENCY`, but what a swarm draws."""
    rate: float = 200.0
    """Operations a second, all processes together. 0: as fast as they can."""
    keys: int = 5
    ops_per_key: int = 300
    time_limit: float = 30.0
    """Seconds of the main phase: quiet beginning and faults."""
    call_timeout: float = 3.0
    """Seconds after which a client gives up on an answer."""
    least_served: float | None = None
    """Percent of each workload's operations. Of this and the next two, None: told, and no limit."""
    longest_gap: float | None = None
    """Seconds in which nothing of a workload is served."""
    longest_recovery: float | None = None
    """Seconds from the end of a fault, with no other in force, until operations and writes are served again."""
    seed: int | None = None
    runs: int = 1
    bug: str | None = None
    node_source: str | None = None
    image: str | None = None
    name: str | None = None
    results: str = "results/runs"
    keep: bool = False
    tcpdump: bool = False
    """Each node's traffic is kept with the run."""

    @property
    def forks(self) -> list[Fork]:
        """In the order of their times."""
        return sorted((parse_fork(text) for text in self.fork), key=lambda fork: fork.at_s)

    @property
    def interval_s(self) -> float:
        """Between two faults of one kind: as asked, else 5; of many kinds each comes less often. (A swarm draws how
        crowded a run is itself.)"""
        if self.nemesis_interval is not None:
            return self.nemesis_interval
        return INTERVAL_S if self.swarm else crowded(INTERVAL_S, len(self.nemesis))

    def as_run(self) -> dict[str, Any]:
        """The options as a run keeps them: with what it really has where nothing was asked for."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return {**told, "concurrency": self.concurrency or USUAL_CONCURRENCY}

    @property
    def processes(self) -> int:
        """Of each workload."""
        return parse_concurrency(self.concurrency or USUAL_CONCURRENCY, self.nodes)

    @property
    def node_names(self) -> list[str]:
        hosts = self.hosts
        return [f"n{number}" for number in range(1, self.nodes + 1)] if hosts is None else list(hosts.names)

    @property
    def hosts(self) -> Inventory | None:
        """ssh: those that the nodes are on. Raises BadInput."""
        return None if self.inventory is None else inventory_of(self.inventory).first(self.nodes)

    @property
    def system_options(self) -> dict[str, Any]:
        """Of an experiment that has been `validated`."""
        return {"source": self.node_source, "bug": self.bug, "small_files": needs_frail_disks(self.nemesis)}

    @property
    def workload_options(self) -> WorkloadOptions:
        return WorkloadOptions(
            read_mode=self.read_mode,
            judge_reads=self.judge_reads,
            keys=self.keys,
            ops_per_key=self.ops_per_key,
            call_timeout_s=self.call_timeout,
        )


OPTION_NAMES: Final = tuple(field.encode_name for field in msgspec.structs.fields(Experiment))


def load_file(path: str) -> dict[str, Any]:
    """The options in a TOML file. Raises BadInput with the line where it is not TOML."""
    file = read_toml("The experiment", path)
    return {_known_option(name, path): value for name, value in file.content.items()}


def _known_option(name: str, path: str) -> str:
    kebab = name.replace("_", "-")
    if kebab in OPTION_NAMES:
        return kebab
    nearest = get_close_matches(kebab, OPTION_NAMES, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(OPTION_NAMES)}."
    raise BadInput(f"The experiment {path} has an option {name!r} that does not exist: {hint}")


def build(*layers: Mapping[str, Any]) -> Experiment:
    """Layers of options by kebab-case name, later ones win. Raises BadInput in one sentence."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update({name: _listed(name, value) for name, value in layer.items()})
    if "nodes" not in merged and isinstance(merged.get("inventory"), str):
        merged["nodes"] = len(inventory_of(merged["inventory"]).hosts)
    try:
        experiment = msgspec.convert(merged, Experiment)
    except msgspec.ValidationError as error:
        raise BadInput(f"The experiment does not fit: {_plain(error)}.") from error
    return validated(experiment)


def _listed(name: str, value: Any) -> Any:
    if name in ("workload", "nemesis", "fork") and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if name == "concurrency" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _plain(error: msgspec.ValidationError) -> str:
    """`Expected \\`int\\`, got \\`str\\` - at \\`$.nodes\\`` in plain words."""
    match = re.fullmatch(r"Expected `(.+?)`, got `(.+?)` - at `\$\.(.+?)`", str(error))
    if match is None:
        return str(error)
    expected, got, name = match.groups()
    return f"{name.split('[')[0]!r} wants {expected}, and was given {got}"


def flags(experiment: Experiment, left_out: Sequence[str] = ()) -> list[str]:
    """The options of `raftstorm run` that make this experiment: those in which it differs from the defaults."""
    given, defaults = msgspec.to_builtins(experiment), msgspec.to_builtins(Experiment())
    return [
        word
        for name, value in given.items()
        if name not in left_out and value != defaults[name]
        for word in _flag(name, value)
    ]


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{'' if value else 'no-'}{name}"]
    if isinstance(value, list | tuple):
        return [f"--{name}", ",".join(value) or NONE]
    return [f"--{name}", str(value)]


def inventory_of(path: str) -> Inventory:
    """Raises BadInput."""
    from harness.cluster.hosts.inventory import read_inventory  # which takes paramiko: for hosts alone

    return read_inventory(path)


def parse_concurrency(text: str, nodes: int) -> int:
    """ "20" is 20 processes, "2n" two for each node. Raises BadInput."""
    match = re.fullmatch(r"(\d+)(n?)", text.strip())
    count = int(match[1]) * (nodes if match[2] else 1) if match else 0
    if not 1 <= count <= MAX_PROCESSES:
        raise BadInput(
            f"A concurrency of {text!r} cannot work: give a number from 1 to {MAX_PROCESSES}, or a multiple "
            "of the nodes such as 2n."
        )
    return count


def validated(experiment: Experiment) -> Experiment:
    """The experiment with its lists resolved. Raises BadInput for anything that cannot work."""
    _check_numbers(experiment)
    experiment = msgspec.structs.replace(experiment, workload=resolve_workloads(experiment.workload, experiment.system))
    _check_choices(experiment)
    script = script_of(experiment)
    swarm = experiment.swarm
    if swarm is None:
        swarm = experiment.cluster == "sim" and list(experiment.nemesis) in ([ALL], [USUAL]) and script is None
    lacks = _lacks(experiment)
    faults = resolve_faults(experiment.nemesis, experiment.cluster, lacks) if script is None else script.kinds
    _check_faults(faults, experiment, lacks)
    return msgspec.structs.replace(experiment, nemesis=faults, swarm=swarm)


class _Lack(NamedTuple):
    """Why something cannot be done in this experiment, though it can in others like it: the two ends of a sentence."""

    who: str
    why: str


def _lacks(experiment: Experiment) -> dict[str, _Lack]:
    """By what cannot be done: fields of harness.cluster.Capabilities."""
    of_system = lacking(plugins.load("system", experiment.system))
    lacks = {needs: _Lack(f"--system {experiment.system}", why) for needs, why in of_system.items()}
    hosts = experiment.hosts
    if hosts is not None and not hosts.as_root:
        name = next(host.name for host in hosts.hosts if not host.as_root)
        why = f"packet filters take root, and {name} is given neither the user root nor become = 'sudo'"
        lacks |= dict.fromkeys(("network", "packets"), _Lack("--cluster ssh", why))
    return lacks


def script_of(experiment: Experiment) -> Script | None:
    """The timeline of an experiment that has a schedule. Its workloads are resolved. Raises BadInput."""
    if experiment.schedule is None:
        return None
    workloads = [plugins.load("workload", name) for name in experiment.workload]
    bounds = Bounds(
        nodes=tuple(experiment.node_names),
        time_limit_s=experiment.time_limit,
        owned=lambda invocation: owner(workloads, invocation) is not None,
        read_mode=experiment.read_mode or READ_MODES[0],
    )
    return read_script(experiment.schedule, bounds)


def _check_numbers(experiment: Experiment) -> None:
    if not 1 <= experiment.nodes <= MAX_NODES:
        raise BadInput(f"A cluster of {experiment.nodes} nodes cannot work: --nodes takes 1 to {MAX_NODES}.")
    for name, least in (("time-limit", 1), ("nemesis-interval", 0.5), ("call-timeout", 0.05)):
        value = getattr(experiment, name.replace("-", "_"))
        if value is not None and not least <= value < 1e7:
            raise BadInput(f"A {name} of {value:g} s cannot work: --{name} takes {least} s or more.")
    for name in ("longest-gap", "longest-recovery"):
        value = getattr(experiment, name.replace("-", "_"))
        if value is not None and not 0 < value < 1e7:
            raise BadInput(f"A {name} of {value:g} s cannot work: --{name} takes more than 0 s.")
    if experiment.least_served is not None and not 0 <= experiment.least_served <= 100:
        raise BadInput(f"--least-served takes 0 to 100 percent, not {experiment.least_served:g}.")
    parse_concurrency(experiment.concurrency or USUAL_CONCURRENCY, experiment.nodes)
    for name in ("keys", "ops-per-key", "runs"):
        if getattr(experiment, name.replace("-", "_")) < 1:
            raise BadInput(f"--{name} takes 1 or more.")
    if not 0 <= experiment.rate < 1e7:
        raise BadInput("--rate takes operations a second, or 0 for as many as can be.")


def _check_choices(experiment: Experiment) -> None:
    if experiment.cluster not in CLUSTERS:
        raise plugins.unknown("cluster", experiment.cluster, list(CLUSTERS))
    if experiment.image is not None and experiment.cluster != "docker":
        raise BadInput(f"--image says something about containers: --cluster {experiment.cluster} has none.")
    _check_hosts(experiment)
    if experiment.cluster == "sim":
        _check_simulated(experiment)
    elif experiment.swarm or experiment.fork:
        name = "swarm" if experiment.swarm else "fork"
        raise BadInput(f"--{name} is for simulated runs: give --cluster sim too.")
    if experiment.tcpdump and experiment.cluster not in TRAFFIC:
        raise BadInput(
            f"--cluster {experiment.cluster} cannot do --tcpdump, which keeps what nodes send: {_give(TRAFFIC)}"
        )
    if experiment.system not in plugins.names("system"):
        raise plugins.unknown("system", experiment.system, plugins.names("system"))
    if experiment.schedule_shape not in SHAPES:
        raise plugins.unknown("schedule shape", experiment.schedule_shape, list(SHAPES))
    for mode in (experiment.read_mode, experiment.judge_reads):
        if mode is not None and mode not in READ_MODES:
            raise plugins.unknown("read mode", mode, list(READ_MODES))
    if experiment.node_source is not None and not Path(experiment.node_source).is_dir():
        raise BadInput(f"--node-source {experiment.node_source} is not a folder.")


def _check_hosts(experiment: Experiment) -> None:
    if experiment.cluster != "ssh":
        if experiment.inventory is not None:
            raise BadInput("--inventory names hosts: give --cluster ssh too.")
        return
    if experiment.inventory is None:
        raise BadInput("--cluster ssh takes its hosts from an inventory: give --inventory hosts.toml (docs/places.md).")
    there = len(inventory_of(experiment.inventory).hosts)
    if experiment.nodes > there:
        raise BadInput(
            f"{experiment.nodes} nodes take as many hosts: the inventory {experiment.inventory} has {there}."
        )


def _check_simulated(experiment: Experiment) -> None:
    """What only real nodes have; and forks."""
    try:
        for text in experiment.fork:
            parse_fork(text)
    except ValueError as error:
        raise BadInput(f"--fork {error}.") from error
    if experiment.system != "raft":
        raise BadInput(f"Only the bundled node can be simulated: --cluster sim takes no --system {experiment.system}.")
    for name in ("node-source", "keep"):
        if getattr(experiment, name.replace("-", "_")):
            raise BadInput(f"--{name} says something about nodes that are processes: --cluster sim has none.")


def offered(cluster: str) -> tuple[str, ...]:
    """What can be done to nodes there, from here: containers on this machine may lack what some faults need."""
    able = CLUSTERS[cluster]
    if cluster == "docker" and fuse.is_missing():
        return tuple(name for name in able if name not in fuse.NEED_IT)
    return able


def needs_frail_disks(faults: Sequence[str]) -> bool:
    """Whether containers' data are to lie on disks that can fail: they cost a little, and need privileges."""
    return any(plugins.load("fault", name).needs in fuse.NEED_IT for name in faults)


def left_out_of_all(experiment: Experiment) -> tuple[str, ...]:
    """Kinds that an experiment with all that can be done here does not have, since this machine lacks what they
    need."""
    if experiment.nemesis != resolve_faults([ALL], experiment.cluster, _lacks(experiment)):
        return ()
    missing = set(CLUSTERS[experiment.cluster]) - set(offered(experiment.cluster))
    return tuple(name for name in plugins.names("fault") if plugins.load("fault", name).needs in missing)


def _give(able: Sequence[str]) -> str:
    return f"give --cluster {able[0]}." if able else "no cluster offers that."


def _check_faults(faults: Sequence[str], experiment: Experiment, lacks: Mapping[str, _Lack]) -> None:
    """Raises BadInput for a kind that this cluster cannot do, or that cannot be done in this experiment. `lacks`:
    what cannot, and why."""
    cluster = experiment.cluster
    for name in faults:
        needs = plugins.load("fault", name).needs
        if needs in CLUSTERS[cluster] and needs not in offered(cluster):
            raise BadInput(f"--cluster {cluster} cannot do {name} faults here: {fuse.MISSING}.")
        if needs not in CLUSTERS[cluster]:
            hint = _give([other for other in CLUSTERS if needs in CLUSTERS[other]])
            raise BadInput(f"--cluster {cluster} cannot do {name} faults, which need control over its {needs}: {hint}")
        if needs in lacks:
            raise BadInput(f"{lacks[needs].who} cannot do {name} faults: {lacks[needs].why}.")


def resolve_workloads(asked: Sequence[str], system: str = "raft") -> tuple[str, ...]:
    """Workloads; "all" is every one that the system can run, but those that are to be asked for by name. Raises
    BadInput with the nearest name."""
    known = plugins.names("workload")
    if not asked:
        raise BadInput(f"No workload is named: there are {', '.join(known)}.")
    if list(asked) == [ALL]:
        return tuple(
            name for name in known if among_all(plugins.load("workload", name), plugins.load("system", system))
        )
    if ALL in asked:
        raise BadInput(f"--workload takes {ALL!r} or workloads, not both: {', '.join(known)}.")
    for name in asked:
        if name not in known:
            raise plugins.unknown("workload", name, [*known, ALL])
    if len(set(asked)) < len(asked):
        raise BadInput("A workload is named twice: name each once.")
    return tuple(asked)


def resolve_faults(asked: Sequence[str], cluster: str = "docker", lacks: Collection[str] = ()) -> tuple[str, ...]:
    """Kinds of fault; "all" is every kind that the cluster can do (but what needs one that `lacks` names, and those of
    `BY_NAME`), "usual" a few of these (simulated runs, which draw some of all by themselves, have all), "none" no kind.
    Raises BadInput with the nearest name."""
    known = plugins.names("fault")
    words = (ALL, USUAL, NONE)
    if len(asked) > 1 and set(asked) & set(words):
        raise BadInput(f"--nemesis takes one of {', '.join(words)}, or kinds of fault: {', '.join(known)}.")
    if list(asked) == [NONE]:
        return ()
    if list(asked) in ([ALL], [USUAL]):
        able = set(offered(cluster)) - set(lacks)
        every = [name for name in known if name not in BY_NAME]
        wanted = USUAL_FAULTS if list(asked) == [USUAL] and cluster != "sim" else every
        return tuple(name for name in known if name in wanted and plugins.load("fault", name).needs in able)
    for name in asked:
        if name not in known:
            raise plugins.unknown("fault", name, [*known, *words])
    return tuple(dict.fromkeys(asked))
