//! Values that the host shares between VMs, by compare-and-swap.

use proxy_wasm::hostcalls;
use tollgate_core::limits::shared::{ABSENT, Found, MOST_TRIES};

/// A value and its number; `None` if there is none.
pub(crate) fn read(key: &str) -> Found {
    match hostcalls::get_shared_data(key) {
        Ok((value, Some(cas))) => Some((value.unwrap_or_default(), cas)),
        Ok((_, None)) | Err(_) => None,
    }
}

/// Writes a value, if it still has this number; whether it did.
pub(crate) fn write(key: &str, value: &[u8], cas: u32) -> bool {
    hostcalls::set_shared_data(key, Some(value), Some(cas)).is_ok()
}

/// Reads a value and writes what `change` makes of it, until no other VM was first.
///
/// # Errors
/// What `change` says; nothing is written then. `Ok(None)`: others wrote it all the time.
pub(crate) fn update<T, E>(
    key: &str,
    change: impl Fn(Option<&[u8]>) -> Result<(Vec<u8>, T), E>,
) -> Result<Option<T>, E> {
    for _ in 0..MOST_TRIES {
        let (found, cas) = match read(key) {
            Some((value, cas)) => (Some(value), cas),
            None => (None, ABSENT),
        };
        let (value, outcome) = change(found.as_deref())?;
        if write(key, &value, cas) {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}
