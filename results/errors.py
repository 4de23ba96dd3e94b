"""What can be wrong with the store."""

from __future__ import annotations


class StoreError(Exception):
    """A run folder cannot be made, found or read. `str(error)` is one sentence."""
