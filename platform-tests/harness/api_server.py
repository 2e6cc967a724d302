"""A real etcd and kube-apiserver on loopback, private to one test run."""

import contextlib
import functools
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from harness.authority import Authority
from harness.processes import free_ports, last_words, process
from harness.rendering import program

TOKEN = "admin-token-of-this-test-run"
READY_SECONDS = 60


@dataclass(frozen=True)
class ApiServer:
    """A running API server; `kubectl` speaks to it as an administrator."""

    url: str
    folder: Path

    def kubectl(self, *arguments: str, objects: list[dict] = ()) -> subprocess.CompletedProcess:
        """Runs kubectl; `objects` go to its standard input, as one list."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        command = [program("kubectl"), "--server", self.url, "--token", TOKEN, "--insecure-skip-tls-verify"]
        # No configuration or cache of whoever runs the tests.
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}
        return subprocess.run(
            [*command, *arguments], input=items, capture_output=True, text=True, env=environment, timeout=300
        )

    def read(self, path: str, **query: str) -> dict:
        """One GET. This, and `create`, without a kubectl that has to be started for it: for what is done often."""
        return json.loads(self.ask(path, query))

    def create(self, body: dict) -> str:
        """Creates one object, with unknown fields refused; returns the refusal's text, or '' when it is taken."""
        try:
            self.ask(collection(self, body), {"fieldValidation": "Strict"}, body)
        except urllib.error.HTTPError as refusal:
            return json.load(refusal)["message"]
        return ""

    def ask(self, path: str, query: dict[str, str], body: dict | None = None) -> bytes:
        """A POST of the body, where there is one; else a GET."""
        address = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        request = urllib.request.Request(address, data=body and json.dumps(body).encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=30, context=ssl._create_unverified_context()) as answer:
            return answer.read()

    def token(self, namespace: str, account: str) -> str:
        """By which a program is this ServiceAccount, and may do what it may."""
        done = self.kubectl("create", "token", account, "--namespace", namespace)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def kubeconfig(self, name: str = "test", token: str = TOKEN) -> dict:
        """For programs that read one, by a context of this name; as an administrator, or whose token it is."""
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        context = {"cluster": "test", "user": "admin"}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": name, "context": context}],
        }

    def apply(self, objects: list[dict]) -> list[str]:
        """Server-side apply, as Argo CD does it, with unknown fields refused. Returns the errors."""
        done = self.kubectl("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-", objects=objects)
        return [line for line in done.stderr.splitlines() if line and not line.startswith("Warning:")]

    def established(self) -> None:
        """Waits until every CustomResourceDefinition is served."""
        deadline = time.monotonic() + READY_SECONDS
        waiting = ["no answer"]
        while waiting and time.monotonic() < deadline:
            # Not `kubectl wait`, which fails where an object has no conditions yet.
            items = self.read("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
            waiting = [item["metadata"]["name"] for item in items if not is_established(item)]
        assert not waiting, f"not established: {waiting}"


def is_established(crd: dict) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


@functools.cache
def resource(server: ApiServer, api: str, kind: str) -> dict:
    """What the API server calls the objects of this kind."""
    found = [one for one in server.read(api)["resources"] if one["kind"] == kind and "/" not in one["name"]]
    assert found, f"{api} has no {kind}"
    return found[0]


def collection(server: ApiServer, body: dict) -> str:
    """The path to which such an object is sent."""
    version = body["apiVersion"]
    api = f"/apis/{version}" if "/" in version else f"/api/{version}"
    found = resource(server, api, body["kind"])
    namespace = f"/namespaces/{body['metadata'].get('namespace', 'default')}" if found["namespaced"] else ""
    return f"{api}{namespace}/{found['name']}"


@contextlib.contextmanager
def running(folder: Path, after: Path | None = None):
    """Starts both, and ends them whatever happens. `after`: the folder of one that has ended; what it kept is there."""
    client, peer, secure = free_ports(3)
    if after:
        shutil.copytree(after / "etcd", folder / "etcd")
    keys(folder)
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    etcd = [
        program("etcd"), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync",
        "--listen-client-urls", f"http://127.0.0.1:{client}",
        "--advertise-client-urls", f"http://127.0.0.1:{client}",
        "--listen-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-cluster", f"default=http://127.0.0.1:{peer}",
    ]  # fmt: skip
    api_server = [
        program("kube-apiserver"), "--etcd-servers", f"http://127.0.0.1:{client}",
        "--bind-address", "127.0.0.1", "--secure-port", str(secure),
        "--cert-dir", str(folder / "certificates"),
        "--token-auth-file", str(folder / "tokens.csv"),
        "--authorization-mode", "RBAC",
        "--service-account-issuer", "https://kubernetes.default.svc",
        "--service-account-key-file", str(folder / "accounts.pub"),
        "--service-account-signing-key-file", str(folder / "accounts.key"),
        "--service-cluster-ip-range", "10.96.0.0/16",
        "--endpoint-reconciler-type", "none",
        # As clusters have it, so that Pod Security is what refuses.
        "--allow-privileged", *aggregation(folder),
    ]  # fmt: skip
    with process("etcd", etcd, folder), process("kube-apiserver", api_server, folder) as started:
        url = f"https://127.0.0.1:{secure}"
        server = ApiServer(url, folder)
        wait_ready(server, started, folder)
        yield server


def aggregation(folder: Path) -> list[str]:
    """How it shows itself to the API servers behind it, and names who asks."""
    authority = Authority(folder, "front-proxy")
    authority.secret("front-proxy", 1)
    return [
        "--requestheader-client-ca-file", str(authority.folder / "ca.crt"),
        "--requestheader-allowed-names", "front-proxy",
        "--requestheader-username-headers", "X-Remote-User",
        "--requestheader-group-headers", "X-Remote-Group",
        "--requestheader-extra-headers-prefix", "X-Remote-Extra-",
        "--proxy-client-cert-file", str(authority.folder / "tls.crt"),
        "--proxy-client-key-file", str(authority.folder / "tls.key"),
    ]  # fmt: skip


def wait_ready(server: ApiServer, started: subprocess.Popen, folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if started.poll() is not None:
            break
        with contextlib.suppress(OSError):
            server.ask("/readyz", {})
            return
        time.sleep(0.3)
    raise RuntimeError("kube-apiserver is not ready:\n" + last_words(folder / "kube-apiserver.log"))


def keys(folder: Path) -> None:
    """The key pair that signs ServiceAccounts' tokens."""
    private, public = folder / "accounts.key", folder / "accounts.pub"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
