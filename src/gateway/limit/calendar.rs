//! The spans that quotas hold for.

use chrono::{DateTime, Datelike, Days, DurationRound, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

/// The span that a quota holds for; in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Day,
    Month,
}

impl Span {
    /// When the span that `now` lies in began.
    pub(super) fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        midnight(self.first_day(now))
    }

    /// When it ends.
    pub(super) fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let first = self.first_day(now);
        let next = match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Month => first.checked_add_months(Months::new(1)),
        };
        midnight(next.unwrap_or(NaiveDate::MAX))
    }

    fn first_day(self, now: DateTime<Utc>) -> NaiveDate {
        let today = now.date_naive();
        match self {
            Self::Day => today,
            Self::Month => today.with_day(1).unwrap_or(today),
        }
    }
}

/// The spans that a tenant is told about.
pub(in crate::gateway) struct Calendar;

impl Calendar {
    /// When the running minute, day and month began.
    pub(in crate::gateway) fn starts(now: DateTime<Utc>) -> [(&'static str, DateTime<Utc>); 3] {
        let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
        [("minute", minute), ("day", Span::Day.start(now)), ("month", Span::Month.start(now))]
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
