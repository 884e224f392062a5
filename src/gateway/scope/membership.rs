//! Queries that know no divisions: beside the caller's filter stands a clause over all that the tenant has of the kind that
//! Genesys can filter by.
//!
//! Genesys takes so many ids and no more: a query of more becomes several, and what they find is put together again where
//! that is exact: where every group names one of the ids, no group is found by two of them.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Denial, Invalid,
    aggregates::{check_filter, check_grouping, check_query},
    conversations::unnarrowable,
    dimensions, encode,
    filter::{matches, narrow_to},
    owned::NOBODY,
};
use crate::{
    catalog::{ActivityQuery, AggregationQuery, Clause, Filter, Guarding, Logic, Operator, Predicate},
    gateway::{
        asked::{Body, predicates},
        authorize::Permit,
        denial::Failure,
    },
    model::Text,
};

/// As many as Genesys takes of users (facts: analytics limits); of others it says no bound.
const MOST_AT_ONCE: usize = 100;
/// Each is a request of its own, and a minute has 300.
const MOST_QUERIES: usize = 50;

/// The bodies that are sent in a query's place, each with the ids that it asks for; one, but for a tenant that has many.
pub(super) fn narrow(
    body: Body<'_>,
    dimension: &str,
    own: Vec<String>,
    permit: &Permit,
) -> Result<Vec<(Bytes, Vec<String>)>, Denial> {
    match body {
        Body::Aggregates(query) => {
            check_query(&query, permit)?;
            let by = query.group_by.as_deref().unwrap_or_default();
            let parts = parts(query.filter.as_ref(), dimension, own, is_grouped(by, dimension), permit)?;
            each(&parts, dimension, query.filter.as_ref(), |filter| {
                encode(&AggregationQuery { filter: Some(filter), ..(*query).clone() })
            })
        }
        Body::Activity(query) => {
            check_metrics(query.metrics.iter().map(|one| &one.metric), permit)?;
            check_filter(query.filter.as_ref(), permit)?;
            let by = query.group_by.as_deref().unwrap_or_default();
            check_grouping(by, false, permit)?;
            let parts = parts(query.filter.as_ref(), dimension, own, is_grouped(by, dimension), permit)?;
            each(&parts, dimension, query.filter.as_ref(), |filter| {
                encode(&ActivityQuery { filter: Some(filter), ..(*query).clone() })
            })
        }
        Body::Observations(query) => {
            check_metrics(query.metrics.iter(), permit)?;
            check_filter(query.filter.as_ref(), permit)?;
            // Genesys groups observations by what they are of.
            let parts = parts(query.filter.as_ref(), dimension, own, true, permit)?;
            each(&parts, dimension, query.filter.as_ref(), |filter| {
                encode(&crate::catalog::ObservationQuery { filter: Some(filter), ..(*query).clone() })
            })
        }
        Body::None
        | Body::Conversations(_)
        | Body::Users(_)
        | Body::NewUser(_)
        | Body::UserChange(_)
        | Body::NewQueue(_)
        | Body::QueueChange(_)
        | Body::Document(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

fn each(
    parts: &[Vec<String>],
    dimension: &str,
    theirs: Option<&Filter<'_>>,
    body: impl Fn(Filter<'_>) -> Result<Bytes, Denial>,
) -> Result<Vec<(Bytes, Vec<String>)>, Denial> {
    let narrowed = parts.iter().map(|ids| {
        let within: Vec<Predicate<'_>> = ids.iter().map(|id| matches(dimension, id)).collect();
        Ok((body(narrow_to(theirs.cloned(), &within).map_err(unnarrowable)?)?, ids.clone()))
    });
    narrowed.collect()
}

fn is_grouped(by: &[Text<'_>], dimension: &str) -> bool {
    by.iter().any(|one| **one == *dimension)
}

/// The ids of each query.
fn parts(
    theirs: Option<&Filter<'_>>,
    dimension: &str,
    mut own: Vec<String>,
    is_grouped: bool,
    permit: &Permit,
) -> Result<Vec<Vec<String>>, Denial> {
    if let Some(filter) = theirs {
        check_predicates(filter, dimension)?;
        // What the filter asks for in any case: others' ids among them find nothing, as missing ones do.
        if let Some(named) = required(filter, dimension) {
            own.retain(|id| named.contains(id.as_str()));
        }
    }
    if own.is_empty() {
        own.push(NOBODY.to_owned());
    }
    if own.len() > MOST_AT_ONCE && !is_grouped || own.len() > MOST_AT_ONCE * MOST_QUERIES {
        let remedy = if own.len() > MOST_AT_ONCE * MOST_QUERIES {
            format!("name those that you ask for, {} at most", MOST_AT_ONCE * MOST_QUERIES)
        } else if matches!(permit.operation().guard, Guarding::Handle { .. }) {
            format!("name up to {MOST_AT_ONCE} of them in `filter`, and begin a job for each such part")
        } else {
            format!("name up to {MOST_AT_ONCE} of them in `filter`, or put `{dimension}` into `groupBy`")
        };
        let message = format!(
            "Genesys takes {MOST_AT_ONCE} values of `{dimension}` at a time, and you have {}: {remedy}.",
            own.len()
        );
        return Err(Invalid::new("ringfence.aggregation_refused", message).into());
    }
    Ok(own.chunks(MOST_AT_ONCE).map(<[String]>::to_vec).collect())
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
