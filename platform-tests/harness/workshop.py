"""A copy of the checkout in which scripts/operate runs as a person runs it: at a terminal, with a
kubectl context of its own."""

import json
import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness import api_server, forks
from harness.rendering import program


@dataclass(frozen=True)
class Said:
    code: int
    text: str


class Workshop:
    def __init__(self, folder: Path, server: api_server.ApiServer):
        self.root, self.server, self.kubeconfig = folder / "checkout", server, folder / "kubeconfig"
        forks.copy(self.root)
        # Of the machine's programs it finds these alone.
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("git", "python3", "env"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.context("laptop")

    def context(self, name: str) -> None:
        """What kubectl's current context is called."""
        self.kubeconfig.write_text(json.dumps(self.server.kubeconfig(name)))

    def operate(self, *arguments: str, types: list[str] | None = None, seconds: int = 120, **environment: str) -> Said:
        """Runs a command; `types` are the lines that somebody types at its terminal. Without them there
        is none."""
        folders = [str(self.bin), *(str(Path(program(name)).parent) for name in ("kubectl", "helm"))]
        own = {
            "PATH": os.pathsep.join(folders),
            "HOME": str(self.root.parent),
            "KUBECONFIG": str(self.kubeconfig),
            "TOLLGATE_CLI": os.environ["TOLLGATE_CLI"],
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "scripts/operate", *arguments]
        master, terminal = pty.openpty()
        stdin = subprocess.DEVNULL if types is None else terminal
        os.write(master, "".join(f"{line}\n" for line in types or []).encode())
        done = subprocess.run(
            command, cwd=self.root, env=own | environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=seconds,
        )  # fmt: skip
        os.close(master)
        os.close(terminal)
        return Said(done.returncode, done.stdout)

    def install(self, name: str, text: str) -> None:
        """Puts a program where commands find it."""
        (self.bin / name).write_text(f"#!{sys.executable}\n{text}")
        (self.bin / name).chmod(0o755)

    def secret(self, name: str, namespace: str = "external-secrets") -> dict[str, str]:
        """What a Secret holds, decoded; {} where it is not there."""
        got = self.server.kubectl("get", "secret", name, "--namespace", namespace, "--output", "go-template={{range $k, $v := .data}}{{$k}} {{base64decode $v}}\n{{end}}")
        return dict(line.split(" ", 1) for line in got.stdout.splitlines())

    def policies(self, cluster: str = "laptop") -> str:
        return (self.root / f"manifests/clusters/{cluster}/policies/organizations/platform.yaml").read_text()

    def tollgate(self, *arguments: str) -> Said:
        return self.run(os.environ["TOLLGATE_CLI"], *arguments)

    def run(self, *command: str) -> Said:
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        return Said(done.returncode, done.stdout + done.stderr)
