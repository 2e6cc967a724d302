"""A stand-in for an application behind a sign-in: it tells whoever asks what arrived."""

import contextlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.processes import served


class Application(BaseHTTPRequestHandler):
    """Answers with the path and the headers of the request, as JSON; below /stream, for four seconds;
    what arrives over an upgraded connection it sends back."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("upgrade") == "websocket":
            self.upgrade()
        elif self.path == "/stream":
            self.stream()
        else:
            self.tell()

    def tell(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps({"path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        # Who asked may be gone before the end.
        with contextlib.suppress(BrokenPipeError):
            for text in ["more\n"] * 40 + ["the end\n"]:
                self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
                time.sleep(0.1)
            self.wfile.write(b"0\r\n\r\n")

    def upgrade(self):
        self.send_response(101)
        self.send_header("connection", "upgrade")
        self.send_header("upgrade", "websocket")
        self.end_headers()
        while data := self.connection.recv(4096):
            self.wfile.write(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


def serve(port: int, application: type = Application) -> ThreadingHTTPServer:
    return served(application, port)
