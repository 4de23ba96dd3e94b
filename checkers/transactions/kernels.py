"""The loops of loops.py, compiled."""

from __future__ import annotations

from checkers.compiled import compiled
from checkers.transactions import loops

common_prefix = compiled(loops.common_prefix)
next_versions = compiled(loops.next_versions)
levels = compiled(loops.levels)
nearest = compiled(loops.nearest)
