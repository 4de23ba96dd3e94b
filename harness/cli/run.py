"""`raftstorm run`: one experiment, or the same experiment with several seeds."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from tabulate import tabulate

from checkers.verdict import Verdict, merge
from harness import capabilities, plugins
from harness.cli.options import EXIT_CODES, MOST_SEED, debug_option, json_option
from harness.experiment import Experiment, build, load_file
from harness.place import AUTO, chosen_cluster
from harness.progress import Display, Progress, display
from harness.runner import Runner
from results.store import RunFolder, create


@click.command()
@click.argument("experiment", metavar="[EXPERIMENT.toml]", required=False)
@click.option(
    "--workload", help="Workloads, comma-separated, or all: they run together.  [default: register,follower-reads]"
)
@click.option(
    "--nemesis",
    help="Kinds of fault, comma-separated, or all, or none.  [default: partition, kill, pause and clock; sim: all]",
)
@click.option(
    "--nemesis-interval",
    type=float,
    help="Mean seconds between two faults of one kind.  [default: 5; more for more than four]",
)
@click.option(
    "--schedule-shape", help="random, or swizzled: one node at a time, lifted in another order.  [default: random]"
)
@click.option("--schedule", help="A TOML file with the faults, instead of drawn ones, and perhaps the operations.")
@click.option("--read-mode", help="linearizable, lease, sequential or stale.  [default: each workload's own]")
@click.option("--judge-reads", help="The read mode by whose promise reads are judged.  [default: each by its own]")
@click.option(
    "--cluster",
    help="Where nodes are: docker; local, as processes; ssh, on hosts; sim, in virtual time; or auto: docker where an "
    "engine answers, and else local.  [default: auto]",
)
@click.option("--inventory", help="ssh: a TOML file that names the hosts.")
@click.option(
    "--swarm/--no-swarm",
    default=None,
    help="sim: draw which of the kinds of fault are possible in a run, and how strong.  [default: with all kinds]",
)
@click.option("--fork", help="sim: SECONDS:SALT[:STREAM+...], comma-separated: from then on choices go on differently.")
@click.option("--system", help="The system under test.  [default: raft]")
@click.option("--nodes", type=int, help="Nodes of the cluster.  [default: 5; ssh: all hosts]")
@click.option("--concurrency", help="Client processes of each workload; 3n is three for each node.  [default: 2n]")
@click.option("--rate", type=float, help="Operations a second, all together; 0: as fast as can be.  [default: 200]")
@click.option("--keys", type=int, help="Keys in use at once, for each workload.  [default: 5]")
@click.option("--ops-per-key", type=int, help="Operations on a key before a fresh one takes its place.  [default: 300]")
@click.option("--time-limit", type=float, help="Seconds of the main phase.  [default: 30]")
@click.option("--call-timeout", type=float, help="Seconds that a client waits for an answer.  [default: 3]")
@click.option("--least-served", type=float, help="Percent of operations; less is invalid.  [default: no limit]")
@click.option("--longest-gap", type=float, help="Seconds without service; more is invalid.  [default: no limit]")
@click.option(
    "--longest-recovery",
    type=float,
    help="Seconds until service after the end of a fault; more is invalid.  [default: no limit]",
)
@click.option("--seed", type=int, help="Decides the faults and every process's choices.  [default: a fresh one]")
@click.option("--runs", type=int, help="Runs one after another; a --seed is counted up.  [default: 1]")
@click.option("--bug", help="Start the nodes with a deliberate bug.")
@click.option("--node-source", help="Run the node from this folder instead of the image's copy.")
@click.option("--image", help="A node image to use instead of the project's own.")
@click.option("--name", help="The run's name.  [default: the time and the seed]")
@click.option("--results", help="The folder that run folders are kept in.  [default: results/runs]")
@click.option(
    "--keep", is_flag=True, default=None, help="Leave the cluster up, and say how to get a shell on each node."
)
@click.option("--tcpdump", is_flag=True, default=None, help="Keep what each node sends and gets with the run (pcap).")
@json_option
@debug_option
def run(experiment: str | None, as_json: bool, debug: bool, **flags: Any) -> None:
    """Run an experiment: deploy, drive, break, judge, report.

    Every option has a default; a TOML file may hold the same options by the same names, and flags win.
    """
    given = {name.replace("_", "-"): value for name, value in flags.items() if value is not None}
    options = (load_file(experiment) if experiment else {}) | given
    cluster, sentence = chosen_cluster(options.get("cluster", AUTO), image=options.get("image"))
    chosen = build(options, {"cluster": cluster})
    if sentence:
        click.echo(sentence, err=True)
    system = plugins.load("system", chosen.system)
    system.check(chosen.system_options)
    capabilities.check([plugins.load("workload", name) for name in chosen.workload], system, chosen.read_mode)
    outcomes = _runs(chosen, as_json)
    if len(outcomes) > 1:
        click.echo(_campaign_table(outcomes), err=as_json)
    if as_json:
        click.echo(msgspec.json.encode(_campaign(outcomes)))
    raise click.exceptions.Exit(EXIT_CODES[merge(Verdict(outcome["verdict"]) for outcome in outcomes)])


def _runs(experiment: Experiment, as_json: bool) -> list[dict[str, Any]]:
    """One after another. A run that was interrupted is the last."""
    outcomes: list[dict[str, Any]] = []
    interrupted = False
    while len(outcomes) < experiment.runs and not interrupted:
        try:
            verdict, interrupted = _one_run(experiment, len(outcomes), as_json)
        except BaseException:
            if outcomes:  # what was judged before is not lost in the sentence that follows
                click.echo(_campaign_table(outcomes), err=as_json)
            raise
        outcomes.append(verdict)
    return outcomes


def _one_run(experiment: Experiment, number: int, as_json: bool) -> tuple[dict[str, Any], bool]:
    """The verdict, and whether somebody interrupted the run."""
    seed = secrets.randbelow(MOST_SEED) if experiment.seed is None else experiment.seed + number
    experiment = msgspec.structs.replace(experiment, seed=seed)
    folder = create(Path(experiment.results), _run_name(experiment, number))
    began = time.monotonic()
    progress = Progress(now_s=lambda: time.monotonic() - began)
    with display(progress) as shown:
        shown.say(f"run {folder.name}, seed {seed}, in {folder.path}")
        try:
            verdict, interrupted = record_and_judge(experiment, folder, progress, shown)
        except BaseException:
            folder.discard_if_empty()
            raise
    from results.summary import summary  # like the checkers: nothing has to wait for it

    click.echo(summary(verdict, folder.report_path), err=as_json)
    return verdict, interrupted


def _run_name(experiment: Experiment, number: int) -> str:
    if experiment.name is None:
        return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{experiment.seed}"
    return experiment.name if experiment.runs == 1 else f"{experiment.name}-{number + 1}"


def record_and_judge(
    experiment: Experiment, folder: RunFolder, progress: Progress, shown: Display
) -> tuple[dict[str, Any], bool]:
    """Makes one run; its verdict, and whether somebody interrupted it."""
    if experiment.cluster == "sim":
        return _simulate_and_judge(experiment, folder, progress, shown), False
    runner = Runner(experiment, folder, progress, shown)
    asyncio.run(_interruptible(runner, shown))
    return _judge(folder, progress, shown), runner.stopped


def _simulate_and_judge(
    experiment: Experiment, folder: RunFolder, progress: Progress, shown: Display
) -> dict[str, Any]:
    from harness.cluster.simulation.record import record  # the node's code, which other runs have no use for

    progress.begin("simulating")
    shown.refresh()
    record(experiment, folder)
    return _judge(folder, progress, shown)


def _judge(folder: RunFolder, progress: Progress, shown: Display) -> dict[str, Any]:
    from harness.judging import judge_run  # the checkers and numpy, which no node has to wait for

    progress.begin("judging")
    shown.refresh()
    return judge_run(folder)


async def _interruptible(runner: Runner, shown: Display) -> None:
    """The first Ctrl-C (or SIGTERM) ends the run in order, the second at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(runner.record())

    def first() -> None:
        if not runner.recording:
            task.cancel()
            return
        shown.say(
            "stopping: no more operations, faults are healed and what was recorded is judged (again: stop at once)"
        )
        for number in _SIGNALS:
            loop.add_signal_handler(number, second)
        runner.stop()

    def second() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, first)
    try:
        await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _campaign(outcomes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One run's object; of several the worst one's, with all of them listed."""
    if len(outcomes) == 1:
        return outcomes[0]
    together = merge(Verdict(outcome["verdict"]) for outcome in outcomes).value
    worst = next(outcome for outcome in outcomes if outcome["verdict"] == together)
    rows = [{name: outcome[name] for name in ("run", "seed", "verdict", "seconds")} for outcome in outcomes]
    return worst | {"runs": rows}


def _campaign_table(outcomes: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            Path(outcome["run"]).name,
            outcome["seed"],
            outcome["verdict"],
            outcome["operations"]["total"],
            outcome["seconds"],
        ]
        for outcome in outcomes
    ]
    return tabulate(rows, headers=["run", "seed", "verdict", "operations", "seconds"])
