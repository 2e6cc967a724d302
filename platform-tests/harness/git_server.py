"""Git over HTTPS on loopback, by the program of the laptop's mirror; and, below `charts/`, a Helm
repository."""

import contextlib
import http.server
import importlib.util
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.processes import eventually, free_ports, is_free, process

MIRROR = Path(__file__).resolve().parents[2] / "manifests/git-mirror/serve.py"
_spec = importlib.util.spec_from_file_location("serve", MIRROR)
serve = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(serve)


@contextlib.contextmanager
def serving(folder: Path, certificate: dict[str, str]):
    """Serves the bare repositories and `charts/` of a folder; gives the URL.

    `certificate` has tls.crt and tls.key in PEM."""
    handler = type("Handler", (_Handler,), {"folder": folder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    pair = folder / "server.pem"
    pair.write_text(certificate["tls.key"] + certificate["tls.crt"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(serve.Handler):
    def do_GET(self) -> None:
        if not self.path.startswith("/charts/"):
            return super().do_GET()
        file = (self.folder / self.path.lstrip("/")).resolve()
        found = file.is_relative_to(self.folder) and file.is_file()
        self.answer(200 if found else 404, {}, file.read_bytes() if found else b"")


@dataclass(frozen=True)
class Mirror:
    """The laptop's, and a working copy to push to it from."""

    port: int
    work: Path

    def git(self, *arguments: str) -> str:
        # No configuration of whoever runs the tests.
        own = {"PATH": os.environ["PATH"], "HOME": str(self.work), "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments]
        return subprocess.run(command, cwd=self.work, env=own, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, branch: str = "main") -> str:
        """Another one, at the branch's end."""
        self.git("commit", "--quiet", "--allow-empty", "--message", "another")
        self.git("push", "--quiet", f"http://127.0.0.1:{self.port}/tollgate.git", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")


@contextlib.contextmanager
def mirror(folder: Path) -> Iterator[Mirror]:
    [port] = free_ports(1)
    work, bare = folder / "work", folder / "tollgate.git"
    work.mkdir()
    with process("mirror", [sys.executable, str(MIRROR), str(folder), str(port)], folder):
        mirror = Mirror(port, work)
        mirror.git("init", "--quiet")
        # It is configured last.
        eventually(lambda: bare.exists() and "receivepack" in (bare / "config").read_text() and not is_free(port))
        yield mirror
