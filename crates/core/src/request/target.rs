//! Which target serves a request: in proportion to the weights, the same for the same identity,
//! and with no state. A changed weight moves only the share that it must.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use crate::policy::{Model, Target};

/// Picks by weighted rendezvous hashing: each target draws a number from the identity, and the
/// smallest `-log(draw) / weight` wins, which happens in proportion to the weights
/// (an exponential race). `None` only if no target has a weight.
pub fn pick<'m>(model: &'m Model, identity: &[&[u8]]) -> Option<&'m Target> {
    let mut candidates = model.targets.iter().filter(|target| target.weight > 0);
    let first = candidates.next()?;
    let mut best: Option<(u64, &Target)> = None;
    for target in candidates {
        let (time, leader) = best.unwrap_or_else(|| (arrival(model, first, identity), first));
        let challenger = arrival(model, target, identity);
        // time / leader.weight > challenger / target.weight, in integers
        let leads = time.saturating_mul(u64::from(target.weight))
            <= challenger.saturating_mul(u64::from(leader.weight));
        best = Some(if leads {
            (time, leader)
        } else {
            (challenger, target)
        });
    }
    Some(best.map_or(first, |(_, target)| target))
}

/// `-log2` of a uniform draw in (0, 1], in units of 2^-24: at most 65 << 24.
fn arrival(model: &Model, target: &Target, identity: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new();
    let names = [model.name.as_bytes(), target.name.as_bytes()];
    for part in names.iter().chain(identity) {
        hasher.write(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(part);
    }
    negative_log2(hasher.finish())
}

/// `64 - log2(draw)` in units of 2^-24; 0 counts as 1. Integers only, so that every host agrees.
fn negative_log2(draw: u64) -> u64 {
    let draw = draw.max(1);
    let zeros = draw.leading_zeros();
    // The mantissa in [1, 2), as 1.31 fixed point, whose square fits; squaring it yields log2 bit by
    // bit, and what it rounds off counts half as much each time.
    let mut mantissa = (draw << zeros) >> 32;
    let mut fraction: u64 = 0;
    for _ in 0..24 {
        mantissa = mantissa.saturating_mul(mantissa) >> 31;
        let bit = mantissa >> 32;
        mantissa >>= bit;
        fraction = fraction << 1 | bit;
    }
    ((u64::from(zeros).saturating_add(1)) << 24).saturating_sub(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_exact_at_powers_of_two() {
        assert_eq!(negative_log2(1 << 63), 1 << 24);
        assert_eq!(negative_log2(1), 64 << 24);
        assert_eq!(negative_log2(u64::MAX), 1);
    }

    #[test]
    fn logarithms_are_right_to_two_units() {
        for draw in (1..2000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let exact = (64.0 - (draw as f64).log2()) * f64::from(1 << 24);
            let found = negative_log2(draw) as f64;
            assert!((found - exact).abs() <= 2.0, "{draw}: {found} for {exact}");
        }
    }
}
