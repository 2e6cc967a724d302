"""`make laptop-up` in a checkout of its own: real Git, registry, buildah, Helm and API server. The compilers are
stood in for, and what a node would do: the mirror's pod, which is its own program, and the way to it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from test_images import builds, get, pulled

import checks
from checks import cross_checks, secrets, strict_schemas
from harness import api_server, git_server, rendering
from harness import registry as registries
from harness.admission import bare_pod, wait_for_admission
from harness.module_verification import pod, verify
from harness.platforms import ROOT
from harness.processes import free_ports
from harness.rendering import program
from harness.workshop import Said, Workshop

CONFIG = "manifests/clusters/laptop/config.yaml"
INDEX = "application/vnd.oci.image.index.v1+json"
NODES = "tollgate-registry.localhost:5000"

# The tool's build is minutes of compiling; what it is made from is read from the real checkout.
CARGO = """
import os, pathlib, sys
if sys.argv[1] != "build":
    os.execv({cargo!r}, [{cargo!r}, *sys.argv[1:]])
assert sys.argv[-2:] == ["-p", "tollgate-cli"]
built = pathlib.Path("target", sys.argv[sys.argv.index("--target") + 1], "release/tollgate")
built.parent.mkdir(parents=True, exist_ok=True)
built.write_text(os.environ.get("TOOL", "the tool"))
"""
# No node runs the mirror's pod, and none leads to it.
KUBECTL = """
import os, signal, sys
if "port-forward" in sys.argv:
    print("Forwarding from 127.0.0.1:{port} -> 80", flush=True)
    signal.pause()
elif "rollout" not in sys.argv:
    os.execv({kubectl!r}, [{kubectl!r}, *sys.argv[1:]])
"""


class Laptop(Workshop):
    """A workshop that is a whole checkout, with a registry and a mirror to push to."""

    def __init__(self, folder: Path, server: api_server.ApiServer, registry: str, mirror: int):
        super().__init__(folder, server)
        self.registry, self.mirror = registry, f"http://127.0.0.1:{mirror}/tollgate.git"
        for name in ("Cargo.toml", "Cargo.lock", "crates", "plugins", "host-tests", "bench"):
            (self.root / name).symlink_to(ROOT / name)
        self.install("cargo", CARGO.format(cargo=shutil.which("cargo")))
        for name in ("rustup", "musl-gcc"):
            self.install(name, "")
        self.install("kubectl", KUBECTL.format(port=mirror, kubectl=program("kubectl")))
        self.environment = registries.engine(folder) | {
            "PATH": os.pathsep.join([str(self.bin), str(Path(program("helm")).parent), os.environ["PATH"]]),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
            "TOLLGATE_MODULE": os.environ["TOLLGATE_MODULE"],
            "REGISTRY_PORT": registry.partition(":")[2],
            "CI": "",
        }
        self.git("init", "--quiet", "--initial-branch", "mine")
        self.commit("the checkout")

    def up(self, **environment: str) -> Said:
        return self.operate("laptop-up", "laptop", types=["laptop"], **self.environment | environment)

    def git(self, *arguments: str) -> str:
        own = ("-c", "user.name=me", "-c", "user.email=me@example.com")
        return subprocess.run(["git", *own, *arguments], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all", "manifests", "scripts", "images")
        self.git("commit", "--quiet", "--message", message)

    def delivered(self, folder: Path) -> Path:
        """What Argo CD would read: the mirror's branch."""
        subprocess.run(["git", "clone", "--quiet", "--branch", "main", self.mirror, folder], check=True)
        return folder

    def config(self) -> dict:
        return yaml.safe_load((self.root / CONFIG).read_text())


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "mirror").mkdir()
    with api_server.running(folder) as server, registries.registry(folder) as registry, git_server.mirror(folder / "mirror") as mirror:
        yield Laptop(folder, server, registry, mirror.port)


@pytest.fixture(scope="module")
def up(laptop) -> list[Said]:
    """Three runs: at first, after the commit that it asks for, and once more."""
    said = [laptop.up()]
    assert said[0].code == 0, said[0].text
    laptop.commit("the laptop's own images")
    return [*said, laptop.up(), laptop.up()]


@builds
def test_the_first_run_shows_what_to_commit_and_commits_nothing(laptop, up):
    assert laptop.git("log", "--format=%s") == "the laptop's own images\nthe checkout\n"
    for name in ("module", "tool"):
        image = laptop.config()["images"][name]
        assert f"+    digest: {image['digest']}\n" in up[0].text.replace('"', "")
    assert "manifests/clusters/laptop has changes: commit them, and run this again before `make root`" in up[0].text
    before, after = (comments(laptop.git("show", f"{commit}:{CONFIG}")) for commit in ("HEAD~", "HEAD"))
    assert before == after != []


@builds
def test_what_is_there_is_not_pushed_again(laptop, up):
    for said in up[1:]:
        assert said.code == 0, said.text
        assert "has changes" not in said.text and "tool-image" not in said.text and "bundle push" not in said.text
        assert said.text.count(" is in the registry\n") == 2


@builds
def test_the_mirror_names_by_digest_what_the_registry_has(laptop, up, tmp_path):
    platform = rendering.render(laptop.delivered(tmp_path / "delivered"), "laptop")
    assert checks.found(platform, strict_schemas, cross_checks, secrets) == []
    spec = pod(platform)
    assert {container["image"] for container in spec["initContainers"]} == {named(laptop, "tool")}
    _, [files] = pulled(here(laptop, "tool"))
    assert files == {"tollgate": (0o555, b"the tool")}

    [module] = [volume["image"]["reference"] for volume in spec["volumes"] if volume["name"] == "module"]
    assert module == named(laptop, "module")
    index = yaml.safe_load(get(here(laptop, "module"), "manifests", module.partition("@")[2], INDEX))
    _, [files] = pulled(here(laptop, "module").partition("@")[0] + "@" + index["manifests"][0]["digest"])
    [(_, content)] = files.values()
    assert verify(platform, content, tmp_path / "pod").returncode == 0
    assert verify(platform, content + b"\0", tmp_path / "another").returncode == 1


@builds
def test_the_api_server_takes_the_laptops_images_and_no_tag_of_them(laptop, up):
    platform = rendering.render(laptop.root, "laptop")
    foundation = [rendered for rendered in platform.objects if rendered.application == "foundation"]
    ordered = sorted(foundation, key=lambda rendered: rendered.kind != "Namespace")
    assert laptop.server.apply([rendered.object for rendered in ordered]) == []
    for name in ("edge", platform.of("Deployment")[0].namespace):
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        assert laptop.server.apply([account]) == []
    wait_for_admission(laptop.server, platform)
    edge = bare_pod(platform.find("Deployment", "edge", "tollgate-edge"))
    assert laptop.server.create(edge) == ""
    tag = f"{NODES}/tollgate/tool:{laptop.config()['images']['tool']['tag']}"
    edge["spec"]["initContainers"][0]["image"] = tag
    assert f"images must be named by digest (name@sha256:...): {tag}" in laptop.server.create(edge)


@builds
def test_another_module_or_tool_is_another_digest(laptop, up, tmp_path):
    before = laptop.config()
    module = tmp_path / "module.wasm"
    # With a section of its own at the end, which means nothing.
    module.write_bytes(Path(os.environ["TOLLGATE_MODULE"]).read_bytes() + b"\0\4\3abc")
    said = laptop.up(TOLLGATE_MODULE=str(module))
    assert said.code == 0 and "bundle push" in said.text and "tool-image" not in said.text, said.text
    changed = laptop.config()
    assert changed["images"]["tool"] == before["images"]["tool"] and changed["images"]["module"] != before["images"]["module"]
    assert changed["edge"]["module"] != before["edge"]["module"]
    said = laptop.up(TOOL="another tool")
    assert said.code == 0 and "tool-image" in said.text, said.text
    assert laptop.config()["images"]["module"] == before["images"]["module"]
    assert laptop.config()["images"]["tool"] != before["images"]["tool"]
    laptop.git("checkout", "--quiet", CONFIG)


@builds
def test_an_image_from_elsewhere_is_left_as_it_is(laptop, up):
    config = laptop.config()
    config["images"]["module"] = {"repository": "registry.example.com/edge/tollgate", "tag": "1.0"}
    (laptop.root / CONFIG).write_text(yaml.safe_dump(config))
    said = laptop.up()
    assert said.code == 0 and "images.module is registry.example.com/edge/tollgate: it is left as it is" in said.text
    assert laptop.config() == config
    laptop.git("checkout", "--quiet", CONFIG)


def test_without_a_registry_nothing_is_built(laptop):
    [port] = free_ports(1)
    said = laptop.up(REGISTRY_PORT=str(port))
    assert said.code == 1 and f"no registry answers at 127.0.0.1:{port}: k3d makes one beside its cluster" in said.text
    # Something answers there, and it is none.
    said = laptop.up(REGISTRY_PORT=laptop.mirror.split(":")[2].partition("/")[0])
    assert said.code == 1 and "no registry answers at" in said.text


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if "#" in line]


def named(laptop: Laptop, name: str) -> str:
    image = laptop.config()["images"][name]
    return f"{image['repository']}@{image['digest']}"


def here(laptop: Laptop, name: str) -> str:
    """The same image by the registry's address on this machine."""
    return named(laptop, name).replace(NODES, laptop.registry)
