"""Stand-ins for what can't be had here: for agentgateway, an Envoy that asks for a client certificate,
as the Gateway's listener does, or that asks an endpoint picker; for vLLM, a model that streams as slowly
as its prompt says, with the metrics that a picker reads."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCESS_LOG = "serial=%DOWNSTREAM_PEER_SERIAL% model=%REQ(x-gateway-model-name)% authorization=%REQ(authorization)%\n"


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


def model(port: int, ip: str = "127.0.0.1") -> ThreadingHTTPServer:
    server = ThreadingHTTPServer((ip, port), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def asking(port: int, picker: int) -> dict:
    """An Envoy that asks an endpoint picker about each request, whole and in both directions, and sends
    it where the picker says: what agentgateway does for an InferencePool."""
    full = "FULL_DUPLEX_STREAMED"
    modes = {"request_header_mode": "SEND", "response_header_mode": "SEND", "request_body_mode": full}
    modes |= {"response_body_mode": full, "request_trailer_mode": "SEND", "response_trailer_mode": "SEND"}
    hcm = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "asking",
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "picked", "timeout": "0s"}}],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.ext_proc",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
                "grpc_service": {"envoy_grpc": {"cluster_name": "picker"}, "timeout": "120s"},
                "processing_mode": modes,
                "message_timeout": "120s",
                "mutation_rules": {"allow_all_routing": True},
            },
        }, {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    }  # fmt: skip
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    tls = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["h2"]},
    }
    return {
        "static_resources": {
            "listeners": [{
                "address": address(port),
                "filter_chains": [{
                    "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm}],
                }],
            }],
            "clusters": [{
                "name": "picked", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED",
                "original_dst_lb_config": {"use_http_header": True, "http_header_name": "x-gateway-destination-endpoint"},
            }, {
                "name": "picker",
                "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
                "load_assignment": {
                    "cluster_name": "picker",
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(picker)}}]}],
                },
            }],
        },
    }  # fmt: skip


def bootstrap(port: int, upstream: int, secret: str, log: str) -> dict:
    """The stand-in's own Envoy: HTTP/2 over mutual TLS with what lies in the folder `secret`."""
    hcm = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "stand_in",
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": log,
                "log_format": {"text_format_source": {"inline_string": ACCESS_LOG}},
            },
        }],
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }],
    }  # fmt: skip
    tls = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": [{
                "certificate_chain": {"filename": f"{secret}/tls.crt"},
                "private_key": {"filename": f"{secret}/tls.key"},
            }],
            "validation_context": {"trusted_ca": {"filename": f"{secret}/ca.crt"}},
        },
    }  # fmt: skip
    return {
        "static_resources": {
            "listeners": [{
                "address": address(port),
                "filter_chains": [{
                    "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm}],
                    "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
                }],
            }],
            "clusters": [{
                "name": "model",
                "load_assignment": {
                    "cluster_name": "model",
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}],
                },
            }],
        },
    }  # fmt: skip


def address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
