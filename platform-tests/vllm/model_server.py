"""A real vLLM on the CPU, started as a pod of our manifests starts it, with random numbers for weights."""

import contextlib
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.platforms import ROOT
from harness.processes import free_ports, process
from harness.rendering import Rendered

PYTHON = ROOT / ".tollgate/vllm/bin/python"
KEY = "the-key-of-this-test"
# What a CPU has not got.
GPU_ONLY = ("--tensor-parallel-size", "--gpu-memory-utilization")
# What the image for the CPU is told in our manifests; a model for GPUs is told nothing of it.
ON_THE_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class ModelServer:
    """One that is ready. `refused` is how often it was asked before, `log` what it had said by then."""

    workload: Rendered
    process: subprocess.Popen
    port: int
    refused: int
    log: str

    def ask(self, method: str, path: str, body: dict | None = None, key: str | None = KEY) -> Answer:
        with self.asking(method, path, body, key) as answer:
            return Answer(answer.status, answer.read())

    @contextlib.contextmanager
    def asking(self, method: str, path: str, body: dict | None = None, key: str | None = KEY):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            yield connection.getresponse()
        finally:
            connection.close()


@contextlib.contextmanager
def running(workload: Rendered, folder: Path) -> Iterator[ModelServer]:
    container = workload.object["spec"]["template"]["spec"]["containers"][0]
    (port,) = free_ports(1)
    model = folder / "model"
    subprocess.run([PYTHON, Path(__file__).parent / "tiny_model.py", model], check=True)
    arguments = for_this_machine(container["args"], model, port)
    environment = [f"{name}={value}" for name, value in variables(container, folder).items()]
    command = ["env", "-i", *environment, PYTHON.parent / "vllm", "serve", *arguments]
    with process("vllm", [str(part) for part in command], folder) as started:
        probe = container["startupProbe"]
        attempts = wait_ready(started, port, probe, folder)
        yield ModelServer(workload, started, port, attempts, (folder / "vllm.log").read_text(errors="replace"))


def for_this_machine(arguments: list[str], model: Path, port: int) -> list[str]:
    """Ours, with another folder and port; without what wants a GPU."""
    kept = [argument for argument in arguments if not argument.startswith(GPU_ONLY)]
    moved = {"/weights/models": str(model), "--port=8000": f"--port={port}"}
    assert moved.keys() <= set(kept)
    return [*(moved.get(argument, argument) for argument in kept), "--host=127.0.0.1", "--load-format=dummy"]


def variables(container: dict, folder: Path) -> dict[str, str]:
    ours = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    secrets = {entry["name"]: KEY for entry in container["env"] if "valueFrom" in entry}
    return {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder)} | ON_THE_CPU | ours | secrets | {"HOME": str(folder)}


def wait_ready(started: subprocess.Popen, port: int, probe: dict, folder: Path) -> int:
    """Asks as the probe does, for as long as it would. Returns how often it was refused."""
    deadline = time.monotonic() + probe["periodSeconds"] * probe["failureThreshold"]
    refused = 0
    while time.monotonic() < deadline and started.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", probe["httpGet"]["path"])
            status = connection.getresponse().status
            connection.close()
            assert status == 200, f"{probe['httpGet']['path']} answers {status} before it answers 200"
            return refused
        refused += 1
        time.sleep(0.5)
    raise AssertionError("not ready:\n" + (folder / "vllm.log").read_text(errors="replace")[-4000:])
