"""An OIDC provider in Dex's place, and oauth2-proxy with the configuration out of our manifests.

Its chart can't be rendered here: `written` makes what the chart would mount of our values."""

import contextlib
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness import rendering
from harness.authority import Authority
from harness.browser import Browser
from harness.processes import eventually, free_ports, process

HOST = "n8n.llm.example.com"
ISSUER = "https://dex.llm.example.com"
# Known to both sides, whoever they are.
CLIENT_SECRET = "known to both sides"
MEMBER = "jane@example.com=example-org:engineering"


@dataclass(frozen=True)
class Issuer:
    """Where it is, and who has signed its certificate."""

    port: int
    trusted: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/oidc"


@dataclass(frozen=True)
class SignIn:
    """Where the host is, and who has signed the issuer's certificate."""

    port: int
    trusted: Path

    def browser(self, person: str = MEMBER) -> Browser:
        return Browser({HOST: self.port}, self.trusted, {"person": person})


@contextlib.contextmanager
def issuer(folder: Path, client: str) -> Iterator[Issuer]:
    """A provider that knows one client; its certificate and the authority's lie in `folder`."""
    (port,) = free_ports(1)
    for name, text in Authority(folder, "platform").secret("dex", 1, "localhost").items():
        (folder / name).write_text(text)
    mock = ["env", f"CLIENT_ID={client}", f"CLIENT_SECRET={CLIENT_SECRET}"]
    mock += [rendering.program("mock-issuer"), f"127.0.0.1:{port}", str(folder)]
    with process("issuer", mock, folder):
        eventually(lambda: answers(port))
        yield Issuer(port, folder / "ca.crt")


@contextlib.contextmanager
def oauth2_proxy(folder: Path, values: dict, upstream: int) -> Iterator[SignIn]:
    """The issuer and oauth2-proxy before what listens on `upstream`; ends them whatever happens."""
    listen, metrics = free_ports(2)
    with issuer(folder, "oauth2-proxy") as provider:
        command = written(folder, values, provider, {"listen": listen, "metrics": metrics, "upstream": upstream})
        with process("oauth2-proxy", command, folder):
            wait(listen, folder)
            yield SignIn(listen, provider.trusted)


def written(folder: Path, values: dict, provider: Issuer, ports: dict[str, int]) -> list[str]:
    """The chart's two files and its arguments, with this test's folders and ports."""
    config = values["config"]
    alpha = {"server": {"BindAddress": f"127.0.0.1:{ports['listen']}"}, "metricsServer": {"BindAddress": f"127.0.0.1:{ports['metrics']}"}}
    text = yaml.safe_dump(alpha | values["alphaConfig"]["configData"])
    for old, new in {
        ISSUER: provider.url,
        "http://n8n.n8n.svc.cluster.local:5678": f"http://127.0.0.1:{ports['upstream']}",
        "/etc/platform-authority/": f"{folder}/",
        "/etc/client/": f"{folder}/",
    }.items():
        assert text.count(old) == 1, f"{old} is there {text.count(old)} times"
        text = text.replace(old, new)
    (folder / "oauth2_proxy.yml").write_text(text)
    (folder / "oauth2_proxy.cfg").write_text(config["configFile"])
    (folder / "client-secret").write_text(CLIENT_SECRET)
    cookie = f"OAUTH2_PROXY_COOKIE_SECRET={secrets.token_hex(16)}"
    files = [f"--alpha-config={folder}/oauth2_proxy.yml", f"--config={folder}/oauth2_proxy.cfg"]
    return ["env", cookie, rendering.program("oauth2-proxy"), *files, f"--cookie-name={config['cookieName']}"]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(port: int, folder: Path) -> None:
    try:
        eventually(lambda: answers(port))
    except AssertionError:
        raise RuntimeError((folder / "oauth2-proxy.log").read_text(errors="replace")[-3000:]) from None
