"""A registry of a test's own: the distribution project's."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness import rendering
from harness.processes import eventually, free_ports, process


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its address; what is pushed there lies in `folder`."""
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    config = folder / "registry.yaml"
    config.write_text(yaml.safe_dump({
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": address},
    }))  # fmt: skip
    command = ["env", "OTEL_TRACES_EXPORTER=none", rendering.program("registry"), "serve", str(config)]
    with process("registry", command, folder):
        eventually(lambda: subprocess.run(["curl", "-s", address]).returncode == 0)
        yield address
