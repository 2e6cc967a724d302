"""An upstream whose answers are always the same: what the documents show, and every way to fail.

    upstream.py PORT

The model's name says how it behaves.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ("Paris", ",", " France")
USAGE = {"prompt_tokens": 14, "completion_tokens": 3, "total_tokens": 17}
DETAILED_USAGE = USAGE | {
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}
# As an endpoint picker says it where no server of a model was ready in time.
TIMED_OUT = (b"inference error: ServiceUnavailable - request timed out in queue: "
             b"request evicted from queue: request TTL expired")
MESSAGES_USAGE = {"input_tokens": 4, "cache_creation_input_tokens": 10,
                  "cache_read_input_tokens": 0, "output_tokens": 3}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = request["model"]
        if model == "failing":
            self.answer(500, b'{"error": {"message": "out of memory"}}')
        elif model == "asleep":
            self.answer(503, TIMED_OUT)
        elif self.path == "/v1/messages":
            content = [{"type": "text", "text": "".join(WORDS)}]
            self.answer(200, to_json({"content": content, "usage": MESSAGES_USAGE}))
        elif request.get("stream"):
            self.stream(model, request.get("stream_options", {}).get("include_usage"))
        else:
            message = {"role": "assistant", "content": "".join(WORDS)}
            usage = {"detailed": DETAILED_USAGE, "unreported": None}.get(model, USAGE)
            self.answer(200, to_json({"choices": [{"message": message}], "usage": usage}))

    def stream(self, model: str, with_usage: bool):
        """Ends with the connection. `broken` breaks off, `slow` waits for a client that leaves."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        if model == "broken":
            self.send_header("content-length", "100000")
        self.end_headers()
        for word in WORDS:
            self.event({"choices": [{"delta": {"content": word}}]})
        if model == "slow":
            time.sleep(30)
        if model == "broken":
            return
        if with_usage:
            self.event({"choices": [], "usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, value):
        self.wfile.write(b"data: " + to_json(value) + b"\n\n")
        self.wfile.flush()

    def answer(self, status: int, content: bytes):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing."""


def to_json(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
