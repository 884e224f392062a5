//! Users and queues made, changed and deleted. Stricter than Genesys: a field that is not listed is refused.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Failure},
    api::Exchange,
    data::{Division, Queue, User, World},
    help,
};

type Outcome = Result<Answer, Failure>;
type Fields = Map<String, Value>;

const NEW_USER: &[&str] =
    &["name", "email", "divisionId", "department", "title", "password", "addresses", "state"];
const USER: &[&str] = &[
    "version",
    "name",
    "email",
    "username",
    "preferredName",
    "department",
    "title",
    "manager",
    "addresses",
    "profileSkills",
    "certifications",
    "acdAutoAnswer",
    "state",
    "chat",
    "images",
    "locations",
    "groups",
    "biography",
    "employerInfo",
];
const QUEUE: &[&str] = &[
    "name",
    "division",
    "description",
    "mediaSettings",
    "routingRules",
    "conditionalGroupRouting",
    "bullseye",
    "scoringMethod",
    "lastAgentRoutingMode",
    "acwSettings",
    "skillEvaluationMethod",
    "memberGroups",
    "queueFlow",
    "emailInQueueFlow",
    "messageInQueueFlow",
    "whisperPrompt",
    "onHoldPrompt",
    "autoAnswerOnly",
    "cannedResponseLibraries",
    "enableTranscription",
    "enableAudioMonitoring",
    "enableManualAssignment",
    "agentOwnedRouting",
    "directRouting",
    "callingPartyName",
    "callingPartyNumber",
    "defaultScripts",
    "outboundMessagingAddresses",
    "outboundEmailAddress",
    "peerId",
    "suppressInQueueCallRecording",
    "conditionalGroupActivation",
    "defaultMediaLanguage",
];

/// `POST /api/v2/users`.
pub(super) fn create_user(exchange: &Exchange) -> Outcome {
    exchange.query.only(&[])?;
    let mut fields = fields(exchange, NEW_USER, "CreateUser")?;
    let (name, email) = (needed(&fields, "name")?, needed(&fields, "email")?);
    let division = needed(&fields, "divisionId")?;
    check_state(&fields)?;
    let place = reached(exchange, &division, "directory:user:add")?;
    exchange.organisation.change(|world| {
        let id = world.next_id();
        check_address(world, &id, &email)?;
        fields.remove("divisionId");
        fields.remove("password");
        let contact = json!([{"address": email, "mediaType": "EMAIL", "type": "PRIMARY"}]);
        let made = json!({
            "id": id, "name": name, "division": world.division(place).map(Division::reference),
            "chat": {"jabberId": format!("{}@simulated.orgspan.com", id.replace('-', ""))},
            "primaryContactInfo": contact, "username": email, "state": "active", "images": [], "version": 1,
            "acdAutoAnswer": false, "selfUri": format!("/api/v2/users/{id}"),
        });
        let body = merged(made, fields);
        world.users.push(User::made(&body, place));
        Ok(Answer::json(&body))
    })
}

/// `PATCH /api/v2/users/{userId}`.
pub(super) fn change_user(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let mut fields = fields(exchange, USER, "UpdateUser")?;
    let version = fields.get("version").and_then(Value::as_u64);
    let version = version.ok_or_else(|| Failure::invalid("Field [version] is missing"))?;
    check_state(&fields)?;
    if let Some(manager) = fields.get("manager").and_then(Value::as_str).map(str::to_owned) {
        exchange.world.user(&manager).ok_or_else(|| Failure::invalid("There is no such manager"))?;
        fields.insert(
            "manager".to_owned(),
            json!({"id": manager, "selfUri": format!("/api/v2/users/{manager}")}),
        );
    }
    let found = user(exchange, id, "directory:user:edit")?;
    exchange.organisation.change(|world| {
        if let Some(email) = fields.get("email").and_then(Value::as_str) {
            check_address(world, &found, email)?;
        }
        let user = world.users.iter_mut().find(|user| user.id == found);
        let user = user.ok_or_else(|| Failure::missing("user", id))?;
        if user.version != version {
            let newest = user.version;
            return Err(conflict(format!("Version {version} of the user is stale; the newest is {newest}")));
        }
        fields.insert("version".to_owned(), json!(version + 1));
        user.take(&merged(user.body(), fields));
        Ok(Answer::json(&user.body()))
    })
}

/// `DELETE /api/v2/users/{userId}`: who is gone can be asked for by state.
pub(super) fn delete_user(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let found = user(exchange, id, "directory:user:delete")?;
    exchange.organisation.change(|world| {
        world.members.retain(|member| member.user != found);
        let user = world.users.iter_mut().find(|user| user.id == found);
        let user = user.ok_or_else(|| Failure::missing("user", id))?;
        let gone = Fields::from_iter([
            ("state".to_owned(), json!("deleted")),
            ("version".to_owned(), json!(user.version + 1)),
        ]);
        user.take(&merged(user.body(), gone));
        Ok(Answer::json(&json!({})))
    })
}

/// `POST /api/v2/routing/queues`.
pub(super) fn create_queue(exchange: &Exchange) -> Outcome {
    exchange.query.only(&[])?;
    let known: Vec<&str> = QUEUE.iter().copied().chain(["sourceQueueId"]).collect();
    let mut fields = fields(exchange, &known, "CreateQueueRequest")?;
    let name = needed(&fields, "name")?;
    let division = division_named(&fields)?.unwrap_or_else(|| help::HOME.to_owned());
    let place = reached(exchange, &division, "routing:queue:add")?;
    let source = match fields.remove("sourceQueueId") {
        Some(id) => {
            let source = id.as_str().and_then(|id| exchange.world.queue(id));
            source.ok_or_else(|| Failure::missing("queue", "sourceQueueId"))?.body()
        }
        None => json!({}),
    };
    exchange.organisation.change(|world| {
        let id = world.next_id();
        check_name(world, &id, &name)?;
        let body = shown_queue(world, &id, place, merged(source, fields));
        world.queues.push(Queue::made(&body, place));
        Ok(Answer::json(&body))
    })
}

/// `PUT /api/v2/routing/queues/{queueId}`: what is not named is no more.
pub(super) fn replace_queue(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let fields = fields(exchange, QUEUE, "QueueRequest")?;
    let name = needed(&fields, "name")?;
    let (found, own) = queue(exchange, id, "routing:queue:edit")?;
    let place = match division_named(&fields)? {
        Some(division) => reached(exchange, &division, "routing:queue:edit")?,
        None => own,
    };
    exchange.organisation.change(|world| {
        check_name(world, &found, &name)?;
        let body = shown_queue(world, &found, place, Value::Object(fields));
        world.queues.retain(|queue| queue.id != found);
        world.queues.push(Queue::made(&body, place));
        Ok(Answer::json(&body))
    })
}

/// `DELETE /api/v2/routing/queues/{queueId}`.
pub(super) fn delete_queue(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&["forceDelete"])?;
    exchange.query.flag("forceDelete")?;
    let (found, _) = queue(exchange, id, "routing:queue:delete")?;
    exchange.organisation.change(|world| {
        world.queues.retain(|queue| queue.id != found);
        world.members.retain(|member| member.queue != found);
        Ok(Answer { status: StatusCode::NO_CONTENT, body: String::new() })
    })
}

fn shown_queue(world: &World, id: &str, place: usize, fields: Value) -> Value {
    let members = world.members.iter().filter(|member| member.queue == id).count();
    let Value::Object(mut whole) = fields else { return Value::Null };
    let own = json!({
        "id": id, "division": world.division(place).map(Division::reference), "memberCount": members,
        "userMemberCount": members, "joinedMemberCount": members, "dateCreated": "2026-06-08T08:00:00.000Z",
        "selfUri": format!("/api/v2/routing/queues/{id}"),
    });
    if let Value::Object(own) = own {
        whole.extend(own);
    }
    Value::Object(whole)
}

/// The body's fields, each of them known.
fn fields(exchange: &Exchange, known: &[&str], model: &str) -> Result<Fields, Failure> {
    let fields: Fields = exchange.body()?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Failure::unknown(name, model)),
        None => Ok(fields),
    }
}

fn needed(fields: &Fields, name: &str) -> Result<String, Failure> {
    let text = fields.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or_else(|| Failure::invalid(format!("Field [{name}] is missing")))
}

fn division_named(fields: &Fields) -> Result<Option<String>, Failure> {
    let Some(named) = fields.get("division") else { return Ok(None) };
    let id = named.get("id").and_then(Value::as_str).map(str::to_owned);
    id.map(Some).ok_or_else(|| Failure::invalid("Field [division.id] is missing"))
}

fn check_state(fields: &Fields) -> Result<(), Failure> {
    match fields.get("state").map(|state| state.as_str().unwrap_or_default()) {
        None | Some("active" | "inactive" | "deleted") => Ok(()),
        Some(other) => Err(Failure::invalid(format!("Value [{other}] is not a state"))),
    }
}

/// Addresses are unique over the whole organisation.
fn check_address(world: &World, id: &str, email: &str) -> Result<(), Failure> {
    if !email.contains('@') {
        return Err(Failure::invalid(format!("Value [{email}] is not an address")));
    }
    let is_taken =
        |user: &User| user.id != id && user.state != "deleted" && user.email.eq_ignore_ascii_case(email);
    match world.users.iter().find(|user| is_taken(user)) {
        Some(other) => Err(conflict(format!("The address {email} is that of the user {}", other.name))),
        None => Ok(()),
    }
}

/// Names of queues are unique over the whole organisation.
fn check_name(world: &World, id: &str, name: &str) -> Result<(), Failure> {
    match world.queues.iter().find(|queue| queue.id != id && queue.name.eq_ignore_ascii_case(name)) {
        Some(other) => Err(conflict(format!("The name {name} is that of the queue {}", other.id))),
        None => Ok(()),
    }
}

fn conflict(message: String) -> Failure {
    Failure::new(StatusCode::CONFLICT, "general.conflict", message)
}

/// A division that the client's roles reach.
fn reached(exchange: &Exchange, id: &str, permission: &str) -> Result<usize, Failure> {
    let divisions = &exchange.world.plan.divisions;
    let place = divisions.iter().position(|division| division.id == id);
    let place = place.ok_or_else(|| Failure::invalid(format!("There is no division {id}")))?;
    if exchange.client.reaches(id) {
        Ok(place)
    } else {
        Err(Failure::foreign("division", id, id, id, permission))
    }
}

/// The id of a user that is there and reached.
fn user(exchange: &Exchange, id: &str, permission: &str) -> Result<String, Failure> {
    let found = exchange.world.user(id).filter(|user| user.state != "deleted");
    let found = found.ok_or_else(|| Failure::missing("user", id))?;
    let division = exchange.world.division_id(found.division);
    if exchange.client.reaches(division) {
        Ok(found.id.clone())
    } else {
        Err(Failure::foreign("user", id, &found.name, division, permission))
    }
}

/// The id of a queue that is there and reached, and the place of its division.
fn queue(exchange: &Exchange, id: &str, permission: &str) -> Result<(String, usize), Failure> {
    let found = exchange.world.queue(id).ok_or_else(|| Failure::missing("queue", id))?;
    let division = exchange.world.division_id(found.division);
    if exchange.client.reaches(division) {
        Ok((found.id.clone(), found.division))
    } else {
        Err(Failure::foreign("queue", id, &found.name, division, permission))
    }
}

fn merged(mut whole: Value, fields: Fields) -> Value {
    if let Some(known) = whole.as_object_mut() {
        known.extend(fields);
    }
    whole
}
