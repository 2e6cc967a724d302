"""`make bump LAYER=CHART VERSION=X`: another version of a chart, or of CRDs, in the values, shown as a diff.

What else is of the same release is named, and left to whoever bumps: only its release notes say how it is
numbered."""

import re
from collections.abc import Iterator

import yaml

import yaml_edit
from operations.session import Refusal, Session
from platform_manifests import cluster_config

FILE = "manifests/root/values.yaml"
EXACT = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?")
# Charts of one release.
PAIRS = (("agentgateway", "agentgateway-crds"), ("kserve-resources", "kserve-crd"))


def bump(session: Session, layer: str = "", version: str = "") -> None:
    """Writes the version (a chart's newest, if none is named). Committing it is yours."""
    section, name = place_of(session, layer)
    entry = session.values[section][name]
    if not version and section == "crds":
        raise Refusal(f"VERSION=X says which release of {entry['repository']}")
    version = version or newest(session, entry, name)
    # Of the file: a cluster's own version is not what is raised.
    before = (session.root / FILE).read_text()
    refuse_another_form(version, yaml_edit.get(before, (section, name, "version")))
    after = yaml_edit.put(before, (section, name, "version"), version)
    print(yaml_edit.diff(FILE, before, after) or f"{name} is at {version} already", end="" if before != after else "\n")
    if before != after and not session.dry_run:
        (session.root / FILE).write_text(after)
    for line in [*overridden(session, section, name), *(of_chart(session, name, version) if section == "charts" else of_crds(name, entry, version))]:
        print(line)
    if before != after:
        print("Then: make test, read the release notes, commit.")


def place_of(session: Session, layer: str) -> tuple[str, str]:
    """Where the values have it: CHART, or CRDS or crds.CRDS."""
    charts, crds = session.values["charts"], session.values["crds"]
    if layer in charts:
        return "charts", layer
    if layer.removeprefix("crds.") in crds:
        return "crds", layer.removeprefix("crds.")
    others = [f"crds.{name}" if name in charts else name for name in crds]
    raise Refusal(f"LAYER=CHART says which ({', '.join(charts)}), or whose CRDs ({', '.join(others)}); it is '{layer}'")


def refuse_another_form(version: str, present: str) -> None:
    if not EXACT.fullmatch(version):
        raise Refusal(f"VERSION is '{version}', and an exact one is needed")
    if version.startswith("v") != present.startswith("v"):
        alike = version.removeprefix("v") if version.startswith("v") else f"v{version}"
        raise Refusal(f"VERSION is '{version}', and the present one is {present}: is it {alike}?")


def overridden(session: Session, section: str, name: str) -> Iterator[str]:
    for cluster in cluster_config.clusters(session.root):
        file = cluster_config.config_file(cluster)
        own = cluster_config.values(session.root, file).get(section, {}).get(name, {}).get("version")
        if own:
            yield f"{file} has {section}.{name}.version {own} of its own, which wins there."


def of_chart(session: Session, chart: str, version: str) -> Iterator[str]:
    """What is of the same release."""
    for pair in PAIRS:
        if chart in pair:
            [other] = {*pair} - {chart}
            yield f"charts.{other} is of the same release: make bump LAYER={other} VERSION={version}"
    for name, crds in session.values["crds"].items():
        if crds.get("chart") == chart:
            yield (
                f"crds.{name} ({crds['version']}) is what its controller acts on, read from {crds['repository']} at a commit: "
                f"make bump LAYER=crds.{name} VERSION=X with the version that is in chart {chart} {version}"
            )


def of_crds(name: str, entry: dict, version: str) -> Iterator[str]:
    tag = f"refs/tags/{version}"
    # An annotated tag is an object of its own, and `^{}` the commit that it is on; a light one is the commit.
    yield f"crds.{name}.revision is that release's commit, which this prints, in its last line: git ls-remote {entry['repository']} '{tag}' '{tag}^{{}}'"


def newest(session: Session, entry: dict, chart: str) -> str:
    """What the repository has; it takes a network."""
    repository = entry["repository"]
    over_http = repository.startswith("http")
    if not over_http and entry["version"].startswith("v"):
        # Of a registry's tags helm reads only those that are a version and no more.
        raise Refusal(f"VERSION=X says which release: {chart}'s versions begin with v, and of those helm finds none in a registry ({repository}/{chart})")
    where = [chart, "--repo", repository] if over_http else [f"oci://{repository}/{chart}"]
    return yaml.safe_load(session.read("helm", "show", "chart", *where))["version"]
