//! Days, months and years (proleptic Gregorian), counted from 1970-01-01.

/// Seconds.
pub(super) const DAY: i64 = 86_400;

/// `2026-12-01T00:00:00Z`.
pub fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(1 << 40);
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month_number) = year_and_month(day);
    let of_month = day.saturating_sub(month(day).0).saturating_add(1);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month_number:02}-{of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// First days, counted from 1970-01-01, of the month that holds this day and of the next.
pub(super) fn month(day: i64) -> (i64, i64) {
    let (year, month) = year_and_month(day);
    let next = match month {
        12 => first_day(year.saturating_add(1), 1),
        _ => first_day(year, month.saturating_add(1)),
    };
    (first_day(year, month), next)
}

/// Proleptic Gregorian, by eras of 400 years that begin in March, so that the leap day comes last.
fn year_and_month(day: i64) -> (i64, i64) {
    const ERA: i64 = 146_097;
    let since = day.saturating_add(719_468);
    let era = since.div_euclid(ERA);
    let day_of_era = since.rem_euclid(ERA);
    let year_of_era = day_of_era
        .saturating_sub(day_of_era / 1_460)
        .saturating_add(day_of_era / 36_524)
        .saturating_sub(day_of_era / 146_096)
        / 365;
    let passed = days_of_years(year_of_era);
    let day_of_year = day_of_era.saturating_sub(passed);
    let from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    if from_march < 10 {
        (year, from_march.saturating_add(3))
    } else {
        (year.saturating_add(1), from_march.saturating_sub(9))
    }
}

/// The first day of a month (1 to 12), counted from 1970-01-01.
fn first_day(year: i64, month: i64) -> i64 {
    let (year, from_march) = if month > 2 {
        (year, month.saturating_sub(3))
    } else {
        (year.saturating_sub(1), month.saturating_add(9))
    };
    let days = from_march.saturating_mul(153).saturating_add(2) / 5;
    days_of_years(year)
        .saturating_add(days)
        .saturating_sub(719_468)
}

/// Days in this many years from March of the year 0.
fn days_of_years(years: i64) -> i64 {
    years
        .saturating_mul(365)
        .saturating_add(years.div_euclid(4))
        .saturating_sub(years.div_euclid(100))
        .saturating_add(years.div_euclid(400))
}
