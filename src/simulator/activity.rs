//! `POST /api/v2/analytics/{what}/activity|observations/query`: what goes on, counted over the sessions of the data. They know
//! no divisions: whoever does not filter is told of all.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES},
    data::Session,
    dimensions,
    filter::Filter,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Activity {
    metrics: Vec<Metric>,
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    filter: Option<Filter>,
    #[serde(default, rename = "order")]
    _order: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metric {
    metric: String,
    #[serde(default, rename = "details")]
    _details: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Observation {
    filter: Filter,
    metrics: Vec<String>,
    #[serde(default, rename = "detailMetrics")]
    _detail_metrics: Vec<String>,
}

/// Counts by what is asked for.
pub(super) fn activity(exchange: &Exchange, what: &str) -> Result<Answer, Failure> {
    exchange.query.only(&["pageSize", "pageNumber"])?;
    let question: Activity = exchange.body()?;
    let groups = count(exchange, what, &question.group_by, question.filter.as_ref())?;
    let shown = groups.into_iter().map(|(group, (count, ids))| {
        let data: Vec<Value> =
            question.metrics.iter().map(|one| json!({"metric": one.metric, "count": count})).collect();
        let entities: Vec<Value> = ids.iter().map(|id| json!({"conversationId": id})).collect();
        json!({"group": group, "data": data, "truncated": false, "entities": entities})
    });
    Ok(Answer::json(&json!({"results": shown.collect::<Vec<_>>(), "entityIdDimension": "conversationId"})))
}

/// Counts by what is observed and by medium.
pub(super) fn observations(exchange: &Exchange, what: &str) -> Result<Answer, Failure> {
    exchange.query.only(&[])?;
    let question: Observation = exchange.body()?;
    let by = [dimension(what).to_owned(), "mediaType".to_owned()];
    let groups = count(exchange, what, &by, Some(&question.filter))?;
    let shown = groups.into_iter().map(|(group, (count, ids))| {
        let observations: Vec<Value> = ids.iter().map(|id| json!({"conversationId": id})).collect();
        let data = question.metrics.iter().map(|name| {
            json!({"metric": name, "stats": {"count": count}, "truncated": false, "observations": observations})
        });
        json!({"group": group, "data": data.collect::<Vec<_>>()})
    });
    Ok(Answer::json(&json!({"systemToOrganizationMappings": {}, "results": shown.collect::<Vec<_>>()})))
}

fn dimension(what: &str) -> &'static str {
    match what {
        "flows" => "flowId",
        "users" => "userId",
        _ => "queueId",
    }
}

type Groups = BTreeMap<BTreeMap<String, String>, (usize, Vec<String>)>;

fn count(exchange: &Exchange, what: &str, by: &[String], filter: Option<&Filter>) -> Result<Groups, Failure> {
    filter.map_or(Ok(()), |filter| filter.check_members(&dimensions::MEMBERS))?;
    let mut groups = Groups::new();
    for conversation in exchange.world.conversations.iter() {
        for session in
            conversation.sessions.iter().filter(|one| filter.is_none_or(|filter| filter.holds(&one.row)))
        {
            let counted = groups.entry(group(session, by)).or_default();
            counted.0 += 1;
            counted.1.push(conversation.id.clone());
        }
    }
    if exchange.lie {
        let world = &exchange.world;
        let queues =
            world.queues.iter().filter(|queue| exchange.lies_with(queue.division)).map(|queue| &queue.id);
        let users = world.users.iter().filter(|user| exchange.lies_with(user.division)).map(|user| &user.id);
        let foreign: Vec<_> =
            if what == "users" { users.take(LIES).collect() } else { queues.take(LIES).collect() };
        for id in foreign {
            let group = BTreeMap::from([(dimension(what).to_owned(), id.clone())]);
            groups.insert(group, (1, vec![id.clone()]));
        }
    }
    Ok(groups)
}

fn group(session: &Session, by: &[String]) -> BTreeMap<String, String> {
    let value = |name: &String| session.row.dimensions.iter().find(|(other, _)| other == name);
    by.iter().filter_map(value).cloned().collect()
}
