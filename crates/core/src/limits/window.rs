//! Calendar windows in a time zone: when the hour, day, week or month of a moment began and when
//! it ends. Computed from the zone's transitions, so that nothing has to run at midnight.

/// How long what was used counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Period {
    Hour,
    Day,
    /// From Monday.
    Week,
    Month,
    /// Counts for good.
    Ever,
}

/// Unix seconds from which a window counts, and from which it does not any more (`None`: never).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Window {
    pub start: u64,
    pub end: Option<u64>,
}

impl Window {
    /// Whether this moment, in Unix seconds, lies in it.
    pub fn holds(&self, moment: u64) -> bool {
        self.start <= moment && self.end.is_none_or(|end| moment < end)
    }
}

/// A time zone as the moments at which its offset changes. The last offset holds from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds east of UTC before the first transition.
    first: i64,
    /// (Unix seconds, seconds east of UTC from then on), ascending.
    transitions: Box<[(i64, i64)]>,
}

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// No zone is further from UTC.
const FURTHEST: i64 = 26 * HOUR;

impl Zone {
    /// `None` unless transitions ascend and offsets are less than 26 hours.
    pub fn new(first: i64, transitions: &[(i64, i64)]) -> Option<Self> {
        let mut offsets = transitions.iter().map(|&(_, offset)| offset);
        let is_offset = |offset: i64| offset.abs() < FURTHEST;
        let fits = is_offset(first)
            && offsets.all(is_offset)
            && transitions.iter().all(|&(at, _)| at.abs() < 1 << 40)
            && transitions.is_sorted_by(|a, b| a.0 < b.0);
        fits.then(|| Self {
            first,
            transitions: transitions.into(),
        })
    }

    /// The window of this period that holds the moment.
    pub fn window(&self, period: Period, now: u64) -> Window {
        // Beyond any calendar; the arithmetic below can't overflow.
        let now = i64::try_from(now).unwrap_or(i64::MAX).min(1 << 40);
        let (start, end) = match period {
            Period::Ever => {
                return Window {
                    start: 0,
                    end: None,
                };
            }
            Period::Hour => self.hour(now),
            Period::Day | Period::Week | Period::Month => self.days(period, now),
        };
        let unsigned = |moment| u64::try_from(moment).unwrap_or(0);
        Window {
            start: unsigned(start),
            end: Some(unsigned(end)),
        }
    }

    /// An hour of the local clock. Where the clock is set within it, it ends there and another
    /// begins.
    fn hour(&self, now: i64) -> (i64, i64) {
        let segment = self.segment_at(now);
        let into = now.saturating_add(segment.offset).rem_euclid(HOUR);
        let start = now.saturating_sub(into);
        let end = start.saturating_add(HOUR);
        (start.max(segment.start), end.min(segment.end))
    }

    /// Whole days of the local calendar.
    fn days(&self, period: Period, now: i64) -> (i64, i64) {
        let offset = self.segment_at(now).offset;
        let today = now.saturating_add(offset).div_euclid(DAY);
        // Where the clock is set back over midnight, the new day's first moment comes before the old
        // day's last: what has begun stays.
        let tomorrow = today.saturating_add(1);
        let today = if self.first_moment(tomorrow) <= now {
            tomorrow
        } else {
            today
        };
        let (first, next) = match period {
            Period::Week => {
                // Day 0 was a Thursday.
                let monday = today.saturating_sub(today.saturating_add(3).rem_euclid(7));
                (monday, monday.saturating_add(7))
            }
            Period::Month => month(today),
            _ => (today, today.saturating_add(1)),
        };
        (self.first_moment(first), self.first_moment(next))
    }

    /// The first moment at which the local clock shows this day (or a later one, where the day is
    /// left out).
    fn first_moment(&self, day: i64) -> i64 {
        let midnight = day.saturating_mul(DAY);
        let mut segment = self.segment_at(midnight.saturating_sub(FURTHEST));
        loop {
            let moment = midnight.saturating_sub(segment.offset).max(segment.start);
            if moment < segment.end {
                return moment;
            }
            segment = self.segment_at(segment.end);
        }
    }

    fn segment_at(&self, moment: i64) -> Segment {
        let next = self.transitions.partition_point(|&(at, _)| at <= moment);
        let current = next.checked_sub(1).and_then(|at| self.transitions.get(at));
        Segment {
            start: current.map_or(i64::MIN, |&(at, _)| at),
            end: self.transitions.get(next).map_or(i64::MAX, |&(at, _)| at),
            offset: current.map_or(self.first, |&(_, offset)| offset),
        }
    }
}

/// A stretch of time with one offset.
struct Segment {
    start: i64,
    /// Excluded.
    end: i64,
    offset: i64,
}

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
fn month(day: i64) -> (i64, i64) {
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
