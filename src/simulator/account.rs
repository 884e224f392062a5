//! The organisation itself: token, organisation and divisions.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::Exchange,
    data::Division,
    help,
    query::listing,
};

type Outcome = Result<Answer, Failure>;

/// `GET /api/v2/tokens/me`.
pub(super) fn token(exchange: &Exchange) -> Outcome {
    exchange.query.only(&["preserveIdleTTL"])?;
    let organisation = json!({"id": help::ORGANISATION, "name": help::ORGANISATION_NAME});
    let divisions: Vec<Value> = exchange
        .world
        .plan
        .divisions
        .iter()
        .filter(|division| exchange.client.reaches(division.id))
        .map(|division| json!({"roleId": help::ROLE, "divisionId": division.id}))
        .collect();
    Ok(Answer::json(&json!({
        "organization": organisation,
        "homeOrganization": organisation,
        "authorizedScope": [],
        "OAuthClient": {
            "id": exchange.client.id,
            "name": exchange.client.id,
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "roleDivisions": divisions,
            "state": "active",
            "organization": organisation,
        },
    })))
}

/// `HEAD /api/v2/tokens/me`.
pub(super) fn token_head(exchange: &Exchange) -> Outcome {
    exchange.query.only(&["preserveIdleTTL"])?;
    Ok(Answer::ok(""))
}

/// `GET /api/v2/organizations/me`.
pub(super) fn organisation(exchange: &Exchange) -> Outcome {
    exchange.query.only(&[])?;
    Ok(Answer::json(&json!({
        "id": help::ORGANISATION,
        "name": help::ORGANISATION_NAME,
        "defaultLanguage": "en-us",
        "defaultCountryCode": "US",
        "thirdPartyOrgName": "simulated",
        "domain": "simulated",
        "version": 7,
        "state": "active",
        "voicemailEnabled": false,
        "productPlatform": "GenesysCloud",
        "selfUri": "/api/v2/organizations/me",
        "features": {"realtimeCIC": true, "purecloud": true, "chat": true},
    })))
}

/// `GET /api/v2/users/me`: there is no user behind client credentials.
pub(super) fn me() -> Outcome {
    Err(Failure::new(
        StatusCode::BAD_REQUEST,
        "not.a.user",
        "This request is not valid when using the Client Credentials OAuth grant.",
    ))
}

/// `GET /api/v2/authorization/divisions`: all divisions, whoever asks.
pub(super) fn divisions(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["pageSize", "pageNumber", "sortBy", "expand", "objectCount", "id", "name"])?;
    query.expand(&[])?;
    let page = query.page(500)?;
    let ids = query.list("id");
    let name = query.one("name")?.map(str::to_lowercase);
    let counted = query.flag("objectCount")?;
    let mut found: Vec<&Division> = exchange
        .world
        .plan
        .divisions
        .iter()
        .filter(|division| ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == division.id)))
        .filter(|division| name.as_ref().is_none_or(|name| division.name.to_lowercase().contains(name)))
        .collect();
    match query.one("sortBy")? {
        None | Some("name") => found.sort_by_key(|division| division.name),
        Some("id") => found.sort_by_key(|division| division.id),
        Some(other) => return Err(Failure::invalid(format!("Value [{other}] cannot be sorted by"))),
    }
    let entities: Vec<String> = found
        .iter()
        .skip(page.before())
        .take(page.size)
        .map(|division| division_body(exchange, division, counted).to_string())
        .collect();
    Ok(Answer::ok(listing(&entities.join(","), found.len(), page, "/api/v2/authorization/divisions", query)))
}

/// `GET /api/v2/authorization/divisions/home`.
pub(super) fn home(exchange: &Exchange) -> Outcome {
    exchange.query.only(&[])?;
    division(exchange, help::HOME)
}

/// `GET /api/v2/authorization/divisions/{divisionId}`.
pub(super) fn division(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&["objectCount"])?;
    let counted = exchange.query.flag("objectCount")?;
    let found = exchange.world.plan.divisions.iter().find(|division| division.id == id);
    let lied = exchange.world.plan.divisions.iter().find(|division| exchange.lie && division.id != id);
    match (lied, found) {
        (Some(division), Some(_)) | (None, Some(division)) => {
            Ok(Answer::json(&division_body(exchange, division, counted)))
        }
        (_, None) => Err(Failure::missing("division", id)),
    }
}

fn division_body(exchange: &Exchange, division: &Division, counted: bool) -> Value {
    let mut body = json!({
        "id": division.id,
        "name": division.name,
        "description": if division.home { "The default division" } else { "A client company's division" },
        "homeDivision": division.home,
        "selfUri": format!("/api/v2/authorization/divisions/{}", division.id),
    });
    if let (true, Some(fields)) = (counted, body.as_object_mut()) {
        let world = &exchange.world;
        let users = world.users.iter().filter(|user| world.division_id(user.division) == division.id).count();
        let queues =
            world.queues.iter().filter(|queue| world.division_id(queue.division) == division.id).count();
        fields.insert("objectCounts".into(), json!({"USER": users, "QUEUE": queues}));
    }
    body
}
