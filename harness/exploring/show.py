"""What a person sees of a search while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.exploring.explorer import Tally
from harness.progress import Progress


@dataclass
class SearchProgress(Progress):
    tally: Tally = field(default_factory=Tally)
    runs_before: int = 0
    """Of earlier sessions: they say nothing about how fast this one is."""

    def runs_a_second(self) -> float:
        return (self.tally.runs - self.runs_before) / self.elapsed_s if self.elapsed_s else 0.0

    def line(self) -> str:
        remaining = "" if self.remaining_s is None else f", {self.remaining_s:.0f} s to go"
        return f"{self.phase} {self.elapsed_s:.0f} s{remaining} | " + " | ".join(self._facts().values())

    def view(self) -> RenderableType:
        remaining = "" if self.remaining_s is None else f"   {self.remaining_s:.0f} s to go"
        facts = Table.grid(padding=(0, 2))
        for name, value in self._facts().items():
            facts.add_row(name, Text(value))
        return Group(Text.assemble((self.phase, "bold"), f"   {self.elapsed_s:.0f} s{remaining}"), facts)

    def _facts(self) -> dict[str, str]:
        tally = self.tally
        unknown = f" ({tally.unknown} unknown)" if tally.unknown else ""
        return {
            "runs": f"{tally.runs} runs{unknown}, {self.runs_a_second():.2f}/s",
            "time": virtual_words(tally.virtual_s),
            "states": f"{tally.states} states",
            "faults": fault_words(tally),
            "findings": f"{len(tally.findings)} findings",
        }


def virtual_words(seconds: float) -> str:
    return f"{seconds / 3600:.2f} virtual hours"


def fault_words(tally: Tally) -> str:
    """Faults that took effect."""
    listed = ", ".join(f"{kind} {number}" for kind, number in sorted(tally.faults.items()))
    return f"{tally.faults.total()} faults" + (f" ({listed})" if listed else "")
