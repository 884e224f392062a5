//! Queries that know no divisions: beside the caller's filter stands a clause over all that the tenant has of the kind that
//! Genesys can filter by.
//!
//! Genesys takes so many ids and no more: a query of more becomes several, and what they find is put together again where
//! that is exact: where every group names one of the ids, no group is found by two of them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};

use super::{
    Denial, Invalid,
    aggregates::{check_filter, check_grouping, check_query},
    conversations::unnarrowable,
    dimensions, encode,
    filter::{matches, narrow_to},
    owned::NOBODY,
};
use crate::{
    catalog::{
        ActivityQuery, AggregationQuery, Clause, Filter, Guarding, Logic, ObservationQuery, Operator,
        Predicate,
    },
    directory::Member,
    gateway::{
        asked::{Body, interval, predicates, written},
        authorize::Permit,
        denial::Failure,
    },
    model::Text,
};

/// As many as Genesys takes of users (facts: analytics limits); of others it says no bound.
const MOST_AT_ONCE: usize = 100;
/// Each is a request of its own, and a minute has 300.
const MOST_QUERIES: usize = 50;

/// The queries that are sent in a query's place; one, but for a tenant that has many.
pub(super) fn narrow(
    body: Body<'_>,
    dimension: &str,
    own: Vec<Member>,
    permit: &Permit,
) -> Result<Vec<Narrowed>, Denial> {
    let is_begun = matches!(permit.operation().guard, Guarding::Handle { .. });
    match body {
        Body::Aggregates(query) => {
            check_query(&query, permit)?;
            check_named_metrics(&query.metrics, permit)?;
            let by = query.group_by.as_deref().unwrap_or_default();
            let bucket =
                if permit.operation().narrowing.is_by_users() { bucket(&query)? } else { TimeDelta::zero() };
            let over = Over { dimension, is_grouped: is_grouped(by, dimension), is_begun, bucket };
            let within = query.interval.as_deref().and_then(interval);
            let own = named(query.filter.as_ref(), dimension, own)?;
            each(&over.parts(own, within)?, dimension, query.filter.as_ref(), |filter, start| {
                let sent = within.map(|(from, until)| written((start.unwrap_or(from), until)));
                let interval = sent.map(Text::from);
                encode(&AggregationQuery { filter: Some(filter), interval, ..(*query).clone() })
            })
        }
        Body::Activity(query) => {
            check_metrics(query.metrics.iter().map(|one| &one.metric), permit)?;
            check_filter(query.filter.as_ref(), permit)?;
            let by = query.group_by.as_deref().unwrap_or_default();
            check_grouping(by, false, permit)?;
            let over = Over {
                dimension,
                is_grouped: is_grouped(by, dimension),
                is_begun,
                bucket: TimeDelta::zero(),
            };
            let own = named(query.filter.as_ref(), dimension, own)?;
            each(&over.parts(own, None)?, dimension, query.filter.as_ref(), |filter, _| {
                encode(&ActivityQuery { filter: Some(filter), ..(*query).clone() })
            })
        }
        Body::Observations(query) => {
            check_metrics(query.metrics.iter(), permit)?;
            check_filter(query.filter.as_ref(), permit)?;
            // Genesys groups observations by what they are of.
            let over = Over { dimension, is_grouped: true, is_begun, bucket: TimeDelta::zero() };
            let own = named(query.filter.as_ref(), dimension, own)?;
            each(&over.parts(own, None)?, dimension, query.filter.as_ref(), |filter, _| {
                encode(&ObservationQuery { filter: Some(filter), ..(*query).clone() })
            })
        }
        Body::None
        | Body::Conversations(_)
        | Body::Users(_)
        | Body::NewUser(_)
        | Body::UserChange(_)
        | Body::NewQueue(_)
        | Body::Rotation(_)
        | Body::QueueChange(_)
        | Body::Document(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// A query that is sent in the place of the caller's.
pub(super) struct Narrowed {
    pub(super) body: Bytes,
    pub(super) ids: Vec<String>,
    /// From when on it asks, where that is later than the caller does.
    pub(super) start: Option<DateTime<Utc>>,
}

/// One query of several: whom it asks for, and from when on, where that is later than the caller does.
struct Part {
    ids: Vec<String>,
    start: Option<DateTime<Utc>>,
}

/// By what a query is taken apart.
struct Over<'o> {
    dimension: &'o str,
    /// Whether each group names it.
    is_grouped: bool,
    /// Whether a job is begun, whose groups can name nothing.
    is_begun: bool,
    /// As long as what is told of at once can be.
    bucket: TimeDelta,
}

/// From and until.
type Span = (DateTime<Utc>, DateTime<Utc>);
/// By when they came, where that is later than the interval begins.
type ByStart = BTreeMap<Option<DateTime<Utc>>, Vec<String>>;

fn each(
    parts: &[Part],
    dimension: &str,
    theirs: Option<&Filter<'_>>,
    body: impl Fn(Filter<'_>, Option<DateTime<Utc>>) -> Result<Bytes, Denial>,
) -> Result<Vec<Narrowed>, Denial> {
    let narrowed = parts.iter().map(|part| {
        let within: Vec<Predicate<'_>> = part.ids.iter().map(|id| matches(dimension, id)).collect();
        let filter = narrow_to(theirs.cloned(), &within).map_err(unnarrowable)?;
        Ok(Narrowed { body: body(filter, part.start)?, ids: part.ids.clone(), start: part.start })
    });
    narrowed.collect()
}

fn is_grouped(by: &[Text<'_>], dimension: &str) -> bool {
    by.iter().any(|one| **one == *dimension)
}

/// Those of the tenant's own that a filter asks for in any case; all of them where it can hold without. Others' ids find
/// nothing, as missing ones do.
fn named(theirs: Option<&Filter<'_>>, dimension: &str, mut own: Vec<Member>) -> Result<Vec<Member>, Denial> {
    if let Some(filter) = theirs {
        check_predicates(filter, dimension)?;
        if let Some(named) = required(filter, dimension) {
            own.retain(|member| named.contains(member.id.as_str()));
        }
    }
    Ok(own)
}

impl Over<'_> {
    /// The queries: each member is asked for once, and for no time before it was the tenant's.
    fn parts(&self, own: Vec<Member>, within: Option<Span>) -> Result<Vec<Part>, Invalid> {
        let mut by_start = ByStart::new();
        for Member { id, since } in own {
            match (since.map(|since| self.start(since)), within) {
                (Some(since), Some((_, until))) if since >= until => {}
                (Some(since), Some((from, _))) if since > from => {
                    by_start.entry(Some(since)).or_default().push(id);
                }
                (Some(_) | None, _) => by_start.entry(None).or_default().push(id),
            }
        }
        if by_start.is_empty() {
            by_start.insert(None, vec![NOBODY.to_owned()]);
        }
        if let (false, Some((Some(latest), _))) = (self.is_grouped, by_start.last_key_value()) {
            return Err(self.came_later(*latest));
        }
        let count: usize = by_start.values().map(Vec::len).sum();
        let queries: usize = by_start.values().map(|ids| ids.len().div_ceil(MOST_AT_ONCE)).sum();
        if queries > MOST_QUERIES && count <= MOST_QUERIES * MOST_AT_ONCE {
            return Err(too_many_starts(&by_start));
        }
        if queries > MOST_QUERIES || queries > 1 && !self.is_grouped {
            return Err(self.too_many(count, queries));
        }
        let parts = by_start.iter().flat_map(|(start, ids)| {
            ids.chunks(MOST_AT_ONCE).map(|ids| Part { ids: ids.to_vec(), start: *start })
        });
        Ok(parts.collect())
    }

    /// The first full hour from which on nothing is told together with what lies before: wherever Genesys begins what it
    /// tells of at once, and however it rounds.
    fn start(&self, since: DateTime<Utc>) -> DateTime<Utc> {
        let reached = since + self.bucket;
        reached.duration_round_up(TimeDelta::hours(1)).unwrap_or(reached)
    }

    fn too_many(&self, count: usize, queries: usize) -> Invalid {
        let dimension = self.dimension;
        let remedy = if queries > MOST_QUERIES {
            format!("name those that you ask for in `filter`, {} at most", MOST_AT_ONCE * MOST_QUERIES)
        } else if self.is_begun {
            format!("name up to {MOST_AT_ONCE} of them in `filter`, and begin a job for each such part")
        } else {
            format!("name up to {MOST_AT_ONCE} of them in `filter`, or put `{dimension}` into `groupBy`")
        };
        let message = format!(
            "Genesys takes {MOST_AT_ONCE} values of `{dimension}` at a time, and you have {count}: {remedy}."
        );
        Invalid::new("ringfence.aggregation_refused", message)
    }

    /// Of all together, no part of the time can be left out for one of them.
    fn came_later(&self, latest: DateTime<Utc>) -> Invalid {
        let or_apart = if self.is_begun {
            String::new()
        } else {
            format!(", or put `{}` into `groupBy`", self.dimension)
        };
        let message = format!(
            "Of those that you ask for, some have been yours for a part of the interval only: begin it at {} or later, \
             name others in `filter`{or_apart}.",
            time(latest)
        );
        Invalid::new("ringfence.aggregation_refused", message)
    }
}

/// Names the first start from which on the queries suffice.
fn too_many_starts(by_start: &ByStart) -> Invalid {
    let suffice = |start: &DateTime<Utc>| {
        let (there, later): (Vec<_>, Vec<_>) = by_start.iter().partition(|(one, _)| **one <= Some(*start));
        let there: usize = there.iter().map(|(_, ids)| ids.len()).sum();
        let later: usize = later.iter().map(|(_, ids)| ids.len().div_ceil(MOST_AT_ONCE)).sum();
        there.div_ceil(MOST_AT_ONCE) + later <= MOST_QUERIES
    };
    let starts = by_start.keys().flatten();
    let remedy = starts.clone().copied().find(suffice);
    let remedy = remedy.map(|start| format!("begin it at {} or later, or ", time(start))).unwrap_or_default();
    let message = format!(
        "Those that you ask for have been yours since {} different hours of the interval, and {MOST_QUERIES} are asked \
         for at a time: {remedy}name fewer of them in `filter`.",
        starts.count()
    );
    Invalid::new("ringfence.aggregation_refused", message)
}

/// How long each part of the interval can be that is told of at once; by the ends of what users did, none can be told apart.
fn bucket(query: &AggregationQuery<'_>) -> Result<TimeDelta, Invalid> {
    let refused = |message: &str| Invalid::new("ringfence.aggregation_refused", message.to_owned());
    if query.alternate_time_dimension.is_some() {
        return Err(refused("`alternateTimeDimension` cannot be used for what users do."));
    }
    let granularity = query.granularity.as_deref();
    granularity.map_or(Some(TimeDelta::zero()), longest).ok_or_else(|| {
        refused("`granularity` must be an ISO-8601 duration such as `PT1H` or `P1D`, of at most a year.")
    })
}

/// As long as an ISO-8601 duration can be; none where it is no such, or longer than a year.
fn longest(duration: &str) -> Option<TimeDelta> {
    let (days, hours) =
        duration.strip_prefix('P')?.split_once('T').unwrap_or((duration.strip_prefix('P')?, ""));
    let sum = |text: &str, unit: fn(char) -> Option<i64>| {
        text.split_inclusive(|letter: char| letter.is_ascii_alphabetic()).try_fold(0_i64, |sum, one| {
            let letter = one.chars().last()?;
            let number: u16 = one.strip_suffix(letter)?.parse().ok()?;
            Some(sum + i64::from(number) * unit(letter)?)
        })
    };
    let days = sum(days, |letter| match letter {
        'Y' => Some(366),
        'M' => Some(31),
        'W' => Some(7),
        'D' => Some(1),
        _ => None,
    })?;
    let seconds = sum(hours, |letter| match letter {
        'H' => Some(3_600),
        'M' => Some(60),
        'S' => Some(1),
        _ => None,
    })?;
    // A day on which the clocks are set back is an hour longer.
    let set_back = if days > 0 { 3_600 } else { 0 };
    let all = days * 86_400 + seconds + set_back;
    (all > 0 && all <= 367 * 86_400).then(|| TimeDelta::seconds(all))
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// By whether there is none, or by a range, others' would be told from one another.
fn check_predicates(filter: &Filter<'_>, dimension: &str) -> Result<(), Invalid> {
    let over = predicates(filter).filter(|one| one.dimension.as_deref() == Some(dimension));
    let mut odd = over.filter(|one| {
        one.range.is_some() || one.value.is_none() || !matches!(one.operator, None | Some(Operator::Matches))
    });
    match odd.next() {
        Some(_) => {
            let message = format!(
                "A predicate over `{dimension}` takes a value, and no other operator than `matches`."
            );
            Err(Invalid::new("ringfence.filter_refused", message))
        }
        None => Ok(()),
    }
}

/// The values of which one must match, whatever else the filter says; none where it can hold without.
fn required<'f>(filter: &'f Filter<'_>, dimension: &str) -> Option<BTreeSet<&'f str>> {
    let value =
        |one: &'f Predicate<'_>| one.value.as_deref().filter(|_| one.dimension.as_deref() == Some(dimension));
    let all = |predicates: &'f [Predicate<'_>]| predicates.iter().map(value).collect::<Option<BTreeSet<_>>>();
    let any =
        |predicates: &'f [Predicate<'_>]| predicates.iter().find_map(value).map(|id| BTreeSet::from([id]));
    let clause = |clause: &'f Clause<'_>| match clause.r#type {
        Logic::Or => all(&clause.predicates),
        Logic::And => any(&clause.predicates),
    };
    let clauses = filter.clauses.as_deref().unwrap_or_default();
    let predicates = filter.predicates.as_deref().unwrap_or_default();
    match filter.r#type {
        Logic::And => any(predicates).or_else(|| clauses.iter().find_map(clause)),
        Logic::Or => {
            let mut named = all(predicates)?;
            for one in clauses {
                named.extend(clause(one)?);
            }
            Some(named)
        }
    }
}

/// Where the catalog lists metrics: what else can be asked for is checked with the rest of the query.
fn check_named_metrics(metrics: &[Text<'_>], permit: &Permit) -> Result<(), Invalid> {
    match permit.operation().metrics {
        Some(_) => check_metrics(metrics.iter(), permit),
        None => Ok(()),
    }
}

fn check_metrics<'m, 'a: 'm>(
    metrics: impl ExactSizeIterator<Item = &'m Text<'a>>,
    permit: &Permit,
) -> Result<(), Invalid> {
    let allowed = permit.operation().metrics.as_ref();
    let is_allowed = |name: &Text<'_>| match allowed {
        Some(names) => names.contains(name),
        None => dimensions::is_metric(name),
    };
    let count = metrics.len();
    if (1..=MOST_AT_ONCE).contains(&count) && metrics.into_iter().all(is_allowed) {
        return Ok(());
    }
    let names = allowed.map(|names| Vec::from(names.clone()).join(", "));
    let message = names.map_or_else(
        || "`metrics` must name 1 to 100 metrics.".to_owned(),
        |names| format!("`metrics` may name {names}; others count what is not the tenant's alone."),
    );
    Err(Invalid::new("ringfence.aggregation_refused", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_as_long_as_it_can_be() {
        let minutes = |text| longest(text).map(|longest| longest.num_minutes());
        assert_eq!(minutes("PT30M"), Some(30));
        assert_eq!(minutes("PT1H"), Some(60));
        assert_eq!(minutes("P1D"), Some(25 * 60), "the clocks may be set back");
        assert_eq!(minutes("P1W"), Some((7 * 24 + 1) * 60));
        assert_eq!(minutes("P1M"), Some((31 * 24 + 1) * 60));
        assert_eq!(minutes("P1DT1H"), Some(26 * 60));
        for odd in ["", "P", "PT", "P1", "PT1D", "P1H", "1D", "P-1D", "P2Y", "P1.5D", "p1d", "P0D", "P99999D"]
        {
            assert_eq!(longest(odd), None, "{odd}");
        }
    }

    #[test]
    fn nothing_is_told_together_with_what_lies_before_somebody_came() {
        let came = "2026-06-03T12:00:00.000001Z".parse().unwrap();
        let start = |bucket| {
            let over = Over { dimension: "userId", is_grouped: true, is_begun: false, bucket };
            time(over.start(came))
        };
        assert_eq!(start(TimeDelta::zero()), "2026-06-03T13:00:00.000Z");
        assert_eq!(start(TimeDelta::minutes(30)), "2026-06-03T13:00:00.000Z");
        assert_eq!(start(TimeDelta::hours(25)), "2026-06-04T14:00:00.000Z");
    }
}
