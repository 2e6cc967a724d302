//! Which counters a record has.

use super::rule::{Measure, RatePeriod};
use super::window::Period;

/// Which of an account's counters: by what is counted over what time, never by a rule's position
/// or amount, so that edited rules keep what was used.
///
/// The numbers stand in records that outlive the module: they are never used for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CounterId(u64);

impl CounterId {
    /// The requests in flight.
    pub const CONCURRENCY: Self = Self(1 << 56);

    /// A rate's. In shadow, it has one of its own: what it would have refused is not taken from it.
    pub fn rate(measure: Measure, period: RatePeriod, is_shadow: bool) -> Self {
        let period = match period {
            RatePeriod::Second => 1,
            RatePeriod::Minute => 2,
            RatePeriod::Hour => 3,
        };
        Self::new(2, [measure.number(), period, u8::from(is_shadow)], 0)
    }

    /// A window's. It counts what was used, whatever rules look at it.
    pub fn window(measure: Measure, period: Period, zone_name: &str) -> Self {
        let period = match period {
            Period::Hour => 1,
            Period::Day => 2,
            Period::Week => 3,
            Period::Month => 4,
            Period::Ever => 5,
        };
        let zone = crc32fast::hash(zone_name.as_bytes());
        Self::new(3, [measure.number(), period, 0], zone)
    }

    /// A raise's, by its name and its window.
    pub fn raise(window: Self, name: &str) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&window.0.to_le_bytes());
        hasher.update(name.as_bytes());
        Self::new(4, [0; 3], hasher.finalize())
    }

    /// As it stands in a record.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// From a record.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// A rate's counter in the other mode, shadow or not.
    pub(super) fn in_other_mode(self) -> Self {
        Self(self.0 ^ 1 << 32)
    }

    /// Whether it counts a rate.
    pub fn is_rate(self) -> bool {
        self.0 >> 56 == 2
    }

    /// Whether it is a raise's.
    pub fn is_raise(self) -> bool {
        self.0 >> 56 == 4
    }

    /// What it counts; `None` for requests in flight and for purses.
    pub fn measure(self) -> Option<Measure> {
        let [class, number, ..] = self.0.to_be_bytes();
        let mut measures = Measure::ALL.into_iter();
        measures.find(|m| matches!(class, 2 | 3) && m.number() == number)
    }

    fn new(class: u8, [a, b, c]: [u8; 3], hash: u32) -> Self {
        let [d, e, f, g] = hash.to_be_bytes();
        Self(u64::from_be_bytes([class, a, b, c, d, e, f, g]))
    }
}
