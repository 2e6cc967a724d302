"""What a cluster's folder comes to: every object that Argo CD would apply, with where it is from.

The root chart is rendered by the real Helm, and then each of our layers as its Application says:
the same path, the same values files. Others' charts and repositories stay Applications."""

import copy
import functools
import hashlib
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

import cluster_config
from harness import kserve

SOURCE = re.compile(r"^# Source: (.+)$", re.MULTILINE)


class RenderError(Exception):
    """Helm's own message."""


@dataclass(frozen=True)
class Rendered:
    """One object, the file it is rendered from, and the Application that applies it."""

    file: str
    application: str
    wave: int
    object: dict = field(hash=False)

    @property
    def kind(self) -> str:
        return self.object["kind"]

    @property
    def group(self) -> str:
        """The API group; the core group is ''."""
        return self.object["apiVersion"].rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.object["metadata"]["name"]

    @property
    def namespace(self) -> str | None:
        return self.object["metadata"].get("namespace")

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name}"


@dataclass(frozen=True)
class Platform:
    """A cluster: its merged values, all objects that Argo CD applies, and what controllers make of them."""

    cluster: str
    values: dict
    objects: list[Rendered]
    made: list[Rendered] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Rendered]:
        return [rendered for rendered in (*self.objects, *self.made) if rendered.kind in kinds]

    def find(self, kind: str, namespace: str | None, name: str) -> Rendered | None:
        for rendered in self.of(kind):
            if (rendered.namespace, rendered.name) == (namespace, name):
                return rendered
        return None


def render(root: Path, cluster: str) -> Platform:
    """Renders a cluster of the checkout (or of a copy of its manifests) at `root`.

    Raises RenderError with what Helm says, a schema's refusal among it."""
    objects = helm(root, "root", "manifests/root", cluster_config.files(cluster), "root", -4)
    for application in [rendered for rendered in objects if rendered.kind == "Application"]:
        objects += layer(root, application)
    return Platform(cluster, cluster_config.merged(root, cluster), objects, kserve.deployments(objects))


def layer(root: Path, application: Rendered) -> list[Rendered]:
    """The objects of an Application whose sources are in our own repository."""
    wave = int(application.object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
    objects = []
    for source in application.object["spec"]["sources"]:
        path = source.get("path", "")
        if not path.startswith("manifests/"):
            continue
        if "helm" in source:
            files = [file.removeprefix("/") for file in source["helm"]["valueFiles"]]
            objects += helm(root, source["helm"]["releaseName"], path, files, application.name, wave)
        else:
            objects += directory(root, source, application.name, wave)
    return objects


def helm(
    root: Path, release: str, chart: str, values: list[str], application: str, wave: int, namespace: str = "default"
) -> list[Rendered]:
    """The objects of a chart. What is the same in several checkouts, byte by byte, is rendered once."""
    command = ["template", release, chart, "--kube-version", cluster_config.KUBERNETES, "--namespace", namespace]
    for file in values:
        command += ["--values", file]
    key = (*command, contents(root, chart, values))
    if key not in _templates:
        _templates[key] = template(root, command)
    return [Rendered(file, application, wave, copy.deepcopy(content)) for file, content in _templates[key]]


_templates: dict[tuple[str, ...], list[tuple[str, dict]]] = {}


def contents(root: Path, chart: str, values: list[str]) -> str:
    """A digest of all that Helm reads."""
    digest = hashlib.sha256()
    files = sorted(path for path in (root / chart).rglob("*") if path.is_file())
    for file in [*files, *(root / name for name in values)]:
        text = file.read_bytes()
        digest.update(f"{file.relative_to(root)} {len(text)} ".encode() + text)
    return digest.hexdigest()


def template(root: Path, command: list[str]) -> list[tuple[str, dict]]:
    """What Helm prints: each object with the template that it is from."""
    done = subprocess.run([program("helm"), *command], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    chart = command[2]
    if done.returncode != 0:
        raise RenderError(f"{chart} with {', '.join(command[8::2])}: {done.stderr.strip()}")
    objects = []
    file = chart
    for document in re.split(r"^---$", done.stdout, flags=re.MULTILINE):
        if found := SOURCE.search(document):
            file = f"{chart}/{found[1].partition('/')[2]}"
        content = yaml.load(document, Loader=yaml.CSafeLoader)
        if content:
            objects.append((file, content))
    return objects


def values_files(cluster: str) -> list[str]:
    """What feeds every chart of ours, for a cluster."""
    return ["manifests/root/values.yaml", f"manifests/clusters/{cluster}/config.yaml"]


def directory(root: Path, source: dict, application: str, wave: int) -> list[Rendered]:
    excluded = source["directory"].get("exclude")
    objects = []
    for path in sorted((root / source["path"]).glob("*.yaml")):
        if path.name != excluded:
            for content in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
                objects.append(Rendered(str(path.relative_to(root)), application, wave, content))
    return objects


@functools.cache
def program(name: str) -> str:
    """The path of a program of scripts/platform-tools, built if need be."""
    checkout = Path(__file__).resolve().parents[2]
    command = [checkout / "scripts/platform-tool", name]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def clusters(root: Path) -> list[str]:
    return sorted(os.listdir(root / "manifests/clusters"))
