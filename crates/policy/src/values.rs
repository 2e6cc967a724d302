//! Text to typed values: hashes, networks, dates. Each error says what is wrong with the text.

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::Text;
use ipnet::IpNet;
use jiff::{Timestamp, civil, tz::TimeZone};
use std::net::IpAddr;

/// A moment in Unix seconds from `2027-01-01` (midnight UTC) or RFC 3339
/// (`2027-01-01T09:00:00+01:00`); a fraction of a second is dropped.
///
/// # Errors
/// What is wrong with the text, to follow after it in a sentence.
pub fn unix_seconds(text: &str) -> Result<u64, String> {
    let moment = if text.len() == "2027-01-01".len() {
        civil::Date::strptime("%Y-%m-%d", text)
            .and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)))
    } else {
        text.parse::<Timestamp>()
    };
    match moment {
        Ok(moment) => u64::try_from(moment.as_second()).map_err(|_| "is before 1970".to_owned()),
        Err(_) if text.parse::<civil::DateTime>().is_ok() => Err("has no time zone".to_owned()),
        Err(_) => Err("is no date".to_owned()),
    }
}

/// The moment, or 0 and a diagnostic.
pub(crate) fn date(file: usize, text: &Text, errors: &mut Vec<Diagnostic>) -> u64 {
    unix_seconds(&text.value).unwrap_or_else(|problem| {
        errors.push(
            Diagnostic::new(Site::of(file, text), format!("`{}` {problem}", text.value))
                .help("a date is written as `2027-01-01` (midnight UTC) or `2027-01-01T09:00:00Z`"),
        );
        0
    })
}

/// The bytes of `sha256:<64 hex digits>`.
pub(crate) fn hash(text: &str) -> Result<[u8; 32], String> {
    let Some(hex) = text.strip_prefix("sha256:") else {
        return Err("does not begin with `sha256:`".to_owned());
    };
    if let Some(other) = hex.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!(
            "has `{}`, which is no hex digit",
            other.escape_debug()
        ));
    }
    if hex.len() != 64 {
        return Err(format!("has {} hex digits, not 64", hex.len()));
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = pair
            .iter()
            .fold(0, |byte, digit| byte << 4 | nibble(*digit));
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        letter => letter.to_ascii_lowercase() - b'a' + 10,
    }
}

/// A network in its canonical spelling. The error has the network that was probably meant.
pub(crate) fn network(text: &str) -> Result<IpNet, (String, Option<IpNet>)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Err((
            "has no prefix length".to_owned(),
            Some(IpNet::from(address)),
        ));
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| ("is no network".to_owned(), None))?;
    if network.addr() != network.network() {
        let problem = format!("has bits set beyond its /{}", network.prefix_len());
        return Err((problem, Some(network.trunc())));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(unix_seconds("1970-01-02"), Ok(86_400));
        assert_eq!(unix_seconds("2027-01-01"), Ok(1_798_761_600));
        assert_eq!(unix_seconds("2027-01-01T00:00:00Z"), Ok(1_798_761_600));
        assert_eq!(
            unix_seconds("2027-01-01T01:00:00.5+01:00"),
            Ok(1_798_761_600)
        );
        for bad in [
            "",
            "2027",
            "2027-1-1",
            "2027-02-29",
            "01.01.2027",
            "2027-13-01",
            "tomorrow",
        ] {
            assert_eq!(unix_seconds(bad), Err("is no date".to_owned()), "{bad:?}");
        }
        assert_eq!(
            unix_seconds("2027-01-01T00:00:00"),
            Err("has no time zone".to_owned())
        );
        assert_eq!(unix_seconds("1969-12-31"), Err("is before 1970".to_owned()));
    }

    #[test]
    fn hashes() {
        let mut expected = [0xab; 32];
        expected[31] = 0x0f;
        let digits = format!("{}0F", "aB".repeat(31));
        assert_eq!(hash(&format!("sha256:{digits}")), Ok(expected));
        assert!(hash(&digits).is_err());
        assert!(hash(&format!("sha256:{digits}0")).is_err());
        assert!(hash(&format!("sha256:{}", "\u{e4}".repeat(32))).is_err());
    }

    #[test]
    fn networks() {
        let canonical = |text| network(text).map(|network| network.to_string());
        assert_eq!(canonical("10.0.0.0/8"), Ok("10.0.0.0/8".to_owned()));
        assert_eq!(canonical("2001:DB8:0::/32"), Ok("2001:db8::/32".to_owned()));
        assert_eq!(canonical("0.0.0.0/0"), Ok("0.0.0.0/0".to_owned()));
        let meant = |text| {
            network(text)
                .unwrap_err()
                .1
                .map(|network| network.to_string())
        };
        assert_eq!(meant("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(meant("10.1.2.3").as_deref(), Some("10.1.2.3/32"));
        assert_eq!(meant("::1").as_deref(), Some("::1/128"));
        assert_eq!(meant("10.0.0.0/33"), None);
        assert_eq!(meant("10.0.0.0/255.0.0.0"), None);
    }
}
