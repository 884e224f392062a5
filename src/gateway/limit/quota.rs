//! How much of a day, or of a month, is used, and how much of it this replica may still use without asking.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{ANOTHER_LOOK, calendar::Span};
use crate::{
    cluster::{QuotaOf, QuotaShare, Replicas, hold},
    model::Limits,
};

/// What is counted, and in which span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    RequestsPerDay,
    RequestsPerMonth,
    BytesPerDay,
}

impl Measure {
    pub(super) const ALL: [Self; 3] = [Self::RequestsPerDay, Self::RequestsPerMonth, Self::BytesPerDay];

    fn span(self) -> Span {
        match self {
            Self::RequestsPerDay | Self::BytesPerDay => Span::Day,
            Self::RequestsPerMonth => Span::Month,
        }
    }

    fn limit(self, limits: &Limits) -> Option<u64> {
        match self {
            Self::RequestsPerDay => limits.requests_per_day.map(u64::from),
            Self::RequestsPerMonth => limits.requests_per_month.map(u64::from),
            Self::BytesPerDay => limits.bytes_per_day,
        }
    }

    /// As the limit is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RequestsPerDay => "requests_per_day",
            Self::RequestsPerMonth => "requests_per_month",
            Self::BytesPerDay => "bytes_per_day",
        }
    }

    /// A replica that is not busy holds so much of a limit, or a hundredth of it over all replicas: where one is killed no
    /// more than that is in doubt.
    fn least_held(self, limit: u64, replicas: Replicas) -> u64 {
        let hundredth = limit / 100 / replicas.count();
        match self {
            Self::RequestsPerDay | Self::RequestsPerMonth => hundredth.max(10),
            Self::BytesPerDay => hundredth,
        }
    }
}

/// After how long a replica says what it has used.
const REPORT: Duration = Duration::from_secs(1);
/// After how long one that holds something and uses nothing gives back; each time that nothing happens, twice as long.
const IDLE: Duration = Duration::from_secs(2);
const LONGEST_IDLE: Duration = Duration::from_secs(5);
/// What others hold of a quota that is used up, and nobody waits for.
const FEW: u64 = 3;
/// So many times as much as was used since the last claim is held; or, while there is much, one in so many of its part.
const AHEAD: u64 = 4;

/// So many in a span, and how many there were in the running one.
#[derive(Debug)]
pub(super) struct Quota {
    measure: Measure,
    limit: u64,
    start: DateTime<Utc>,
    // From then on this process counts; what came before is in the record.
    since: DateTime<Utc>,
    spent: u64,
    // What may be spent without asking, and what nobody holds.
    ceiling: u64,
    elsewhere: u64,
    // Whether it is known what was used before, and elsewhere.
    known: bool,
    claimed: Claimed,
}

/// How it stood when it was last asked for more.
#[derive(Debug, Default)]
struct Claimed {
    at: Duration,
    spent: u64,
    held: u64,
    // What the others held.
    by_others: u64,
    idle: Duration,
    // Somebody was refused since.
    refused: bool,
}

/// What is asked of the other replicas.
#[derive(Debug, Clone)]
pub(super) struct QuotaClaim {
    pub(super) of: QuotaOf,
    pub(super) measure: Measure,
    pub(super) since: DateTime<Utc>,
    pub(super) spent: u64,
    limit: u64,
    wanted: u64,
}

impl QuotaClaim {
    /// What nobody else has used or holds.
    fn left(&self, others: &[QuotaShare]) -> u64 {
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        let used: u64 = others.iter().map(|share| whole(share.spent).saturating_add(whole(share.held))).sum();
        self.limit.saturating_sub(used).saturating_sub(self.spent)
    }

    /// What is to be held beside these.
    pub(super) fn hold(&self, others: &[QuotaShare], replicas: Replicas) -> u64 {
        let left = self.left(others);
        hold(left, self.wanted.max(left / replicas.count() / AHEAD), replicas)
    }
}

impl Quota {
    pub(super) fn new(
        measure: Measure,
        limits: &Limits,
        now: DateTime<Utc>,
        replicas: Replicas,
    ) -> Option<Self> {
        let limit = measure.limit(limits)?;
        Some(Self::begin(measure, limit, measure.span().start(now), now, replicas))
    }

    /// What was counted under another limit counts on, here and elsewhere.
    pub(super) fn follow(&mut self, former: &Self, replicas: Replicas) {
        if self.measure != former.measure || self.start != former.start {
            return;
        }
        (self.since, self.spent) = (former.since, former.spent);
        // Until the record, or the others, were asked anew, what they said of the former limit is what is known.
        if former.known {
            let elsewhere = former.limit.saturating_sub(former.ceiling.saturating_add(former.elsewhere));
            let left = self.limit.saturating_sub(elsewhere);
            self.ceiling = if replicas.count() == 1 { left } else { former.ceiling.min(left) };
            self.elsewhere = left - self.ceiling;
        }
    }

    fn begin(
        measure: Measure,
        limit: u64,
        start: DateTime<Utc>,
        since: DateTime<Utc>,
        replicas: Replicas,
    ) -> Self {
        let ceiling = replicas.share(limit);
        let claimed = Claimed::default();
        Self { measure, limit, start, since, spent: 0, ceiling, elsewhere: 0, known: false, claimed }
    }

    /// Whether another span has begun.
    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.measure.span().start(now) > self.start
    }

    /// A new span begins with nothing used. A clock that is set back does not end it.
    pub(super) fn roll(&mut self, now: DateTime<Utc>, replicas: Replicas) {
        if self.is_over(now) {
            let start = self.measure.span().start(now);
            *self = Self::begin(self.measure, self.limit, start, start, replicas);
        }
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure
    }

    /// Whether one more may come; otherwise how long to wait.
    pub(super) fn room(&mut self, now: DateTime<Utc>) -> Result<(), Duration> {
        if self.spent < self.ceiling {
            return Ok(());
        }
        self.claimed.refused = true;
        // Until the others have been asked, or where there is more, nobody has to wait for the span's end.
        let end = Duration::from_secs(self.seconds(now).1);
        let asking = self.spent < self.limit && (!self.known || self.elsewhere > 0);
        // What others hold and do not use they give back.
        let held = self.claimed.by_others > FEW;
        Err(if asking {
            ANOTHER_LOOK
        } else if held {
            LONGEST_IDLE.min(end)
        } else {
            end
        })
    }

    pub(super) fn left(&self) -> u64 {
        self.ceiling.saturating_sub(self.spent).saturating_add(self.elsewhere)
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn take(&mut self, amount: u64) {
        self.spent = self.spent.saturating_add(amount);
    }

    pub(super) fn give_back(&mut self) {
        self.spent = self.spent.saturating_sub(1);
    }

    /// Of a process that serves alone: the span's beginning and when this process began to count, until the record was
    /// asked what lies between.
    pub(super) fn unknown(&self) -> Option<(Measure, DateTime<Utc>, DateTime<Utc>)> {
        (!self.known).then_some((self.measure, self.start, self.since))
    }

    /// What the record says was used before this process began to count.
    pub(super) fn recall(&mut self, measure: Measure, start: DateTime<Utc>, used: u64) {
        if self.measure == measure && self.start == start {
            (self.ceiling, self.known) = (self.limit.saturating_sub(used), true);
        }
    }

    /// Whether little is left of what is held, and there is more.
    pub(super) fn is_low(&self) -> bool {
        let left = self.ceiling.saturating_sub(self.spent);
        self.elsewhere > 0 && left <= self.claimed.held / 2
    }

    /// What to ask of the others, if it is time to.
    pub(super) fn claim(&self, subject: &str, at: Duration, replicas: Replicas) -> Option<QuotaClaim> {
        let age = at.saturating_sub(self.claimed.at);
        let moved = self.spent != self.claimed.spent || self.claimed.refused;
        let holds = self.ceiling > self.spent && replicas.count() > 1;
        let due = !self.known
            || self.is_low()
            || moved && age >= REPORT
            || holds && age >= self.claimed.idle.max(IDLE);
        let used = self.spent.saturating_sub(self.claimed.spent);
        due.then(|| QuotaClaim {
            of: QuotaOf { subject: subject.to_owned(), span: self.measure.name(), start: self.start },
            measure: self.measure,
            since: self.since,
            spent: self.spent,
            limit: self.limit,
            wanted: used.saturating_mul(AHEAD).max(self.measure.least_held(self.limit, replicas)),
        })
    }

    /// What was counted `twice`, here and by whoever opened the quota, is counted there alone.
    pub(super) fn count_from(&mut self, claim: &QuotaClaim, opened: DateTime<Utc>, twice: u64) {
        if claim.of.start == self.start && claim.measure == self.measure && self.since < opened {
            (self.since, self.spent) = (opened, self.spent.saturating_sub(twice));
            self.ceiling = self.ceiling.saturating_sub(twice);
        }
    }

    /// What was claimed is held; it is claimed again soon unless all that the others have used is `known`.
    pub(super) fn grant(
        &mut self,
        claim: &QuotaClaim,
        others: &[QuotaShare],
        (replicas, known): (Replicas, bool),
        at: Duration,
    ) {
        // What was claimed under a former limit is claimed anew.
        if claim.of.start != self.start || claim.measure != self.measure || claim.limit != self.limit {
            return;
        }
        let held = claim.hold(others, replicas);
        let idle = if claim.spent == self.claimed.spent { self.claimed.idle.max(IDLE) * 2 } else { IDLE };
        let idle = idle.min(LONGEST_IDLE);
        (self.ceiling, self.elsewhere) = (claim.spent.saturating_add(held), claim.left(others) - held);
        self.known = known;
        let by_others = others.iter().map(|share| u64::try_from(share.held).unwrap_or_default()).sum();
        self.claimed = Claimed { at, spent: claim.spent, held, by_others, idle, refused: false };
    }

    /// The length of the running span, and what is left of it.
    pub(super) fn seconds(&self, now: DateTime<Utc>) -> (u64, u64) {
        let end = self.measure.span().end(self.start);
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
        let alone = Replicas::new(1, 0);
        let limits = Limits { requests_per_month: Some(2), ..Limits::default() };
        let mut quota = Quota::new(Measure::RequestsPerMonth, &limits, now, alone).unwrap();
        assert_eq!(quota.seconds(now), (29 * 86_400, 1));
        quota.take(1);
        quota.roll(at("2028-02-01T00:00:00Z"), alone);
        assert_eq!(quota.left(), 1, "a clock set back gives nothing back");
        quota.roll(at("2028-03-01T00:00:00Z"), alone);
        assert_eq!(quota.left(), 2);
        quota.recall(Measure::RequestsPerMonth, at("2028-02-01T00:00:00Z"), 2);
        assert_eq!(quota.left(), 2, "what was used last month does not count in this one");
    }

    fn share(spent: i64, held: i64) -> QuotaShare {
        QuotaShare { stream: "other".to_owned(), since: DateTime::UNIX_EPOCH, spent, held }
    }

    /// Two replicas that claim in turn, one busy and one idle, spend the whole limit and no more.
    #[test]
    fn what_an_idle_replica_holds_comes_back_as_the_quota_nears_its_end() {
        let now = at("2028-02-29T12:00:00Z");
        let limits = Limits { requests_per_day: Some(10_000), ..Limits::default() };
        let two = |index| Replicas::new(2, index);
        let mut quotas =
            [0, 1].map(|index| Quota::new(Measure::RequestsPerDay, &limits, now, two(index)).unwrap());
        let mut shares = [share(0, 0), share(0, 0)];
        for second in 1..2_000 {
            for (index, quota) in quotas.iter_mut().enumerate() {
                if index == 0 {
                    for _ in 0..7 {
                        if quota.room(now).is_ok() {
                            quota.take(1);
                        }
                    }
                }
                let time = Duration::from_secs(second);
                let Some(claim) = quota.claim("tenant:a", time, two(index)) else { continue };
                let other = [shares[1 - index].clone()];
                let hold = claim.hold(&other, two(index));
                shares[index] = share(i64::try_from(claim.spent).unwrap(), i64::try_from(hold).unwrap());
                quota.grant(&claim, &other, (two(index), true), time);
                assert!(shares.iter().map(|one| one.spent + one.held).sum::<i64>() <= 10_000);
            }
        }
        assert!((9_950..=10_000).contains(&quotas[0].spent), "{:?}", quotas[0]);
        assert!(quotas[0].room(now).unwrap_err() > Duration::from_hours(11), "until midnight");
    }
}
