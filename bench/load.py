"""Load by wrk, and what Envoy spends on it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from processes import StackError
from stage import INPUTS, ROOT, Envoy, Stage, key


@dataclass(frozen=True)
class Load:
    """What wrk sends, for how long."""

    connections: int
    seconds: float
    stream: bool = False


@dataclass(frozen=True)
class Sample:
    """What some seconds of load came to."""

    requests: int
    seconds: float
    cpu: float  # seconds of processor time, Envoy's alone, in user and kernel
    p50: float  # microseconds from a request to its answer

    @property
    def cpu_per_request(self) -> float:
        """Microseconds."""
        return self.cpu / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def run(stage: Stage, envoy: Envoy, load: Load) -> Sample:
    """Loads one Envoy. An answer that is no success is an error: it would measure something
    else."""
    cpu = cpu_seconds(envoy.pid)
    report = wrk(stage, envoy, load)
    if report["refused"] or report["broken"] or not report["requests"]:
        raise StackError(f"wrk reports {report} of {envoy.folder.name}")
    return Sample(
        requests=report["requests"],
        seconds=report["microseconds"] / 1e6,
        cpu=cpu_seconds(envoy.pid) - cpu,
        p50=report["p50"],
    )


def wrk(stage: Stage, envoy: Envoy, load: Load) -> dict:
    """What wrk.lua reports."""
    command = ["taskset", "-c", stage.load_cores, "wrk", "--threads", "1"]
    command += ["--connections", str(load.connections), "--duration", f"{load.seconds}s"]
    command += ["--timeout", "10s", "--script", str(ROOT / "bench" / "wrk.lua")]
    command += [f"{envoy.url}/v1/chat/completions"]
    settings = {"INPUTS": str(INPUTS), "KEY": key(), "STREAM": str(int(load.stream))}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=os.environ | settings)
    if done.returncode != 0:
        raise StackError(f"wrk ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu_seconds(pid: int) -> float:
    """Processor time of a process: of all its threads, of which Envoy ends none. Exact, where
    /proc/PID/stat counts in hundredths of a second."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
