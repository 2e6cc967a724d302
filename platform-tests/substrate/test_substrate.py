"""What is in substrate/ against the real `tofu`; hashicorp/google is stood in for by a small provider
that has its fields and no cloud. Everything happens in temporary folders."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from substrate_mutations import MUTATIONS

from harness import opentofu
from harness.opentofu import SUBSTRATE
from platform_manifests import cluster_config

ROOT = SUBSTRATE.parent
MODULES = ["gke", "gke/bootstrap", "k3s"]


@pytest.fixture(scope="session")
def tofu(tmp_path_factory) -> opentofu.Tofu:
    if not shutil.which("go"):
        pytest.skip("Go is missing: tofu and the stand-in for hashicorp/google are built with it")
    return opentofu.tofu(tmp_path_factory.mktemp("providers"))


@pytest.fixture
def copy(tmp_path) -> Path:
    return opentofu.copy(tmp_path)


@pytest.fixture
def run(tofu):
    return tofu.run


def test_format(run):
    assert run(SUBSTRATE, "fmt", "-check", "-recursive", "-diff") == (0, "")


@pytest.mark.parametrize("module", MODULES)
def test_is_valid(module, copy, run):
    code, text = run(copy / module, "init", "-backend=false")
    assert code == 0, text
    code, text = run(copy / module, "validate")
    assert code == 0, text


@pytest.mark.parametrize("module", MODULES)
def test_keeps_its_promises(module, copy, run):
    run(copy / module, "init", "-backend=false")
    code, text = run(copy / module, "test")
    assert code == 0, text
    assert re.search(r"Success! \d+ passed, 0 failed", text), text


def modules_with(file: str) -> list[str]:
    """The modules that a file is part of: what lies in gke/modules, of each that makes one of it."""
    if file.startswith("gke/modules/"):
        return ["gke", "gke/bootstrap"]
    return [max((module for module in MODULES if file.startswith(f"{module}/")), key=len)]


@pytest.mark.parametrize("name, module", [(name, module) for name, (file, *_) in MUTATIONS.items() for module in modules_with(file)])
def test_a_mistake_is_found(name, module, copy, run):
    file, old, new, named = MUTATIONS[name]
    path = copy / file
    assert old in path.read_text(), f"{file} has no longer what this test breaks"
    path.write_text(path.read_text().replace(old, new, 1))
    run(copy / module, "init", "-backend=false")
    code, text = run(copy / module, "validate")
    if code == 0:
        code, text = run(copy / module, "test")
    assert code != 0, f"nothing noticed: {name}"
    flat = re.sub(r"[│\s]+", " ", text)
    for word in named:
        assert word in flat, text


def test_no_secret_value_and_nothing_inside_the_cluster():
    for path in SUBSTRATE.rglob("*.tf"):
        text = path.read_text()
        for word in ["google_secret_manager_secret_version", "google_service_account_key",
                     'resource "kubernetes_', '"helm_release"', "hashicorp/kubernetes", "hashicorp/helm"]:
            assert word not in text, f"{path}: {word}"


def test_every_resource_of_the_schema_is_used():
    used = set()
    for path in (SUBSTRATE / "gke").rglob("*.tf"):
        used |= set(re.findall(r'^(?:resource|data) "(\w+)"', path.read_text(), re.MULTILINE))
    schema = (SUBSTRATE / "tests/provider-google/schema.txt").read_text()
    assert used == set(re.findall(r"^(?:resource|data) (\w+)", schema, re.MULTILINE))


@pytest.fixture
def planned(copy, run):
    """What a shipped cluster's tfvars come to, with a provider that makes answers up: outputs and resources."""
    module = copy / "gke"
    tests = (module / "tests/gke.tftest.hcl").read_text()
    mocks = tests[tests.index("mock_provider") : tests.index("variables {")]
    one = 'run "cluster" {\n  command = apply\n  variables {\n    project = "example-project"\n  }\n}\n'
    (module / "tests/one.tftest.hcl").write_text(mocks + one)
    run(module, "init", "-backend=false")

    def planned(cluster: str) -> tuple[dict, list[dict]]:
        arguments = ("-json", "-verbose", "-filter=tests/one.tftest.hcl", f"-var-file=clusters/{cluster}.tfvars")
        code, text = run(module, "test", *arguments)
        assert code == 0, text
        [state] = [line["test_state"] for line in map(json.loads, text.splitlines()) if line["type"] == "test_state"]
        return state["values"]["outputs"], state["values"]["root_module"]["resources"]

    return planned


@pytest.mark.parametrize("cluster", ["production", "single-gpu"])
def test_the_gpus_that_ship_are_the_same_in_both_halves(cluster, planned, tmp_path):
    """Kueue's quota is the pool's maximum, and each model's pod fits on one of its nodes."""
    outputs, resources = planned(cluster)
    shutil.copy(ROOT / "manifests/clusters" / cluster / "config.yaml", tmp_path)

    def config(outputs: dict) -> str:
        command = [sys.executable, ROOT / "scripts/config-from-outputs", "config.yaml"]
        return subprocess.run(command, cwd=tmp_path, input=json.dumps(outputs), check=True, capture_output=True, text=True).stdout

    quota = outputs["gpu_quota"]["value"]
    assert not re.search(r"^[-+] +max:", config(outputs), re.MULTILINE)
    assert f"-      max: {quota}\n+      max: {quota + 1}\n" in config(outputs | {"gpu_quota": {"value": quota + 1}})
    [nodes] = [each["values"] for each in resources if each["address"] == "google_container_node_pool.gpu"]
    models = cluster_config.merged(ROOT, cluster)["models"].values()
    largest = max(model["resources"]["limits"]["nvidia.com/gpu"] for model in models)
    assert largest <= nodes["node_config"][0]["guest_accelerator"][0]["count"]


def test_state_can_be_encrypted(copy, run):
    """The README's TF_ENCRYPTION, on the one state that needs no cloud."""
    module = copy / "k3s"
    encryption = re.search(r"```hcl\n(.*?)```", (SUBSTRATE / "README.md").read_text(), re.DOTALL)[1]
    encryption = encryption.replace("PASSPHRASE", "correct horse battery staple")
    run(module, "init", TF_ENCRYPTION=encryption)
    code, text = run(module, "apply", "-auto-approve", "-var-file=clusters/example.tfvars", TF_ENCRYPTION=encryption)
    assert code == 0, text
    state = json.loads((module / "terraform.tfstate").read_text())
    assert "encrypted_data" in state and "outputs" not in state


@pytest.fixture
def rendered(copy, run, tmp_path) -> Path:
    module = copy / "k3s"
    run(module, "init")
    run(module, "apply", "-auto-approve", "-var-file=clusters/example.tfvars")
    files = json.loads(run(module, "output", "-json", "files")[1])
    for name, text in files.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "files"


def test_install_runs_in_order(rendered, tmp_path):
    """With an ssh that only takes notes: who is asked for what, in which order."""
    stand_ins = tmp_path / "bin"
    stand_ins.mkdir()
    (stand_ins / "ssh").write_text(
        '#!/bin/sh\ncat >/dev/null\nshift 2\necho "$1: $2" >> "$NOTES"\n')
    (stand_ins / "ssh").chmod(0o755)
    notes = tmp_path / "notes"
    done = subprocess.run(
        ["bash", rendered / "install.sh"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "PATH": f"{stand_ins}:{os.environ['PATH']}", "NOTES": str(notes)})
    assert done.returncode == 0, done.stderr
    machines = [line.split(":")[0] for line in notes.read_text().splitlines() if "ROLE=" in line]
    assert machines == [f"ubuntu@192.168.1.{n}" for n in (11, 12, 13, 21)]
    handed = [line for line in notes.read_text().splitlines() if "umask 077; cat >" in line]
    assert [line.split("@")[1].split(":")[0] for line in handed] == [
        "192.168.1.12", "192.168.1.12", "192.168.1.13", "192.168.1.13", "192.168.1.21"]


def test_uninstall_asks(rendered):
    done = subprocess.run(["bash", rendered / "uninstall.sh"], input="yes\n", capture_output=True, text=True)
    assert done.returncode == 1 and "Nothing was done." in done.stderr


@pytest.mark.parametrize("arguments, said", [
    (["apply", "aws", "production"], "SUBSTRATE=gke, gke/bootstrap or k3s says which"),
    (["apply", "gke", ""], "CLUSTER=NAME says which"),
    (["apply", "gke", "nowhere"], "substrate/gke/clusters/nowhere.tfvars is missing"),
    (["apply", "gke", "production"], "still says CHANGE-ME"),
])
def test_make_refuses(arguments, said):
    done = subprocess.run([ROOT / "scripts/substrate", *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and said in done.stderr


@pytest.mark.parametrize("what", ["plan", "apply", "destroy", "config"])
def test_dry_run_shows_and_does_nothing(what):
    done = subprocess.run([ROOT / "scripts/substrate", what, "gke", "production"], capture_output=True,
                          text=True, env={**os.environ, "DRY_RUN": "1", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("+ ") for line in done.stdout.splitlines())
    assert ("asks for the name" in done.stdout) == (what in ("apply", "destroy"))


@pytest.mark.parametrize("what", ["apply", "destroy"])
def test_nothing_changes_with_nobody_there(what, tofu, tmp_path):
    """CI, and a pipe: the plan is shown, and that is all."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    shutil.copytree(SUBSTRATE, checkout / "substrate", ignore=shutil.ignore_patterns(".terraform*"))
    done = subprocess.run([checkout / "scripts/substrate", what, "k3s", "example"], input="example\n",
                          capture_output=True, text=True, env={**os.environ, "TOLLGATE_TOFU": tofu.binary})
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert not (checkout / ".tollgate/substrate/k3s-example/terraform.tfstate").exists()
