"""Starting and ending the programs of the demo, so that none outlives it, whatever happens."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class StackError(Exception):
    """A program did not start, or ended too early. Its text says which, and shows its log."""


def end_with_parent(signum: int) -> None:
    """Has the kernel send `signum` to this process when the one that started it is gone."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def end_on_signals() -> None:
    """Has SIGINT, SIGTERM and SIGHUP unwind like an exit, and the end of `make` end us."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda signum, _: sys.exit(128 + signum))
    end_with_parent(signal.SIGTERM)


class Program:
    """A child in a session of its own: a terminal's Ctrl-C does not reach it, so that we end it in
    our order. Should we be killed, the kernel kills it.

    What it says on stderr goes to `log`, whose end is shown if it fails; stdout to `output`."""

    def __init__(self, name: str, command: list[str], log: Path, output: Path):
        self.name = name
        self.log = log
        with log.open("wb") as stderr, output.open("wb") as stdout:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=lambda: end_with_parent(signal.SIGKILL),
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def check(self) -> None:
        """Fails if the program has ended."""
        code = self._child.poll()
        if code is not None:
            raise StackError(f"{self.name} ended with {code}{self._log_tail()}")

    def wait_until(self, ready, seconds: float) -> None:
        """Polls `ready()` until it is true; fails if the program ends or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                waited = f"is not ready after {seconds:.0f} s"
                raise StackError(f"{self.name} {waited}{self._log_tail()}")
            time.sleep(0.05)

    def stop(self, seconds: float = 5) -> None:
        """SIGTERM to its process group, and SIGKILL when that did not end it in time."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if self._child.poll() is not None:
                return
            os.killpg(self._child.pid, signum)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def _log_tail(self, count: int = 20) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-count:]
        return "\n".join([f"; the end of {self.log}:", *(f"  {line[:300]}" for line in lines)])
