//! How much of a day, or of a month, is used.

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

/// A span, and when the running one began.
pub(super) type Running = (Span, DateTime<Utc>);

/// So many in a day or a month, and how many there were in the running one.
#[derive(Debug)]
pub(super) struct Quota {
    span: Span,
    limit: u64,
    start: DateTime<Utc>,
    used: u64,
}

impl Quota {
    pub(super) fn new(span: Span, limit: Option<u32>, now: DateTime<Utc>) -> Option<Self> {
        Some(Self { span, limit: limit?.into(), start: span.start(now), used: 0 })
    }

    /// The span, and when the running one began.
    pub(super) fn running(&self) -> Running {
        (self.span, self.start)
    }

    /// A new span begins with nothing used. A clock that is set back does not end it.
    pub(super) fn roll(&mut self, now: DateTime<Utc>) {
        let start = self.span.start(now);
        if start > self.start {
            (self.start, self.used) = (start, 0);
        }
    }

    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn take(&mut self) {
        self.used = self.used.saturating_add(1);
    }

    pub(super) fn give_back(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    /// What the record says was used before this process began to count.
    pub(super) fn add(&mut self, span: Running, used: u64) {
        if self.running() == span {
            self.used = self.used.saturating_add(used);
        }
    }

    /// The length of the running span, and what is left of it.
    pub(super) fn seconds(&self, now: DateTime<Utc>) -> (u64, u64) {
        let end = self.span.end(self.start);
        let seconds = |from: DateTime<Utc>| {
            u64::try_from((end - from).num_milliseconds()).unwrap_or_default().div_ceil(1_000)
        };
        (seconds(self.start), seconds(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_and_months_begin_at_midnight_of_utc() {
        let now = at("2028-02-29T23:59:59.5Z");
        assert_eq!(
            (Span::Day.start(now), Span::Day.end(now)),
            (at("2028-02-29T00:00:00Z"), at("2028-03-01T00:00:00Z"))
        );
        assert_eq!(
            (Span::Month.start(now), Span::Month.end(now)),
            (at("2028-02-01T00:00:00Z"), at("2028-03-01T00:00:00Z"))
        );
        let mut quota = Quota::new(Span::Month, Some(2), now).unwrap();
        assert_eq!(quota.seconds(now), (29 * 86_400, 1));
        quota.take();
        quota.roll(at("2028-02-01T00:00:00Z"));
        assert_eq!(quota.left(), 1, "a clock set back gives nothing back");
        quota.roll(at("2028-03-01T00:00:00Z"));
        assert_eq!(quota.left(), 2);
        quota.add((Span::Month, at("2028-02-01T00:00:00Z")), 2);
        assert_eq!(quota.left(), 2, "what was used last month does not count in this one");
    }
}
