//! Single conversations, as analytics and as the conversations API show them.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::{Exchange, slip},
    data::Conversation,
};

type Outcome = Result<Answer, Failure>;

/// `GET /api/v2/analytics/conversations/{conversationId}/details`.
pub(super) fn details(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    Ok(Answer::ok(find(exchange, id, "analytics:conversationDetail:view")?.json.clone()))
}

/// `GET /api/v2/analytics/conversations/details?id=`: those that are there and reached; no order, no pages.
pub(super) fn several(exchange: &Exchange) -> Outcome {
    exchange.query.only(&["id"])?;
    let ids = exchange.query.list("id").unwrap_or_default();
    if ids.is_empty() || ids.len() > 100 {
        return Err(Failure::invalid("Parameter [id] must hold 1 to 100 ids"));
    }
    let wanted = |one: &&Conversation| ids.contains(&one.id) && reaches(exchange, one);
    let all = &exchange.world.conversations;
    let mut shown: Vec<&Conversation> = all.iter().filter(wanted).collect();
    let slipped =
        |one: &&Conversation| exchange.lies_with(one.owner) && one.partner.is_none() && !wanted(one);
    slip(&mut shown, all.iter().filter(slipped));
    let conversations: Vec<&str> = shown.iter().map(|one| one.json.as_str()).collect();
    Ok(Answer::ok(format!("{{\"conversations\":[{}]}}", conversations.join(","))))
}

/// `GET /api/v2/conversations/{conversationId}`: says its divisions as memberships.
pub(super) fn get(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let found = find(exchange, id, "conversation:communication:view")?;
    let analytics: Value = serde_json::from_str(&found.json).unwrap_or_default();
    let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned();
    // What a flow set for one stays for who comes next.
    let served: Vec<Value> = list(&analytics, "participants")
        .unwrap_or_default()
        .iter()
        .map(|one| of(one, "participantName"))
        .collect();
    let served = served.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let participants: Vec<Value> = list(&analytics, "participants")
        .unwrap_or_default()
        .iter()
        .map(|one| {
            let session = list(one, "sessions").and_then(|all| all.first().cloned()).unwrap_or_default();
            let segments = list(&session, "segments").unwrap_or_default();
            let named = |name: &str| segments.iter().find_map(|segment| segment.get(name)).cloned();
            json!({
                "id": of(one, "participantId"), "name": of(one, "participantName"), "purpose": of(one, "purpose"),
                "userId": of(one, "userId"), "teamId": of(one, "teamId"), "queueId": named("queueId"),
                "startTime": segments.first().map(|first| of(first, "segmentStart")),
                "endTime": segments.last().map(|last| of(last, "segmentEnd")),
                "ani": of(&session, "ani"), "dnis": of(&session, "dnis"), "address": of(&session, "addressFrom"),
                "attributes": {"account": "4421", "served": served}, "calls": [{"id": of(&session, "sessionId"), "state": "terminated"}],
                "wrapup": {"code": named("wrapUpCode"), "notes": named("wrapUpNote")},
            })
        })
        .collect();
    let divisions: Vec<Value> = [Some(found.owner), found.partner]
        .into_iter()
        .flatten()
        .filter_map(|place| exchange.world.division(place))
        .map(|division| json!({"division": division.reference(), "entities": []}))
        .collect();
    Ok(Answer::json(&json!({
        "id": found.id, "startTime": found.start, "endTime": found.end, "state": "disconnected",
        "recordingState": "NONE", "divisions": divisions, "participants": participants,
        "recentTransfers": [], "selfUri": format!("/api/v2/conversations/{}", found.id),
    })))
}

/// The conversation; where the answer is to lie, one of another division.
fn find<'a>(exchange: &'a Exchange, id: &str, permission: &'static str) -> Result<&'a Conversation, Failure> {
    let all = &exchange.world.conversations;
    let found = all.iter().find(|one| one.id == id).ok_or_else(|| Failure::missing("conversation", id))?;
    if !reaches(exchange, found) {
        let division = exchange.world.division(found.owner).map_or("", |division| division.name);
        return Err(Failure::foreign("conversation", id, id, division, permission));
    }
    let other = |one: &&Conversation| {
        exchange.lies_with(one.owner) && one.partner.is_none() && one.owner != found.owner
    };
    Ok(all.iter().find(other).unwrap_or(found))
}

fn reaches(exchange: &Exchange, one: &Conversation) -> bool {
    let reached = |place| exchange.client.reaches(exchange.world.division_id(place));
    reached(one.owner) || one.partner.is_some_and(reached)
}
