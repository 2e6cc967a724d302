"""A shell in a folder of its own, in which a document's commands find what they name."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from processes import Program, end_with_parent
from stack import ROOT

# Ports as the documents have them. Each run uses free ones in their place, so that runs and what
# else the machine does can go side by side.
PORTS = ("8080", "9901", "8000", "8001", "5000")
UPSTREAM = "8000"  # the one port that something listens on beforehand
END = "the-command-has-ended"

# Envoy as on a machine where it is installed. It writes its logs soon, and ends when its shell does.
ENVOY = """#!/bin/sh
exec setpriv --pdeathsig KILL "$TOLLGATE_ENVOY" --file-flush-interval-msec 50 "$@"
"""

# Likewise the distribution project's registry.
REGISTRY = """#!/bin/sh
exec setpriv --pdeathsig KILL env OTEL_TRACES_EXPORTER=none "$TOLLGATE_REGISTRY" "$@"
"""


class Shell:
    """Use it as a context: whatever its commands started ends with it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._ports = dict(zip(PORTS, map(str, free_ports(len(PORTS)))))
        furnish(folder)

    def __enter__(self):
        self._upstream = Program(
            "the upstream", [sys.executable, str(Path(__file__).parent / "upstream.py"),
                             self._ports[UPSTREAM]],
            self.folder / ".upstream.log", self.folder / ".upstream.out")
        self._bash = subprocess.Popen(
            ["bash"], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | {"PATH": f"{self.folder / '.bin'}:{os.environ['PATH']}"},
            preexec_fn=lambda: end_with_parent(signal.SIGKILL))
        return self

    def __exit__(self, *_):
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()
        self._upstream.stop()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._to_free(text))

    def run(self, command: str, seconds: float = 60) -> tuple[str, int]:
        """What the command printed, and its exit code."""
        self._bash.stdin.write(f"{self._to_free(command)}\necho {END} $?\n".encode())
        self._bash.stdin.flush()
        said, deadline = b"", time.monotonic() + seconds
        while not (end := re.search(rb"%s (\d+)\n" % END.encode(), said)):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._bash.stdout], [], [], max(left, 0))
            piece = os.read(self._bash.stdout.fileno(), 65536) if ready else b""
            if not piece:
                raise TimeoutError(f"not over after {seconds} s: {command}\n{said.decode()}")
            said += piece
        return self._from_free(said[:end.start()].decode()), int(end[1])

    def _to_free(self, text: str) -> str:
        return replace(text, self._ports)

    def _from_free(self, text: str) -> str:
        return replace(text, {free: shown for shown, free in self._ports.items()})


def furnish(folder: Path) -> None:
    """What is there in a checkout after `make build`, the two programs being installed."""
    shutil.copytree(ROOT / "policies", folder / "policies")
    shutil.copytree(ROOT / "demo", folder / "demo", ignore=shutil.ignore_patterns("*.py"))
    (folder / "checkout").symlink_to(ROOT)
    (folder / "tollgate_gateway.wasm").symlink_to(os.environ["TOLLGATE_MODULE"])
    programs = folder / ".bin"
    programs.mkdir()
    (programs / "tollgate").symlink_to(os.environ["TOLLGATE_CLI"])
    for name, script in (("envoy", ENVOY), ("registry", REGISTRY)):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)


def free_ports(count: int) -> list[int]:
    """All are held until the last is found, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0)))
                   for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def replace(text: str, words: dict[str, str]) -> str:
    return re.sub(rf"\b({'|'.join(words)})\b", lambda word: words[word[0]], text)
