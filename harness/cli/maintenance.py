"""`raftstorm image build`, `raftstorm clean`, `raftstorm doctor`: what a machine needs, and what is left on it."""

from __future__ import annotations
