"""The nemesis: faults, what they hit, when, and the coroutine that carries them out.

Reading order: fault (what a fault is), targets, exact, grudges, partition, process, clock (the kinds), deck, commands,
schedule (when), feed, log, strike (one fault's life), nemesis (all of them).
"""

from harness.nemesis.commands import Begin, Command, End, HealAll, Stop, load_kinds
from harness.nemesis.feed import feed
from harness.nemesis.nemesis import Nemesis
from harness.nemesis.schedule import Timed, draw_schedule

__all__ = ["Begin", "Command", "End", "HealAll", "Nemesis", "Stop", "Timed", "draw_schedule", "feed", "load_kinds"]
