"""Open WebUI as its image would start it, before the edge and an OIDC provider in Dex's place."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pod import Image, Pod, installed

from checks.applications import EDGE
from harness import rendering
from harness.browser import Answer, Browser
from harness.sign_in import CLIENT_SECRET, ISSUER, Issuer

PLACE = "/opt/open-webui"
HOST = "chat.llm.example.com"
# What the image's Dockerfile sets of what matters here.
SET_BY_THE_IMAGE = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "ENV": "prod",
    "DOCKER": "true",
    "OLLAMA_BASE_URL": "/ollama",
    "SCARF_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "HF_HOME": "/app/backend/data/cache/embedding/models",
    "TIKTOKEN_CACHE_DIR": "/app/backend/data/cache/tiktoken",
}


def image(port: int) -> Image:
    program = installed("open-webui")
    base = subprocess.run([program / "bin/python", "-c", "import sys; print(sys.base_prefix)"], check=True, capture_output=True, text=True)
    interpreter = base.stdout.strip()
    files = {program: PLACE, Path(interpreter): interpreter}
    # Where the image has the parts of the package.
    files |= {package(): "/app/backend/open_webui", package() / "frontend": "/app/build"}
    command = [f"{PLACE}/bin/python", "-m", "uvicorn", "open_webui.main:app", "--host=127.0.0.1", f"--port={port}"]
    return Image([*command, "--forwarded-allow-ips=*", "--workers=1"], "/app/backend", SET_BY_THE_IMAGE, files)


def package() -> Path:
    (found,) = installed("open-webui").glob("lib/python3.*/site-packages/open_webui")
    return found


@dataclass(frozen=True)
class OpenWebui:
    """`started` ends what was started."""

    pod: Pod
    port: int
    trusted: Path
    started: contextlib.ExitStack

    def start(self) -> None:
        self.started.enter_context(self.pod.running(self.port))

    def restart(self) -> None:
        self.started.pop_all().close()
        self.start()

    def browser(self, person: str) -> Browser:
        return Browser({HOST: self.port}, self.trusted, {"person": person})

    def signed_in(self, person: str) -> "Person":
        browser = self.browser(person)
        browser.open(f"https://{HOST}/oauth/oidc/login")
        return Person(browser)


@dataclass(frozen=True)
class Person:
    """Somebody at a browser, which keeps the cookies of the sign-in."""

    browser: Browser

    def ask(self, path: str, body: dict | None = None) -> Answer:
        text = None if body is None else json.dumps(body)
        return self.browser.request(f"https://{HOST}{path}", {"content-type": "application/json"}, text)

    def role(self) -> str | None:
        """None where nobody is signed in."""
        answer = self.ask("/api/v1/auths/")
        return json.loads(answer.body)["role"] if answer.status == 200 else None


@contextlib.contextmanager
def running(pod: Pod, port: int, trusted: Path) -> Iterator[OpenWebui]:
    with contextlib.ExitStack() as started:
        chat = OpenWebui(pod, port, trusted, started)
        chat.start()
        yield chat


def pod_of(platform: rendering.Platform, folder: Path, port: int, provider: Issuer, edge: int, key: str) -> Pod:
    """The rendered one, which finds the edge on `edge`."""
    addresses = {ISSUER: provider.url, EDGE: f"http://127.0.0.1:{edge}/v1"}
    own = {"session": "a session's key", "client-secret": CLIENT_SECRET}
    secrets = {"open-webui": own, "tollgate-key": {"api-key": key}, "platform-authority": {"ca.crt": provider.trusted.read_text()}}
    return Pod(platform.find("Deployment", "open-webui", "open-webui"), image(port), folder, addresses, secrets)
