//! Windows against a calendar library that has the whole zone database.

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use proptest::prelude::*;
use tollgate_core::limits::calendar::rfc3339;
use tollgate_core::limits::window::{Period, Window, Zone};

/// With midnights that do not exist (Santiago, Beirut), half-hour shifts (Lord Howe), offsets of
/// three quarters of an hour (Chatham), a shift over midnight (Godthab's 2023), none at all.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Nuuk",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "America/Havana",
];

fn zone(name: &str) -> (TimeZone, Zone) {
    let zone = TimeZoneDatabase::bundled().get(name).unwrap();
    let from: Timestamp = "2015-01-01T00:00:00Z".parse().unwrap();
    let to: Timestamp = "2061-01-01T00:00:00Z".parse().unwrap();
    let transitions: Vec<_> = zone
        .following(from)
        .take_while(|transition| transition.timestamp() < to)
        .map(|t| (t.timestamp().as_second(), i64::from(t.offset().seconds())))
        .collect();
    let first = zone.to_offset(from).seconds().into();
    let compiled = Zone::new(first, &transitions).unwrap();
    (zone, compiled)
}

fn expected(period: Period, now: &ZonedDateTime) -> (i64, i64) {
    let day = now.start_of_day().unwrap();
    let next_day = |from: &ZonedDateTime, days: i64| {
        let date = from.date().checked_add(days.days()).unwrap();
        now.time_zone()
            .to_zoned_datetime(date.at(0, 0, 0, 0))
            .unwrap()
            .start_of_day()
            .unwrap()
    };
    let (start, end) = match period {
        Period::Day => (day.clone(), next_day(&day, 1)),
        Period::Week => {
            let back = i64::from(now.weekday().since(Weekday::Monday));
            let monday = next_day(&day, -back);
            (monday.clone(), next_day(&monday, 7))
        }
        Period::Month => {
            let first = next_day(&day, 1 - i64::from(now.day()));
            let days = i64::from(now.days_in_month());
            (first.clone(), next_day(&first, days))
        }
        Period::Hour | Period::Ever => unreachable!("not compared"),
    };
    (start.timestamp().as_second(), end.timestamp().as_second())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn days_weeks_and_months_are_the_calendars(
        zone_index in 0..ZONES.len(),
        seconds in 1_420_070_400_i64 + 60 * 86_400..2_840_140_800,
    ) {
        let (zone, compiled) = zone(ZONES[zone_index]);
        let now = Timestamp::from_second(seconds).unwrap().to_zoned_datetime(zone);
        for period in [Period::Day, Period::Week, Period::Month] {
            let window = compiled.window(period, seconds as u64);
            let found = (window.start as i64, window.end.unwrap() as i64);
            prop_assert_eq!(found, expected(period, &now), "{:?} of {}", period, now);
        }
    }

    /// Also around each transition, where it matters: windows follow each other without gap or
    /// overlap, and each moment is in the one it was given.
    #[test]
    fn windows_tile_time(
        zone_index in 0..ZONES.len(),
        seconds in 1_420_070_400_u64 + 60 * 86_400..2_840_140_800,
        beside in -90_000_i64..90_000,
        is_at_transition: bool,
    ) {
        let (zone, compiled) = zone(ZONES[zone_index]);
        let mut now = seconds;
        if is_at_transition {
            let from = Timestamp::from_second(seconds as i64).unwrap();
            if let Some(transition) = zone.following(from).next() {
                now = transition.timestamp().as_second().saturating_add(beside) as u64;
            }
        }
        for period in [Period::Hour, Period::Day, Period::Week, Period::Month] {
            let window = compiled.window(period, now);
            let end = window.end.unwrap();
            prop_assert!(window.start <= now && now < end, "{window:?} of {now}");
            prop_assert_eq!(compiled.window(period, window.start), window);
            prop_assert_eq!(compiled.window(period, end - 1), window);
            prop_assert_eq!(compiled.window(period, end).start, end);
        }
    }
}

#[test]
fn hours_are_those_of_the_local_clock() {
    let window = |zone_name, moment: &str| {
        let moment: Timestamp = moment.parse().unwrap();
        let window = zone(zone_name)
            .1
            .window(Period::Hour, moment.as_second() as u64);
        let text = |seconds: u64| Timestamp::from_second(seconds as i64).unwrap().to_string();
        (text(window.start), text(window.end.unwrap()))
    };
    let expect = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        window("Asia/Kolkata", "2026-11-25T08:45:00Z"),
        expect("2026-11-25T08:30:00Z", "2026-11-25T09:30:00Z")
    );
    // Set back by half an hour at 02:00 local, 15:00 UTC.
    assert_eq!(
        window("Australia/Lord_Howe", "2026-04-04T15:10:00Z"),
        expect("2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z")
    );
}

#[test]
fn the_ends_of_time_have_windows() {
    let (_, zone) = zone("Europe/Berlin");
    for now in [0, 1, u64::MAX, 1 << 40] {
        for period in [Period::Hour, Period::Day, Period::Week, Period::Month] {
            let window = zone.window(period, now);
            assert!(window.start < window.end.unwrap(), "{window:?}");
        }
        let ever = Window {
            start: 0,
            end: None,
        };
        assert_eq!(zone.window(Period::Ever, now), ever);
    }
}

#[test]
fn what_is_no_zone() {
    assert!(Zone::new(0, &[(5, 0), (5, 3600)]).is_none());
    assert!(Zone::new(0, &[(5, 0), (4, 3600)]).is_none());
    assert!(Zone::new(26 * 3600, &[]).is_none());
    assert!(Zone::new(0, &[(0, i64::MIN + 1)]).is_none());
    assert!(Zone::new(0, &[(1 << 41, 0)]).is_none());
}

#[test]
fn jiff_rounds_as_we_expect() {
    // A guard on the reference itself: start_of_day is the first moment, not 00:00.
    let zone = TimeZoneDatabase::bundled().get("Asia/Beirut").unwrap();
    let day = "2026-03-29T12:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .to_zoned_datetime(zone);
    let start = day.start_of_day().unwrap();
    assert_eq!(start.hour(), 1);
}

proptest! {
    #[test]
    fn moments_are_written_as_rfc_3339(seconds in 0_i64..4_000_000_000) {
        let expected = Timestamp::from_second(seconds).unwrap().to_string();
        prop_assert_eq!(rfc3339(seconds as u64), expected);
    }
}
