//! Calendar windows in a time zone: when the hour, day, week or month of a moment began and when
//! it ends. Computed from the zone's transitions, so that nothing has to run at midnight.

use super::calendar::{DAY, month};

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
