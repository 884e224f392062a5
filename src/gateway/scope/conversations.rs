//! The conversation details query: its filters get one more element.

use super::{Denial, Invalid, bounded, dimensions, filter};
use crate::{
    catalog::{ConversationQuery, Filter, Guarding, Predicate},
    gateway::{
        asked::{filters, interval_seconds, predicates},
        authorize::Permit,
    },
    model::DivisionId,
};

/// Genesys's own bound of a details query that has a filter, as every narrowed one has (facts: analytics limits).
const MAX_INTERVAL_SECONDS: i64 = 31 * 24 * 3_600;
const MAX_PAGE_SIZE: i64 = 100;
const MAX_PAGE_NUMBER: i64 = 1_000_000;
const MAX_LIMIT: i64 = 1_000_000_000;
const MAX_FACETS: usize = 20;
/// A division that does not exist: what a predicate over another's division matches, which is nothing.
const NO_DIVISION: &str = "00000000-0000-0000-0000-000000000000";

/// Narrows a query to a permit.
pub(super) fn narrow<'a>(
    mut query: ConversationQuery<'a>,
    permit: &'a Permit,
) -> Result<ConversationQuery<'a>, Denial> {
    check(&query, permit)?;
    hide_foreign(query.conversation_filters.as_deref_mut().unwrap_or_default(), permit.granted())?;
    let narrowed = filter::narrow_list(query.conversation_filters.take(), permit.divisions());
    query.conversation_filters = Some(narrowed.map_err(unnarrowable)?);
    Ok(query)
}

/// What Genesys bounds, and what would show other divisions' part of a shared conversation.
fn check(query: &ConversationQuery<'_>, permit: &Permit) -> Result<(), Invalid> {
    let invalid = |message: &str| Err(Invalid::new("ringfence.body_invalid", message));
    match query.interval.as_deref().map(interval_seconds) {
        None => return invalid("`interval` is missing: send it as `start/end`, both ISO-8601."),
        Some(Some(1..=MAX_INTERVAL_SECONDS)) => {}
        Some(_) => {
            return invalid("`interval` must be `start/end`, both ISO-8601, and at most 31 days long.");
        }
    }
    if let Some(paging) = &query.paging {
        bounded("paging.pageSize", Some(paging.page_size), MAX_PAGE_SIZE)?;
        bounded("paging.pageNumber", Some(paging.page_number), MAX_PAGE_NUMBER)?;
    }
    bounded("limit", query.limit, MAX_LIMIT)?;
    if !matches!(query.order.as_deref(), None | Some("asc" | "desc" | "unordered")) {
        return invalid("`order` must be `asc`, `desc` or `unordered`.");
    }
    // By segments, a shared conversation would be sorted by other divisions' segments.
    if !matches!(query.order_by.as_deref(), None | Some("conversationStart" | "conversationEnd")) {
        return invalid("`orderBy` must be `conversationStart` or `conversationEnd`.");
    }
    for filter in filters(query) {
        filter::check(filter).map_err(unnarrowable)?;
    }
    let total: usize = filters(query).map(|filter| predicates(filter).count()).sum();
    if total > filter::MAX_PREDICATES {
        return Err(unnarrowable(filter::Unnarrowable::TooLarge));
    }
    dimensions::check(query, &permit.operation().dimensions)?;
    check_facets(query, permit)
}

/// A facet over a metric would sum up what a stub does not show.
fn check_facets(query: &ConversationQuery<'_>, permit: &Permit) -> Result<(), Invalid> {
    let asked = query.aggregations.as_deref().unwrap_or_default();
    let allowed = match &permit.operation().guard {
        Guarding::List { facets: Some(facets), .. } => facets.dimensions.as_slice(),
        Guarding::List { .. }
        | Guarding::Entity { .. }
        | Guarding::Fields { .. }
        | Guarding::Items { .. }
        | Guarding::Groups { .. }
        | Guarding::Handle { .. }
        | Guarding::Empty
        | Guarding::Own => &[],
    };
    let refused = asked.iter().any(|facet| {
        let counts =
            facet.dimension.as_ref().is_some_and(|dimension| allowed.iter().any(|one| **one == **dimension));
        !counts || facet.metric.is_some() || facet.ranges.is_some()
    });
    if refused || asked.len() > MAX_FACETS {
        let message = format!(
            "`aggregations` may count by {} (at most {MAX_FACETS} of them), without `metric` and `ranges`; else they would show values of other divisions.",
            allowed.join(", ")
        );
        return Err(Invalid::new("ringfence.aggregation_refused", message));
    }
    Ok(())
}

/// A predicate that names a division not granted matches nothing, as one that names a missing division does; else it
/// would tell which of the tenant's conversations another division shares.
pub(super) fn hide_foreign(theirs: &mut [Filter<'_>], granted: &[DivisionId]) -> Result<(), Denial> {
    let is_granted = |value: &str| granted.iter().any(|division| division.as_str() == value);
    let named: Vec<_> = theirs.iter().flat_map(predicates).filter(|one| names_division(one)).collect();
    let values = || named.iter().filter_map(|predicate| predicate.value.as_deref());
    if values().next().is_some() && !values().any(is_granted) {
        return Err(Denial::DivisionNotPermitted);
    }
    if named.iter().any(|predicate| predicate.range.is_some()) {
        return Err(Invalid::new(
            "ringfence.body_invalid",
            "A predicate over `divisionId` takes a value, no range.",
        )
        .into());
    }
    for filter in theirs {
        let inner = filter.clauses.iter_mut().flatten().flat_map(|clause| &mut clause.predicates);
        for predicate in filter.predicates.iter_mut().flatten().chain(inner) {
            if names_division(predicate) && predicate.value.as_deref().is_some_and(|value| !is_granted(value))
            {
                predicate.value = Some(NO_DIVISION.into());
            }
        }
    }
    Ok(())
}

fn names_division(predicate: &Predicate<'_>) -> bool {
    predicate.dimension.as_deref() == Some(filter::DIVISION)
}

pub(super) fn unnarrowable(why: filter::Unnarrowable) -> Invalid {
    Invalid::new("ringfence.filter_refused", format!("The query holds {why}."))
}
