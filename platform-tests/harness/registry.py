"""A registry of a test's own, the distribution project's; and where the engine that builds images keeps them."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness import rendering
from harness.processes import eventually, free_ports, process


@contextlib.contextmanager
def registry(folder: Path, certificate: dict[str, str] | None = None) -> Iterator[str]:
    """Its address; what is pushed there lies in `folder`. With a certificate, tls.crt and tls.key in PEM, it speaks TLS."""
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    for name, text in (certificate or {}).items():
        (folder / name).write_text(text)
    tls = {"tls": {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}} if certificate else {}
    config = folder / "registry.yaml"
    config.write_text(yaml.safe_dump({
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": address} | tls,
    }))  # fmt: skip
    command = ["env", "OTEL_TRACES_EXPORTER=none", rendering.program("registry"), "serve", str(config)]
    with process("registry", command, folder):
        eventually(lambda: subprocess.run(["curl", "-s", address]).returncode == 0)
        yield address


def engine(folder: Path) -> dict[str, str]:
    """The environment in which buildah or podman keeps what it builds in `folder`, and needs nothing of the
    kernel's."""
    storage = folder / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n')
    return {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", "CONTAINERS_STORAGE_CONF": str(storage)}
