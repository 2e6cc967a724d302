"""Every command in a document is run, and does what the document says.

- A `console` block: each line after `$` is run, in the order of the document, in one shell; what
  is printed must be what the block shows, `...` standing for anything. It must succeed.
- A `yaml` block that begins with `# NAME` is the file of that name, for the commands below it.
- A `yaml` block of `http_filters:` is put into an Envoy's configuration, which must be valid.
- A `sh` block holds what CI runs by itself, `make` and its targets, and what needs somebody's cluster,
  cloud or login, by programs that are listed here: that is parsed.
- `make TARGET` and `tollgate COMMAND` in a sentence are there.
"""

import os
import re
import shlex
import subprocess
import textwrap
import time

import pytest

import documents
from documents import Block
from shell import Shell
from stack import ROOT

PATIENCE = 10  # seconds until what is shown must be so: logs, metrics and discovery take a moment
NAME = re.compile(r"# (\S+\.yaml)\n")
RUN_BY_CI = re.compile(r"(?:make [a-z].*|cargo test\b.*|\.ci/run)")
# kubectl's commands are held to kubectl itself by platform-tests, requests to an API are sent by test_first_request.py.
PARSED = ("bash", "cp", "curl", "export", "gcloud", "git", "k3d", "kubectl", "sed", "sudo", "(umask")
TOOL = "target/debug/tollgate "

BOOTSTRAP = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: 8080}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: documents
          route_config: {{name: none}}
{http_filters}
  clusters:
  - name: endpoint-picker
    load_assignment: {{cluster_name: endpoint-picker}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
node: {{id: documents, cluster: documents}}
"""


def runnable(document: str) -> bool:
    return any(block.language == "console" for block in documents.blocks(document))


@pytest.mark.parametrize("document", list(filter(runnable, documents.every())))
def test_what_a_document_shows(document, tmp_path):
    if "$ registry serve" in documents.read(document) and not os.environ["TOLLGATE_REGISTRY"]:
        pytest.skip("this machine can have no registry: scripts/registry says why")
    with Shell(tmp_path) as shell:
        for block in documents.blocks(document):
            if block.language == "console":
                play(shell, document, block)
            elif block.language == "yaml" and (name := NAME.match(block.text)):
                shell.write(name[1], block.text)
            elif block.language == "yaml" and block.text.startswith("http_filters:"):
                filters = textwrap.indent(block.text, " " * 10)
                shell.write("filters.yaml", BOOTSTRAP.format(http_filters=filters))
                said, code = shell.run("envoy --mode validate -c filters.yaml --log-level error")
                assert code == 0, f"{document}:{block.line}: {said}"


@pytest.mark.parametrize("document", documents.every())
def test_what_else_a_document_tells_to_run_is_run_by_ci(document):
    """Or, where it would need a cloud, is at least something that make, the tool or a shell understands."""
    for line, command in commands(document):
        if RUN_BY_CI.fullmatch(command):
            parsed = ["make", "--dry-run", *shlex.split(command)[1:]] if command.startswith("make") else ["true"]
        elif command.startswith(TOOL):
            parsed = [os.environ["TOLLGATE_CLI"], *subcommand(command), "--help"]
        else:
            assert command.startswith(PARSED), f"{document}:{line}: nothing runs this: {command}"
            parsed = ["bash", "-n", "-c", command]
        done = subprocess.run(parsed, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{document}:{line}: {command}: {done.stderr}"
        for option in options(command) if command.startswith(TOOL) else ():
            assert option in done.stdout, f"{document}:{line}: {command}: there is no {option}"


@pytest.mark.parametrize("document", documents.every())
def test_what_a_sentence_names_is_there(document):
    """`make` and a target, `tollgate` and a command."""
    for command in re.findall(r"`(make [a-z][^`]*|tollgate [a-z][^`]*)`", documents.sentences(document)):
        made = ["make", "--dry-run", *shlex.split(command)[1:]]
        parsed = made if command.startswith("make ") else [os.environ["TOLLGATE_CLI"], *subcommand(command), "--help"]
        done = subprocess.run(parsed, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{document}: {command}: {done.stderr}"


def commands(document: str) -> list[tuple[int, str]]:
    """Each command of the `sh` blocks, and the block's line; without comments, continued lines as one."""
    found = []
    for block in documents.blocks(document):
        if block.language in ("sh", "bash", "shell"):
            lines = block.text.replace("\\\n", "").splitlines()
            found += [(block.line, command) for line in lines if (command := re.sub(r"(^|\s+)# .*", "", line).strip())]
    return found


def subcommand(command: str) -> list[str]:
    """`keys mint` of `tollgate keys mint --name me`: the words before the first option, at most two."""
    return re.findall(r"^(?:[a-z-]+ ?){1,2}", command.partition("tollgate ")[2].partition(" -")[0])[0].split()


def options(command: str) -> list[str]:
    return re.findall(r"(?<= )--[a-z-]+", command)


def play(shell: Shell, document: str, block: Block) -> None:
    for command, shown in steps(block.text):
        expected = re.compile(pattern(shown), re.DOTALL)
        deadline = time.monotonic() + PATIENCE
        said, code = shell.run(command)
        while shown and not expected.fullmatch(said) and time.monotonic() < deadline:
            time.sleep(0.1)
            said, code = shell.run(command)
        where = f"{document}:{block.line}: $ {command}"
        assert code == 0, f"{where}\nended with {code}:\n{said}"
        if shown:
            assert expected.fullmatch(said), f"{where}\nshown:\n{shown}\nprinted:\n{said}"


def steps(text: str) -> list[tuple[str, str]]:
    """Commands and what is shown of their output. A `\\` at a line's end continues a command."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    assert found, f"no line of this console block begins with $:\n{text}"
    return found


def pattern(shown: str) -> str:
    """Output as a pattern. Lines end alike whether or not the last one has an end."""
    return re.escape(shown.rstrip("\n")).replace(re.escape("..."), ".*?") + r"\n*"


def test_every_path_in_the_map_of_the_code_exists():
    paths = re.findall(r"`((?:crates|plugins|host-tests|policies|demo|bench|fuzz|docs)[\w./-]*)`",
                       documents.read("CONTRIBUTING.md"))
    assert len(paths) > 20
    assert not [path for path in paths if not (ROOT / path).exists()]
