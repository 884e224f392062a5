//! Members of queues, and queues of members.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES, slip},
    data::{EXPANSIONS, Member, Queue, User},
    query::listing,
};

type Outcome = Result<Answer, Failure>;

/// `GET /api/v2/routing/queues/{queueId}/members`: members of all divisions; nothing narrows them.
pub(super) fn of_queue(exchange: &Exchange, id: &str) -> Outcome {
    let (query, world) = (&exchange.query, &exchange.world);
    query.only(&["pageNumber", "pageSize", "sortOrder", "expand", "name", "joined"])?;
    let page = query.page(100)?;
    let expand = query.expand(EXPANSIONS)?;
    let queue = world.queue(id).ok_or_else(|| Failure::missing("queue", id))?;
    if let Some(division) =
        world.division(queue.division).filter(|division| !exchange.client.reaches(division.id))
    {
        return Err(Failure::foreign("queue", id, &queue.name, division.name, "routing:queue:view"));
    }
    let joined = query.one("joined")?.map(|text| text == "true");
    let name = query.one("name")?.map(str::to_lowercase);
    let is_named = |member: &Member| {
        let user = world.user(&member.user);
        name.as_ref()
            .is_none_or(|name| user.is_some_and(|user| user.name.to_lowercase().starts_with(name.as_str())))
    };
    let wanted = |member: &&Member| {
        member.queue == id && joined.is_none_or(|joined| member.joined == joined) && is_named(member)
    };
    let mut found: Vec<&Member> = world.members.iter().filter(wanted).collect();
    if query.descending()? {
        found.reverse();
    }
    let mut total = found.len();
    let mut shown: Vec<&Member> = found.into_iter().skip(page.before()).take(page.size).collect();
    if exchange.lie {
        total += LIES;
        let is_other = |user: &User| exchange.lies_with(user.division);
        let slipped = |member: &&Member| world.user(&member.user).is_some_and(is_other) && !wanted(member);
        slip(&mut shown, world.members.iter().filter(slipped));
    }
    let entities: Vec<String> = shown
        .iter()
        .filter_map(|member| Some(shown_member(member, world.user(&member.user)?, &expand).to_string()))
        .collect();
    let path = format!("/api/v2/routing/queues/{id}/members");
    Ok(Answer::ok(listing(&entities.join(","), total, page, &path, query)))
}

fn shown_member(member: &Member, user: &User, expand: &[String]) -> Value {
    let mut text = String::new();
    user.write(&mut text, expand);
    let whole: Value = serde_json::from_str(&text).unwrap_or_default();
    json!({
        "id": user.id, "name": user.name, "user": whole, "ringNumber": 1, "joined": member.joined,
        "memberBy": "user", "routingStatus": {"userId": user.id, "status": "IDLE"},
        "selfUri": format!("/api/v2/routing/queues/{}/members/{}", member.queue, user.id),
    })
}

/// `GET /api/v2/users/{userId}/queues`: narrowed by `divisionId`, and by what the client's roles reach.
pub(super) fn of_user(exchange: &Exchange, id: &str) -> Outcome {
    let (query, world) = (&exchange.query, &exchange.world);
    query.only(&["pageSize", "pageNumber", "joined", "divisionId"])?;
    let page = query.page(100)?;
    let joined = query.one("joined")?.map(|text| text == "true");
    let divisions = query.list("divisionId");
    world.user(id).ok_or_else(|| Failure::missing("user", id))?;
    let of = |queue: &Queue| world.members.iter().find(|one| one.user == id && one.queue == queue.id);
    let wanted = |queue: &&Queue| {
        let division = world.division_id(queue.division);
        of(queue).is_some_and(|member| joined.is_none_or(|joined| member.joined == joined))
            && exchange.client.reaches(division)
            && divisions.as_ref().is_none_or(|ids| ids.iter().any(|id| id == division))
    };
    let found: Vec<&Queue> = world.queues.iter().filter(wanted).collect();
    let mut total = found.len();
    let mut shown: Vec<&Queue> = found.into_iter().skip(page.before()).take(page.size).collect();
    if exchange.lie {
        total += LIES;
        let slipped = |queue: &&Queue| exchange.lies_with(queue.division) && !wanted(queue);
        slip(&mut shown, world.queues.iter().filter(slipped));
    }
    let entities: Vec<String> = shown
        .iter()
        .map(|queue| {
            let mut text = String::new();
            queue.write(&mut text, &[]);
            text.pop();
            let joined = of(queue).is_some_and(|member| member.joined);
            format!("{text},\"joined\":{joined}}}")
        })
        .collect();
    let path = format!("/api/v2/users/{id}/queues");
    Ok(Answer::ok(listing(&entities.join(","), total, page, &path, query)))
}
