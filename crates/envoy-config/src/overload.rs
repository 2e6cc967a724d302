//! The overload manager: what Envoy sheds before it is killed for want of memory.

use crate::options::Options;
use serde_json::{Value, json};

/// The bootstrap's `overload_manager`.
pub(crate) fn overload_manager(options: &Options) -> Value {
    json!({
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": options.limits.heap,
                },
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": options.limits.connections,
                },
            },
        ],
        "actions": [
            shorter_flushes(),
            heap_action("envoy.overload_actions.shrink_heap", 0.90),
            heap_action("envoy.overload_actions.disable_http_keepalive", 0.92),
            heap_action("envoy.overload_actions.stop_accepting_requests", 0.95),
            heap_action("envoy.overload_actions.stop_accepting_connections", 0.98),
        ],
    })
}

/// Answers that nobody takes hold memory that others need: the fuller the heap, the sooner they go.
fn shorter_flushes() -> Value {
    json!({
        "name": "envoy.overload_actions.reduce_timeouts",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig",
            "timer_scale_factors": [{
                "timer": "HTTP_DOWNSTREAM_STREAM_FLUSH",
                "min_timeout": "1s",
            }],
        },
        "triggers": [{
            "name": "envoy.resource_monitors.fixed_heap",
            "scaled": { "scaling_threshold": 0.5, "saturation_threshold": 0.85 },
        }],
    })
}

fn heap_action(name: &str, threshold: f64) -> Value {
    json!({
        "name": name,
        "triggers": [{
            "name": "envoy.resource_monitors.fixed_heap",
            "threshold": { "value": threshold },
        }],
    })
}
