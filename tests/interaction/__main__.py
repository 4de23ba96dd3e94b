"""Play scripts: `python -m tests.interaction [--rewrite] [FILE ...]`. Without --rewrite it only says which ones go
otherwise than they are written; with it, it writes how they go."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.interaction.script import played, scripts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interaction", description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="default: all")
    parser.add_argument("--rewrite", action="store_true")
    options = parser.parse_args()
    differ = 0
    for path in options.files or scripts():
        text = path.read_text("utf-8")
        now = played(text)
        if now == text:
            continue
        differ += 1
        print(f"{path.name} {'is rewritten' if options.rewrite else 'goes otherwise'}")
        if options.rewrite:
            path.write_text(now, "utf-8")
    return 0 if options.rewrite or not differ else 1


if __name__ == "__main__":
    sys.exit(main())
