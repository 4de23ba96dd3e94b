"""Power: machines that lose it, and with it all that their disks had not made durable.

A killed process leaves to the kernel what it had handed over; a power failure takes that too, and tears what was on its
way. It comes at once, or in the middle of what the process does next: between any two effects; or just when something
is being made durable, of which a part stays (`torn`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import AFTER_EFFECTS, TORN, all_free, check_names, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, LEADER, MAJORITY, MINORITY, ONE, choose

AT_WORK: Final = "at-work"
MOST_EFFECTS: Final = 20


@dataclass(frozen=True)
class Outage:
    targets: tuple[str, ...]
    after_effects: int | None = None
    torn: bool = False

    def describe(self) -> Mapping[str, Any]:
        if self.torn:
            return {TORN: True}
        return {} if self.after_effects is None else {AFTER_EFFECTS: self.after_effects}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.power).cut(self.targets, after_effects=self.after_effects, torn=self.torn)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.power).restore(self.targets)


_WEIGHTS: Final = {
    ONE: 2,
    MINORITY: 1,
    LEADER: 2,
    MAJORITY: 2,
    ALL: 2,
    f"{AT_WORK}-{ONE}": 3,
    f"{AT_WORK}-{LEADER}": 3,
    f"{TORN}-{ONE}": 1,
    f"{TORN}-{LEADER}": 1,
}


@dataclass(frozen=True)
class PowerFault:
    name: str = "power"
    needs: str = "power"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {name: Variant(weight, brief=name in (MAJORITY, ALL)) for name, weight in _WEIGHTS.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Outage:
        at_work, torn = variant.startswith(AT_WORK), variant.startswith(TORN)
        targets = choose(variant.removeprefix(f"{AT_WORK}-").removeprefix(f"{TORN}-"), view, rng)
        return Outage(targets, rng.randint(0, MOST_EFFECTS) if at_work else None, torn)

    def exact(self, details: Mapping[str, Any], view: View) -> Outage:
        """`nodes`: whose. `after_effects`: not at once, but before the server does so many more things. `torn`: true:
        just when it makes something durable, of which a part stays."""
        check_names(details, ["nodes", AFTER_EFFECTS, TORN], "a power fault")
        after, torn = details.get(AFTER_EFFECTS), details.get(TORN, False)
        if not isinstance(torn, bool):
            raise BadInput(f"'torn' takes true or false, not {torn!r}")
        if torn and after is not None:
            raise BadInput("a power fault takes 'after_effects' or 'torn', not both")
        if after is not None and (isinstance(after, bool) or not isinstance(after, int) or after < 0):
            raise BadInput(f"'after_effects' takes a whole number from 0, not {after!r}")
        return Outage(all_free(some_nodes(details, "nodes", view), view), after, torn)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        when = {name: value[name] for name in (AFTER_EFFECTS, TORN) if name in value}
        return {"nodes": list(value["targets"]), **when}


FAULT: Final = PowerFault()
