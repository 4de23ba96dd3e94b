"""What a person sees while a run goes on: a live panel on a terminal, plain lines elsewhere. All on stderr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from checkers.events import NEMESIS, Event, EventType

PLAIN_EVERY_S = 5.0
RATE_OVER_S = 2.0


@dataclass
class Progress:
    """What there is to show. Whoever runs a phase updates it; whoever shows it only reads."""

    phase: str = "starting"
    phase_began_s: float = 0.0
    phase_seconds: float | None = None
    """How long the phase lasts, where that is known."""
    detail: str = ""
    """What the phase is at just now."""
    now_s: Callable[[], float] = lambda: 0.0
    ok: int = 0
    fail: int = 0
    info: int = 0
    leader: Callable[[], str] = lambda: "-"
    faults: dict[str, str] = field(default_factory=dict)
    """Faults in force, by id."""
    _marks: list[tuple[float, int]] = field(default_factory=list)

    def begin(self, phase: str, seconds: float | None = None) -> None:
        self.phase, self.phase_seconds, self.phase_began_s, self.detail = phase, seconds, self.now_s(), ""

    def note(self, detail: str) -> None:
        self.detail = detail

    def observe(self, event: Event) -> None:
        """Counts one recorded event."""
        if event.process == NEMESIS:
            self._observe_fault(event)
        elif event.type is EventType.OK:
            self.ok += 1
        elif event.type is EventType.FAIL:
            self.fail += 1
        elif event.type is EventType.INFO:
            self.info += 1

    def _observe_fault(self, event: Event) -> None:
        if event.fault is None or event.type is not EventType.OK or not isinstance(event.value, dict):
            return
        if event.value.get("action") == "begin":
            self.faults[event.fault] = f"{event.f} {event.value.get('variant', '')}".strip()
        else:
            self.faults.pop(event.fault, None)

    @property
    def elapsed_s(self) -> float:
        return self.now_s() - self.phase_began_s

    @property
    def remaining_s(self) -> float | None:
        return None if self.phase_seconds is None else max(0.0, self.phase_seconds - self.elapsed_s)

    def sample(self) -> None:
        """Notes how many operations are done. Displays call it at every refresh."""
        now = self.now_s()
        self._marks = [mark for mark in self._marks if mark[0] > now - RATE_OVER_S] + [(now, self.done)]

    @property
    def done(self) -> int:
        return self.ok + self.fail + self.info

    def rate(self) -> float:
        """Completed operations a second, over about the last two seconds."""
        if len(self._marks) < 2:
            return 0.0
        (began, before), (now, done) = self._marks[0], self._marks[-1]
        return (done - before) / (now - began)

    def view(self) -> RenderableType:
        """All of it for a terminal that is drawn over."""
        return panel(self)

    def line(self) -> str:
        """All of it in one line. Before the first operation there is only the phase."""
        if self.detail or not self.done:
            return f"{self.phase} {self.elapsed_s:.0f} s" + (f" | {self.detail}" if self.detail else "")
        remaining = "" if self.remaining_s is None else f", {self.remaining_s:.0f} s to go"
        faults = ", ".join(self.faults.values()) or "none"
        return (
            f"{self.phase} {self.elapsed_s:.0f} s{remaining} | {self.rate():.0f} ops/s | "
            f"ok {self.ok} fail {self.fail} info {self.info} | leader {self.leader()} | faults: {faults}"
        )


class Display(Protocol):
    """Shows a Progress. `refresh` is called about four times a second."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def refresh(self) -> None: ...
    def say(self, text: str) -> None: ...


class PlainDisplay:
    """A line at every change of phase, and every few seconds."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._shown: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def refresh(self) -> None:
        self._progress.sample()
        phase, shown_s = self._shown
        now = self._progress.now_s()
        if phase != self._progress.phase or now - shown_s >= PLAIN_EVERY_S:
            self._shown = (self._progress.phase, now)
            self.say(self._progress.line())

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay:
    """A panel that is drawn over itself."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def refresh(self) -> None:
        self._progress.sample()
        self._live.update(self._progress.view(), refresh=True)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)


def panel(progress: Progress) -> Group:
    """The live panel: the phase with its bar, then what clients, leader and faults do."""
    remaining = "" if progress.remaining_s is None else f"   {progress.remaining_s:.0f} s to go"
    head = Text.assemble((progress.phase, "bold"), f"   {progress.elapsed_s:.0f} s{remaining}   {progress.detail}")
    head.truncate(110, overflow="ellipsis")
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "operations", f"{progress.rate():.0f}/s   ok {progress.ok}  fail {progress.fail}  info {progress.info}"
    )
    facts.add_row("leader", progress.leader())
    facts.add_row("faults", Text(", ".join(progress.faults.values()) or "none"))
    if progress.phase_seconds is None:
        return Group(head, facts)
    bar = ProgressBar(total=progress.phase_seconds, completed=min(progress.elapsed_s, progress.phase_seconds), width=60)
    return Group(head, bar, facts)


class RunConsole(Console):
    """A console whose reader may go away. The run goes on and is judged: its folder tells."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def display(progress: Progress) -> Display:
    """The live panel where stderr is a terminal, plain lines elsewhere."""
    console = RunConsole(stderr=True)
    return LiveDisplay(progress, console) if console.is_terminal else PlainDisplay(progress, console)
