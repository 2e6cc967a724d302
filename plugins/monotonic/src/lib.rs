//! The host's monotonic clock as a number. The standard library only tells differences, but states
//! that VMs share need a moment that means the same in each of them.

/// Nanoseconds from some moment that is the same for all VMs of one host process. 0 if the host has
/// no such clock.
#[cfg(target_os = "wasi")]
#[expect(
    unsafe_code,
    reason = "the binding to WASI's `clock_time_get` is marked unsafe; it takes numbers alone"
)]
pub fn now() -> u64 {
    // SAFETY: no memory is handed over but a place for the result, which is the binding's own.
    unsafe { wasip1::clock_time_get(wasip1::CLOCKID_MONOTONIC, 1) }.unwrap_or(0)
}

/// Nanoseconds from the first call.
#[cfg(not(target_os = "wasi"))]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that becomes an argument"
)]
pub fn now() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
