//! The front door: one public address, over TLS. The API's host goes through the module; every
//! other host goes to one upstream without it.
//!
//! Which of the two a connection is for is decided by the name that it asks for (SNI), before a
//! byte of HTTP: each has a connection manager of its own, and answers 421 to the other's hosts.
//!
//! A host with a dot at its end is the same host (RFC 3986, 3.2.2). Clients send it so, and ask
//! for it without the dot (RFC 6066, 3): each of these connection managers takes the dot away.

use crate::address::{Address, socket_address};
use crate::clusters::{self, Group};
use crate::early_headers::{self, Callers};
use crate::listener::{self, Entrance, READ_AHEAD};
use crate::managers::{http2, manager_filter, nobody, router};
use crate::options::{FrontDoor, Options, seconds};
use crate::{certificates, local_replies};
use serde_json::{Value, json};

/// The cluster of the other hosts. No target's can have this name: theirs begin with a letter or
/// digit.
const CLUSTER: &str = "_other_hosts";

/// Where an authority looks for the answer to its HTTP-01 challenge (RFC 8555, 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The public listener, and that for plain HTTP.
pub(crate) fn listeners(door: &FrontDoor, address: &Address, options: &Options) -> Vec<Value> {
    let plain = door.plain.as_ref();
    [public(door, address, options)]
        .into_iter()
        .chain(plain.map(|address| plain_http(door, address, options)))
        .collect()
}

/// The other hosts' upstream.
pub(crate) fn cluster(door: &FrontDoor, options: &Options) -> Value {
    let group = Group {
        name: CLUSTER.to_owned(),
        upstreams: vec![door.other_hosts.clone()],
        credential: None,
    };
    clusters::cluster(&group, options)
}

fn public(door: &FrontDoor, address: &Address, options: &Options) -> Value {
    let api = Entrance {
        name: "tollgate",
        callers: Callers::Public,
        host: Some(&door.host),
    };
    let api_manager = listener::connection_manager(&api, options);
    let mut api = filter_chain("api", &api_manager, door, options);
    api["filter_chain_match"] = json!({ "server_names": [door.host] });
    let others = filter_chain("other-hosts", &others_manager(door, options), door, options);
    let inspector = json!({
        "name": "envoy.filters.listener.tls_inspector",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
        },
    });
    json!({
        "name": "tollgate",
        "address": socket_address(address),
        "per_connection_buffer_limit_bytes": READ_AHEAD,
        "listener_filters": listener_filters(door, Some(inspector)),
        "listener_filters_timeout": "10s",
        "filter_chains": [api],
        "default_filter_chain": others,
    })
}

/// The header of the PROXY protocol comes before everything else.
fn listener_filters(door: &FrontDoor, further: Option<Value>) -> Vec<Value> {
    let proxy_protocol = door.proxy_protocol.then(|| {
        json!({
            "name": "envoy.filters.listener.proxy_protocol",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
            },
        })
    });
    proxy_protocol.into_iter().chain(further).collect()
}

fn filter_chain(name: &str, manager: &Value, door: &FrontDoor, options: &Options) -> Value {
    json!({
        "name": name,
        // From the first byte to the end of the handshake.
        "transport_socket_connect_timeout": "10s",
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": { "tls_minimum_protocol_version": "TLSv1_2" },
                    "tls_certificate_sds_secret_configs":
                        [certificates::own(&door.certificate, options)],
                },
            },
        },
        "filters": [manager_filter(manager)],
    })
}

/// For user interfaces and tools: whatever they say passes, but for what says who they are.
fn others_manager(door: &FrontDoor, options: &Options) -> Value {
    let to_api = json!({
        "name": "misdirected",
        "domains": [door.host],
        "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 421 } }],
    });
    let to_others =
        virtual_host(json!([{ "match": { "prefix": "/" }, "route": to_cluster(options) }]));
    let mut manager = manager("other_hosts", options);
    manager["route_config"]["virtual_hosts"] = json!([to_api, to_others]);
    // Browsers' live connections.
    manager["upgrade_configs"] = json!([{ "upgrade_type": "websocket" }]);
    manager["http2_protocol_options"]["allow_connect"] = json!(true);
    manager
}

/// A key that was sent in the clear is not to be used: its owner is told so, and not led on to
/// https as a person is.
fn plain_http(door: &FrontDoor, address: &Address, options: &Options) -> Value {
    let challenges = json!({ "match": { "prefix": CHALLENGES }, "route": to_cluster(options) });
    let refusal = json!({
        "match": { "prefix": "/" },
        "direct_response": {
            "status": 403,
            "body": { "inline_string": format!("use https://{}\n", door.host) },
        },
    });
    let api = json!({ "name": "api", "domains": [door.host], "routes": [challenges, refusal] });
    let redirect = json!({
        "match": { "prefix": "/" },
        "redirect": { "https_redirect": true, "response_code": "PERMANENT_REDIRECT" },
    });
    let others = virtual_host(json!([challenges, redirect]));
    let mut manager = manager("plain_http", options);
    manager["route_config"]["virtual_hosts"] = json!([api, others]);
    json!({
        "name": "plain-http",
        "address": socket_address(address),
        "per_connection_buffer_limit_bytes": READ_AHEAD,
        "listener_filters": listener_filters(door, None),
        "listener_filters_timeout": "10s",
        "filter_chains": [{ "filters": [manager_filter(&manager)] }],
    })
}

fn virtual_host(routes: Value) -> Value {
    json!({ "name": "other-hosts", "domains": ["*"], "routes": routes })
}

/// The host stays what the browser asked for: the upstream tells its own hosts apart by it.
fn to_cluster(options: &Options) -> Value {
    json!({
        "cluster": CLUSTER,
        // An interface's event stream may be silent for as long as a model thinks.
        "timeout": "0s",
        "idle_timeout": seconds(options.timeouts.stream),
    })
}

/// A connection manager without the module.
fn manager(name: &str, options: &Options) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "server_name": "tollgate",
        "normalize_path": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "strip_trailing_host_dot": true,
        "use_remote_address": true,
        "xff_num_trusted_hops": options.trusted_hops,
        "internal_address_config": nobody(),
        "early_header_mutation_extensions": early_headers::removal(Callers::Public, options),
        "request_headers_timeout": "10s",
        "max_request_headers_kb": local_replies::MAX_HEADERS_KIB,
        "common_http_protocol_options": {
            "idle_timeout": "120s",
            "max_headers_count": local_replies::MAX_HEADERS,
            // `x_auth_request_user` is `x-auth-request-user` to some applications.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": http2(),
        "route_config": { "name": name, "ignore_port_in_host_matching": true },
        "http_filters": [router()],
    })
}
