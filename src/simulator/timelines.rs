//! What users were at, whomever they did it for: a few spells of each day, told by the user's id and the time alone. Who is
//! moved to another division takes the past along.

use chrono::{DateTime, TimeDelta, Utc};

use super::data::{FIRST_INSTANT, Row, Seed, Session};

/// Kinds of figures that are told of users alone.
pub(super) const OF_USERS: [&str; 2] = ["users", "agentutilizations"];

/// Through the interval of the conversations, and as long again.
const SPELLS: i64 = 24;
const APART: TimeDelta = TimeDelta::hours(12);
const LONGEST_MINUTES: i64 = 600;

/// One thing that a user was at.
pub(super) struct Spell {
    user: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// A user as filters see it.
pub(super) fn row(id: &str) -> Row {
    Row { dimensions: vec![("userId".to_owned(), id.to_owned())], metrics: Vec::new() }
}

/// From when to when each lasted; some overlap.
pub(super) fn spells(id: &str) -> impl Iterator<Item = Spell> {
    (0..SPELLS).filter_map(move |number| {
        let mut seed = Seed::of(7, &[id, "spell"], number.unsigned_abs());
        let within = TimeDelta::minutes(seed.between(0, APART.num_minutes()));
        let first = DateTime::<Utc>::from_timestamp_millis(FIRST_INSTANT)?;
        let from = first + APART * i32::try_from(number).ok()? + within;
        let until = from + TimeDelta::minutes(seed.between(1, LONGEST_MINUTES));
        Some(Spell { user: id.to_owned(), from, until })
    })
}

impl Spell {
    /// What it counts for in a part of the time: as much as lies therein.
    pub(super) fn within(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<Session> {
        let spent = self.until.min(until) - self.from.max(from);
        let milliseconds = i32::try_from(spent.num_milliseconds()).ok().filter(|spent| *spent > 0)?;
        let names = ["tAgentRoutingStatus", "tOrganizationPresence", "tSystemPresence"];
        let metrics = names.map(|name| (name.to_owned(), f64::from(milliseconds)));
        Some(Session { row: row(&self.user), metrics: metrics.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_counts_for_as_long_as_it_lasted_within_the_time_that_is_asked_for() {
        let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let spell = Spell { user: "ann".to_owned(), from: at(10), until: at(40) };
        let spent =
            |from, until| spell.within(at(from), at(until)).map(|session| session.metrics[0].1 / 60_000.0);
        assert_eq!(spent(0, 60), Some(30.0));
        assert_eq!(
            (spent(0, 25), spent(25, 60)),
            (Some(15.0), Some(15.0)),
            "cut in two, it counts on both sides"
        );
        assert_eq!((spent(0, 10), spent(40, 60)), (None, None));
    }
}
