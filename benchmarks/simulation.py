"""How fast the simulator is: five nodes, default workloads, all faults, checks included, on one core.

    python -m benchmarks.simulation [--seeds 4] [--time-limit 60]

Virtual seconds for each second of processor time, at 100 and at 20 operations a virtual second, with every kind of
fault and with a swarm of them. Exits with 1 where it is below what is wanted: 25 times at 100, 50 times at 20.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Final

from checkers.history import decode
from checkers.verdict import Verdict, merge
from harness.cluster.simulation.simulate import Simulated, simulate
from harness.experiment import Experiment, build
from harness.exploring.trial import judge_simulated

WANTED: Final = {100.0: 25.0, 20.0: 50.0}


def verdict_of(simulated: Simulated) -> Verdict:
    """By all checkers of a run."""
    history = decode(b"".join(simulated.history))
    return merge(result.verdict for result in judge_simulated(simulated, history))


def experiment_of(seed: int, rate: float, time_limit_s: float, swarm: bool) -> Experiment:
    options = {"cluster": "sim", "nemesis": "all", "nodes": 5}
    return build({**options, "seed": seed, "rate": rate, "time-limit": time_limit_s, "swarm": swarm})


def measure(rate: float, swarm: bool, seeds: int, time_limit_s: float) -> float:
    """Virtual seconds a second."""
    virtual_s = simulating_s = judging_s = 0.0
    verdicts: list[str] = []
    for seed in range(1, seeds + 1):
        began = time.process_time()
        simulated = simulate(experiment_of(seed, rate, time_limit_s, swarm))
        done = time.process_time()
        verdicts.append(verdict_of(simulated).value)
        virtual_s += simulated.end / 1e9
        simulating_s += done - began
        judging_s += time.process_time() - done
    times = virtual_s / (simulating_s + judging_s)
    print(
        f"{rate:>4g} operations/s, {'a swarm of' if swarm else 'all':10} faults: {virtual_s:6.0f} virtual s in "
        f"{simulating_s:5.2f} + {judging_s:4.2f} s, {times:5.1f} times ({', '.join(verdicts)})"
    )
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--time-limit", type=float, default=60.0)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    verdict_of(simulate(experiment_of(1, 20.0, 10.0, True)))  # what is compiled or loaded at first use is not measured
    enough = True
    for rate, wanted in WANTED.items():
        for swarm in (False, True):
            enough &= measure(rate, swarm, options.seeds, options.time_limit) >= wanted
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
