//! The time, as decisions are given it, and what is reckoned with it.

/// Nanoseconds of a clock that no one can set.
pub type Monotonic = u64;

/// Nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// The time, by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since the Unix epoch; may jump.
    pub wall: u64,
    /// Nanoseconds that only grow.
    pub monotonic: Monotonic,
}

impl Now {
    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> u64 {
        self.wall / SECOND
    }

    /// The first whole Unix second at which so many nanoseconds have passed.
    pub(crate) fn second_after(self, nanos: u64) -> u64 {
        self.wall.saturating_add(nanos).div_ceil(SECOND)
    }

    /// Nanoseconds until this moment, in Unix seconds; 0 if that is past.
    pub(crate) fn until(self, moment: u64) -> u64 {
        moment.saturating_mul(SECOND).saturating_sub(self.wall)
    }
}
