//! Money and prices as exact integers, read from decimal text and written back as decimal text.
//!
//! Nothing here rounds but [`Usd::from_atto`], which prices go through once per request.

use std::fmt;
use std::str::FromStr;

/// Decimal places of [`Usd`].
const PICO: u32 = 12;

/// Digits before the point that an amount may have: far from where sums could overflow.
const MOST_DIGITS: usize = 12;

/// An amount of money in pico-dollars (1e-12 USD).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u128);

/// Why a text is no amount; to follow after the text in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not digits with at most one point between them.
    NotDecimal,
    /// More than twelve digits before the point.
    TooLarge,
    /// More decimal places than the unit has.
    TooFine(u32),
}

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// More than any sum of amounts comes to.
    pub const MAX: Self = Self(u128::MAX);

    /// From pico-dollars.
    pub const fn from_pico(pico: u128) -> Self {
        Self(pico)
    }

    /// From atto-dollars (1e-18 USD), rounded up by less than a pico-dollar.
    pub const fn from_atto(atto: u128) -> Self {
        Self(atto.div_ceil(1_000_000))
    }

    /// In pico-dollars.
    pub const fn pico(self) -> u128 {
        self.0
    }

    /// The sum; [`Usd::MAX`] where it can't be said.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Usd {
    type Err = AmountError;

    /// `12`, `12.5`, `0.000000000001`: dollars with up to twelve decimal places.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        decimal(text, PICO).map(Self)
    }
}

/// Dollars, with as many decimal places as it takes: `12.5`, `0.000001`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ONE: u128 = 10_u128.pow(PICO);
        let (whole, fraction) = (self.0 / ONE, self.0 % ONE);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:012}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDecimal => f.write_str("is no decimal number"),
            Self::TooLarge => write!(f, "has more than {MOST_DIGITS} digits before the point"),
            Self::TooFine(places) => write!(f, "has more than {places} decimal places"),
        }
    }
}

/// A decimal number times `10^places`, exactly: no sign, no exponent, no digit lost.
///
/// # Errors
/// What is wrong with the text.
pub fn decimal(text: &str, places: u32) -> Result<u128, AmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(AmountError::NotDecimal);
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if whole.len() > MOST_DIGITS {
        return Err(AmountError::TooLarge);
    }
    let given = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    let missing = places
        .checked_sub(given)
        .ok_or(AmountError::TooFine(places))?;
    let digits = whole.bytes().chain(fraction.bytes());
    let value = digits.fold(0_u128, |value, digit| {
        let digit = u128::from(digit.saturating_sub(b'0'));
        value.saturating_mul(10).saturating_add(digit)
    });
    Ok(value.saturating_mul(10_u128.saturating_pow(missing)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly() {
        let pico = |text: &str| text.parse::<Usd>().map(Usd::pico);
        assert_eq!(pico("0"), Ok(0));
        assert_eq!(pico("0.000000000001"), Ok(1));
        assert_eq!(pico("12.50"), Ok(12_500_000_000_000));
        assert_eq!(pico("007"), Ok(7_000_000_000_000));
        assert_eq!(
            pico("999999999999.999999999999"),
            Ok(999_999_999_999_999_999_999_999)
        );
        assert_eq!(pico("0.1000000000000000000"), Ok(100_000_000_000));
    }

    #[test]
    fn what_is_no_amount() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1_000", " 1", "1 ", "0x1", "NaN",
            "1.2.3", "\u{661}",
        ] {
            assert_eq!(
                text.parse::<Usd>(),
                Err(AmountError::NotDecimal),
                "{text:?}"
            );
        }
        assert_eq!("1000000000000".parse::<Usd>(), Err(AmountError::TooLarge));
        let too_fine = "0.0000000000001".parse::<Usd>();
        assert_eq!(too_fine, Err(AmountError::TooFine(12)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(pico in 0..10_u128.pow(24)) {
            let amount = Usd::from_pico(pico);
            prop_assert_eq!(amount.to_string().parse::<Usd>(), Ok(amount));
        }

        #[test]
        fn rounding_goes_up_by_less_than_a_pico_dollar(atto in 0..u128::MAX / 2) {
            let rounded = Usd::from_atto(atto).pico();
            let exact = rounded.saturating_mul(1_000_000);
            prop_assert!(exact >= atto && exact.abs_diff(atto) < 1_000_000);
        }
    }
}
