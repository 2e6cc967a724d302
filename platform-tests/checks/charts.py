"""Others' charts, by what their Applications tell them.

Each value that we set is one of the keys that the chart's own values file has at that version:
charts/NAME.keys, written by scripts/chart-keys. Charts that lie in a released Go module
(charts/modules.json) are rendered by the real Helm besides, and their objects are held to the same
schemas and the same Pod Security as ours."""

import functools
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from harness import rendering
from harness.rendering import Platform, Rendered
from upstream import definitions

FOLDER = Path(__file__).resolve().parents[1] / "upstream/charts"
# Goes when the interpreter ends.
WORKING = tempfile.TemporaryDirectory(prefix="charts-")
NAME = re.compile(r'[^."]+|"[^"]*"')


def values_are_the_charts_own(platform: Platform) -> Iterator[str]:
    for app, source in sources(platform):
        yield from wrong_keys(app, source)


def sources(platform: Platform) -> Iterator[tuple[Rendered, dict]]:
    """Every chart that an Application names, with that Application."""
    for app in platform.of("Application"):
        for source in app.object["spec"]["sources"]:
            if "chart" in source:
                yield app, source


def wrong_keys(app: Rendered, source: dict) -> Iterator[str]:
    chart, version = source["chart"], source["targetRevision"]
    file = FOLDER / f"{chart}.keys"
    if not file.exists():
        yield f"{app}: spec.sources: the keys of chart {chart} are not recorded: write charts/{chart}.keys"
        return
    lines = file.read_text().splitlines()
    if f"# version: {version}" not in lines and f"# nearest to: {version}" not in lines:
        yield f"{app}: spec.sources: charts/{chart}.keys is not of version {version}: write it anew with scripts/chart-keys"
    known = [path(line) for line in lines if not line.startswith("#")]
    for key, value in leaves(source["helm"].get("valuesObject", {})):
        if not any(admits(entry, key, value) for entry in known):
            yield f"{app}: spec.sources.helm.valuesObject: chart {chart} {version} has no {'.'.join(key)}"


def rendered_ones_are_of_our_version(platform: Platform) -> Iterator[str]:
    """What is rendered here tells nothing of a release that it is not of."""
    entries = {entry["chart"]: entry for entry in modules()}
    for app, source in sources(platform):
        chart, version = source["chart"], source["targetRevision"]
        entry = entries.get(chart)
        if entry and version not in (entry["version"], entry.get("nearest to")):
            yield f"{app}: spec.sources: charts/modules.json has {chart} of {entry['version']}, not of {version}: name its module of that version"


def path(line: str) -> tuple[str, ...]:
    return tuple(name.strip('"') for name in NAME.findall(line))


def leaves(values: dict, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*above, name))
        else:
            yield (*above, name), value


def admits(entry: tuple[str, ...], key: tuple[str, ...], value: object) -> bool:
    """Whether a recorded key is this one, or a map in which anything may be."""
    if entry[-1] == "*":
        return key[: len(entry) - 1] == entry[:-1]
    # An empty map leaves the chart's defaults below it as they are.
    return key == entry or (value == {} and key == entry[: len(key)])


def rendered(platform: Platform) -> Platform:
    """What the charts that can be had here make of our values."""
    objects = []
    for app, source in sources(platform):
        if source["chart"] in archives():
            objects += template(app, source)
    return Platform(platform.cluster, platform.values, objects)


def template(app: Rendered, source: dict) -> list[Rendered]:
    folder = archives()[source["chart"]]
    values = folder.with_suffix(".values.json")
    values.write_text(json.dumps(source["helm"].get("valuesObject", {})))
    namespace = app.object["spec"]["destination"]["namespace"]
    release = source["helm"]["releaseName"]
    return rendering.helm(folder.parent, release, folder.name, [values.name], app.name, app.sync_wave, namespace)


@functools.cache
def archives() -> dict[str, Path]:
    """The charts' folders, as their release would have packed them."""
    found = {}
    for entry in modules():
        folder = Path(WORKING.name) / entry["chart"]
        shutil.copytree(definitions.module(entry) / entry["path"], folder)
        description = folder / "Chart.yaml"
        if not description.exists():
            description = folder / "Chart.template.yaml"
        content = yaml.load(description.read_text(), Loader=yaml.CSafeLoader)
        # Charts inside it lie elsewhere, and each of them is off.
        content = {key: value for key, value in content.items() if key != "dependencies"}
        (folder / "Chart.yaml").write_text(yaml.safe_dump(content | {"appVersion": entry["version"]}))
        found[entry["chart"]] = folder
    return found


@functools.cache
def modules() -> list[dict]:
    return json.loads((FOLDER / "modules.json").read_text())


CHECKS = [values_are_the_charts_own, rendered_ones_are_of_our_version]
