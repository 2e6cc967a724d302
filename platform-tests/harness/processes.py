"""Processes that a test starts, and ends by their pid."""

import contextlib
import itertools
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path


@contextlib.contextmanager
def process(name: str, command: list[str], folder: Path):
    """Runs a command with its output in `folder`, and ends it whatever happens.

    One that had failed by then fails the test with its last words: what waited for it knows nothing of it."""
    output = folder / f"{name}.log"
    with output.open("wb") as log:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        yield started
    finally:
        failed = started.poll()
        started.terminate()
        try:
            started.wait(timeout=20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        # Less than 0 is a signal, by which tests end what is to end.
        assert not failed or failed < 0, f"{name} ended with {failed}:\n{last_words(output)}"


def last_words(output: Path) -> str:
    return "\n".join(output.read_text(errors="replace").splitlines()[-20:])


def envoy(name: str, config: Path, folder: Path):
    """The real Envoy, with one worker."""
    command = [os.environ["TOLLGATE_ENVOY"], "-c", str(config), "--disable-hot-restart", "--concurrency", "1"]
    return process(name, [*command, "--file-flush-interval-msec", "50"], folder)


def served(handler: type, port: int, ip: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A stand-in in this very process, until its `shutdown`."""
    server = ThreadingHTTPServer((ip, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Waits until it holds, that long at most."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:g} s"
        time.sleep(0.1)


def stays(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether it holds all that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not holds():
            return False
        time.sleep(0.3)
    return True


# Below those that the kernel gives to whoever asks for any; each of several workers has its own.
PORTS_OF_A_WORKER = 6000
_first = 20_000 + PORTS_OF_A_WORKER * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.cycle(random.sample(range(_first, _first + PORTS_OF_A_WORKER), PORTS_OF_A_WORKER))


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, at this moment, and that no other test is given in the next."""
    return list(itertools.islice(filter(is_free, _ports), count))


def is_free(port: int) -> bool:
    with socket.socket() as opened:
        try:
            opened.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
