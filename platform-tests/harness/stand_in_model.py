"""A stand-in for vLLM: a model that streams as slowly as its prompt says, with the metrics that an
endpoint picker reads."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.processes import served


class Model(BaseHTTPRequestHandler):
    """Answers a chat; a prompt of `stream N` streams for N seconds."""

    protocol_version = "HTTP/1.1"
    metrics = (
        'vllm:num_requests_running{engine="0",model_name="m"} 0\n'
        'vllm:num_requests_waiting{engine="0",model_name="m"} 0\n'
        'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0\n'
        'vllm:cache_config_info{block_size="16",num_gpu_blocks="1000",engine="0"} 1\n'
    )

    def do_GET(self):
        text = self.metrics.encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        body = json.loads(self.body())
        words = body["messages"][0]["content"].split()
        if words[0] == "stream":
            self.stream(float(words[1]))
        else:
            self.answer()

    def body(self) -> bytes:
        """By its length or in chunks: a picker takes the length away."""
        if "content-length" in self.headers:
            return self.rfile.read(int(self.headers["content-length"]))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self):
        message = {"role": "assistant", "content": "Paris"}
        usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
        text = json.dumps({"object": "chat.completion", "choices": [{"index": 0, "message": message}], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, duration: float):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        end = time.monotonic() + duration
        while time.monotonic() < end:
            self.event(json.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}]}))
            time.sleep(0.1)
        self.event(json.dumps({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}}))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data: str):
        text = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")

    def log_message(self, *_):
        pass


def serve(port: int, ip: str = "127.0.0.1") -> ThreadingHTTPServer:
    return served(Model, port, ip)
