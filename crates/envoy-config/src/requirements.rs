//! What Tollgate needs of an Envoy's configuration, and what goes wrong without it: said once, for
//! the fragment's comments and the check's findings.

use crate::early_headers;
use crate::place::Place;

/// With which everything begins that the module tells the access log and the trace.
pub(crate) const FIELDS: &str = "wasm.tollgate.";

/// One field that must hold.
pub(crate) struct Requirement {
    /// Dotted, below the object that the list is about.
    pub(crate) field: &'static str,
    /// Whether what stands there will do; an absent field is `null`.
    pub(crate) holds: fn(&Place<'_>) -> bool,
    /// The line to add.
    pub(crate) add: &'static str,
    /// What goes wrong otherwise, as the rest of a sentence that begins so.
    pub(crate) why: &'static str,
}

/// Of the bootstrap.
pub(crate) const BOOTSTRAP: [Requirement; 3] = [
    Requirement {
        field: "node.id",
        holds: is_name,
        add: "id: tollgate",
        why: "Envoy would not start: discovery, from files too, needs it",
    },
    Requirement {
        field: "node.cluster",
        holds: is_name,
        add: "cluster: tollgate",
        why: "Envoy would not start: discovery, from files too, needs it",
    },
    Requirement {
        field: "overload_manager",
        holds: bounds_heap,
        add: "overload_manager as in fragment.yaml",
        why: "Envoy would grow until it is killed, with every stream it has: request bodies are \
              held until they are whole",
    },
];

/// Of the connection manager that has Tollgate's filter.
pub(crate) const MANAGER: [Requirement; 13] = [
    Requirement {
        field: "normalize_path",
        holds: is_true,
        add: "normalize_path: true",
        why: "`/v1/models/../chat/completions` would be decided on as one path and served as another",
    },
    Requirement {
        field: "merge_slashes",
        holds: is_true,
        add: "merge_slashes: true",
        why: "`/v1//chat/completions` would be refused, or served by an upstream that merges",
    },
    Requirement {
        field: "path_with_escaped_slashes_action",
        holds: |action| {
            action.value.is_null()
                || ["KEEP_UNCHANGED", "IMPLEMENTATION_SPECIFIC_DEFAULT"].contains(&action.text())
        },
        add: "path_with_escaped_slashes_action: KEEP_UNCHANGED",
        why: "a model's name with an escaped slash (`/v1/models/Qwen%2FQwen2.5`) would be changed, \
              refused or redirected",
    },
    Requirement {
        field: "use_remote_address",
        holds: is_true,
        add: "use_remote_address: true",
        why: "a client could name its own address in x-forwarded-for: keys' networks (cidrs) and \
              the access log could be forged",
    },
    Requirement {
        field: "internal_address_config",
        holds: |config| config.value.is_null() || is_filled(&config.field("cidr_ranges")),
        add: "internal_address_config: {cidr_ranges: [{address_prefix: 255.255.255.255, prefix_len: 32}]}",
        why: "Envoy would obey x-envoy-* headers (retries, timeouts) from every private address: \
              that is what an empty list means",
    },
    Requirement {
        field: "common_http_protocol_options.headers_with_underscores_action",
        holds: |action| ["DROP_HEADER", "REJECT_REQUEST"].contains(&action.text()),
        add: "headers_with_underscores_action: DROP_HEADER",
        why: "a client could set what the module removes: some servers read `x_api_key` as \
              `x-api-key`",
    },
    Requirement {
        field: "common_http_protocol_options.idle_timeout",
        holds: |time| seconds(time).is_some_and(|seconds| seconds > 0.0 && seconds <= 900.0),
        add: "idle_timeout: 120s",
        why: "connections that carry no request would stay for an hour (Envoy's default), and \
              whoever opens enough of them, without a key, would keep others out",
    },
    Requirement {
        field: "early_header_mutation_extensions",
        holds: early_headers::removes_ours,
        add: "early_header_mutation_extensions as in fragment.yaml",
        why: "filters before the module would see a client's own x-tollgate-* and x-gateway-*",
    },
    Requirement {
        field: "stream_idle_timeout",
        holds: |time| at_least(time, 60.0),
        add: "stream_idle_timeout: 600s",
        why: "the wait for a first token would be cut short, or a stream that hangs would never end",
    },
    Requirement {
        field: "stream_flush_timeout",
        holds: |time| seconds(time).is_some_and(|seconds| seconds > 0.0 && seconds <= 300.0),
        add: "stream_flush_timeout: 60s",
        why: "Envoy keeps a request until the client has taken the answer: clients that take none, \
              even without a key, would hold memory for as long as the longest silence",
    },
    Requirement {
        field: "request_timeout",
        holds: |time| at_least(time, 1.0),
        add: "request_timeout: 300s",
        why: "a client that sends its body slowly would hold memory for ever",
    },
    Requirement {
        field: "access_log",
        holds: |logs| logs.mentions(FIELDS),
        add: "access_log as in fragment.yaml",
        why: "what a request used, and why it was refused, would be told nowhere",
    },
    Requirement {
        field: "local_reply_config.mappers",
        holds: is_filled,
        add: "local_reply_config as in fragment.yaml",
        why: "Envoy's own errors (413, 503, 504, ...) would be plain text, which SDKs can't read",
    },
];

/// Of the Wasm filter's plugin configuration.
pub(crate) const PLUGIN: [Requirement; 5] = [
    Requirement {
        field: "failure_policy",
        holds: |policy| policy.text() == "FAIL_RELOAD",
        add: "failure_policy: FAIL_RELOAD",
        why: "after a trap FAIL_OPEN would let every request through with no key, and FAIL_CLOSED \
              refuse every request, until Envoy is restarted",
    },
    Requirement {
        field: "reload_config.backoff.base_interval",
        holds: |time| seconds(time).is_some_and(|seconds| seconds < 1.0),
        add: "reload_config: {backoff: {base_interval: 0.1s}}",
        why: "a VM that traps twice within a second would not be replaced before it is over",
    },
    Requirement {
        field: "allow_on_headers_stop_iteration",
        holds: is_true,
        add: "allow_on_headers_stop_iteration: true",
        why: "requests with a body would hang",
    },
    Requirement {
        field: "vm_config.vm_id",
        holds: is_name,
        add: "vm_id: tollgate",
        why: "the state that workers share would belong to no name of its own",
    },
    Requirement {
        field: "vm_config.runtime",
        holds: |runtime| runtime.text() == "envoy.wasm.runtime.v8",
        add: "runtime: envoy.wasm.runtime.v8",
        why: "Envoy would not start: its releases contain no other runtime",
    },
];

/// Of the route that leads to the module's cluster.
pub(crate) const ROUTE: [Requirement; 1] = [Requirement {
    field: "timeout",
    holds: |time| seconds(time).is_some_and(|seconds| seconds == 0.0 || seconds >= 60.0),
    add: "timeout: 0s",
    why: "answers that take longer would be cut: Envoy's default is 15 s",
}];

/// Of whatever has the retry policy that such a route goes by: itself, or its virtual host.
pub(crate) const RETRIES: [Requirement; 1] = [Requirement {
    field: "retry_policy.retry_on",
    holds: |conditions| {
        conditions.text().split(',').all(|condition| {
            matches!(
                condition.trim(),
                "" | "connect-failure" | "refused-stream" | "reset-before-request"
            )
        })
    },
    add: "retry_on: connect-failure,refused-stream,reset-before-request",
    why: "requests would be repeated that an upstream may have taken, and charges for",
}];

/// One field that must not be there.
pub(crate) struct Surplus {
    /// Dotted, below the object that the list is about.
    pub(crate) field: &'static str,
    /// What goes wrong with it.
    pub(crate) why: &'static str,
}

/// Not for a connection manager that has Tollgate's filter, nor for its routes' actions.
pub(crate) const UPGRADES: [Surplus; 1] = [Surplus {
    field: "upgrade_configs",
    why: "an upgraded request is a tunnel: the module can neither read nor meter what goes through",
}];

/// Not for the action of a route that leads to the module's cluster, nor for what it inherits
/// from: its virtual host, the route configuration.
pub(crate) const REPETITIONS: [Surplus; 3] = [
    Surplus {
        field: "hedge_policy.hedge_on_per_try_timeout",
        why: "a slow request would be sent again while the first one runs, and both are charged for",
    },
    Surplus {
        field: "request_mirror_policies",
        why: "requests, with all that is in them, would be sent to somebody else as well",
    },
    Surplus {
        field: "retry_policy_typed_config",
        why: "requests could be repeated that an upstream may have taken: what it does can't be \
              seen here",
    },
];

/// Whether a full heap keeps further requests out: a monitor alone only measures.
fn bounds_heap(manager: &Place<'_>) -> bool {
    const REFUSING: [&str; 4] = [
        "envoy.overload_actions.stop_accepting_requests",
        "envoy.overload_actions.stop_accepting_connections",
        "envoy.overload_actions.reject_incoming_connections",
        "envoy.overload_actions.reset_high_memory_stream",
    ];
    let of_heap = |monitor: &Place<'_>| {
        let config = monitor.field("typed_config");
        config.is_a("fixed_heap.v3.FixedHeapConfig")
    };
    let mut monitors = manager.list("resource_monitors");
    monitors.retain(of_heap);
    let heap = |trigger: &Place<'_>| {
        let name = trigger.field("name").text();
        monitors.iter().any(|it| it.field("name").text() == name)
    };
    let mut actions = manager.list("actions");
    actions.retain(|action| REFUSING.contains(&action.field("name").text()));
    actions.extend(manager.list("loadshed_points"));
    (actions.iter()).any(|action| action.list("triggers").iter().any(heap))
}

fn is_true(place: &Place<'_>) -> bool {
    *place.value == true
}

fn is_name(place: &Place<'_>) -> bool {
    !place.text().is_empty()
}

fn is_filled(place: &Place<'_>) -> bool {
    !place.items().is_empty()
}

fn at_least(place: &Place<'_>, least: f64) -> bool {
    seconds(place).is_some_and(|seconds| seconds >= least)
}

/// A duration in protobuf's JSON (`1.5s`).
fn seconds(place: &Place<'_>) -> Option<f64> {
    place.text().strip_suffix('s')?.parse().ok()
}
