"""What a policy with very many keys costs: the time until it is in force, and memory."""

import hashlib
import json
import os
import shutil
import time
import urllib.request
from pathlib import Path

import memory
from memory import MIB
from processes import StackError
from report import Goal, progress, table
from stage import UNLIMITED_RULES, Envoy, Stage, configure, free_ports

TEAMS, KEYS_PER_TEAM = 100, 100
SWAPS = 10


def many(stage: Stage) -> list[Goal]:
    """Compares the example policies with the same and 10,000 keys more."""
    count = TEAMS * KEYS_PER_TEAM
    print(f"\nA policy with {count:,} keys")
    upstream = stage.upstream()
    policies = [rules(stage.folder / f"rules-{name}", name) for name in "ab"]
    few = memory.of_modules(stage.envoy("few-keys", upstream, UNLIMITED_RULES).pid)
    envoy = stage.envoy("many-keys", upstream, policies[0])
    started = memory.of_modules(envoy.pid)
    times = []
    for number in range(1, SWAPS + 1):
        progress(f"swap {number} of {SWAPS}")
        times.append(swap(stage, envoy, upstream, policies[number % 2]))
    progress("")
    swapped = memory.of_modules(envoy.pid)
    growth = started[-1] - few[-1]
    table(["the VMs' memories", "MiB"], [
        ["with few keys", mib(few)],
        [f"with {count:,} keys", mib(started)],
        [f"after {SWAPS} swaps of such policies", mib(swapped)],
    ])
    return [
        Goal(f"{count:,} keys: from a swap until it decides", max(times), 1, ".2f", "s"),
        Goal(f"{count:,} keys: growth of a VM", growth / MIB, 2, ".2f", "MiB"),
    ]


def rules(folder: Path, name: str, base: Path = UNLIMITED_RULES) -> Path:
    """Policies and an organization with very many keys more; `name` makes them others."""
    shutil.copytree(base, folder)
    lines = ["organizations:", f"  bulk-{name}:", "    teams:"]
    for team in range(TEAMS):
        lines += [f"      team-{team:03}:", "        keys:"]
        for number in range(KEYS_PER_TEAM):
            secret = f"sk-bench-{name}-{team}-{number}"
            digest = hashlib.sha256(secret.encode()).hexdigest()
            lines += [f"          key-{number:03}: {{hash: sha256:{digest}}}"]
    (folder / "bulk.yaml").write_text("\n".join(lines) + "\n")
    return folder


def swap(stage: Stage, envoy: Envoy, upstream: int, policies: Path) -> float:
    """Swaps a policy in as its operator would, by one rename. Returns the seconds until the
    module decides by it: Envoy reads and checks the file, and every VM configures itself."""
    folder = stage.folder / "next"
    configure(folder, policies, upstream, *free_ports(2))
    version = json.loads((folder / "module.json").read_text())["version_info"]
    began = time.monotonic()
    os.replace(folder / "module.json", envoy.folder / "module.json")
    while policy(envoy) != version:
        if time.monotonic() > began + 30:
            raise StackError(f"policy {version} is not in force after 30 s")
        time.sleep(0.001)
    return time.monotonic() - began


def policy(envoy: Envoy) -> str:
    """The policy in force."""
    with urllib.request.urlopen(f"{envoy.url}/readyz", timeout=10) as answer:
        return json.load(answer)["policy"]


def mib(sizes: list[int]) -> str:
    return ", ".join(f"{size / MIB:.2f}" for size in sizes)
