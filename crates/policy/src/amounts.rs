//! Numbers, money and times as people write them. Each error says what is wrong with the text.

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::Text;
use std::num::NonZeroU32;
use tollgate_core::money::{self, AmountError, Usd};

/// Whole numbers below this are exact in every reader of JSON.
const MOST: u128 = 1 << 53;
/// In seconds.
const DAY: u128 = 24 * 60 * 60;

/// Dollars, or nothing and a diagnostic.
pub(crate) fn dollars(file: usize, text: &Text, errors: &mut Vec<Diagnostic>) -> Option<Usd> {
    let read = decimal(&text.value, &text.value, 12).map(Usd::from_pico);
    let help = "amounts are dollars, written as `25`, `0.50` or `0.000125`";
    or_report(file, text, read, help, errors)
}

/// A whole number above 0, as `2000`, `200k` or `1.5M`; or nothing and a diagnostic.
pub(crate) fn count(file: usize, text: &Text, errors: &mut Vec<Diagnostic>) -> Option<u64> {
    let read = whole(&text.value).and_then(|number| match u64::try_from(number) {
        Ok(0) => Err("is not above 0".to_owned()),
        Ok(count) if number < MOST => Ok(count),
        _ => Err(format!("is not below {MOST}")),
    });
    or_report(file, text, read, &help(&text.value), errors)
}

/// A whole number above 0 that fits 32 bits, or nothing and a diagnostic.
pub(crate) fn positive(file: usize, text: &Text, errors: &mut Vec<Diagnostic>) -> Option<u32> {
    let count = count(file, text, errors)?;
    u32::try_from(count)
        .map_err(|_| {
            let message = format!("`{}` is more than {}", text.value, u32::MAX);
            errors.push(Diagnostic::new(Site::of(file, text), message));
        })
        .ok()
}

/// Per cent as hundredths of one: `12.5` is 1,250. Or nothing and a diagnostic.
pub(crate) fn per_cent(file: usize, text: &Text, errors: &mut Vec<Diagnostic>) -> Option<u16> {
    let read = decimal(&text.value, &text.value, 2).and_then(|hundredths| {
        let found = u16::try_from(hundredths).ok();
        let found = found.filter(|&hundredths| hundredths <= 10_000);
        found.ok_or_else(|| "is more than 100 per cent".to_owned())
    });
    let help = "0 to 100, with at most two decimal places and without a `%`";
    or_report(file, text, read, help, errors)
}

/// Seconds above 0 and up to a day, from `90s`, `10m` or `2h`; or nothing and a diagnostic.
pub(crate) fn seconds(
    file: usize,
    text: &Text,
    errors: &mut Vec<Diagnostic>,
) -> Option<NonZeroU32> {
    let read = time(&text.value).and_then(|seconds| match u32::try_from(seconds) {
        Ok(few) if seconds <= DAY => NonZeroU32::new(few).ok_or("is not above 0".to_owned()),
        _ => Err("is more than a day".to_owned()),
    });
    let help = match decimal(&text.value, &text.value, 0) {
        Ok(number) if number > 0 => format!("did you mean `{number}s`?"),
        _ => "a time is written as `90s`, `10m` or `2h`".to_owned(),
    };
    or_report(file, text, read, &help, errors)
}

fn or_report<T>(
    file: usize,
    text: &Text,
    read: Result<T, String>,
    help: &str,
    errors: &mut Vec<Diagnostic>,
) -> Option<T> {
    read.map_err(|problem| {
        let message = format!("`{}` {problem}", text.value);
        errors.push(Diagnostic::new(Site::of(file, text), message).help(help));
    })
    .ok()
}

/// A number with its unit, if it has one: `k` for thousands, `M` for millions.
fn whole(text: &str) -> Result<u128, String> {
    match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(thousands), _) => decimal(thousands, text, 3),
        (_, Some(millions)) => decimal(millions, text, 6),
        (None, None) => decimal(text, text, 0),
    }
}

/// Seconds.
fn time(text: &str) -> Result<u128, String> {
    let units = [('s', 1), ('m', 60), ('h', 60 * 60)];
    let mut units = units.into_iter();
    let found = units.find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    match found {
        Some((number, seconds)) => Ok(decimal(number, text, 0)?.saturating_mul(seconds)),
        None => decimal(text, text, 0).and(Err("has no unit".to_owned())),
    }
}

fn help(text: &str) -> String {
    let plain = text.replace(['_', ' '], "").replace('K', "k");
    match whole(&plain) {
        Ok(number) if number > 0 && plain != text => format!("did you mean `{plain}`?"),
        _ => "a number is written as `2000`, `200k` or `1.5M`".to_owned(),
    }
}

/// A decimal number times `10^places`, or what is wrong with the text that it is in. `010` is eight
/// to some.
fn decimal(number: &str, text: &str, places: u32) -> Result<u128, String> {
    let mut bytes = number.bytes();
    if bytes.next() == Some(b'0') && bytes.next().is_some_and(|b| b.is_ascii_digit()) {
        return Err("begins with a 0".to_owned());
    }
    money::decimal(number, places).map_err(|problem| match problem {
        AmountError::NotDecimal => is_no_number(text),
        AmountError::TooFine(0) => "is no whole number".to_owned(),
        other => other.to_string(),
    })
}

fn is_no_number(text: &str) -> String {
    let is_digit = |c: &char| c.is_ascii_digit();
    let separator = text.chars().find(|c| [',', '_', ' ', '\''].contains(c));
    let is_grouped = text
        .split([',', '_', ' ', '\'', '.'])
        .all(|group| !group.is_empty() && group.chars().all(|c| is_digit(&c)));
    let unit = text.trim_start_matches(|c: char| is_digit(&c) || c == '.');
    match separator {
        _ if text.starts_with('-') => "is below 0".to_owned(),
        Some(separator) if is_grouped => format!("has `{separator}` between its digits"),
        _ if unit != text && !unit.contains(|c| is_digit(&c)) => {
            format!("has `{unit}` behind its digits")
        }
        _ => match text.strip_prefix(|c: char| !c.is_alphanumeric()) {
            Some(digits) if digits.starts_with(|c| is_digit(&c)) => {
                let unit = text.trim_end_matches(digits);
                format!("has `{unit}` before its digits")
            }
            _ => "is no decimal number".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, number) in [
            ("1", Ok(1)),
            ("0", Ok(0)),
            ("200k", Ok(200_000)),
            ("1.5M", Ok(1_500_000)),
            ("0.5k", Ok(500)),
            ("1.5", Err("is no whole number")),
            ("1.2345k", Err("has more than 3 decimal places")),
            ("010", Err("begins with a 0")),
            ("0x10", Err("is no decimal number")),
            ("500_000", Err("has `_` between its digits")),
            ("500K", Err("has `K` behind its digits")),
            ("5 k", Err("has ` k` behind its digits")),
            ("-1", Err("is below 0")),
            ("", Err("is no decimal number")),
            ("k", Err("is no decimal number")),
            ("ten", Err("is no decimal number")),
            ("1e3", Err("is no decimal number")),
        ] {
            assert_eq!(whole(text), number.map_err(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn times() {
        for (text, seconds) in [
            ("90s", Ok(90)),
            ("10m", Ok(600)),
            ("2h", Ok(7200)),
            ("0s", Ok(0)),
            ("600", Err("has no unit")),
            ("1.5h", Err("is no whole number")),
            ("010s", Err("begins with a 0")),
            ("-5s", Err("is below 0")),
            ("10min", Err("has `min` behind its digits")),
            ("10 m", Err("has ` m` behind its digits")),
            ("1h30m", Err("is no decimal number")),
            ("m", Err("is no decimal number")),
            ("", Err("is no decimal number")),
        ] {
            assert_eq!(time(text), seconds.map_err(str::to_owned), "{text:?}");
        }
    }
}
