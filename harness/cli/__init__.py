"""The command line. `main` is the `raftstorm` command."""

from harness.cli.app import main

__all__ = ["main"]
