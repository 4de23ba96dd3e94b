"""Scripts: a run's timeline in a file, instead of faults that are drawn and operations that are made up as it goes.

    timeline.py  what a script is: faults with their times, and operations with theirs
    reading.py   from TOML, with the place of every mistake
    writing.py   to TOML
    replay.py    from a recorded history: what happened in a run, so that it can be played again

The format is in docs/schedules.md. Faults go to the nemesis as commands, like a drawn schedule; operations are played
by `harness.generator.play`.
"""

from harness.script.reading import Bounds, read_script
from harness.script.replay import replayed
from harness.script.timeline import Script, ScriptedFault
from harness.script.writing import write_script

__all__ = ["Bounds", "Script", "ScriptedFault", "read_script", "replayed", "write_script"]
