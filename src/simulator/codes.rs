//! Wrap-up codes, skills, languages and presences.

use serde_json::json;

use super::{
    answer::{Answer, Failure},
    api::{Exchange, slip},
    data::{EXPANSIONS, Item},
    query::{Page, listing},
};

type Outcome = Result<Answer, Failure>;

/// `GET /api/v2/routing/wrapupcodes`: narrowed by `divisionId`, and by what the client's roles reach.
pub(super) fn wrap_up_codes(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["pageSize", "pageNumber", "sortBy", "sortOrder", "name", "id", "divisionId"])?;
    let (ids, divisions, name) = (query.list("id"), query.list("divisionId"), query.one("name")?);
    let name = name.map(str::to_lowercase);
    let wanted = |one: &&Item| {
        (one.division == "*" || exchange.client.reaches(&one.division))
            && name.as_ref().is_none_or(|name| one.name.to_lowercase() == *name)
            && ids.as_ref().is_none_or(|ids| ids.contains(&one.id))
            && divisions.as_ref().is_none_or(|divisions| divisions.contains(&one.division))
    };
    paged(exchange, &exchange.world.wrap_up_codes, wanted, "/api/v2/routing/wrapupcodes")
}

/// `GET /api/v2/routing/wrapupcodes/{codeId}`.
pub(super) fn wrap_up_code(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    one_of(exchange, &exchange.world.wrap_up_codes, ("wrapupcode", "routing:wrapupCode:view"), id)
}

/// `GET /api/v2/routing/skills`: what the client's roles reach; nothing narrows it further.
pub(super) fn skills(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["pageSize", "pageNumber", "name", "id"])?;
    let (ids, name) = (query.list("id"), query.one("name")?.map(str::to_lowercase));
    let wanted = |one: &&Item| {
        is_reached(exchange, one)
            && name.as_ref().is_none_or(|name| one.name.to_lowercase().starts_with(name.as_str()))
            && ids.as_ref().is_none_or(|ids| ids.contains(&one.id))
    };
    paged(exchange, &exchange.world.skills, wanted, "/api/v2/routing/skills")
}

/// `GET /api/v2/routing/skills/{skillId}`.
pub(super) fn skill(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    one_of(exchange, &exchange.world.skills, ("skill", "routing:skill:view"), id)
}

fn one_of(
    exchange: &Exchange,
    all: &[Item],
    (kind, permission): (&'static str, &'static str),
    id: &str,
) -> Outcome {
    let found = all.iter().find(|one| one.id == id).ok_or_else(|| Failure::missing(kind, id))?;
    if !is_reached(exchange, found) {
        return Err(Failure::foreign(kind, id, &found.name, &found.division, permission));
    }
    let other = all.iter().find(|one| lies_with(exchange, one) && one.division != found.division);
    Ok(Answer::json(&other.unwrap_or(found).body))
}

/// What is in all divisions or in none is everyone's.
fn is_reached(exchange: &Exchange, one: &Item) -> bool {
    matches!(one.division.as_str(), "*" | "") || exchange.client.reaches(&one.division)
}

/// `GET /api/v2/routing/languages`: all of them, whoever asks.
pub(super) fn languages(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["pageSize", "pageNumber", "sortOrder", "name", "id"])?;
    let (ids, name) = (query.list("id"), query.one("name")?);
    let wanted = |one: &&Item| {
        name.is_none_or(|name| one.name == name) && ids.as_ref().is_none_or(|ids| ids.contains(&one.id))
    };
    paged(exchange, &exchange.world.languages, wanted, "/api/v2/routing/languages")
}

/// `GET /api/v2/routing/languages/{languageId}`.
pub(super) fn language(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let found = exchange.world.languages.iter().find(|one| one.id == id);
    Ok(Answer::json(&found.ok_or_else(|| Failure::missing("language", id))?.body))
}

/// `GET /api/v2/presence/definitions`: no pages.
pub(super) fn presence_definitions(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["deactivated", "divisionId", "localeCode"])?;
    let divisions = query.list("divisionId");
    let wanted = |one: &&Item| {
        exchange.client.reaches(&one.division)
            && divisions.as_ref().is_none_or(|divisions| divisions.contains(&one.division))
    };
    let all = &exchange.world.presences;
    let mut shown: Vec<&Item> = all.iter().filter(wanted).collect();
    slip(&mut shown, all.iter().filter(|one| lies_with(exchange, one) && !wanted(one)));
    let entities: Vec<_> = shown.iter().map(|one| &one.body).collect();
    Ok(Answer::json(&json!({
        "entities": entities, "total": shown.len(), "selfUri": "/api/v2/presence/definitions",
    })))
}

/// `GET /api/v2/users/{userId}/presences/purecloud`: of any user, and no permission is asked.
pub(super) fn presence(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let user = exchange.world.user(id).ok_or_else(|| Failure::missing("user", id))?;
    let mut text = String::new();
    debug_assert!(EXPANSIONS.contains(&"presence"), "a presence is what that expansion shows");
    user.write(&mut text, &["presence".to_owned()]);
    let user: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let mut presence = user.get("presence").cloned().unwrap_or_default();
    if let Some(fields) = presence.as_object_mut() {
        fields.insert("id".to_owned(), json!(id));
        fields.insert("name".to_owned(), json!(user.get("name")));
    }
    Ok(Answer::json(&presence))
}

fn lies_with(exchange: &Exchange, one: &Item) -> bool {
    let place = exchange.world.plan.divisions.iter().position(|division| division.id == one.division);
    place.is_some_and(|place| exchange.lies_with(place))
}

fn paged(exchange: &Exchange, all: &[Item], wanted: impl Fn(&&Item) -> bool, path: &str) -> Outcome {
    let query = &exchange.query;
    let page: Page = query.page(500)?;
    if !matches!(query.one("sortBy")?, None | Some("name" | "id")) {
        return Err(Failure::invalid("A list is sorted by name or id"));
    }
    let mut found: Vec<&Item> = all.iter().filter(|one| wanted(one)).collect();
    if query.one("sortBy")? == Some("id") {
        found.sort_by_key(|one| &one.id);
    }
    if query.descending()? {
        found.reverse();
    }
    let total = found.len();
    let mut shown: Vec<&Item> = found.into_iter().skip(page.before()).take(page.size).collect();
    slip(&mut shown, all.iter().filter(|one| lies_with(exchange, one) && !wanted(one)));
    let entities: Vec<String> = shown.iter().map(|one| one.body.to_string()).collect();
    Ok(Answer::ok(listing(&entities.join(","), total, page, path, query)))
}
