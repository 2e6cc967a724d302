"""Instructions that the core needs natively, counted by valgrind: exact to a few per thousand on
any machine, however busy. Cryptography is counted without the processor's own instructions for it,
which WebAssembly has not got either."""

import re
import shutil
import subprocess
from pathlib import Path

from processes import StackError
from report import progress, table
from stage import UNLIMITED_RULES, key, setting

COUNT = 1000
COLLECTED = re.compile(r"Collected : (\d+)")
OPERATIONS = {
    "exchange": "a chat: headers, body, answer, settlement",
    "request": "of that, up to the upstream",
    "authenticate": "of that, from headers to the key",
    "event": "an event of a streamed answer",
}


def count(folder: Path) -> None:
    """Prints instructions per operation."""
    print("\nInstructions of the core, natively (no Envoy, no WebAssembly)")
    if shutil.which("valgrind") is None:
        print("  left out: valgrind is missing: apt-get install valgrind")
        return
    document = folder / "policy.json"
    command = [setting("TOLLGATE_CLI"), "policy", "render", str(UNLIMITED_RULES)]
    subprocess.run([*command, "-o", str(document)], check=True, stdout=subprocess.DEVNULL)
    rows = []
    for operation, what in OPERATIONS.items():
        progress(f"counting: {operation}")
        once, twice = (run(document, operation, n) for n in (COUNT, 2 * COUNT))
        rows.append([what, f"{(twice - once) / COUNT:,.0f}"])
    progress("")
    table(["", "instructions"], rows)


def run(document: Path, operation: str, times: int) -> int:
    """Instructions of a process that runs `operation` so many times."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [setting("BENCH_CORE"), str(document), key(), operation, str(times)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = COLLECTED.search(done.stderr)
    if done.returncode != 0 or not found:
        raise StackError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return int(found[1])
