"""Processes that a test starts, and ends by their pid."""

import contextlib
import socket
import subprocess
from pathlib import Path


@contextlib.contextmanager
def process(name: str, command: list[str], folder: Path):
    """Runs a command with its output in `folder`, and ends it whatever happens."""
    with (folder / f"{name}.log").open("wb") as log:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
