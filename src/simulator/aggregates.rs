//! `POST /api/v2/analytics/conversations/aggregates/query`: metrics of sessions, filtered, grouped and cut into intervals.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES},
    data::{Conversation, Session},
    dimensions,
    filter::Filter,
    jobs, timelines,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Question {
    interval: String,
    #[serde(default)]
    granularity: Option<String>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    filter: Option<Filter>,
    metrics: Vec<String>,
    #[serde(default)]
    flatten_multivalued_dimensions: bool,
    #[serde(default)]
    views: Vec<View>,
    #[serde(default)]
    alternate_time_dimension: Option<String>,
    /// Of jobs alone.
    #[serde(default)]
    page_size: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct View {
    target: String,
    name: String,
    function: String,
    #[serde(default)]
    range: Option<Bounds>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(default)]
    gte: Option<f64>,
    #[serde(default)]
    lt: Option<f64>,
}

/// From and to, as texts that compare as the instants do.
type Span = (String, String);
/// The values grouped by, then the interval, then the metric's numbers.
type Groups = BTreeMap<BTreeMap<String, String>, BTreeMap<Span, BTreeMap<String, Vec<f64>>>>;

/// Kinds of figures that know no divisions.
const UNDIVIDED: [&str; 6] =
    ["agentcopilots", "agentutilizations", "knowledge", "resolutions", "summaries", "users"];

/// Answers the query about conversations, or about something else that is told of the same sessions.
pub(super) fn query(exchange: &Exchange, what: &str) -> Result<Answer, Failure> {
    exchange.query.only(&[])?;
    let question: Question = exchange.body()?;
    if question.page_size.is_some() {
        return Err(Failure::unknown("pageSize", "AggregationQuery"));
    }
    Ok(Answer::json(&json!({"results": results(exchange, &question, what)?})))
}

/// What a job finds, and how much of it stands on a page.
pub(super) fn job(exchange: &Exchange, what: &str, page: usize) -> Result<(Vec<String>, usize), Failure> {
    let question: Question = exchange.body()?;
    let page = question.page_size.unwrap_or(page);
    if !(1..=1_000).contains(&page) {
        return Err(Failure::invalid("pageSize must be from 1 to 1000"));
    }
    Ok((jobs::texts(results(exchange, &question, what)?), page))
}

fn results(exchange: &Exchange, question: &Question, what: &str) -> Result<Vec<Value>, Failure> {
    let is_of_conversations = what == "conversations";
    question.check(is_of_conversations)?;
    if UNDIVIDED.contains(&what) {
        question.check_undivided()?;
    }
    let spans = question.spans(exchange.early)?;
    let world = &exchange.world;
    let reached = |one: &Conversation| {
        let reaches = |place| exchange.client.reaches(world.division_id(place));
        reaches(one.owner) || one.partner.is_some_and(reaches)
    };
    let at = |start: &String| spans.iter().find(|(from, to)| from <= start && start < to);
    let mut groups = Groups::new();
    if timelines::OF_USERS.contains(&what) {
        let instant = |text: &String| text.parse::<DateTime<Utc>>().ok();
        let timed = spans.iter().filter_map(|span| Some((span, (instant(&span.0)?, instant(&span.1)?))));
        let timed: Vec<_> = timed.collect();
        let is_meant =
            |id: &str| question.filter.as_ref().is_none_or(|filter| filter.holds(&timelines::row(id)));
        for user in world.users.iter().filter(|user| is_meant(&user.id)) {
            for spell in timelines::spells(&user.id) {
                for (span, (from, until)) in &timed {
                    if let Some(session) = spell.within(*from, *until) {
                        question.count(&session, span, what != "users", &mut groups);
                    }
                }
            }
        }
        return Ok(question.end(exchange, spans.first(), groups));
    }
    for one in world.conversations.iter().filter(|one| reached(one)) {
        let Some(span) = at(&one.start) else { continue };
        for session in &one.sessions {
            if question.filter.as_ref().is_none_or(|filter| filter.holds(&session.row)) {
                question.count(session, span, !is_of_conversations, &mut groups);
            }
        }
    }
    Ok(question.end(exchange, spans.first(), groups))
}

impl Question {
    /// Refuses what Genesys does not know.
    fn check(&self, is_of_conversations: bool) -> Result<(), Failure> {
        let known = |name: &String| dimensions::AGGREGATE.dimension(name) || !is_of_conversations;
        if let Some(name) = self.group_by.iter().find(|name| !known(name)) {
            return Err(Failure::unknown(name, "AggregationQuery.groupBy"));
        }
        let mut metrics = self.metrics.iter().chain(self.views.iter().map(|view| &view.target));
        if let Some(name) = metrics.find(|name| is_of_conversations && !dimensions::CONVERSATION.metric(name))
        {
            return Err(Failure::unknown(name, "AggregationQuery.metrics"));
        }
        if self.metrics.is_empty() || self.views.len() > 10 {
            return Err(Failure::invalid("A query has metrics, and at most 10 views"));
        }
        if self.views.iter().any(|view| view.function != "rangeBound" || view.range.is_none()) {
            return Err(Failure::invalid("A view has the function rangeBound and a range"));
        }
        if !matches!(self.alternate_time_dimension.as_deref(), None | Some("eventTime")) {
            return Err(Failure::invalid("alternateTimeDimension must be eventTime"));
        }
        if !matches!(self.time_zone.as_deref(), None | Some("UTC")) {
            return Err(Failure::invalid("The simulator knows no time zone but UTC"));
        }
        self.filter.as_ref().map_or(Ok(()), |filter| filter.check(&dimensions::AGGREGATE))
    }

    fn check_undivided(&self) -> Result<(), Failure> {
        if self.group_by.iter().any(|one| one == "divisionId") {
            return Err(Failure::unknown("divisionId", "AggregationQuery.groupBy"));
        }
        self.filter.as_ref().map_or(Ok(()), |filter| filter.check_members(&dimensions::MEMBERS))
    }

    /// The interval, cut by the granularity; `early`: how much before it is begun.
    fn spans(&self, early: TimeDelta) -> Result<Vec<Span>, Failure> {
        let invalid = |text: &str| Failure::invalid(format!("Value [{text}] is not an interval"));
        let at = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok();
        let (from, to) = self
            .interval
            .split_once('/')
            .and_then(|(from, to)| Some((at(from)?, at(to)?)))
            .filter(|(from, to)| from < to)
            .ok_or_else(|| invalid(&self.interval))?;
        let step = match &self.granularity {
            None => to - from + early,
            Some(text) => duration(text).ok_or_else(|| invalid(text))?,
        };
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut spans = Vec::new();
        let mut start = from - early;
        while start < to && spans.len() < 2_000 {
            let end = (start + step).min(to);
            spans.push((text(start), text(end)));
            start = end;
        }
        Ok(spans)
    }

    /// Counts a session into each group that its values make.
    ///
    /// `counts_all`: a session has a value of every metric that is asked for.
    fn count(&self, session: &Session, span: &Span, counts_all: bool, groups: &mut Groups) {
        let mut made = vec![BTreeMap::new()];
        for dimension in &self.group_by {
            let named = session.row.dimensions.iter().filter(|(name, _)| name == dimension);
            let mut values: Vec<String> = named.map(|(_, value)| value.clone()).collect();
            values.sort_unstable();
            values.dedup();
            if self.flatten_multivalued_dimensions && !values.is_empty() {
                values = vec![values.join(",")];
            }
            // What has no value is a group without that dimension.
            if values.is_empty() {
                continue;
            }
            made = made
                .into_iter()
                .flat_map(|group: BTreeMap<String, String>| {
                    values.clone().into_iter().map(move |value| {
                        let mut group = group.clone();
                        group.insert(dimension.clone(), value);
                        group
                    })
                })
                .collect();
        }
        let wanted =
            |name: &String| self.metrics.contains(name) || self.views.iter().any(|view| view.target == *name);
        for group in made {
            let every = self.metrics.iter().map(|name| (name.clone(), 1.0));
            let every: Vec<_> = every.filter(|_| counts_all).collect();
            let known = session.metrics.iter().filter(|(name, _)| !counts_all && wanted(name));
            for (name, value) in known.chain(&every) {
                let data = groups.entry(group.clone()).or_default().entry(span.clone()).or_default();
                data.entry(name.clone()).or_default().push(*value);
            }
        }
    }

    fn end(&self, exchange: &Exchange, span: Option<&Span>, mut groups: Groups) -> Vec<Value> {
        if exchange.lie && self.group_by.iter().any(|one| one == "userId") {
            self.lie(exchange, span, &mut groups);
        }
        groups.into_iter().map(|(group, data)| self.shown(&group, data)).collect()
    }

    /// Groups of users that were not asked for.
    fn lie(&self, exchange: &Exchange, span: Option<&Span>, groups: &mut Groups) {
        let Some(span) = span else { return };
        let foreign = exchange.world.users.iter().filter(|user| exchange.lies_with(user.division));
        for user in foreign.take(LIES) {
            let group = BTreeMap::from([("userId".to_owned(), user.id.clone())]);
            let data = groups.entry(group).or_default().entry(span.clone()).or_default();
            data.insert(self.metrics.first().cloned().unwrap_or_default(), vec![1.0]);
        }
    }

    fn shown(
        &self,
        group: &BTreeMap<String, String>,
        data: BTreeMap<Span, BTreeMap<String, Vec<f64>>>,
    ) -> Value {
        let data: Vec<Value> = data
            .into_iter()
            .map(|((from, to), metrics)| {
                let shown: Vec<Value> = metrics
                    .iter()
                    .filter(|(name, _)| self.metrics.contains(name))
                    .map(|(name, numbers)| json!({"metric": name, "stats": stats(name, numbers)}))
                    .collect();
                let mut one = json!({"interval": format!("{from}/{to}"), "metrics": shown});
                if let (false, Some(fields)) = (self.views.is_empty(), one.as_object_mut()) {
                    let views: Vec<Value> = self.views.iter().map(|view| view.shown(&metrics)).collect();
                    fields.insert("views".to_owned(), Value::Array(views));
                }
                one
            })
            .collect();
        json!({"group": group, "data": data})
    }
}

impl View {
    fn shown(&self, metrics: &BTreeMap<String, Vec<f64>>) -> Value {
        let within = |number: &&f64| {
            self.range.is_none_or(|range| {
                range.gte.is_none_or(|low| **number >= low) && range.lt.is_none_or(|high| **number < high)
            })
        };
        let numbers = metrics.get(&self.target).into_iter().flatten();
        let numbers: Vec<f64> = numbers.filter(within).copied().collect();
        json!({"name": self.name, "stats": stats(&self.target, &numbers)})
    }
}

/// Counts alone for what happens, sums too for what takes time.
fn stats(metric: &str, numbers: &[f64]) -> Value {
    if metric.starts_with('n') {
        return json!({"count": numbers.iter().sum::<f64>()});
    }
    let max = numbers.iter().copied().fold(f64::MIN, f64::max);
    let min = numbers.iter().copied().fold(f64::MAX, f64::min);
    if numbers.is_empty() {
        return json!({"count": 0});
    }
    json!({"count": numbers.len(), "sum": numbers.iter().sum::<f64>(), "max": max, "min": min})
}

/// `P1D`, `PT1H`, `PT30M`.
fn duration(text: &str) -> Option<TimeDelta> {
    let number = |rest: &str| rest.parse::<i64>().ok().filter(|number| (1..=1_000).contains(number));
    if let Some(rest) = text.strip_prefix("PT") {
        let hours = rest.strip_suffix('H').and_then(number).map(TimeDelta::hours);
        return hours.or_else(|| rest.strip_suffix('M').and_then(number).map(TimeDelta::minutes));
    }
    text.strip_prefix('P')?.strip_suffix('D').and_then(number).map(TimeDelta::days)
}
