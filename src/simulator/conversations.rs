//! `POST /api/v2/analytics/conversations/details/query`.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES, slip},
    data::{Conversation, Row},
    dimensions::{self, Legal},
    filter::Filter,
    query::Page,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Question {
    interval: String,
    #[serde(default)]
    conversation_filters: Option<Vec<Filter>>,
    #[serde(default)]
    segment_filters: Option<Vec<Filter>>,
    #[serde(default)]
    evaluation_filters: Option<Vec<Filter>>,
    #[serde(default)]
    survey_filters: Option<Vec<Filter>>,
    #[serde(default)]
    resolution_filters: Option<Vec<Filter>>,
    #[serde(default)]
    order: Option<Order>,
    #[serde(default)]
    order_by: Option<OrderBy>,
    #[serde(default)]
    paging: Option<Paging>,
    #[serde(default)]
    aggregations: Option<Vec<Aggregation>>,
    /// Of jobs alone.
    #[serde(default)]
    limit: Option<usize>,
    /// Of jobs alone; here all count by their start.
    #[serde(default)]
    start_of_day_interval_matching: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
    Unordered,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum OrderBy {
    ConversationStart,
    ConversationEnd,
    SegmentStart,
    SegmentEnd,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Paging {
    page_size: usize,
    page_number: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Aggregation {
    #[serde(rename = "type")]
    kind: AggregationKind,
    #[serde(default)]
    dimension: Option<String>,
    #[serde(default)]
    metric: Option<String>,
    #[serde(default)]
    size: Option<usize>,
    #[serde(default)]
    ranges: Option<Vec<Bounds>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum AggregationKind {
    TermFrequency,
    NumericRange,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(default)]
    gte: Option<f64>,
    #[serde(default)]
    lt: Option<f64>,
}

/// Answers the query.
pub(super) fn query(exchange: &Exchange) -> Result<Answer, Failure> {
    exchange.query.only(&[])?;
    let question: Question = exchange.body()?;
    if question.limit.is_some() || question.start_of_day_interval_matching.is_some() {
        return Err(Failure::unknown("limit", "ConversationQuery"));
    }
    let found = question.find(exchange)?;
    let page = question.page()?;
    let mut total = found.len();
    let aggregations: Option<Vec<Value>> =
        question.aggregations.as_ref().map(|all| all.iter().map(|one| one.count(&found)).collect());
    let was_found = |one: &&Conversation| found.iter().any(|other| other.id == one.id);
    let mut shown: Vec<&Conversation> = found.iter().copied().skip(page.before()).take(page.size).collect();
    if exchange.lie {
        total += LIES;
        slip(&mut shown, lies(exchange).filter(|one| !was_found(one)));
    }
    let mut text = String::with_capacity(shown.len() * 3_000 + 64);
    text.push_str("{\"conversations\":[");
    for (number, conversation) in shown.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&conversation.json);
    }
    text.push(']');
    if let Some(aggregations) = aggregations {
        text.push_str(",\"aggregations\":");
        text.push_str(&Value::Array(aggregations).to_string());
    }
    text.push_str(",\"totalHits\":");
    text.push_str(&total.to_string());
    text.push('}');
    Ok(Answer::ok(text))
}

/// What a job finds.
pub(super) fn job(exchange: &Exchange) -> Result<Vec<String>, Failure> {
    let question: Question = exchange.body()?;
    if question.paging.is_some() || question.aggregations.is_some() {
        return Err(Failure::unknown("paging", "AsyncConversationQuery"));
    }
    let found = question.find(exchange)?;
    let most = question.limit.unwrap_or(usize::MAX);
    Ok(found.into_iter().take(most).map(|one| one.json.clone()).collect())
}

/// Some that nobody asked for.
pub(super) fn foreign(exchange: &Exchange, most: usize) -> Vec<String> {
    lies(exchange).take(most).map(|one| one.json.clone()).collect()
}

fn lies(exchange: &Exchange) -> impl Iterator<Item = &Conversation> {
    let conversations = exchange.world.conversations.iter();
    conversations.filter(|one| exchange.lies_with(one.owner) && one.partner.is_none())
}

impl Question {
    fn find<'e>(&self, exchange: &'e Exchange) -> Result<Vec<&'e Conversation>, Failure> {
        let span = self.check()?;
        let world = &exchange.world;
        let reached = |one: &Conversation| {
            let owner = exchange.client.reaches(world.division_id(one.owner));
            owner || one.partner.is_some_and(|place| exchange.client.reaches(world.division_id(place)))
        };
        let wanted = |one: &&Conversation| {
            one.start.as_str() >= span.0.as_str()
                && one.start.as_str() < span.1.as_str()
                && reached(one)
                && self.holds(one)
        };
        let mut found: Vec<&Conversation> = world.conversations.iter().filter(wanted).collect();
        self.sort(&mut found);
        Ok(found)
    }

    fn filters(&self) -> [(&Option<Vec<Filter>>, &'static Legal); 5] {
        [
            (&self.conversation_filters, &dimensions::CONVERSATION),
            (&self.segment_filters, &dimensions::SEGMENT),
            (&self.evaluation_filters, &dimensions::EVALUATION),
            (&self.survey_filters, &dimensions::SURVEY),
            (&self.resolution_filters, &dimensions::RESOLUTION),
        ]
    }

    /// Refuses what is malformed; gives the interval as texts that compare as instants do.
    fn check(&self) -> Result<(String, String), Failure> {
        let mut filtered = false;
        for (filters, legal) in self.filters() {
            for filter in filters.iter().flatten() {
                filter.check(legal)?;
                filtered = true;
            }
        }
        self.aggregations.iter().flatten().try_for_each(Aggregation::check)?;
        let instants = self.interval.split_once('/').and_then(|(from, to)| {
            Some((
                DateTime::parse_from_rfc3339(from).ok()?.to_utc(),
                DateTime::parse_from_rfc3339(to).ok()?.to_utc(),
            ))
        });
        let (from, to) = instants
            .filter(|(from, to)| from < to)
            .ok_or_else(|| Failure::invalid(format!("Value [{}] is not an interval", self.interval)))?;
        let most = if filtered { 31 } else { 7 };
        if to - from > TimeDelta::days(most) {
            return Err(Failure::invalid(format!(
                "The interval may span 7 days without a filter and 31 with one, here {most}"
            )));
        }
        let text = |at: DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Ok((text(from), text(to)))
    }

    fn page(&self) -> Result<Page, Failure> {
        let Some(paging) = &self.paging else { return Ok(Page { size: 25, number: 1 }) };
        if !(1..=100).contains(&paging.page_size) || paging.page_number == 0 {
            return Err(Failure::invalid("pageSize must be from 1 to 100 and pageNumber at least 1"));
        }
        Ok(Page { size: paging.page_size, number: paging.page_number })
    }

    /// Elements are joined by AND. One of segments, evaluations, surveys and resolutions must pass an element by itself.
    fn holds(&self, one: &Conversation) -> bool {
        let all = |filters: &Option<Vec<Filter>>, rows: &[Row]| {
            filters.iter().flatten().all(|filter| some_row(filter, rows))
        };
        self.conversation_filters.iter().flatten().all(|filter| filter.holds(&one.whole))
            && all(&self.segment_filters, &one.segments)
            && all(&self.evaluation_filters, &one.evaluations)
            && all(&self.survey_filters, &one.surveys)
            && all(&self.resolution_filters, &one.resolutions)
    }

    fn sort(&self, found: &mut [&Conversation]) {
        let by_end = matches!(self.order_by, Some(OrderBy::ConversationEnd | OrderBy::SegmentEnd));
        if by_end {
            found.sort_by(|a, b| (&a.end, &a.id).cmp(&(&b.end, &b.id)));
        }
        if self.order == Some(Order::Desc) {
            found.reverse();
        }
    }
}

/// A conversation without evaluations is asked as one whose evaluation has nothing in it.
fn some_row(filter: &Filter, rows: &[Row]) -> bool {
    if rows.is_empty() { filter.holds(&Row::default()) } else { rows.iter().any(|row| filter.holds(row)) }
}

impl Aggregation {
    fn check(&self) -> Result<(), Failure> {
        let known =
            |name: &str| dimensions::CONVERSATION.dimension(name) || dimensions::SEGMENT.dimension(name);
        match (self.kind, &self.dimension, &self.metric, &self.ranges) {
            (AggregationKind::TermFrequency, Some(name), None, None) if known(name) => Ok(()),
            (AggregationKind::NumericRange, None, Some(name), Some(_))
                if dimensions::CONVERSATION.metric(name) =>
            {
                Ok(())
            }
            _ => Err(Failure::invalid(
                "An aggregation is a termFrequency of a dimension or a numericRange of a metric with ranges",
            )),
        }
    }

    /// Counts conversations: a value that several segments carry counts once.
    fn count(&self, found: &[&Conversation]) -> Value {
        match (self.kind, &self.dimension, &self.metric) {
            (AggregationKind::TermFrequency, Some(dimension), _) => {
                let mut counts: HashMap<&str, usize> = HashMap::new();
                let mut hits = 0;
                for one in found {
                    let rows = std::iter::once(&one.whole).chain(&one.segments);
                    let named = rows.flat_map(|row| &row.dimensions).filter(|(name, _)| name == dimension);
                    let mut values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
                    values.sort_unstable();
                    values.dedup();
                    hits += usize::from(!values.is_empty());
                    for value in values {
                        *counts.entry(value).or_default() += 1;
                    }
                }
                let mut results: Vec<(&str, usize)> = counts.into_iter().collect();
                results.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
                results.truncate(self.size.unwrap_or(10));
                let results: Vec<Value> = results
                    .into_iter()
                    .map(|(value, count)| json!({"value": value, "count": count}))
                    .collect();
                json!({"type": "termFrequency", "dimension": dimension, "count": hits, "results": results})
            }
            (_, _, Some(metric)) => {
                let numbers: Vec<f64> = found.iter().filter_map(|one| number(&one.whole, metric)).collect();
                let within = |bounds: &Bounds, number: f64| {
                    bounds.gte.is_none_or(|low| number >= low) && bounds.lt.is_none_or(|high| number < high)
                };
                let results: Vec<Value> = self
                    .ranges
                    .iter()
                    .flatten()
                    .map(|bounds| {
                        let count = numbers.iter().filter(|number| within(bounds, **number)).count();
                        json!({"gte": bounds.gte, "lt": bounds.lt, "count": count})
                    })
                    .collect();
                json!({"type": "numericRange", "metric": metric, "count": numbers.len(), "results": results})
            }
            (_, _, None) => Value::Null,
        }
    }
}

fn number(row: &Row, metric: &str) -> Option<f64> {
    row.metrics.iter().find(|(name, _)| name == metric).map(|(_, number)| *number)
}
