"""Each broken manifest of mutations.yaml is caught, with a message that names file and field."""

from pathlib import Path

import pytest
import yaml

import checks
from harness import forks, rendering

MUTATIONS = yaml.safe_load((Path(__file__).parent / "mutations.yaml").read_text())


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation["name"].replace(" ", "-"))
def test_it_is_caught(mutation, tmp_path):
    file = forks.manifests(tmp_path) / "manifests" / mutation["file"]
    text = file.read_text()
    assert text.count(mutation["old"]) == 1, f"`old` is there {text.count(mutation['old'])} times"
    file.write_text(text.replace(mutation["old"], mutation["new"]))
    cluster = mutation.get("cluster", "laptop")
    switch_on(tmp_path / f"manifests/clusters/{cluster}/config.yaml", mutation.get("features", []))
    found = findings(tmp_path, cluster)
    caught = {text: [finding for finding in found if text in finding] for text in mutation["caught"]}
    assert [text for text in caught if not caught[text]] == [], "\n".join(found)
    assert [finding for by_text in caught.values() for finding in by_text if not names_a_file(finding, tmp_path)] == []


def names_a_file(finding: str, root: Path) -> bool:
    """A check's begins with one; Helm's refusal with the chart, and all files of values that it was fed."""
    chart, _, values = finding.partition(": ")[0].rpartition(" with ")
    files = values.split(", ")
    return all((root / file).is_file() for file in files) and (root / chart).is_dir()


def switch_on(file: Path, features: list[str]) -> None:
    config = yaml.safe_load(file.read_text())
    if features:
        added = config.get("features", {}) | dict.fromkeys(features, True)
        file.write_text(yaml.safe_dump(config | {"features": added}))


def findings(root: Path, cluster: str) -> list[str]:
    try:
        platform = rendering.render(root, cluster)
    except rendering.RenderError as refusal:
        return [str(refusal)]
    return checks.findings(platform)
