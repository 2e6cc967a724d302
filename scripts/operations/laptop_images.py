"""The laptop's own images: this checkout's module and command line tool, in the registry beside the cluster, and
by digest in its config.yaml.

They are made as a release's are (`tollgate bundle`, scripts/tool-image), and written where a fork writes its
release's. The cluster learns of them as of everything: by a commit, which is a person's to make."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml_edit
from operations.session import Refusal, Session
from platform_manifests import cluster_config
from refusal import tollgate

# What the nodes call the registry, whichever port of this machine leads to it.
REGISTRY = "tollgate-registry.localhost:5000"
MODULE, TOOL = "tollgate/gateway", "tollgate/tool"
CONTAINERFILE = "images/tool/Containerfile"
KINDS = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def port() -> int:
    """Of this machine, that leads to the registry: 5000 is taken on some."""
    text = os.environ.get("REGISTRY_PORT") or "5000"
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise Refusal(f"REGISTRY_PORT is a port of this machine; it is '{text}'")
    return int(text)


def put_images(session: Session) -> None:
    """Pushes what the registry lacks, and writes to config.yaml what it does not say yet."""
    registry = Registry(f"127.0.0.1:{port()}")
    if not session.dry_run and not registry.answers():
        raise Refusal(
            f"no registry answers at {registry.address}: k3d makes one beside its cluster (REGISTRY_PORT=N names its port), "
            "and docs/platform/laptop.md says how k3s gets one"
        )
    wanted = {}
    for name, made in (("module", module), ("tool", tool)):
        repository = named(session, name).get("repository", REGISTRY)
        if repository.startswith(REGISTRY):
            wanted |= made(session, registry)
        else:
            print(f"images.{name} is {repository}: it is left as it is")
    write(session, wanted)


def named(session: Session, image: str) -> dict[str, str]:
    """What config.yaml says of it, or {}."""
    return cluster_config.load(session.folder / "config.yaml").get("images", {}).get(image, {})


@dataclass(frozen=True)
class Registry:
    """As it is reached from here; without TLS, and past any proxy."""

    address: str

    def answers(self) -> bool:
        return self._ask("GET", "") == 200

    def has(self, repository: str, digest: str | None) -> bool:
        return bool(digest) and self._ask("HEAD", f"{repository}/manifests/{digest}") == 200

    def _ask(self, method: str, path: str) -> int | None:
        """None where nothing answers, or what answers is no registry."""
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", method=method, headers={"accept": KINDS})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
                known = "docker-distribution-api-version" in answer.headers
                return answer.status if known else None
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None


def module(session: Session, registry: Registry) -> dict[yaml_edit.Place, str]:
    """Places and values: the image of the module that `make build` has built, and what the edge verifies."""
    file = os.environ.get("TOLLGATE_MODULE", "MODULE")
    with tempfile.TemporaryDirectory() as folder:
        bundle = str(Path(folder) / "bundle")
        said = session.change(command_line(session), "bundle", "build", "--module", file, "--output", bundle)
        if session.dry_run:
            session.change(command_line(session), "bundle", "push", bundle, f"{registry.address}/{MODULE}:TAG")
            return {}
        sha256, image = found(r"^module +sha256:(\w{64})$", said), found(r"^image +(sha256:\w{64})$", said)
        tag = tag_of(session, sha256)
        if registry.has(MODULE, image):
            print(f"{MODULE}@{image} is in the registry")
        else:
            session.change(command_line(session), "bundle", "push", bundle, f"{registry.address}/{MODULE}:{tag}")
    return places("module", MODULE, tag, image) | {("edge", "module", "sha256"): sha256}


def tool(session: Session, registry: Registry) -> dict[yaml_edit.Place, str]:
    """The same of the tool's image; its digest is known once it was pushed, so the tag says what is in it."""
    if session.dry_run:
        session.change("scripts/tool-image", f"{registry.address}/{TOOL}:TAG")
        return {}
    content = hashlib.sha256(program(session).read_bytes() + (session.root / CONTAINERFILE).read_bytes()).hexdigest()
    tag = tag_of(session, content)
    before = named(session, "tool")
    digest = before.get("digest") if before.get("tag") == tag else None
    if registry.has(TOOL, digest):
        print(f"{TOOL}@{digest} is in the registry")
    else:
        said = session.change("scripts/tool-image", f"{registry.address}/{TOOL}:{tag}")
        digest = found(r"@(sha256:\w{64})$", said)
    return places("tool", TOOL, tag, digest)


def program(session: Session) -> Path:
    """The tool as it will be in its image; building it may take minutes, and says so."""
    command = [session.program("scripts/tool-image"), "--program"]
    done = subprocess.run(command, cwd=session.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Refusal("the command line tool could not be built, as is said above")
    return session.root / done.stdout.strip()


def tag_of(session: Session, content: str) -> str:
    return f"{session.read(command_line(session), '--version').split()[-1]}-{content[:12]}"


def command_line(session: Session) -> str:
    return "tollgate" if session.dry_run and "TOLLGATE_CLI" not in os.environ else tollgate()


def found(pattern: str, said: str) -> str:
    match = re.search(pattern, said, re.MULTILINE)
    if not match:
        raise Refusal(f"nothing in what was printed looks like {pattern}:\n{said}")
    return match[1]


def places(name: str, repository: str, tag: str, digest: str) -> dict[yaml_edit.Place, str]:
    image = {"repository": f"{REGISTRY}/{repository}", "tag": tag, "digest": digest}
    return {("images", name, key): value for key, value in image.items()}


def write(session: Session, wanted: dict[yaml_edit.Place, str]) -> None:
    name = cluster_config.config_file(session.cluster)
    if session.dry_run:
        print(f"+ write their digests to {name}")
        return
    before = (session.root / name).read_text()
    try:
        after = yaml_edit.put_all(before, wanted)
    except Refusal as refusal:
        raise Refusal(f"{name}: {refusal}") from None
    if after != before:
        print(yaml_edit.diff(name, before, after), end="")
        (session.root / name).write_text(after)
        # What a lock file has of the images that were named before would win.
        session.change(sys.executable, "scripts/render", session.cluster)
