//! Routing queues: narrowed by `divisionId`, and by what the client's roles reach.

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES, slip},
    data::Queue,
    query::listing,
};

type Outcome = Result<Answer, Failure>;

const EXPANSIONS: &[&str] = &["identityresolution"];

/// `GET /api/v2/routing/queues`.
pub(super) fn list(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["pageNumber", "pageSize", "sortOrder", "name", "id", "divisionId", "peerId", "expand"])?;
    found(exchange, 500, "/api/v2/routing/queues")
}

/// `GET /api/v2/routing/queues/divisionviews`: the same queues, fewer parameters.
pub(super) fn views(exchange: &Exchange) -> Outcome {
    let query = &exchange.query;
    query.only(&["pageSize", "pageNumber", "sortBy", "sortOrder", "name", "id", "divisionId"])?;
    if !matches!(query.one("sortBy")?, None | Some("name" | "id")) {
        return Err(Failure::invalid("Queues are sorted by name or id"));
    }
    found(exchange, 100, "/api/v2/routing/queues/divisionviews")
}

fn found(exchange: &Exchange, most: usize, path: &str) -> Outcome {
    let query = &exchange.query;
    let page = query.page(most)?;
    let expand = query.expand(EXPANSIONS)?;
    let name = query.one("name")?;
    let (ids, divisions, peers) = (query.list("id"), query.list("divisionId"), query.list("peerId"));
    let wanted = |queue: &&Queue| {
        let division = exchange.world.division_id(queue.division);
        exchange.client.reaches(division)
            && name.is_none_or(|pattern| named(pattern, &queue.name))
            && ids.as_ref().is_none_or(|ids| ids.contains(&queue.id))
            && divisions.as_ref().is_none_or(|ids| ids.iter().any(|id| id == division))
            // No queue here has a peer.
            && peers.is_none()
    };
    let mut found: Vec<&Queue> = exchange.world.queues.iter().filter(wanted).collect();
    if query.one("sortBy")? == Some("id") {
        found.sort_by_key(|queue| &queue.id);
    }
    if query.descending()? {
        found.reverse();
    }
    let mut total = found.len();
    let mut shown: Vec<&Queue> = found.into_iter().skip(page.before()).take(page.size).collect();
    if exchange.lie {
        total += LIES;
        let slipped = |queue: &&Queue| exchange.lies_with(queue.division) && !wanted(queue);
        slip(&mut shown, exchange.world.queues.iter().filter(slipped));
    }
    let mut text = String::with_capacity(shown.len() * 1536);
    for (number, queue) in shown.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        queue.write(&mut text, &expand);
    }
    Ok(Answer::ok(listing(&text, total, page, path, query)))
}

/// `GET /api/v2/routing/queues/{queueId}`.
pub(super) fn get(exchange: &Exchange, id: &str) -> Outcome {
    exchange.query.only(&["expand"])?;
    let expand = exchange.query.expand(EXPANSIONS)?;
    let found = exchange.world.queue(id).ok_or_else(|| Failure::missing("queue", id))?;
    if let Some(division) =
        exchange.world.division(found.division).filter(|one| !exchange.client.reaches(one.id))
    {
        return Err(Failure::foreign("queue", id, &found.name, division.name, "routing:queue:view"));
    }
    let other = exchange
        .world
        .queues
        .iter()
        .find(|queue| exchange.lies_with(queue.division) && queue.division != found.division);
    let mut text = String::new();
    other.unwrap_or(found).write(&mut text, &expand);
    Ok(Answer::ok(text))
}

/// Whether a name is the given one; an asterisk at either end stands for anything. Case does not matter.
fn named(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}
