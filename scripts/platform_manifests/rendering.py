"""What a cluster's folder comes to: every object that Argo CD would apply, with where it is from.

The root chart is rendered by Helm, and then each of our layers as its Application says: the same path,
the same values files. Others' charts and repositories stay Applications."""

import copy
import hashlib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from platform_manifests import cluster_config
from refusal import Refusal, reason

SOURCE = re.compile(r"^# Source: (.+)$", re.MULTILINE)


class RenderError(Refusal):
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

    @property
    def sync_wave(self) -> int:
        """Of an Application: that in which Argo CD makes it, and its objects after it."""
        return int(self.object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name}"


@dataclass(frozen=True)
class Platform:
    """A cluster: its merged values, all objects that Argo CD applies, and what controllers make of them, as
    far as whoever asks knows."""

    cluster: str
    values: dict
    objects: list[Rendered]
    made: list[Rendered] = field(default_factory=list)

    @property
    def config_file(self) -> str:
        return cluster_config.config_file(self.cluster)

    def of(self, *kinds: str) -> list[Rendered]:
        return [rendered for rendered in (*self.objects, *self.made) if rendered.kind in kinds]

    def find(self, kind: str, namespace: str | None, name: str) -> Rendered | None:
        for rendered in self.of(kind):
            if (rendered.namespace, rendered.name) == (namespace, name):
                return rendered
        return None


@dataclass(frozen=True)
class Chart:
    """One of our charts, and what it is rendered with."""

    path: str
    release: str
    values: list[str]
    namespace: str = "default"


def ours(path: str, cluster: str) -> Chart:
    """A chart that a person applies, fed as Argo CD feeds the others."""
    return Chart(path, Path(path).name, cluster_config.files(cluster))


def render(root: Path, cluster: str, helm: str) -> Platform:
    """Renders a cluster of the checkout (or of a copy of its manifests) at `root`, with the `helm` of this path.

    Raises RenderError with what Helm says, a schema's refusal among it; Refusal where the cluster's files are
    not what they have to be."""
    values = cluster_config.merged(root, cluster)
    objects = of_chart(root, ours("manifests/root", cluster), helm, "root", -4)
    for application in [rendered for rendered in objects if rendered.kind == "Application"]:
        objects += layer(root, application, helm)
    return Platform(cluster, values, objects)


def layer(root: Path, application: Rendered, helm: str) -> list[Rendered]:
    """The objects of an Application whose sources are in our own repository."""
    objects = []
    for source in application.object["spec"]["sources"]:
        path = source.get("path", "")
        if not path.startswith("manifests/"):
            continue
        if "helm" in source:
            files = [file.removeprefix("/") for file in source["helm"]["valueFiles"]]
            objects += of_chart(root, Chart(path, source["helm"]["releaseName"], files), helm, application.name, application.sync_wave)
        else:
            objects += directory(root, source, application.name, application.sync_wave)
    return objects


def of_chart(root: Path, chart: Chart, helm: str, application: str, wave: int) -> list[Rendered]:
    """The objects of a chart. What is the same in several checkouts, byte by byte, is rendered once."""
    key = (helm, *arguments(chart), contents(root, chart))
    if key not in _templates:
        _templates[key] = parsed(text(root, chart, helm), chart)
    return [Rendered(file, application, wave, copy.deepcopy(content)) for file, content in _templates[key]]


_templates: dict[tuple[str, ...], list[tuple[str, dict]]] = {}


def contents(root: Path, chart: Chart) -> str:
    """A digest of all that Helm reads."""
    digest = hashlib.sha256()
    files = sorted(path for path in (root / chart.path).rglob("*") if path.is_file())
    for file in [*files, *(root / name for name in chart.values)]:
        read = file.read_bytes()
        digest.update(f"{file.relative_to(root)} {len(read)} ".encode() + read)
    return digest.hexdigest()


def arguments(chart: Chart) -> list[str]:
    values = [argument for file in chart.values for argument in ("--values", file)]
    fixed = ["--kube-version", cluster_config.KUBERNETES, "--namespace", chart.namespace]
    return ["template", chart.release, chart.path, *fixed, *values]


def text(root: Path, chart: Chart, helm: str) -> str:
    """What Helm prints."""
    done = subprocess.run([helm, *arguments(chart)], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RenderError(f"{chart.path} with {', '.join(chart.values)}: {reason(done.stderr)}")
    return done.stdout


def parsed(printed: str, chart: Chart) -> list[tuple[str, dict]]:
    """Each object with the template that it is from."""
    objects = []
    file = chart.path
    for document in re.split(r"^---$", printed, flags=re.MULTILINE):
        if found := SOURCE.search(document):
            file = f"{chart.path}/{found[1].partition('/')[2]}"
        content = yaml.load(document, Loader=yaml.CSafeLoader)
        if content:
            objects.append((file, content))
    return objects


def directory(root: Path, source: dict, application: str, wave: int) -> list[Rendered]:
    excluded = source["directory"].get("exclude")
    objects = []
    for path in sorted((root / source["path"]).glob("*.yaml")):
        if path.name != excluded:
            for content in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
                objects.append(Rendered(str(path.relative_to(root)), application, wave, content))
    return objects
