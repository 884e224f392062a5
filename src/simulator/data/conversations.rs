//! Conversations: one in five touches a second division and is tagged with both.
//!
//! The shape (ids, times, media, customer) of a shared conversation depends on neither party's variation; each
//! party's part (agent, queue, codes, notes) depends on that party's.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::{FIRST_INSTANT, Plan, Roster, Seed, names, other};

const DAY: i64 = 86_400_000;

/// What filters see: values by dimension, numbers by metric.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) dimensions: Vec<(String, String)>,
    pub(crate) metrics: Vec<(String, f64)>,
}

impl Row {
    /// Takes the plain values of the objects, the lists of plain values too.
    fn of(objects: &[&Value]) -> Self {
        let mut row = Self::default();
        for (name, value) in objects.iter().filter_map(|object| object.as_object()).flatten() {
            match value {
                Value::Array(values) => values.iter().for_each(|value| row.add(name, value)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                    row.add(name, value);
                }
            }
        }
        row
    }

    fn add(&mut self, name: &str, value: &Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => {
                self.metrics.push((name.to_owned(), number.as_f64().unwrap_or_default()));
                number.to_string()
            }
            Value::Null | Value::Array(_) | Value::Object(_) => return,
        };
        // Lists are plural where the dimension is singular.
        let name = match name {
            "divisionIds" => "divisionId",
            "requestedRoutings" => "requestedRouting",
            other => other,
        };
        self.dimensions.push((name.to_owned(), text));
    }
}

/// One session: what aggregates see of it, and what it adds to them.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) row: Row,
    pub(crate) metrics: Vec<(String, f64)>,
}

/// A conversation: what can be filtered, and how it is written.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) start: String,
    pub(crate) end: String,
    /// The place in the plan of the division that it was made for.
    pub(crate) owner: usize,
    /// The place of the second division, when it is shared.
    pub(crate) partner: Option<usize>,
    pub(crate) whole: Row,
    pub(crate) segments: Vec<Row>,
    pub(crate) evaluations: Vec<Row>,
    pub(crate) surveys: Vec<Row>,
    pub(crate) resolutions: Vec<Row>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) json: String,
}

impl Conversation {
    /// Whether it is tagged with the division at this place.
    pub(crate) fn touches(&self, place: usize) -> bool {
        self.owner == place || self.partner == Some(place)
    }
}

/// All conversations of all divisions.
pub(crate) fn all(plan: &Plan, rosters: &[Roster]) -> Vec<Conversation> {
    let mut conversations = Vec::new();
    for (place, division) in plan.divisions.iter().enumerate() {
        for number in 0..6 * plan.scale as usize {
            let mut shape = plan.fixed(division, "shared-conversation", number);
            let partner = other(plan, place, &mut shape);
            conversations.push(Draft { plan, rosters, number, shape }.make(place, Some(partner)));
        }
        for number in 0..plan.count(division, "conversations", 24) {
            let shape = plan.own(division, "conversation", number);
            conversations.push(Draft { plan, rosters, number, shape }.make(place, None));
        }
    }
    conversations
}

/// What one party brings in: who answered, where, and how it was left.
struct Party {
    user: String,
    user_name: String,
    team: String,
    queue: String,
    code: String,
    note: &'static str,
    score: usize,
}

/// A conversation in the making.
struct Draft<'a> {
    plan: &'a Plan,
    rosters: &'a [Roster],
    number: usize,
    shape: Seed,
}

impl Draft<'_> {
    fn make(mut self, owner: usize, partner: Option<usize>) -> Conversation {
        let start = FIRST_INSTANT + self.shape.between(0, 6 * DAY - 2 * 3_600_000);
        let answered = start + self.shape.between(2_000, 90_000);
        let first_end = answered + self.shape.between(20_000, 900_000);
        let last_end = first_end + if partner.is_some() { self.shape.between(30_000, 900_000) } else { 0 };
        let media = self.shape.pick(&["voice", "voice", "email", "message", "chat", "callback"]);
        let direction = if self.shape.one_in(4) { "outbound" } else { "inbound" };
        let id = self.shape.id();
        let parties: Vec<Party> = [Some(owner), partner]
            .into_iter()
            .flatten()
            .filter_map(|place| self.party(place, owner))
            .collect();

        let mut participants = vec![self.customer(media, direction, start, last_end)];
        for (turn, party) in parties.iter().enumerate() {
            let (from, to) = if turn == 0 { (answered, first_end) } else { (first_end, last_end) };
            let asked = if turn == 0 { start } else { first_end };
            let transferred = turn == 0 && parties.len() > 1;
            participants.push(self.queue_part(party, media, direction, asked, from.max(asked)));
            participants.push(self.agent_part(party, media, direction, (from, to), transferred));
        }
        let tags: Vec<&str> = [Some(owner), partner]
            .into_iter()
            .flatten()
            .filter_map(|place| self.plan.divisions.get(place))
            .map(|division| division.id)
            .collect();
        let body = json!({
            "conversationId": id,
            "conversationStart": instant(start),
            "conversationEnd": instant(last_end),
            "conversationInitiator": if direction == "inbound" { "customer" } else { "agent" },
            "originatingDirection": direction,
            "customerParticipation": true,
            "mediaStatsMinConversationMos": 3.0 + number(self.shape.between(0, 190)) / 100.0,
            "divisionIds": tags,
            "participants": participants,
            "evaluations": self.evaluations(&parties, last_end),
            "surveys": self.surveys(&parties, last_end),
            "resolutions": self.resolutions(&parties, last_end),
        });
        read(&body, owner, partner, last_end - start)
    }

    /// The part of the division at `place`: from its own variation, whoever the conversation belongs to.
    fn party(&self, place: usize, owner: usize) -> Option<Party> {
        let (division, roster) = (self.plan.divisions.get(place)?, self.rosters.get(place)?);
        let owner = self.plan.divisions.get(owner).map(|division| division.id)?;
        let mut seed = self.plan.own(division, &format!("party-{owner}"), self.number);
        let user = seed.choose(&roster.users)?;
        Some(Party {
            user: user.id.clone(),
            user_name: user.name.clone(),
            team: roster.team.0.clone(),
            queue: seed.choose(&roster.queues)?.0.clone(),
            code: seed.choose(&roster.wrap_up_codes)?.clone(),
            note: seed.pick(names::NOTES),
            score: 40 + seed.below(60),
        })
    }

    fn customer(&mut self, media: &str, direction: &str, start: i64, end: i64) -> Value {
        let name = format!("{} {}", self.shape.pick(names::GIVEN), self.shape.pick(names::FAMILY));
        let number = format!("tel:+1555{:07}", self.shape.below(10_000_000));
        json!({
            "participantId": self.shape.id(),
            "participantName": name,
            "purpose": "customer",
            "sessions": [{
                "sessionId": self.shape.id(),
                "mediaType": media,
                "direction": direction,
                "ani": number,
                "dnis": "tel:+18005550100",
                "addressFrom": number,
                "remote": name,
                "provider": "Edge",
                "segments": [segment("interact", start, end, json!({"disconnectType": "client", "conference": false}))],
                "metrics": [{"name": "nConnected", "value": 1, "emitDate": instant(start)}],
            }],
        })
    }

    fn queue_part(&mut self, party: &Party, media: &str, direction: &str, start: i64, end: i64) -> Value {
        json!({
            "participantId": self.shape.id(),
            "purpose": "acd",
            "sessions": [{
                "sessionId": self.shape.id(),
                "mediaType": media,
                "direction": direction,
                "provider": "Edge",
                "requestedRoutings": ["Standard"],
                "usedRouting": "Standard",
                "segments": [segment("interact", start, end,
                    json!({"queueId": party.queue, "disconnectType": "transfer", "conference": false}))],
                "metrics": [
                    {"name": "nOffered", "value": 1, "emitDate": instant(start)},
                    {"name": "tAcd", "value": end - start, "emitDate": instant(end)},
                ],
            }],
        })
    }

    fn agent_part(
        &mut self,
        party: &Party,
        media: &str,
        direction: &str,
        span: (i64, i64),
        moved: bool,
    ) -> Value {
        let (start, end) = span;
        let (alerted, noted) = (start + 1_000, (end - 5_000).max(start + 2_000));
        let leaving = if moved { "transfer" } else { "peer" };
        let mut metrics = vec![
            json!({"name": "tTalk", "value": noted - alerted, "emitDate": instant(noted)}),
            json!({"name": "tHandle", "value": end - start, "emitDate": instant(end)}),
        ];
        if moved {
            metrics.push(json!({"name": "nTransferred", "value": 1, "emitDate": instant(noted)}));
        }
        json!({
            "participantId": self.shape.id(),
            "participantName": party.user_name,
            "purpose": "agent",
            "userId": party.user,
            "teamId": party.team,
            "sessions": [{
                "sessionId": self.shape.id(),
                "mediaType": media,
                "direction": direction,
                "addressSelf": format!("sip:{}@simulated.example", party.user),
                "provider": "Edge",
                "segments": [
                    segment("alert", start, alerted, json!({"queueId": party.queue})),
                    segment("interact", alerted, noted, json!({"queueId": party.queue, "disconnectType": leaving})),
                    segment("wrapup", noted, end, json!({"queueId": party.queue, "wrapUpCode": party.code,
                        "wrapUpNote": party.note})),
                ],
                "metrics": metrics,
            }],
        })
    }

    fn evaluations(&mut self, parties: &[Party], end: i64) -> Vec<Value> {
        let mut evaluations = Vec::new();
        for party in parties {
            let (there, id, form) = (self.shape.one_in(4), self.shape.id(), self.shape.id());
            if there {
                evaluations.push(json!({"evaluationId": id, "formId": form, "formName": "Courtesy",
                    "evaluationStatus": "Finished", "evaluatorId": party.user, "userId": party.user,
                    "queueId": party.queue, "released": true, "deleted": false, "oTotalScore": party.score,
                    "oTotalCriticalScore": party.score, "eventTime": instant(end)}));
            }
        }
        evaluations
    }

    fn surveys(&mut self, parties: &[Party], end: i64) -> Vec<Value> {
        let (there, id, form) = (self.shape.one_in(6), self.shape.id(), self.shape.id());
        let Some(party) = parties.last().filter(|_| there) else { return Vec::new() };
        vec![json!({"surveyId": id, "surveyFormId": form, "surveyStatus": "Finished", "surveyType": "Web",
            "surveyPromoterScore": party.score / 10, "oSurveyTotalScore": party.score, "userId": party.user,
            "queueId": party.queue, "eventTime": instant(end)})]
    }

    fn resolutions(&mut self, parties: &[Party], end: i64) -> Vec<Value> {
        let there = self.shape.one_in(5);
        let Some(party) = parties.last().filter(|_| there) else { return Vec::new() };
        vec![json!({"userId": party.user, "queueId": party.queue, "nNextContactAvoided": 1,
            "eventTime": instant(end)})]
    }
}

fn segment(kind: &str, start: i64, end: i64, more: Value) -> Value {
    let mut segment =
        json!({"segmentType": kind, "segmentStart": instant(start), "segmentEnd": instant(end.max(start))});
    if let (Some(fields), Value::Object(more)) = (segment.as_object_mut(), more) {
        fields.extend(more);
    }
    segment
}

/// As Genesys writes an instant: UTC, milliseconds, `Z`. Such texts sort as the instants do.
pub(crate) fn instant(milliseconds: i64) -> String {
    DateTime::from_timestamp_millis(milliseconds)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Takes out of the finished object what filters look at.
fn read(body: &Value, owner: usize, partner: Option<usize>, duration: i64) -> Conversation {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows = |name: &str| list(body, name).iter().map(|item| Row::of(&[item])).collect();
    let mut whole = Row::of(&[body]);
    whole.metrics.push(("tConversationDuration".to_owned(), number(duration)));
    let mut segments = Vec::new();
    let mut sessions = Vec::new();
    for participant in list(body, "participants") {
        for session in list(participant, "sessions") {
            sessions.push(session_of(body, participant, session));
            for metric in list(session, "metrics") {
                let name = metric.get("name").and_then(Value::as_str).unwrap_or_default();
                let value = metric.get("value").and_then(Value::as_f64).unwrap_or_default();
                match whole.metrics.iter_mut().find(|(known, _)| known == name) {
                    Some((_, sum)) => *sum += value,
                    None => whole.metrics.push((name.to_owned(), value)),
                }
            }
            for segment in list(session, "segments") {
                let mut row = Row::of(&[participant, session, segment]);
                row.metrics.push(("tSegmentDuration".to_owned(), length(segment)));
                segments.push(row);
            }
        }
    }
    Conversation {
        id: text("conversationId"),
        start: text("conversationStart"),
        end: text("conversationEnd"),
        owner,
        partner,
        whole,
        segments,
        evaluations: rows("evaluations"),
        surveys: rows("surveys"),
        resolutions: rows("resolutions"),
        sessions,
        json: body.to_string(),
    }
}

/// All that a session, its segments, its participant and the conversation say.
fn session_of(body: &Value, participant: &Value, session: &Value) -> Session {
    let objects: Vec<&Value> =
        [body, participant, session].into_iter().chain(list(session, "segments")).collect();
    let of = |metric: &Value| {
        let name = metric.get("name").and_then(Value::as_str)?;
        Some((name.to_owned(), metric.get("value").and_then(Value::as_f64)?))
    };
    Session { row: Row::of(&objects), metrics: list(session, "metrics").iter().filter_map(of).collect() }
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A segment's length in milliseconds.
fn length(segment: &Value) -> f64 {
    let at = |name: &str| {
        let text = segment.get(name).and_then(Value::as_str).unwrap_or_default();
        DateTime::parse_from_rfc3339(text).map(|instant| instant.timestamp_millis()).unwrap_or_default()
    };
    number(at("segmentEnd") - at("segmentStart"))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few days are far below 2^52")]
fn number(value: i64) -> f64 {
    value as f64
}
