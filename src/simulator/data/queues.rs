//! Queues: counts, groups, authors and scripts that reach into other divisions, as the real ones do.

use serde_json::{Value, json};

use super::{Division, Person, Plan, Roster, Seed, names, other};

/// A queue: what can be filtered, and how it is written.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The division's place in the plan.
    pub(crate) division: usize,
    /// The object without its closing brace, so that an expansion can follow.
    json: String,
}

impl Queue {
    /// A queue as an object says it.
    pub(crate) fn made(body: &Value, division: usize) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut json = body.to_string();
        json.pop();
        Self { id: text("id"), name: text("name"), division, json }
    }

    /// The queue as an object, without expansions.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&format!("{}}}", self.json)).unwrap_or_default()
    }

    /// Writes the queue as JSON, with what was asked to be expanded.
    pub(crate) fn write(&self, into: &mut String, expand: &[String]) {
        into.push_str(&self.json);
        if expand.iter().any(|asked| asked == "identityresolution") {
            into.push_str(",\"identityResolution\":{\"resolveIdentities\":true}");
        }
        into.push('}');
    }
}

/// Ids and names of a division's queues: each topic once, then numbered.
pub(crate) fn named(plan: &Plan, division: &Division) -> Vec<(String, String)> {
    let first = plan.own(division, "topics", 0).below(names::TOPICS.len());
    (0..plan.count(division, "queues", 4))
        .map(|number| {
            // Seven is prime to the number of topics: every topic comes up before one repeats.
            let topic =
                names::TOPICS.get((first + number * 7) % names::TOPICS.len()).copied().unwrap_or_default();
            let round = number / names::TOPICS.len();
            let suffix = if round == 0 { String::new() } else { format!(" {}", round + 1) };
            (plan.own(division, "queue", number).id(), format!("{topic} {}{suffix}", division.word))
        })
        .collect()
}

/// All queues of all divisions.
pub(crate) fn all(plan: &Plan, rosters: &[Roster]) -> Vec<Queue> {
    let mut queues = Vec::new();
    for (place, (division, roster)) in plan.divisions.iter().zip(rosters).enumerate() {
        for (number, (id, name)) in roster.queues.iter().enumerate() {
            let mut seed = plan.own(division, "queue-details", number);
            let foreign = other(plan, place, &mut seed);
            let body = queue(plan, rosters, place, foreign, (id, name), &mut seed);
            let mut json = body.to_string();
            json.pop();
            queues.push(Queue { id: id.clone(), name: name.clone(), division: place, json });
        }
    }
    queues
}

fn queue(
    plan: &Plan,
    rosters: &[Roster],
    place: usize,
    foreign: usize,
    (id, name): (&str, &str),
    seed: &mut Seed,
) -> Value {
    let own = rosters.get(place).map_or(0, |roster| roster.users.len());
    // Members of another division count too: the number changes when that division does.
    let is_member = |person: &&Person| person.id.starts_with(|first: char| first.is_ascii_digit());
    let others = rosters.get(foreign).map_or(0, |roster| roster.users.iter().filter(is_member).count());
    let members = 1 + seed.below(own) + others;
    let flow = seed.id();
    let author = author(rosters, if seed.one_in(3) { foreign } else { place }, seed);
    let editor = self::author(rosters, if seed.one_in(3) { foreign } else { place }, seed);
    let groups = member_groups(plan, rosters, place, foreign, seed);
    let script = script(plan, if seed.one_in(4) { foreign } else { place }, seed);
    let media =
        json!({"alertingTimeoutSeconds": 8, "serviceLevel": {"percentage": 0.8, "durationMs": 20_000}});
    json!({
        "id": id,
        "name": name,
        "division": plan.divisions.get(place).map(Division::reference),
        "description": format!("Contacts for {name}"),
        "dateCreated": "2026-01-12T10:00:00.000Z",
        "dateModified": "2026-05-20T15:30:00.000Z",
        "modifiedBy": editor,
        "createdBy": author,
        "memberCount": members,
        "userMemberCount": members,
        "joinedMemberCount": members - others.min(1),
        "mediaSettings": {"call": media, "callback": media, "chat": media, "email": media, "message": media},
        "routingRules": [],
        "acwSettings": {"wrapupPrompt": "MANDATORY_TIMEOUT", "timeoutMs": 30_000},
        "skillEvaluationMethod": "BEST",
        "memberGroups": groups,
        "queueFlow": {"id": flow, "name": format!("In queue {name}"), "selfUri": format!("/api/v2/flows/{flow}")},
        "autoAnswerOnly": true,
        "enableTranscription": seed.one_in(2),
        "enableManualAssignment": false,
        "callingPartyName": name,
        "callingPartyNumber": format!("+1800{:07}", seed.below(10_000_000)),
        "defaultScripts": script,
        "suppressInQueueCallRecording": true,
        "scoringMethod": "TimestampAndPriority",
        "selfUri": format!("/api/v2/routing/queues/{id}"),
    })
}

fn author(rosters: &[Roster], place: usize, seed: &mut Seed) -> Option<String> {
    rosters.get(place).and_then(|roster| seed.choose(&roster.users)).map(|user| user.id.clone())
}

fn member_groups(
    plan: &Plan,
    rosters: &[Roster],
    place: usize,
    foreign: usize,
    seed: &mut Seed,
) -> Vec<Value> {
    let mut groups = vec![];
    for (kind, path, from) in [
        ("TEAM", "teams", place),
        ("GROUP", "groups", foreign),
        ("SKILLGROUP", "routing/skillgroups", foreign),
    ] {
        let (Some(division), Some(roster)) = (plan.divisions.get(from), rosters.get(from)) else { continue };
        if !seed.one_in(2) {
            continue;
        }
        let (id, name) = &roster.team;
        groups.push(json!({
            "id": id, "name": name, "division": division.reference(), "type": kind,
            "memberCount": roster.users.len(), "selfUri": format!("/api/v2/{path}/{id}"),
        }));
    }
    groups
}

fn script(plan: &Plan, place: usize, seed: &mut Seed) -> Value {
    let id = seed.id();
    let division = plan.divisions.get(place);
    json!({"CALL": {
        "id": id,
        "name": format!("Greeting {}", division.map_or("", |division| division.word)),
        "division": division.map(Division::reference),
        "selfUri": format!("/api/v2/scripts/{id}"),
    }})
}
