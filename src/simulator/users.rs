//! Users: the plain list and single reads, which no division narrows. Searching is in [`super::search`].

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES, slip},
    data::{EXPANSIONS, User},
    query::listing,
};

type Outcome = Result<Answer, Failure>;

/// `GET /api/v2/users`: users of all divisions; there is no division parameter, and no permission is asked.
pub(super) fn list(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&[
        "pageSize",
        "pageNumber",
        "id",
        "sortOrder",
        "expand",
        "integrationPresenceSource",
        "state",
    ])?;
    let page = query.page(500)?;
    let expand = query.expand(EXPANSIONS)?;
    let state = state(query.one("state")?)?;
    let ids = query.list("id");
    if ids.as_ref().is_some_and(|ids| ids.len() > 100) {
        return Err(Failure::invalid("A maximum of 100 user ids may be requested (max.user.ids)"));
    }
    let wanted = |user: &&User| {
        // Users asked for by id are shown in every state.
        match &ids {
            Some(ids) => ids.contains(&user.id),
            None => state.is_none_or(|state| user.state == state),
        }
    };
    let mut found: Vec<&User> = exchange.world.users.iter().filter(wanted).collect();
    if query.descending()? {
        found.reverse();
    }
    let mut total = found.len();
    let mut shown: Vec<&User> = found.into_iter().skip(page.before()).take(page.size).collect();
    if exchange.lie {
        total += LIES;
        let slipped = |user: &&User| exchange.lies_with(user.division) && !wanted(user);
        slip(&mut shown, exchange.world.users.iter().filter(slipped));
    }
    Ok(Answer::ok(listing(&write(&shown, &expand), total, page, "/api/v2/users", query)))
}

/// `GET /api/v2/users/{userId}`: any user, and no permission is asked.
pub(super) fn get(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&["expand", "integrationPresenceSource", "state"])?;
    let expand = exchange.query.expand(EXPANSIONS)?;
    let state = state(exchange.query.one("state")?)?;
    let found = exchange.world.user(id).ok_or_else(|| Failure::missing("user", id))?;
    if exchange.query.one("state")?.is_some() && state.is_some_and(|state| found.state != state) {
        return Err(Failure::missing("user", id));
    }
    // Who is gone is shown to who asks for the gone alone.
    if exchange.query.one("state")?.is_none() && found.state == "deleted" {
        return Err(Failure::missing("user", id));
    }
    let other = exchange
        .world
        .users
        .iter()
        .find(|user| exchange.lies_with(user.division) && user.division != found.division);
    Ok(Answer::ok(write(&[other.unwrap_or(found)], &expand)))
}

/// The state that is asked for; none means any.
fn state(text: Option<&str>) -> Result<Option<&str>, Failure> {
    match text {
        None => Ok(Some("active")),
        Some("any") => Ok(None),
        Some(state @ ("active" | "inactive" | "deleted")) => Ok(Some(state)),
        Some(other) => Err(Failure::invalid(format!("Value [{other}] is not a state"))),
    }
}

/// Users as JSON, comma between.
pub(super) fn write(users: &[&User], expand: &[String]) -> String {
    let mut text = String::with_capacity(users.len() * 1024);
    for (number, user) in users.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        user.write(&mut text, expand);
    }
    text
}
