"""What scripts say when they don't do what they were asked for."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path


class Refusal(Exception):
    """Why it was not done, in words for whoever asked: what they can mend."""


def told(main: Callable[[], int]) -> int:
    """A script's exit code; a Refusal is one line, and 1."""
    try:
        return main()
    except Refusal as refusal:
        print(f"{Path(sys.argv[0]).name}: {refusal}", file=sys.stderr)
        return 1


# What programs print besides: Helm's notes on links and on its own options, client-go's log.
NOISE = re.compile(r"walk\.go:\d+|^Use --debug flag|^[EWI]\d{4} \d\d:\d\d:\d\d\.\d+ ")
MOST_LINES = 12


def reason(stderr: str) -> str:
    """Why a program failed, in its own words."""
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip() and not NOISE.search(line)]
    return "\n".join(lines[-MOST_LINES:]) or "it failed, and said nothing"


def tollgate() -> str:
    """The command line tool, by its path."""
    path = os.environ.get("TOLLGATE_CLI")
    if not path:
        raise Refusal("TOLLGATE_CLI does not name the command line tool: run this by `make`, which builds it")
    return path
