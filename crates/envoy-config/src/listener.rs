//! The listener: how requests are read, in which order filters see them, where they go.

use crate::address::{Address, socket_address};
use crate::early_headers::{self, Callers};
use crate::managers::{http2, manager_filter, nobody, router};
use crate::options::{Options, seconds};
use crate::{CLUSTER_HEADER, access_log, discovery, local_replies, otlp};
use serde_json::{Value, json};

/// A way in that leads through the module.
pub(crate) struct Entrance<'a> {
    /// In the names of the listener and of its metrics.
    pub(crate) name: &'static str,
    /// Who comes in here.
    pub(crate) callers: Callers,
    /// The one host name that is answered; absent: every one.
    pub(crate) host: Option<&'a str>,
}

impl Entrance<'_> {
    /// Of an Envoy that does nothing else.
    pub(crate) const CLIENTS: Self = Entrance {
        name: "tollgate",
        callers: Callers::Clients,
        host: None,
    };

    /// For the platform's own applications.
    pub(crate) const APPLICATIONS: Self = Entrance {
        name: "applications",
        callers: Callers::Applications,
        host: None,
    };
}

/// Part of the bootstrap: a listener that is replaced drains its connections, and nothing in it
/// depends on the policy.
pub(crate) fn listener(entrance: &Entrance<'_>, address: &Address, options: &Options) -> Value {
    json!({
        "name": entrance.name,
        "address": socket_address(address),
        "per_connection_buffer_limit_bytes": READ_AHEAD,
        "filter_chains": [{ "filters": [manager_filter(&connection_manager(entrance, options))] }],
    })
}

/// What Envoy reads ahead of a slow reader, per connection. Request bodies have a limit of their
/// own (the virtual host's), answers are never held.
pub(crate) const READ_AHEAD: u32 = 1 << 20;

/// The connection manager's configuration.
pub(crate) fn connection_manager(entrance: &Entrance<'_>, options: &Options) -> Value {
    let timeouts = &options.timeouts;
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": entrance.name,
        "server_name": "tollgate",

        // The module decides on the path that the upstream gets. An escaped slash stays escaped:
        // it is part of a model's name (`/v1/models/Qwen%2FQwen2.5`).
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",

        "use_remote_address": true,
        "xff_num_trusted_hops": options.trusted_hops,
        "internal_address_config": nobody(),

        "early_header_mutation_extensions": early_headers::removal(entrance.callers, options),

        "stream_idle_timeout": seconds(timeouts.idle),
        // Of a client that does not take the end of its answer; till then Envoy keeps the request.
        "stream_flush_timeout": "60s",
        "request_timeout": seconds(timeouts.request),
        "request_headers_timeout": "10s",
        "max_request_headers_kb": local_replies::MAX_HEADERS_KIB,
        "common_http_protocol_options": {
            // Of a connection without a request, with or without a key: 20,000 of them fill
            // `--max-connections`, and Envoy's default is an hour. Longer than pools keep one
            // (httpx 5 s, AWS's balancer 60 s, Go and reqwest 90 s), so that it is the client who
            // closes and no request meets a closing connection. There is no bound on a
            // connection's life: a stream may be long.
            "idle_timeout": "120s",
            "max_headers_count": local_replies::MAX_HEADERS,
            "max_stream_duration": seconds(timeouts.stream),
            // Some servers read `x_api_key` as `x-api-key`: it must not be a way past the module.
            // Dropped, not refused: real clients send such headers (Codex: `session_id`).
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": http2(),
        "access_log": access_logs(options),
        "local_reply_config": local_replies::local_reply_config(options),
        "route_config": route_config(entrance, options),
        "http_filters": http_filters(options),
    });
    if entrance.host.is_some() {
        manager["strip_trailing_host_dot"] = json!(true);
    }
    if options.otlp.is_some() {
        manager["tracing"] = otlp::tracing();
    }
    manager
}

fn access_logs(options: &Options) -> Vec<Value> {
    let file = access_log::access_log(options);
    let collector = options.otlp.as_ref().map(|_| otlp::access_log());
    [file].into_iter().chain(collector).collect()
}

/// Where an operator's own filters belong, in the order of the request:
///
/// 1. `cors`: answers preflight requests, which carry no key;
/// 2. `jwt_authn`, where callers must also present a JWT;
/// 3. Tollgate;
/// 4. `ext_proc` (an endpoint picker): it reads the hints that Tollgate set;
/// 5. upstream credentials: upstream filters of the clusters, see `secrets`;
/// 6. `router`.
fn http_filters(options: &Options) -> Value {
    json!([filter(options), router()])
}

/// The module, by discovery and with no default: until a valid policy was read Envoy answers
/// every request itself, `/readyz` among them, with 503.
pub(crate) fn filter(options: &Options) -> Value {
    json!({
        "name": discovery::NAME,
        "config_discovery": {
            "config_source": discovery::source(discovery::MODULE, options),
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
        },
    })
}

fn route_config(entrance: &Entrance<'_>, options: &Options) -> Value {
    let mut hosts = vec![virtual_host(options)];
    let mut config = json!({ "name": entrance.name });
    if let Some(host) = entrance.host {
        hosts[0]["domains"] = json!([host]);
        hosts.push(misdirected());
        config["ignore_port_in_host_matching"] = json!(true);
    }
    config["virtual_hosts"] = hosts.into();
    config
}

/// Over a connection whose certificate covers other hosts too a client may ask for one of those
/// (RFC 9110, 7.4): it is told to connect anew, before the module has taken anything.
fn misdirected() -> Value {
    json!({
        "name": "misdirected",
        "domains": ["*"],
        "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 421 } }],
        "typed_per_filter_config": {
            (discovery::NAME): {
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                "disabled": true,
            },
        },
    })
}

/// One route for everything: the module names the cluster.
pub(crate) fn virtual_host(options: &Options) -> Value {
    json!({
        "name": "tollgate",
        "domains": ["*"],
        "request_body_buffer_limit": options.limits.body,
        "routes": [{
            "name": "tollgate",
            "match": { "prefix": "/" },
            "request_headers_to_remove": [CLUSTER_HEADER],
            "route": {
                "cluster_header": CLUSTER_HEADER,
                "auto_host_rewrite": true,
                // An answer may take long; what must end is silence (`stream_idle_timeout`).
                "timeout": "0s",
                "retry_policy": retry_policy(),
            },
        }],
    })
}

/// Only what no upstream can have taken: an LLM's work is never done, and paid, twice. Each
/// further attempt goes to the next priority, that is, the target's next upstream.
fn retry_policy() -> Value {
    json!({
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 3,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": 1,
            },
        },
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 3,
    })
}
