//! What users were at, whomever they did it for: a few spells of each day, told by the user's id and the time alone. Who is
//! moved to another division takes the past along.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::data::{FIRST_INSTANT, Row, Seed, Session};

/// Kinds of figures that are told of users alone.
pub(super) const OF_USERS: [&str; 2] = ["users", "agentutilizations"];

/// Through the interval of the conversations, and as long again.
const SPELLS: i64 = 24;
const APART: TimeDelta = TimeDelta::hours(12);

/// A user as filters see it.
pub(super) fn row(id: &str) -> Row {
    Row { dimensions: vec![("userId".to_owned(), id.to_owned())], metrics: Vec::new() }
}

/// When each spell began, and what it counts for.
pub(super) fn spells(id: &str) -> impl Iterator<Item = (String, Session)> {
    (0..SPELLS).filter_map(move |number| {
        let mut seed = Seed::of(7, &[id, "spell"], number.unsigned_abs());
        let within = TimeDelta::minutes(seed.between(0, APART.num_minutes()));
        let start = DateTime::<Utc>::from_timestamp_millis(FIRST_INSTANT)?
            + APART * i32::try_from(number).ok()?
            + within;
        let names = ["tAgentRoutingStatus", "tOrganizationPresence", "tSystemPresence"];
        let mut spent = |name: &str| {
            let minutes = i32::try_from(seed.between(1, 600)).unwrap_or_default();
            (name.to_owned(), f64::from(minutes) * 60_000.0)
        };
        let metrics = names.iter().map(|name| spent(name)).collect();
        Some((start.to_rfc3339_opts(SecondsFormat::Millis, true), Session { row: row(id), metrics }))
    })
}
