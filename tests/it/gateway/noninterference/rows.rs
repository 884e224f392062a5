//! Requests that build on each other, generated: what is made is changed, read and deleted; what was refused is looked up.

use proptest::prelude::*;
use reqwest::Method;
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::{
    analytics::{any_aggregates, any_details_query},
    asked::{Asked, Pool, any_id, any_request, choose, get, strangers, words},
};

/// Stands for the id of what a row's first request made, in those that follow.
pub(super) const MADE: &str = "MADE";
/// Stands for the version that the request before was told.
pub(super) const VERSION: &str = "VERSION";
/// Stands for the correlation id of the request before.
pub(super) const CONTEXT: &str = "CONTEXT";

/// Stands for the cursor that the request before was told.
pub(super) const CURSOR: &str = "CURSOR";

const JOBS: &str = "/api/v2/analytics/conversations";
const USERS: &str = "/api/v2/users";
const QUEUES: &str = "/api/v2/routing/queues";

/// One request, or several that build on each other.
pub(super) fn any_row(pool: &Pool) -> BoxedStrategy<Vec<Asked>> {
    prop_oneof![
        40 => any_request(pool).prop_map(|one| vec![one]),
        1 => any_user_made(),
        1 => any_queue_made(),
        1 => any_user_changed(pool),
        1 => any_look_back(pool),
        1 => any_job(pool),
        1 => any_counting_job(pool),
    ]
    .boxed()
}

fn asked(method: Method, path: String, body: Option<Value>) -> Asked {
    Asked { method, path, body }
}

/// Names and addresses are unique over an organisation, which is a declared channel: these are nobody's yet.
fn any_name() -> BoxedStrategy<String> {
    any::<u64>().prop_map(|number| format!("Made {number:016x}")).boxed()
}

fn any_user_made() -> BoxedStrategy<Vec<Asked>> {
    (any_name(), any::<bool>(), words(&["Agent", "Lead"]))
        .prop_map(|(name, names_its_division, title)| {
            let email = format!("{}@alpha.example", name.replace(' ', ""));
            let mut user = json!({"name": name, "email": email});
            if names_its_division {
                user["divisionId"] = json!(ALPHA);
            }
            let one = format!("{USERS}/{MADE}");
            let found = json!({"query": [{"type": "EXACT", "fields": ["email"], "value": email}]});
            vec![
                asked(Method::POST, USERS.to_owned(), Some(user)),
                asked(Method::PATCH, one.clone(), Some(json!({"version": VERSION, "title": title}))),
                get(one.clone()),
                asked(Method::POST, format!("{USERS}/search"), Some(found)),
                asked(Method::DELETE, one.clone(), None),
                get(one),
            ]
        })
        .boxed()
}

fn any_queue_made() -> BoxedStrategy<Vec<Asked>> {
    (any_name(), any_name(), any::<bool>())
        .prop_map(|(name, other, names_its_division)| {
            let mut queue = json!({"name": name});
            if names_its_division {
                queue["division"] = json!({"id": ALPHA});
            }
            let one = format!("{QUEUES}/{MADE}");
            vec![
                asked(Method::POST, QUEUES.to_owned(), Some(queue)),
                asked(Method::PUT, one.clone(), Some(json!({"name": other, "description": "changed"}))),
                get(one.clone()),
                get(format!("{one}/members")),
                get(format!("{QUEUES}?name={}", other.replace(' ', "%20"))),
                asked(Method::DELETE, one.clone(), None),
                get(one),
            ]
        })
        .boxed()
}

fn any_user_changed(pool: &Pool) -> BoxedStrategy<Vec<Asked>> {
    (choose(&pool.own_users), words(&["Agent", "Lead", "Trainer"]), any_id(&pool.own_users, &pool.users))
        .prop_map(|(id, title, manager)| {
            let one = format!("{USERS}/{id}");
            let change = json!({"version": VERSION, "title": title, "manager": manager});
            vec![get(one.clone()), asked(Method::PATCH, one.clone(), Some(change)), get(one)]
        })
        .boxed()
}

/// A job from its begin to its end.
fn job(jobs: &str, question: Asked, pages: &[&str]) -> Vec<Asked> {
    let one = format!("{JOBS}/{jobs}/jobs/{MADE}");
    let mut row = vec![asked(Method::POST, format!("{JOBS}/{jobs}/jobs"), question.body), get(one.clone())];
    row.push(get(one.clone()));
    row.extend(pages.iter().map(|page| get(format!("{one}/results{page}"))));
    row.extend([asked(Method::DELETE, one.clone(), None), get(one)]);
    row
}

fn any_job(pool: &Pool) -> BoxedStrategy<Vec<Asked>> {
    let pages = [&["", "?pageSize=9", "?pageSize=9&cursor=CURSOR", "?cursor=nothing"][..], &["?pageSize=3"]];
    (any_details_query(pool), prop::option::of(1..40), prop::sample::select(pages.to_vec()))
        .prop_map(|(mut question, limit, pages)| {
            let body = question.body.as_mut().unwrap().as_object_mut().unwrap();
            body.retain(|field, _| !["paging", "aggregations"].contains(&field.as_str()));
            body.extend(limit.map(|limit| ("limit".to_owned(), json!(limit))));
            let mut row = job("details", question, pages);
            row.push(get(format!("{JOBS}/details/jobs/availability")));
            row
        })
        .boxed()
}

fn any_counting_job(pool: &Pool) -> BoxedStrategy<Vec<Asked>> {
    (any_aggregates(pool), prop::option::of(1..40))
        .prop_map(|(mut question, size)| {
            let body = question.body.as_mut().unwrap().as_object_mut().unwrap();
            body.extend(size.map(|size| ("pageSize".to_owned(), json!(size))));
            job("aggregates", question, &["", "?cursor=CURSOR"])
        })
        .boxed()
}

/// What is nobody's and what is another's leave the same traces.
fn any_look_back(pool: &Pool) -> BoxedStrategy<Vec<Asked>> {
    choose(&strangers(&pool.users, &pool.own_users))
        .prop_map(|id| {
            vec![
                get(format!("{USERS}/{id}")),
                get(format!("/gateway/v1/denials/{CONTEXT}")),
                get("/gateway/v1/events?operation=getUser&limit=1".to_owned()),
                get("/gateway/v1/usage".to_owned()),
            ]
        })
        .boxed()
}
