//! Since when users have been where they are.
//!
//! Genesys does not tell it. It is known from having looked: who is there at two looks that are not far apart has been there
//! all the time, as far as can be told; who is there for the first time counts from then. What lies before the first look,
//! the operator vouches for.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::DivisionId;

/// Who was not looked at for longer may have been elsewhere meanwhile.
const LONGEST_UNSEEN: TimeDelta = TimeDelta::minutes(15);
/// How long after the operator spoke the first look is of those who were meant.
const LONGEST_UNMET: TimeDelta = TimeDelta::minutes(5);

/// A user in a division.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// Where.
    pub division: DivisionId,
    /// Since when, at the latest.
    pub since: DateTime<Utc>,
}

/// All users of a tenant whose agents are dedicated, as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stays {
    /// Which word of the operator's it is by.
    pub vouched_at: DateTime<Utc>,
    /// When the last look began.
    pub seen_at: DateTime<Utc>,
    /// By the users' ids.
    pub users: HashMap<String, Stay>,
}

/// One look at all users of a tenant.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// When the operator last said that the tenant's agents are dedicated.
    pub vouched_at: DateTime<Utc>,
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ended.
    pub until: DateTime<Utc>,
    /// Who was there, and where.
    pub present: HashMap<String, DivisionId>,
}

impl Stays {
    /// What is known after a look. One that is older than what is known tells nothing.
    pub fn after(known: Option<&Self>, sighting: Sighting) -> Self {
        let Sighting { vouched_at, from, until, present } = sighting;
        // By a newer word the same look tells more.
        let is_newer = |known: &&Self| {
            known.vouched_at > vouched_at || known.vouched_at == vouched_at && known.seen_at >= from
        };
        if let Some(known) = known.filter(is_newer) {
            return known.clone();
        }
        // Of who comes long after the operator spoke, nobody knows whether they were meant.
        let vouched = if until - vouched_at > LONGEST_UNMET { until } else { DateTime::UNIX_EPOCH };
        let since = |id: &String, division: &DivisionId| match known {
            Some(known) if known.vouched_at == vouched_at => {
                let was_there = known.users.get(id).filter(|stay| stay.division == *division);
                let is_near = until - known.seen_at <= LONGEST_UNSEEN;
                was_there.filter(|_| is_near).map_or(until, |stay| stay.since)
            }
            Some(_) | None => vouched,
        };
        let users = present.into_iter().map(|(id, division)| {
            let since = since(&id, &division);
            (id, Stay { division, since })
        });
        Self { vouched_at, seen_at: from, users: users.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "a0000000-0000-4000-8000-000000000000";
    const THERE: &str = "b0000000-0000-4000-8000-000000000000";

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    /// A look of a minute, the operator having spoken at minute 0.
    fn sighting(minute: i64, present: &[(&str, &str)]) -> Sighting {
        let present = present.iter().map(|(id, place)| ((*id).to_owned(), place.parse().unwrap()));
        Sighting { vouched_at: at(0), from: at(minute), until: at(minute + 1), present: present.collect() }
    }

    fn seen(looks: impl IntoIterator<Item = Sighting>) -> Stays {
        let mut known = None;
        for look in looks {
            known = Some(Stays::after(known.as_ref(), look));
        }
        known.unwrap()
    }

    fn since(stays: &Stays, id: &str) -> Option<DateTime<Utc>> {
        stays.users.get(id).map(|stay| stay.since)
    }

    #[test]
    fn who_is_there_when_the_operator_speaks_is_vouched_for() {
        let stays = seen([sighting(1, &[("ann", HERE)])]);
        assert_eq!(since(&stays, "ann"), Some(DateTime::UNIX_EPOCH));
        let soon = seen([sighting(4, &[("ann", HERE)])]);
        assert_eq!(since(&soon, "ann"), Some(DateTime::UNIX_EPOCH));
        let late = seen([sighting(5, &[("ann", HERE)])]);
        assert_eq!(since(&late, "ann"), Some(at(6)), "minutes later, nobody knows who was meant");
    }

    #[test]
    fn who_comes_later_counts_from_when_they_are_first_seen() {
        let stays = seen([sighting(1, &[("ann", HERE)]), sighting(5, &[("ann", HERE), ("ben", HERE)])]);
        assert_eq!(since(&stays, "ann"), Some(DateTime::UNIX_EPOCH));
        assert_eq!(since(&stays, "ben"), Some(at(6)));
    }

    #[test]
    fn who_leaves_and_comes_back_counts_anew() {
        let here = &[("ann", HERE)];
        let stays = seen([sighting(1, here), sighting(5, &[]), sighting(9, here)]);
        assert_eq!(since(&stays, "ann"), Some(at(10)));
        let moved = seen([sighting(1, here), sighting(5, &[("ann", THERE)]), sighting(9, here)]);
        assert_eq!(since(&moved, "ann"), Some(at(10)), "each division for itself");
    }

    #[test]
    fn who_was_not_looked_at_for_long_counts_anew() {
        let here = &[("ann", HERE)];
        let stays = seen([sighting(1, here), sighting(15, here)]);
        assert_eq!(since(&stays, "ann"), Some(DateTime::UNIX_EPOCH));
        let stays = seen([sighting(1, here), sighting(16, here)]);
        assert_eq!(since(&stays, "ann"), Some(at(17)));
    }

    #[test]
    fn the_operator_may_vouch_again() {
        let here = &[("ann", HERE)];
        let again = Sighting { vouched_at: at(4), ..sighting(5, &[("ann", HERE), ("ben", HERE)]) };
        let stays = seen([sighting(1, here), again]);
        assert_eq!(since(&stays, "ben"), Some(DateTime::UNIX_EPOCH));
    }

    #[test]
    fn a_look_that_is_older_than_what_is_known_tells_nothing() {
        let newer = seen([sighting(1, &[("ann", HERE)]), sighting(9, &[("ann", HERE)])]);
        assert_eq!(Stays::after(Some(&newer), sighting(5, &[])), newer);
        let again = Sighting { vouched_at: at(4), ..sighting(5, &[("ann", HERE)]) };
        let vouched = seen([again]);
        assert_eq!(Stays::after(Some(&vouched), sighting(9, &[])), vouched, "by an older word");
    }
}
