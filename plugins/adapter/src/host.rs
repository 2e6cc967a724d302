//! Host calls as the adapter needs them. Those that the SDK would turn into a trap on a status
//! that a client can cause are not used.

use std::net::{IpAddr, SocketAddr};

use proxy_wasm::hostcalls;
use proxy_wasm::types::BufferType;
use tollgate_core::limits::time::{Monotonic, Now};
use tollgate_core::settlement::Ending;

/// Envoy's response flags that say that the client ended the stream: "downstream connection
/// termination" (`DC`) and, on HTTP/2, "downstream remote reset" (`DR`).
const CLIENT_LEFT: u64 = 0x4000 | 0x1000_0000;

/// Envoy's response flags that say that no upstream has got the request: `UH`, `UF`, `UO`, `NR`,
/// `NC`, `OM`, `DF`, `DO`.
const NEVER_SENT: u64 =
    0x2 | 0x20 | 0x80 | 0x100 | 0x100_0000 | 0x200_0000 | 0x400_0000 | 0x800_0000;

/// The time by both clocks.
pub(crate) fn clocks() -> Now {
    let since_epoch = hostcalls::get_current_time()
        .ok()
        .and_then(|now| now.duration_since(std::time::UNIX_EPOCH).ok());
    let wall = since_epoch.map_or(0, |duration| {
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
    });
    Now {
        wall,
        monotonic: monotonic(),
    }
}

/// What no one can set.
pub(crate) fn monotonic() -> Monotonic {
    tollgate_monotonic::now()
}

/// The first `size` bytes of the request's body as buffered.
pub(crate) fn request_body(size: usize) -> Vec<u8> {
    buffer(BufferType::HttpRequestBody, size)
}

/// The `size` bytes of the response's body that this callback is about.
pub(crate) fn response_body(size: usize) -> Vec<u8> {
    buffer(BufferType::HttpResponseBody, size)
}

fn buffer(kind: BufferType, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    hostcalls::get_buffer(kind, 0, size)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// The client's address as the proxy determined it (`ip:port`, or a bare address).
pub(crate) fn source_address() -> Option<IpAddr> {
    let value = property(&["source", "address"])?;
    let text = std::str::from_utf8(&value).ok()?;
    let with_port = text.parse::<SocketAddr>().map(|address| address.ip());
    with_port.or_else(|_| text.parse()).ok()
}

/// How the stream ended, as far as the host knows.
pub(crate) fn ending() -> Ending {
    let flags = property(&["response", "flags"]);
    let flags = flags
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes);
    Ending {
        client_left: flags & CLIENT_LEFT != 0,
        never_sent: flags & NEVER_SENT != 0,
    }
}

/// Whether an upstream may have begun to work on a request that it has not answered. None has where a
/// later filter answered (an endpoint picker), or still held it when the client left; nor where an
/// HTTP/2 upstream refused the stream. A host that does not say how a stream ended is taken to have
/// sent it.
pub(crate) fn has_reached_upstream() -> bool {
    let Some(details) = property(&["response", "code_details"]) else {
        return true;
    };
    let is_refused = details.ends_with(b"{remote_refused_stream_reset}")
        || details.ends_with(b"{local_refused_stream_reset}");
    !is_refused && property(&["upstream", "address"]).is_some()
}

/// A property, or `None` where the host has none.
pub(crate) fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// Publishes a value to later filters and the access log, as filter state `wasm.<name>`. It is
/// for information only: a host that takes none loses nothing but that.
pub(crate) fn publish(name: &str, value: &[u8]) {
    if hostcalls::set_property(vec![name], Some(value)).is_err() {
        log::warn!("the host refused the property {name}");
    }
}
