//! The conversation aggregates query: the division clause is put beside the caller's filter.

use super::{Denial, Invalid, bounded, conversations, dimensions, filter};
use crate::{
    catalog::{AggregationQuery, AggregationView, Filter, NameSet},
    gateway::{
        asked::{interval, interval_seconds, written},
        authorize::Permit,
    },
    model::Text,
};

/// Longer than any report's; a year and a day.
const MAX_INTERVAL_SECONDS: i64 = 366 * 24 * 3_600;
/// Genesys's own bound (facts: analytics limits).
const MAX_VIEWS: usize = 10;
const MAX_METRICS: usize = 100;
const MAX_PAGE_SIZE: i64 = 1_000;
const MAX_GROUPS: usize = 10;
/// Names, durations and time zones are shorter.
const MAX_WORD: usize = 64;

/// Narrows a query to a permit.
pub(super) fn narrow<'a>(
    mut query: AggregationQuery<'a>,
    permit: &'a Permit,
) -> Result<AggregationQuery<'a>, Denial> {
    check_query(&query, permit)?;
    query.interval = query.interval.as_deref().and_then(interval).map(|span| written(span).into());
    if let Some(theirs) = &mut query.filter {
        conversations::hide_foreign(std::slice::from_mut(theirs), permit.granted())?;
    }
    let narrowed = filter::narrow(query.filter.take(), permit.divisions());
    query.filter = Some(narrowed.map_err(conversations::unnarrowable)?);
    Ok(query)
}

/// What Genesys bounds, and what the guard cannot check.
pub(super) fn check_query(query: &AggregationQuery<'_>, permit: &Permit) -> Result<(), Invalid> {
    match query.interval.as_deref().map(interval_seconds) {
        None => return invalid("`interval` is missing: send it as `start/end`, both ISO-8601."),
        Some(Some(1..=MAX_INTERVAL_SECONDS)) => {}
        Some(_) => {
            return invalid("`interval` must be `start/end`, both ISO-8601, and at most 366 days long.");
        }
    }
    if !query.granularity.as_deref().is_none_or(|text| is_made_of(text, "")) {
        return invalid("`granularity` must be an ISO-8601 duration such as `PT1H`.");
    }
    if !query.time_zone.as_deref().is_none_or(|text| is_made_of(text, "/_+-")) {
        return invalid("`timeZone` must be a time zone's name such as `Europe/Berlin`.");
    }
    if !matches!(query.alternate_time_dimension.as_deref(), None | Some("eventTime")) {
        return invalid("`alternateTimeDimension` must be `eventTime`.");
    }
    if !(1..=MAX_METRICS).contains(&query.metrics.len())
        || !query.metrics.iter().all(|name| dimensions::is_metric(name))
    {
        return invalid("`metrics` must name 1 to 100 metrics.");
    }
    bounded("pageSize", query.page_size, MAX_PAGE_SIZE)?;
    check_views(query.views.as_deref().unwrap_or_default(), permit.operation().metrics.as_ref())?;
    check_filter(query.filter.as_ref(), permit)?;
    let by = query.group_by.as_deref().unwrap_or_default();
    check_grouping(by, query.flatten_multivalued_dimensions == Some(true), permit)
}

/// A view is of a metric: where the catalog lists those that can be asked for, of one of them.
fn check_views(views: &[AggregationView<'_>], known: Option<&NameSet>) -> Result<(), Invalid> {
    let is_known = |target: &str| known.is_none_or(|known| known.contains(target));
    let fits = |view: &AggregationView<'_>| {
        dimensions::is_metric(&view.target)
            && is_known(&view.target)
            && is_made_of(&view.name, " _-.")
            && *view.function == *"rangeBound"
    };
    if views.len() > MAX_VIEWS || !views.iter().all(fits) {
        return invalid(
            "`views` may be 10, each with a metric as `target`, a plain `name` and the `function` `rangeBound`.",
        );
    }
    Ok(())
}

pub(super) fn check_filter(theirs: Option<&Filter<'_>>, permit: &Permit) -> Result<(), Invalid> {
    let Some(theirs) = theirs else { return Ok(()) };
    filter::check(theirs).map_err(conversations::unnarrowable)?;
    dimensions::check_aggregates(theirs, &permit.operation().dimensions.filter)
}

/// Only by what the guard can check: by a number or an address, another division's part of a shared conversation would
/// show.
pub(super) fn check_grouping(by: &[Text<'_>], is_flat: bool, permit: &Permit) -> Result<(), Invalid> {
    let Some((plain, named)) = permit.operation().guard.grouping() else {
        return invalid("This operation does not group.");
    };
    let is_plain = |one: &Text<'_>| plain.iter().any(|name| **name == **one);
    let is_named = |one: &Text<'_>| named.contains_key(&**one);
    if by.len() > MAX_GROUPS || !by.iter().all(|one| is_plain(one) || is_named(one)) {
        let known: Vec<_> = plain.iter().chain(named.keys()).map(String::as_str).collect();
        let message = format!("`groupBy` may hold up to {MAX_GROUPS} of {}.", known.join(", "));
        return Err(Invalid::new("ringfence.aggregation_refused", message));
    }
    // Joined into one text, own and foreign ids could not be told apart.
    if is_flat && by.iter().any(is_named) {
        let known: Vec<_> = named.keys().map(String::as_str).collect();
        let message =
            format!("`flattenMultivaluedDimensions` cannot be used with `groupBy` {}.", known.join(", "));
        return Err(Invalid::new("ringfence.aggregation_refused", message));
    }
    Ok(())
}

fn is_made_of(text: &str, marks: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || marks.contains(letter);
    (1..=MAX_WORD).contains(&text.len()) && text.chars().all(fits)
}

fn invalid(message: &str) -> Result<(), Invalid> {
    Err(Invalid::new("ringfence.body_invalid", message))
}
