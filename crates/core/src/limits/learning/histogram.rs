//! How often values were seen, by their size.

/// Classes.
pub(super) const CLASSES: usize = 128;

/// How often values were seen, by their size: four classes for each power of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram(pub(super) [u32; CLASSES]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; CLASSES])
    }
}

impl Histogram {
    pub(super) fn add(&mut self, value: u64) {
        let class = usize::try_from(class(value).min(127)).unwrap_or(127);
        if let Some(count) = self.0.get_mut(class) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    pub(super) fn age(&mut self) {
        self.0.iter_mut().for_each(|count| *count /= 2);
    }

    /// The upper end of the class that holds the 95th of 100.
    pub(super) fn p95(&self) -> u64 {
        let total = self.0.iter().fold(0_u32, |sum, n| sum.saturating_add(*n));
        let mut rest = total / 20;
        for (class, count) in (0..=127_u32).rev().zip(self.0.into_iter().rev()) {
            if count > rest {
                return last_of(class);
            }
            rest = rest.saturating_sub(count);
        }
        0
    }
}

/// The exponent of a value's power of two, and the two bits after its first.
fn class(value: u64) -> u32 {
    let value = value.max(4);
    let exponent = value.ilog2();
    let quarter = value >> exponent.saturating_sub(2) & 3;
    let quarter = u32::try_from(quarter).unwrap_or(0);
    exponent
        .saturating_sub(2)
        .saturating_mul(4)
        .saturating_add(quarter)
}

fn last_of(class: u32) -> u64 {
    let next = class.saturating_add(1);
    let (exponent, quarter) = (next / 4, u64::from(next % 4));
    let first = quarter.saturating_add(4).checked_shl(exponent);
    first.unwrap_or(u64::MAX).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_say() {
        for value in (4..5000).chain([u64::from(u32::MAX)]) {
            let class = class(value);
            assert!(value <= last_of(class), "{value}");
            assert!(class == 0 || value > last_of(class - 1), "{value}");
        }
    }
}
