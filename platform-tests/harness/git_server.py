"""Git over HTTPS on loopback, by the program of the laptop's mirror; and, below `charts/`, a Helm
repository."""

import contextlib
import http.server
import importlib.util
import ssl
import threading
from pathlib import Path

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
