"""One run of a command: the cluster's values, and how other programs are run for it."""

import datetime
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import programs
from platform_manifests import cluster_config, rendering
from refusal import Refusal, reason


@dataclass(frozen=True)
class Session:
    root: Path
    cluster: str
    values: dict
    dry_run: bool

    @classmethod
    def of(cls, root: Path, cluster: str, dry_run: bool) -> "Session":
        clusters = cluster_config.clusters(root)
        if cluster not in clusters:
            raise Refusal(f"CLUSTER=NAME says which cluster ({', '.join(clusters)}); it is '{cluster}'")
        return cls(root, cluster, cluster_config.merged(root, cluster), dry_run)

    @property
    def folder(self) -> Path:
        """The cluster's own."""
        return self.root / "manifests/clusters" / self.cluster

    def read(self, *command: str, stdin: str | None = None) -> str:
        """Runs what changes nothing; returns what it prints. Raises Refusal with what it says of its failure."""
        done = self.attempt(*command, stdin=stdin)
        if done.returncode != 0:
            raise Refusal(f"{shown(command)}: {reason(done.stderr)}")
        return done.stdout

    def attempt(self, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        """The same, for what may fail."""
        name, *arguments = command
        return subprocess.run(
            [self.program(name), *arguments], cwd=self.root, input=stdin or "", capture_output=True, text=True
        )

    def change(self, *command: str, stdin: str | None = None, about: str = "input") -> str:
        """Shows and runs what changes something; with DRY_RUN it is only shown. Of the input, which may be
        a secret, only `about` is."""
        print(f"+ {shown(command)}{f' < ({about})' if stdin else ''}", flush=True)
        return "" if self.dry_run else self.read(*command, stdin=stdin)

    def confirm(self, what: str) -> None:
        """Goes on only if somebody types the cluster's name."""
        if self.dry_run:
            print(f"+ asks for the name '{self.cluster}' before it goes on: {what}")
            return
        if os.environ.get("CI") or not sys.stdin.isatty():
            raise Refusal(f"to {what} takes somebody at a terminal: nothing was changed")
        try:
            typed = input(f"To {what}, type the cluster's name: ").strip()
        except EOFError:
            print()
            raise Refusal("nothing was typed: nothing was changed") from None
        if typed != self.cluster:
            raise Refusal(f"that is not '{self.cluster}': nothing was changed")

    def program(self, name: str) -> str:
        """One of the checkout's scripts; the machine's own kubectl and helm, or those of scripts/platform-tools."""
        if name.startswith("scripts/"):
            return str(self.root / name)
        if found := shutil.which(name):
            return found
        if name not in ("kubectl", "helm"):
            raise Refusal(f"{name} is missing: `make doctor` says what it takes")
        return programs.built(name)

    @staticmethod
    def now(later: datetime.timedelta = datetime.timedelta()) -> str:
        """In the form that Kubernetes and Argo CD write."""
        return (datetime.datetime.now(datetime.UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")

    def helm_template(self, chart: str) -> str:
        """One of our charts for this cluster, fed as Argo CD feeds it."""
        return rendering.text(self.root, rendering.ours(chart, self.cluster), self.program("helm"))

    def platform(self) -> rendering.Platform:
        """Everything that Argo CD applies in this cluster."""
        return rendering.render(self.root, self.cluster, self.program("helm"))


def shown(command: tuple[str, ...]) -> str:
    return shlex.join(command)
