"""What goes and what stays: by labels alone, decided here on a made-up engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.cluster import cleanup
from harness.cluster.cleanup import Cleaned, clean
from harness.cluster.engine import KEEP_LABEL, OWNER_LABEL, RUN_LABEL
from harness.image import default_tag

ALIVE, DEAD = "alive", "dead"


class FakeEngine:
    """Containers a, b, ... with these owners, and a network and a volume for each."""

    def __init__(self, things: dict[str, dict[str, str]], tags: list[str] | None = None) -> None:
        self.things = things
        self.removed: list[str] = []
        self.api = self
        self.images = SimpleNamespace(
            list=lambda **_: [SimpleNamespace(tags=[tag]) for tag in tags or []], remove=self.removed.append
        )

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Names": [f"/c-{name}"], "Labels": labels} for name, labels in self.things.items()]

    def networks(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Id": f"id-{name}", "Name": f"n-{name}", "Labels": labels} for name, labels in self.things.items()]

    def volumes(self, **_: Any) -> dict[str, Any]:
        return {"Volumes": [{"Name": f"v-{name}", "Labels": labels} for name, labels in self.things.items()]}

    def remove_container(self, name: str, **_: Any) -> None:
        self.removed.append(name)

    def remove_network(self, name: str) -> None:
        self.removed.append(name)

    def remove_volume(self, name: str, force: bool) -> None:
        self.removed.append(name)

    def close(self) -> None:
        pass


def labels(run: str, owner: str | None, *, keep: bool = False) -> dict[str, str]:
    owned = {} if owner is None else {OWNER_LABEL: owner}
    return {RUN_LABEL: run, **owned, **({KEEP_LABEL: "true"} if keep else {})}


THINGS = {
    "running": labels("running", ALIVE),
    "running-kept": labels("running-kept", ALIVE, keep=True),
    "crashed": labels("crashed", DEAD),
    "kept": labels("kept", DEAD, keep=True),
    "by-hand": labels("by-hand", None),
}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    engine = FakeEngine(
        THINGS, [default_tag(), f"{default_tag()}-variant", "raftstorm/node:old", "raftstorm/node:old-variant"]
    )
    monkeypatch.setattr(cleanup, "connect", lambda: engine)
    monkeypatch.setattr(cleanup.folders, "base", lambda: tmp_path)
    monkeypatch.setattr(cleanup, "alive", lambda owner: owner == ALIVE)
    return engine


@pytest.mark.parametrize(
    ("force", "gone"), [(False, ["crashed", "kept"]), (True, ["by-hand", "crashed", "kept", "running", "running-kept"])]
)
def test_clean(engine: FakeEngine, force: bool, gone: list[str]) -> None:
    cleaned = clean(force=force)
    assert cleaned.containers == [f"c-{name}" for name in gone]
    assert cleaned.networks == [f"n-{name}" for name in gone]
    assert cleaned.volumes == [f"v-{name}" for name in gone]
    assert cleaned.images == []
    assert sorted(engine.removed) == sorted(f"{kind}-{name}" for kind in ("c", "id", "v") for name in gone)


def test_the_next_run_takes_what_crashed_and_no_more(engine: FakeEngine) -> None:
    assert cleanup.clean_crashed(engine).containers == ["c-crashed"]  # type: ignore[arg-type]


def test_leftovers_are_those_that_clean_would_take(engine: FakeEngine) -> None:
    assert cleanup.leftovers(engine) == ["crashed", "kept"]  # type: ignore[arg-type]


def test_old_images_go_when_asked_for(engine: FakeEngine) -> None:
    assert clean(images=True).images == ["raftstorm/node:old", "raftstorm/node:old-variant"]


def test_cleaned_is_true_when_something_went() -> None:
    assert not Cleaned(in_use=["running"])
    assert Cleaned(volumes=["v"])
