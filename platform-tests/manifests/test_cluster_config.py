"""A cluster's config.yaml that says two things, or nothing, is refused in a line with its file and place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import forks, rendering
from operations import doctor
from operations.session import Session
from refusal import Refusal

CONFIG = "manifests/clusters/laptop/config.yaml"
WRONG = {
    "a section twice": (lambda text: text + "\nedge:\n  service: {type: ClusterIP}\n", "`edge` is given twice: the first is in line 10"),
    "a key twice": (lambda text: text.replace("  name: laptop", "  name: laptop\n  name: laptop"), "line 4: `name` is given twice: the first is in line 3"),
    "no YAML": (lambda text: text + "edge: {\n", "line "),
    "a tab": (lambda text: text + "edge:\n\tservice: 1\n", "line "),
    "a list": (lambda text: "- a\n", "it is a list, and has to be a map of keys and values"),
    "a word": (lambda text: "laptop\n", "it is a str, and has to be a map of keys and values"),
    "itself inside": (lambda text: text + "n8n: &n8n\n  inner: *n8n\n", "it contains itself"),
    "no anchor": (lambda text: text + "n8n: *nobody\n", "undefined alias"),
    "another's name": (lambda text: text.replace("name: laptop", "name: lab"), 'cluster.name is "lab", and the folder is "laptop"'),
    "no cluster": (lambda text: "cluster: none\n", 'cluster.name is null, and the folder is "laptop"'),
}


@pytest.fixture
def fork(tmp_path) -> Path:
    return forks.copy(tmp_path)


def render(fork: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([fork / "scripts/render", *(arguments or ["laptop"])], capture_output=True, text=True)


@pytest.mark.parametrize("change, said", WRONG.values(), ids=WRONG)
def test_what_says_two_things_or_nothing_is_refused_by_all_that_reads_it(fork, change, said):
    file = fork / CONFIG
    file.write_text(change(file.read_text()))
    done = render(fork)
    assert done.returncode == 1 and done.stderr.startswith(f"render: laptop: {CONFIG}: ")
    assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    for read in (lambda: Session.of(fork, "laptop", dry_run=True), lambda: rendering.render(fork, "laptop")):
        with pytest.raises(Refusal, match=f"^{CONFIG}: "):
            read()


def test_what_is_no_utf_8_is_refused(fork):
    (fork / CONFIG).write_bytes(b"domain: caf\xe9\n")
    assert render(fork).stderr == f"render: laptop: {CONFIG}: byte 11 is no UTF-8\n"


def test_a_cluster_that_was_never_rendered_is_named(fork):
    (fork / "manifests/clusters/laptop/rendered/values.yaml").unlink()
    with pytest.raises(Refusal, match="^manifests/clusters/laptop/rendered/values.yaml is missing: make render CLUSTERS=laptop$"):
        Session.of(fork, "laptop", dry_run=True)


def test_render_names_a_cluster_that_is_not_there(fork):
    assert render(fork, "moon").stderr == "render: moon: manifests/clusters/moon/config.yaml is missing\n"


def test_a_typo_is_seen_by_render_and_by_the_doctor(fork):
    file = fork / CONFIG
    file.write_text(file.read_text().replace("drainSeconds: 60", "drainSecond: 60").replace("contextLength: 4096", "contextLength: four"))
    said = ["edge: Additional properties are not allowed ('drainSecond' was unexpected)", 'models.qwen2.5-0.5b-instruct.contextLength: "four" is not of type "integer"']
    done = render(fork)
    assert done.returncode == 1 and all(text in done.stderr for text in said), done.stderr
    findings = [remedy for good, _, remedy in doctor.configuration(Session.of(fork, "laptop", dry_run=True)) if not good]
    assert all(any(text in remedy for remedy in findings) for text in said), findings


def test_the_rules_are_rendered_where_there_is_neither_go_nor_helm(fork, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    variables = {"PATH": str(folder), "TOLLGATE_CLI": os.environ["TOLLGATE_CLI"]}
    done = subprocess.run([sys.executable, fork / "scripts/render", "laptop"], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
