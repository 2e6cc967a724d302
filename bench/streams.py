"""Streamed chats one at a time, by a bare socket: what comes in which piece, and streams that a
client breaks off."""

import random
import socket
import struct
import threading

from processes import StackError
from stage import HOST, INPUTS, Envoy, key

LAST_CHUNK = b"0\r\n\r\n"
BREAKS_PER_SECOND = 300


def pieces(envoy: Envoy) -> int:
    """How many pieces a stream arrives in: Envoy makes an HTTP chunk of what it reads at once."""
    received = b""
    with connect(envoy) as connection:
        connection.sendall(request())
        while not received.endswith(LAST_CHUNK):
            piece = connection.recv(65536)
            if not piece:
                raise StackError(f"a stream ended with {received[-80:]!r}")
            received += piece
    rest = received.partition(b"\r\n\r\n")[2]
    count = 0
    while rest != LAST_CHUNK:
        size, _, rest = rest.partition(b"\r\n")
        rest = rest[int(size, 16) + 2:]
        count += 1
    return count


class Breaker(threading.Thread):
    """Asks for streams and goes away somewhere in them, half of the time by a reset."""

    def __init__(self, envoy: Envoy):
        super().__init__(daemon=True)
        self.count = 0
        self._envoy = envoy
        self._ended = threading.Event()

    def run(self) -> None:
        asked = request()
        while not self._ended.wait(1 / BREAKS_PER_SECOND):
            with connect(self._envoy) as connection:
                connection.sendall(asked)
                # Of some 25 KB, so that the stream never ends by itself.
                for _ in range(random.randint(0, 4)):
                    connection.recv(4096)
                if self.count % 2:
                    reset_on_close = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_on_close)
            self.count += 1

    def end(self) -> None:
        if not self.is_alive():
            raise StackError("the client that breaks streams off ended before it should")
        self._ended.set()
        self.join()


def connect(envoy: Envoy) -> socket.socket:
    return socket.create_connection((HOST, envoy.port), timeout=10)


def request() -> bytes:
    """A chat that asks for a stream."""
    chat = (INPUTS / "request.json").read_bytes()
    content = chat.replace(b"{", b'{"stream":true,', 1)
    head = ["POST /v1/chat/completions HTTP/1.1", "host: bench", f"authorization: Bearer {key()}"]
    head += ["content-type: application/json", f"content-length: {len(content)}", "", ""]
    return "\r\n".join(head).encode() + content
