"""The programs of scripts/platform-tools, each built from its Go module if need be."""

import functools
import subprocess
from pathlib import Path

from refusal import Refusal


@functools.cache
def built(name: str) -> str:
    """Its path."""
    done = subprocess.run([Path(__file__).with_name("platform-tool"), name], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Refusal(f"{name} is missing, and could not be built: install it")
    return done.stdout.strip()
