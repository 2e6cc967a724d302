"""Stand-ins for agentgateway, each a bootstrap of an Envoy that does one thing of what it does."""

API = "type.googleapis.com/envoy"
ACCESS_LOG = (
    "serial=%DOWNSTREAM_PEER_SERIAL% model=%REQ(x-gateway-model-name)% authorization=%REQ(authorization)% "
    "user=%REQ(x-openwebui-user-email)% signed-in=%REQ(x-auth-request-user)%\n"
)


def verifying(port: int, upstream: int, secret: str, log: str) -> dict:
    """Asks for a client certificate, as the Gateway's listener does: HTTP/2 over mutual TLS with what
    lies in the folder `secret`."""
    access_log = {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{API}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": log,
            "log_format": {"text_format_source": {"inline_string": ACCESS_LOG}},
        },
    }
    certificate = {
        "certificate_chain": {"filename": f"{secret}/tls.crt"},
        "private_key": {"filename": f"{secret}/tls.key"},
    }
    context = {
        "@type": f"{API}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [certificate],
            "validation_context": {"trusted_ca": {"filename": f"{secret}/ca.crt"}},
        },
    }
    chain = {"filters": [connection_manager("model", access_log=[access_log])], "transport_socket": tls(context)}
    return bootstrap(port, chain, [cluster("model", upstream)])


def asking(port: int, picker: int) -> dict:
    """Asks an endpoint picker about each request, whole and in both directions, and sends it where the
    picker says, as agentgateway does for an InferencePool."""
    full = "FULL_DUPLEX_STREAMED"
    modes = {"request_header_mode": "SEND", "response_header_mode": "SEND", "request_body_mode": full}
    modes |= {"response_body_mode": full, "request_trailer_mode": "SEND", "response_trailer_mode": "SEND"}
    ext_proc = {
        "name": "envoy.filters.http.ext_proc",
        "typed_config": {
            "@type": f"{API}.extensions.filters.http.ext_proc.v3.ExternalProcessor",
            "grpc_service": {"envoy_grpc": {"cluster_name": "picker"}, "timeout": "120s"},
            "processing_mode": modes,
            "message_timeout": "120s",
            "mutation_rules": {"allow_all_routing": True},
        },
    }
    http2 = {
        "@type": f"{API}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    # As agentgateway does it, the picker's certificate is not verified.
    context = {
        "@type": f"{API}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["h2"]},
    }
    picked = {
        "name": "picked",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "original_dst_lb_config": {"use_http_header": True, "http_header_name": "x-gateway-destination-endpoint"},
    }
    asked = cluster("picker", picker) | {
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "transport_socket": tls(context),
    }
    return bootstrap(port, {"filters": [connection_manager("picked", filters=[ext_proc])]}, [picked, asked])


def connection_manager(upstream: str, filters: list[dict] = (), access_log: list[dict] = ()) -> dict:
    """Sends everything to one cluster, through `filters`."""
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": upstream, "timeout": "0s"}}]
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{API}.extensions.filters.http.router.v3.Router"}}
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{API}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "stand_in",
            "access_log": list(access_log),
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [*filters, router],
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        },
    }


def tls(context: dict) -> dict:
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def cluster(name: str, port: int) -> dict:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def bootstrap(port: int, filter_chain: dict, clusters: list[dict]) -> dict:
    listener = {"address": address(port), "filter_chains": [filter_chain]}
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
