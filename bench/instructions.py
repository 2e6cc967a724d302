"""Instructions that the core needs natively, counted by valgrind: exact to a few per thousand on
any machine, however busy. Cryptography is counted without the processor's own instructions for it,
which WebAssembly has not got either."""

import re
import shutil
import subprocess
from pathlib import Path

from processes import StackError
from report import progress, table
from stage import LIMITED_RULES, UNLIMITED_RULES, key, setting

COUNT = 1000
COLLECTED = re.compile(r"Collected : (\d+)")
OPERATIONS = [
    ("exchange", UNLIMITED_RULES, "a chat: headers, body, answer, settlement"),
    ("request", UNLIMITED_RULES, "of that, up to the upstream"),
    ("authenticate", UNLIMITED_RULES, "of that, from headers to the key"),
    ("exchange", LIMITED_RULES, "a chat with everything on, records in memory"),
    ("request", LIMITED_RULES, "of that, up to the upstream"),
    ("event", UNLIMITED_RULES, "an event of a streamed answer"),
]


def count(folder: Path) -> None:
    """Prints instructions per operation."""
    print("\nInstructions of the core, natively (no Envoy, no WebAssembly)")
    if shutil.which("valgrind") is None:
        print("  left out: valgrind is missing: apt-get install valgrind")
        return
    rows = []
    for operation, rules, what in OPERATIONS:
        progress(f"counting: {what}")
        document = render(folder, rules)
        once, twice = (run(document, operation, n) for n in (COUNT, 2 * COUNT))
        rows.append([what, f"{(twice - once) / COUNT:,.0f}"])
    progress("")
    table(["", "instructions"], rows)


def render(folder: Path, rules: Path) -> Path:
    """The rules as the module reads them."""
    document = folder / f"{rules.name}.json"
    command = [setting("TOLLGATE_CLI"), "policy", "render", str(rules), "-o", str(document)]
    subprocess.run(command, check=True, capture_output=True)
    return document


def run(document: Path, operation: str, times: int) -> int:
    """Instructions of a process that runs `operation` so many times."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [setting("BENCH_CORE"), str(document), key(), operation, str(times)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = COLLECTED.search(done.stderr)
    if done.returncode != 0 or not found:
        raise StackError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return int(found[1])
