"""What is in substrate/ against the real `tofu`; hashicorp/google is stood in for by a small provider
that has its fields and no cloud. Everything happens in temporary folders."""

import json
import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
from substrate_mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[2]
SUBSTRATE = ROOT / "substrate"
MODULES = ["gke", "gke/bootstrap", "k3s"]
TESTED = ["gke", "k3s"]
MIRROR = "registry.opentofu.org/hashicorp/google/7.45.0/linux_amd64"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="session")
def tofu() -> str:
    if named := os.environ.get("TOLLGATE_TOFU"):
        return named
    if not shutil.which("go"):
        pytest.skip("Go is missing: tofu is built with it")
    built = subprocess.run([ROOT / "scripts/platform-tool", "tofu"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return built.stdout.strip()


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    """Where providers come from: a mirror with the stand-in, and from nowhere else."""
    if not shutil.which("go"):
        pytest.skip("Go is missing: the stand-in for hashicorp/google is built with it")
    folder = tmp_path_factory.mktemp("providers")
    binary = folder / MIRROR / "terraform-provider-google_v7.45.0"
    binary.parent.mkdir(parents=True)
    subprocess.run(
        ["go", "-C", SUBSTRATE / "tests/provider-google", "build", "-mod=readonly", "-buildvcs=false",
         "-trimpath", "-o", binary, "."],
        check=True, env={**os.environ, "CGO_ENABLED": "0"})
    (folder / "tofurc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n')
    return {**os.environ, "TF_CLI_CONFIG_FILE": str(folder / "tofurc"), "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1", "NO_COLOR": "1"}


@pytest.fixture
def copy(tmp_path) -> Path:
    target = tmp_path / "substrate"
    shutil.copytree(SUBSTRATE, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    return target


@pytest.fixture
def run(tofu, environment):
    def run(folder: Path, *arguments: str, **extra: str) -> tuple[int, str]:
        done = subprocess.run([tofu, *arguments], cwd=folder, env={**environment, **extra},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, ANSI.sub("", done.stdout)
    return run


def test_format(tofu, run):
    assert run(SUBSTRATE, "fmt", "-check", "-recursive", "-diff") == (0, "")


@pytest.mark.parametrize("module", MODULES)
def test_is_valid(module, copy, run):
    code, text = run(copy / module, "init", "-backend=false")
    assert code == 0, text
    code, text = run(copy / module, "validate")
    assert code == 0, text


@pytest.mark.parametrize("module", TESTED)
def test_keeps_its_promises(module, copy, run):
    run(copy / module, "init", "-backend=false")
    code, text = run(copy / module, "test")
    assert code == 0, text
    assert re.search(r"Success! \d+ passed, 0 failed", text), text


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_is_found(name, copy, run):
    file, old, new, named = MUTATIONS[name]
    path = copy / file
    assert old in path.read_text(), f"{file} has no longer what this test breaks"
    path.write_text(path.read_text().replace(old, new, 1))
    module = copy / file.split("/")[0]
    run(module, "init", "-backend=false")
    code, text = run(module, "validate")
    if code == 0:
        code, text = run(module, "test")
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


CONFIG = """\
# One cluster.
domain: old.example.com   # as clients see it
cluster:
  name: llm

edge:
  service:
    # the public address
    address: "192.0.2.1" # static
    type: LoadBalancer
# the end
"""


def config(tmp_path, outputs: dict, *options: str, text: str = CONFIG):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    document = {name: {"value": value, "sensitive": False} if not isinstance(value, dict) else value
                for name, value in outputs.items()}
    done = subprocess.run([ROOT / "scripts/config-from-outputs", "config.yaml", *options], cwd=tmp_path,
                          input=json.dumps(document), capture_output=True, text=True)
    return done, path.read_text()


def test_config_shows_a_diff_and_writes_nothing(tmp_path):
    done, text = config(tmp_path, {"edge_address": "203.0.113.9", "cluster_name": "llm"})
    assert done.returncode == 0 and text == CONFIG
    assert '-    address: "192.0.2.1" # static\n+    address: "203.0.113.9" # static\n' in done.stdout


def test_config_is_written_with_its_comments(tmp_path):
    outputs = {"edge_address": "203.0.113.9", "dns_domain": "llm.example.com", "project": "example-project",
               "dns_zone": None, "webhook_ports": ["9443"]}
    done, text = config(tmp_path, outputs, "--write")
    assert done.returncode == 0, done.stderr
    assert text == """\
# One cluster.
domain: llm.example.com   # as clients see it
cluster:
  name: llm
  gcpProject: example-project

edge:
  service:
    # the public address
    address: "203.0.113.9" # static
    type: LoadBalancer
# the end
"""
    again, same = config(tmp_path, outputs, "--write", text=text)
    assert again.stdout == "config.yaml: agrees with the outputs\n" and same == text


@pytest.mark.parametrize("outputs, text, said", [
    ({"edge_adress": "x"}, CONFIG, "no place is known for the output `edge_adress`"),
    ({"project": {"value": "x", "sensitive": True}}, CONFIG, "`project` is sensitive"),
    ({"edge_address": "x"}, "edge: [a]\n", "line 1: `edge` has a value; it should hold `service`"),
    ({"domain": "x"}, CONFIG, "`domain`"),
    ({"dns_domain": "x"}, "domain:\n  a: b\n", "line 1: `domain` is no single value"),
])
def test_config_refuses(outputs, text, said, tmp_path):
    done, after = config(tmp_path, outputs, "--write", text=text)
    assert done.returncode == 1 and said in done.stderr and after == text


def test_every_output_has_a_place():
    script = (ROOT / "scripts/config-from-outputs").read_text()
    for path in SUBSTRATE.rglob("*.tf"):
        for name in re.findall(r'^output "(\w+)"', path.read_text(), re.MULTILINE):
            if path.parent.name != "bucket":
                assert f'"{name}"' in script, f"{path}: output {name}"


def test_every_place_is_one_that_the_configuration_has():
    script = runpy.run_path(str(ROOT / "scripts/config-from-outputs"))
    schema = json.loads((ROOT / "manifests/root/values.schema.json").read_text())
    for place in script["PLACES"].values():
        at = schema
        for key in place.split("."):
            assert key in at["properties"], f"{place}: values.schema.json has no {key}"
            at = at["properties"][key]


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
                          capture_output=True, text=True, env={**os.environ, "TOLLGATE_TOFU": tofu})
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert not (checkout / ".tollgate/substrate/k3s-example/terraform.tfstate").exists()
