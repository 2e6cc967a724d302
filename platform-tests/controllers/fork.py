"""A fork of this repository on a Git server of its own, for a real Argo CD to read.

What a cluster's Applications fetch from elsewhere can't be had here. Its config.yaml, the one file that
a fork edits, names the same charts and CRDs on the local server instead: the CRDs are the real ones, and
a chart is a stand-in that makes one Deployment, and for Argo CD its settings out of our values."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import yaml

import cluster_config
from harness.platforms import ROOT
from harness.rendering import program
from upstream import definitions

DEPLOYMENT = """
{{- if not (.Files.Glob "crds.json") }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Chart.Name }}, namespace: {{ .Release.Namespace }}}
spec:
  selector: {matchLabels: {app: {{ .Chart.Name }}}}
  template:
    metadata: {labels: {app: {{ .Chart.Name }}}}
    spec: {containers: [{name: controller, image: "stand-in:1"}]}
{{- end }}
"""
SETTINGS = """
{{- with (.Values.configs).cm }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  labels: {app.kubernetes.io/part-of: argocd}
data: {{- toYaml . | nindent 2 }}
{{- end }}
"""
CRDS = """
{{- range (.Files.Get "crds.json" | default "[]" | fromJsonArray) }}
---
{{ toJson . }}
{{- end }}
"""


class Fork:
    """The fork's working copy; what is committed is what the server serves."""

    def __init__(self, folder: Path, cluster: str, url: str):
        """`folder` is what the server at `url` serves."""
        self.folder, self.cluster, self.url = folder, cluster, url
        self.work = folder / "work"
        shutil.copytree(ROOT / "manifests", self.work / "manifests", symlinks=True)
        config = self.config
        values = cluster_config.merged(ROOT, cluster)
        own = cluster_config.load(config)
        known = definitions.by_application()
        local = {
            "git": {"repository": f"{url}/tollgate.git", "revision": "main"},
            "crds": {name: self._crds(name, source) for name, source in values["crds"].items() if f"{name}-crds" in known},
            "charts": {name: self._chart(name, source) for name, source in values["charts"].items()},
        }
        run("helm", "repo", "index", "charts", "--url", f"{url}/charts", cwd=folder)
        config.write_text(yaml.safe_dump(cluster_config.merge(own, local)))
        self._repository("tollgate", self.work)

    @property
    def config(self) -> Path:
        return self.work / "manifests/clusters" / self.cluster / "config.yaml"

    def configure(self, change) -> None:
        """Commits the cluster's config.yaml as `change` leaves it."""
        values = cluster_config.load(self.config)
        change(values)
        self.config.write_text(yaml.safe_dump(values))
        self.commit("Configuration")

    def edit(self, file: str, old: str, new: str) -> None:
        """Commits one replacement in a file below manifests/."""
        path = self.work / "manifests" / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file}: `{old}` is there {text.count(old)} times"
        path.write_text(text.replace(old, new))
        self.commit(file)

    def add(self, file: str, text: str) -> None:
        """Commits a new file below manifests/."""
        (self.work / "manifests" / file).write_text(text)
        self.commit(file)

    def revert(self) -> None:
        git(self.work, "revert", "--no-edit", "HEAD")
        git(self.work, "push", "origin", "main")

    def commit(self, message: str) -> str:
        git(self.work, "add", "--all")
        git(self.work, "commit", "--message", message)
        git(self.work, "push", "origin", "main")
        return git(self.work, "rev-parse", "HEAD")

    def _repository(self, name: str, work: Path) -> str:
        """Makes a bare repository out of a folder; returns its commit."""
        bare = self.folder / f"{name}.git"
        git(self.folder, "init", "--bare", "--initial-branch", "main", str(bare))
        git(work, "init", "--initial-branch", "main")
        git(work, "remote", "add", "origin", str(bare))
        git(work, "add", "--all")
        git(work, "commit", "--message", "Start")
        git(work, "push", "origin", "main")
        return git(work, "rev-parse", "HEAD")

    def _crds(self, name: str, source: dict) -> dict:
        """A project's CRDs in a repository, at the path where its own has them."""
        work = self.folder / f"{name}-work"
        path = work / source["path"]
        path.mkdir(parents=True)
        for document in definitions.by_application()[f"{name}-crds"]:
            file = f"{document['kind'].lower()}_{document['metadata']['name']}.yaml"
            (path / file).write_text(json.dumps(document))
        commit = self._repository(name, work)
        return source | {"repository": f"{self.url}/{name}.git", "revision": commit}

    def _chart(self, name: str, source: dict) -> dict:
        """A chart by this name and version; one that brings CRDs brings the real ones."""
        chart = self.folder / "charts-work" / name
        (chart / "templates").mkdir(parents=True)
        about = {"apiVersion": "v2", "name": name, "version": source["version"]}
        (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
        for file, text in {"deployment": DEPLOYMENT, "settings": SETTINGS, "crds": CRDS}.items():
            (chart / "templates" / f"{file}.yaml").write_text(text)
        if name in definitions.by_application():
            (chart / "crds.json").write_text(json.dumps(definitions.by_application()[name]))
        run("helm", "package", str(chart), "--destination", "charts", cwd=self.folder)
        return {"repository": f"{self.url}/charts", "version": source["version"]}


def git(folder: Path, *arguments: str) -> str:
    # No configuration of whoever runs the tests.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "test", f"GIT_{role}_EMAIL": "test@example.com"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def run(name: str, *arguments: str, cwd: Path) -> None:
    done = subprocess.run([program(name), *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stderr}"
