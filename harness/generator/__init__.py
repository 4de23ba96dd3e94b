"""Generators: pure values that say which operation comes next, and when. `base` has the theory; the combinators are
in `lift`, `bounds`, `timing`, `choice`, `order`, `routing`, `keys` and `play`; `simulation` runs a generator without a
run."""

from harness.generator.base import PENDING, Context, Dice, Generator, Pending, Step
from harness.generator.bounds import cycle, limit, repeat, until_ok
from harness.generator.choice import any_of, flip_flop, mix
from harness.generator.keys import independent
from harness.generator.lift import Source, fill, lift, numbered, once
from harness.generator.order import phases, synchronize, then
from harness.generator.play import play
from harness.generator.routing import clients, each_process, nemesis, reserve
from harness.generator.timing import delay, rate, stagger, time_limit

__all__ = [
    "PENDING",
    "Context",
    "Dice",
    "Generator",
    "Pending",
    "Source",
    "Step",
    "any_of",
    "clients",
    "cycle",
    "delay",
    "each_process",
    "fill",
    "flip_flop",
    "independent",
    "lift",
    "limit",
    "mix",
    "nemesis",
    "numbered",
    "once",
    "phases",
    "play",
    "rate",
    "repeat",
    "reserve",
    "stagger",
    "synchronize",
    "then",
    "time_limit",
    "until_ok",
]
