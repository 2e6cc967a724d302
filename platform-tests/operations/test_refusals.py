"""What goes wrong around a command is said in a line, and where a wait might be for ever it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import forks
from harness.platforms import ROOT
from harness.processes import free_ports
from harness.rendering import program
from operations import edge, kube, laptop, verify, wait
from operations.session import Session
from refusal import Refusal, reason


def script(name: str, *arguments: str | Path, root: Path = ROOT, **environment: str | None) -> subprocess.CompletedProcess:
    """A command of scripts/, with these variables set or, by None, unset."""
    wanted = {name: value for name, value in (os.environ | environment).items() if value is not None}
    command = [root / "scripts" / name, *arguments]
    return subprocess.run(command, cwd=root, env=wanted, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def stand_in(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("command", [["render", "laptop"], ["envoy-gateway", "laptop"], ["pin", "--update"], ["check-examples"]], ids=" ".join)
def test_who_needs_the_command_line_tool_says_so(command, tmp_path):
    done = script(*command, root=forks.copy(tmp_path), TOLLGATE_CLI=None)
    assert done.returncode == 1
    assert done.stderr.endswith("TOLLGATE_CLI does not name the command line tool: run this by `make`, which builds it\n")
    assert "Traceback" not in done.stderr


def test_a_target_that_rustup_can_not_add_is_told_of(tmp_path):
    folder = tmp_path / "bin"
    stand_in(folder, "musl-gcc", "")
    stand_in(folder, "rustc", "echo /nowhere")
    stand_in(folder, "rustup", "echo 'error: could not download' >&2; exit 1")
    done = script("tool-image", "localhost/tool:1", root=forks.copy(tmp_path / "fork"), PATH=f"{folder}:{os.environ['PATH']}")
    assert done.returncode == 1 and "error: could not download" in done.stderr
    assert done.stdout == ""


def test_an_edge_that_does_not_answer_is_a_finding():
    [port] = free_ports(1)
    answer = edge.Edge(port).get("/v1/models")
    assert verify.expect(answer, 401) == "no answer ([Errno 111] Connection refused), and 401 is expected"


class Sleeper:
    """An edge whose model wakes after so many requests."""

    def __init__(self, left: int):
        self.left = left

    def chat(self, *_) -> edge.Answer:
        self.left -= 1
        return edge.Answer(503, '{"error": {"code": "model_waking"}}') if self.left >= 0 else edge.Answer(200, "{}")


def test_a_model_that_sleeps_is_asked_until_it_may_be_awake(monkeypatch):
    monkeypatch.setattr(verify, "PAUSE", 0.01)
    assert verify.awake(Sleeper(3), "chat", "key", 60).status == 200
    assert str(verify.awake(Sleeper(1000), "chat", "key", 0.05)) == "503 model_waking"
    servers = {"chat": {"coldStartSeconds": 900}, "other": {}}
    assert [verify.cold_start(servers, model) for model in ("chat", "other", "by-another-name")] == [900, 600, 900]


def test_a_port_forward_that_says_nothing_ends(tmp_path, monkeypatch):
    stand_in(tmp_path / "bin", "kubectl", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(kube, "FORWARD_SECONDS", 0.3)
    session = Session.of(ROOT, "laptop", dry_run=True)
    with pytest.raises(Refusal, match="^edge/front can't be reached: kubectl says nothing for 0.3 s"):
        with kube.Kube(session).forwarded("edge", "front", 80):
            pass


@pytest.fixture
def away(tmp_path) -> dict[str, str]:
    """Where kubectl's context is the laptop's, and nothing answers there."""
    [port] = free_ports(1)
    (tmp_path / "kubeconfig").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "laptop",
        "clusters": [{"name": "away", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "contexts": [{"name": "laptop", "context": {"cluster": "away", "user": "me"}}],
    }))  # fmt: skip
    path = f"{Path(program('kubectl')).parent}:{os.environ['PATH']}"
    return {"KUBECONFIG": str(tmp_path / "kubeconfig"), "PATH": path}


def test_of_a_program_that_fails_all_that_it_says_is_shown_and_nothing_else():
    helm = """\
level=WARN msg="walk.go:74: found symbolic link in path: manifests/root/files"
Error: execution error at (root/templates/checks.yaml:3:4): models.chat.contextLength:
  32768 is more than the cluster has

Use --debug flag to render out invalid YAML
"""
    assert reason(helm) == "Error: execution error at (root/templates/checks.yaml:3:4): models.chat.contextLength:\n  32768 is more than the cluster has"
    kubectl = """\
E1128 03:12:01.123456   12345 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?
"""
    assert reason(kubectl) == "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?"
    assert reason("\n") == "it failed, and said nothing"


@pytest.mark.parametrize("command", ["wait", "smoke", "verify", "teardown"])
def test_before_bootstrap_it_is_said_what_comes_first(command, tmp_path):
    unknown = "error: the server doesn't have a resource type"
    stand_in(tmp_path / "bin", "kubectl", f"""\
case "$*" in
*current-context*) echo laptop;;
*"get namespaces"* | *"get customresourcedefinitions"*) echo '{{"items": []}}';;
*) echo "{unknown}" >&2; exit 1;;
esac""")
    done = script("operate", command, "laptop", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert (done.returncode, done.stderr) == (1, f"{command}: Argo CD is not there: make bootstrap CLUSTER=laptop\n")


def test_an_input_that_ends_is_no_yes(monkeypatch):
    def ended(_):
        raise EOFError

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", ended)
    with pytest.raises(Refusal, match="^nothing was typed: nothing was changed$"):
        Session.of(ROOT, "laptop", dry_run=False).confirm("do something")


@pytest.mark.parametrize("found, step, commands", [(None, 2, ["bootstrap", "seed-secrets"]), ({"kind": "CustomResourceDefinition"}, 3, ["root", "wait"])])
def test_the_step_that_is_next_is_the_documents(found, step, commands):
    said = laptop.next_step(Session.of(ROOT, "laptop", dry_run=False), SimpleNamespace(get=lambda *_: found))
    section = (ROOT / "docs/platform/laptop.md").read_text().partition(f"## {step}. ")[2].partition("\n## ")[0]
    assert said.startswith(f"step {step}: make {commands[0]} CLUSTER=laptop") and commands[1] in said
    assert all(f"make {command} CLUSTER=laptop" in section for command in commands)


def test_waiting_for_no_time_looks_once(monkeypatch):
    answers = iter([["edge is not well"], []])
    monkeypatch.setattr(wait, "Kube", lambda _: None)
    monkeypatch.setattr(wait, "unfinished", lambda _: next(answers))
    session = Session.of(ROOT, "laptop", dry_run=False)
    with pytest.raises(Refusal, match="^not ready after 0 s$"):
        wait.wait(session, "0")
    wait.wait(session, "0")


def test_a_cluster_that_is_away_is_not_made_anew(away):
    done = script("operate", "laptop-up", "laptop", **away)
    assert done.returncode == 1 and "refused" in done.stderr and "k3d" not in done.stdout + done.stderr
    assert "memcache.go" not in done.stderr and done.stderr.count("\n") == 1


def test_the_doctor_tells_a_cluster_that_is_away_from_one_that_has_no_context(away):
    done = script("operate", "doctor", "laptop", **away)
    assert done.returncode == 1 and "lack kubectl's context can't be used\n" in done.stdout and "refused" in done.stdout
    assert "memcache.go" not in done.stdout


@pytest.mark.parametrize("command, said", [
    (["tool-image", ""], "tool-image: IMAGE=REGISTRY/REPOSITORY:TAG says what to push; it is ''\n"),
    (["tool-image", "localhost/tool"], "tool-image: IMAGE=REGISTRY/REPOSITORY:TAG says what to push; it is 'localhost/tool'\n"),
    (["envoy-gateway", ""], "envoy-gateway: '': CLUSTER=NAME says which (laptop, production, single-gpu)\n"),
    (["modelcar", "", "--model", ""], "modelcar: IMAGE=REGISTRY/REPOSITORY:TAG says what to push, and MODEL=OWNER/NAME or FOLDER=DIR of what\n"),
    (["push-image", "Containerfile", ".", "registry.example.com:5000/tool"], "push-image: 'registry.example.com:5000/tool' is no REGISTRY/REPOSITORY:TAG\n"),
    (["push-image", "Containerfile", ".", "registry.example.com/tool@sha256:12"], "push-image: 'registry.example.com/tool@sha256:12' is no REGISTRY/REPOSITORY:TAG\n"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")  # fmt: skip
def test_what_a_script_lacks_is_a_sentence(command, said):
    done = script(*command)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_a_folder_of_several_programs_is_no_program():
    done = script("platform-tool", "kubernetes")
    assert done.returncode == 1 and done.stderr.startswith("platform-tool: kubernetes has several programs: ") and " kubectl" in done.stderr


@pytest.mark.parametrize("arguments, said", [
    (["wait", "laptop", "soon"], "wait: SECONDS=N says for how long at most; it is 'soon'\n"),
    (["wait", "laptop", "1", "2"], "wait: it takes CLUSTER [SECONDS], and not '2' besides\n"),
    (["smoke", "laptop", "now"], "smoke: it takes CLUSTER, and not 'now' besides\n"),
])  # fmt: skip
def test_arguments_that_make_no_sense_are_named(arguments, said):
    done = script("operate", *arguments)
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("variables, code", [({"CI": "1"}, 1), ({"CI": None}, 0)], ids=["CI", "elsewhere"])
def test_without_go_these_tests_pass_nowhere_but_on_somebodys_machine(variables, code, tmp_path):
    command = [sys.executable, "-m", "pytest", __file__]
    wanted = {name: value for name, value in (os.environ | variables | {"PATH": str(tmp_path)}).items() if value is not None}
    done = subprocess.run(command, cwd=tmp_path, env=wanted, capture_output=True, text=True)
    assert done.returncode == code and "are built with Go 1.26" in done.stdout + done.stderr
