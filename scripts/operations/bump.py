"""`make bump LAYER=CHART VERSION=X`: another version of a chart in the values, shown as a diff."""

import re

import yaml

import yaml_edit
from operations.session import Refusal, Session

FILE = "manifests/root/values.yaml"
EXACT = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?")


def bump(session: Session, chart: str = "", version: str = "") -> None:
    """Writes the version (the newest, if none is named). Committing it is yours."""
    charts = session.values["charts"]
    if chart not in charts:
        raise Refusal(f"LAYER=CHART says which ({', '.join(charts)}); it is '{chart}'")
    version = version or newest(session, charts[chart]["repository"], chart)
    before = (session.root / FILE).read_text()
    if not EXACT.fullmatch(version):
        raise Refusal(f"VERSION is '{version}', and an exact one is needed")
    after = yaml_edit.put(before, ("charts", chart, "version"), version)
    print(yaml_edit.diff(FILE, before, after) or f"{chart} is at {version} already", end="" if before != after else "\n")
    if before == after:
        return
    if not session.dry_run:
        (session.root / FILE).write_text(after)
    crds = [name for name in session.values["crds"] if chart.startswith(name) or name.startswith(chart)]
    for name in crds:
        print(f"crds.{name} is read from its project at a commit: raise it too, to the release's own.")
    print("Then: make test, read the chart's release notes, commit.")


def newest(session: Session, repository: str, chart: str) -> str:
    """What the repository has; it takes a network."""
    where = [chart, "--repo", repository] if repository.startswith("http") else [f"oci://{repository}/{chart}"]
    return yaml.safe_load(session.read("helm", "show", "chart", *where))["version"]
