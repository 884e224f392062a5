//! `POST /api/v2/users/search` and its opaque continuation `q64`.

use std::cmp::Ordering;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    answer::{Answer, Failure},
    api::{Exchange, LIES, slip},
    data::{EXPANSIONS, User, World},
    query::Page,
    users,
};

const MOST_CRITERIA: usize = 50;
const MOST_VALUES: usize = 200;
const MOST_RESULTS: usize = 100;
const FIELDS: &[&str] =
    &["id", "name", "email", "username", "department", "title", "state", "divisionId", "teamId", "manager"];

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Search {
    #[serde(default)]
    query: Vec<Criterion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page_size: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page_number: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sort_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sort_order: Option<SortOrder>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sort: Vec<Sort>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expand: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    integration_presence_source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enforce_permissions: Option<bool>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sort {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sort_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sort_order: Option<SortOrder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum SortOrder {
    Asc,
    Desc,
    Score,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Criterion {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<Operator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Vec<Criterion>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Exact,
    StartsWith,
    Contains,
    Term,
    Terms,
    RequiredFields,
    MatchAll,
    QueryString,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Operator {
    And,
    Or,
    Not,
}

type Outcome = Result<Answer, Failure>;

/// `POST /api/v2/users/search`.
pub(super) fn post(exchange: &Exchange) -> Outcome {
    exchange.query.only(&[])?;
    run(exchange, &exchange.body()?)
}

/// `GET /api/v2/users/search?q64=…`: the search that an earlier answer named.
pub(super) fn get(exchange: &Exchange) -> Outcome {
    exchange.query.only(&["q64", "expand", "integrationPresenceSource"])?;
    let text = exchange.query.one("q64")?.ok_or_else(|| Failure::invalid("Parameter [q64] is required"))?;
    let search = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut search: Search = search.ok_or_else(|| Failure::invalid("Parameter [q64] cannot be read"))?;
    if let Some(expand) = exchange.query.list("expand") {
        search.expand = expand;
    }
    run(exchange, &search)
}

fn run(exchange: &Exchange, search: &Search) -> Outcome {
    check(search)?;
    let world = &exchange.world;
    let page = Page { size: search.page_size.unwrap_or(25), number: search.page_number.unwrap_or(1) };
    let wanted = |user: &&User| {
        exchange.client.reaches(world.division_id(user.division)) && holds(&search.query, user, world)
    };
    let mut found: Vec<&User> = world.users.iter().filter(wanted).collect();
    sort(&mut found, search, world);
    let mut total = found.len();
    let mut shown: Vec<&User> = found.into_iter().skip(page.before()).take(page.size).collect();
    if exchange.lie {
        total += LIES;
        let slipped = |user: &&User| exchange.lies_with(user.division) && !wanted(user);
        slip(&mut shown, world.users.iter().filter(slipped));
    }
    let count = total.div_ceil(page.size);
    let mut body = json!({
        "total": total,
        "pageCount": count,
        "pageSize": page.size,
        "pageNumber": page.number,
        "types": ["users"],
        "currentPage": continuation(search, page.number),
    });
    if let Some(fields) = body.as_object_mut() {
        if page.number > 1 {
            fields.insert("previousPage".into(), json!(continuation(search, page.number - 1)));
        }
        if page.number < count {
            fields.insert("nextPage".into(), json!(continuation(search, page.number + 1)));
        }
    }
    let mut text = body.to_string();
    text.pop();
    Ok(Answer::ok(format!("{text},\"results\":[{}]}}", users::write(&shown, &search.expand))))
}

/// The same search for another page, opaque to the caller.
fn continuation(search: &Search, page: usize) -> String {
    let search = Search { page_number: Some(page), ..search.clone() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&search).unwrap_or_default())
}

fn check(search: &Search) -> Result<(), Failure> {
    if !(1..=MOST_RESULTS).contains(&search.page_size.unwrap_or(25)) || search.page_number == Some(0) {
        return Err(Failure::invalid(format!("At most {MOST_RESULTS} results (too.many.requested.results)")));
    }
    if let Some(name) = search.expand.iter().find(|name| !EXPANSIONS.contains(&name.as_str())) {
        return Err(Failure::invalid(format!("Value [{name}] cannot be expanded")));
    }
    let sorted = search.sort_by.iter().chain(search.sort.iter().filter_map(|sort| sort.sort_by.as_ref()));
    for name in sorted {
        known(name)?;
    }
    let mut count = 0;
    check_all(&search.query, &mut count)
}

fn check_all(criteria: &[Criterion], count: &mut usize) -> Result<(), Failure> {
    for criterion in criteria {
        *count += 1;
        if *count > MOST_CRITERIA {
            return Err(Failure::invalid("Too many criteria (too.many.search.criteria)"));
        }
        if criterion.values.as_ref().is_some_and(|values| values.len() > MOST_VALUES) {
            return Err(Failure::invalid("Too many values (search.criteria.values.exceed.limit)"));
        }
        for name in criterion.fields.iter().flatten() {
            known(name)?;
        }
        if let Some(group) = &criterion.group {
            check_all(group, count)?;
            continue;
        }
        let (fields, text) = match criterion.kind {
            Kind::MatchAll => (false, false),
            Kind::RequiredFields => (true, false),
            Kind::QueryString => (false, true),
            Kind::Exact | Kind::StartsWith | Kind::Contains | Kind::Term | Kind::Terms => (true, true),
        };
        if fields && criterion.fields.as_ref().is_none_or(Vec::is_empty) {
            return Err(Failure::invalid("A criterion of this type needs fields"));
        }
        if text && criterion.value.is_none() && criterion.values.is_none() {
            return Err(Failure::invalid("A criterion of this type needs a value or values"));
        }
    }
    Ok(())
}

fn known(field: &str) -> Result<(), Failure> {
    if FIELDS.contains(&field) { Ok(()) } else { Err(Failure::unknown(field, "UserSearchCriteria.fields")) }
}

/// How criteria join: all that are AND hold and none that is NOT, **or** any that is OR holds. That is the loosest
/// reading of Genesys's "how to apply this criterion against others": what is safe here is safe there.
fn holds(criteria: &[Criterion], user: &User, world: &World) -> bool {
    let of = |wanted: Operator| {
        criteria.iter().filter(move |one| one.operator.unwrap_or(Operator::And) == wanted).peekable()
    };
    let (mut all, mut none, mut any) = (of(Operator::And), of(Operator::Not), of(Operator::Or));
    if any.peek().is_some() && any.any(|one| one.holds(user, world)) {
        return true;
    }
    let required = all.peek().is_some() || none.peek().is_some() || criteria.is_empty();
    required && all.all(|one| one.holds(user, world)) && !none.any(|one| one.holds(user, world))
}

impl Criterion {
    fn holds(&self, user: &User, world: &World) -> bool {
        if let Some(group) = &self.group {
            return holds(group, user, world);
        }
        let fields: Vec<&str> = self.fields.iter().flatten().map(String::as_str).collect();
        let any_of = |fields: &[&str], test: &dyn Fn(&str, &str) -> bool| {
            self.value.iter().chain(self.values.iter().flatten()).any(|value| {
                let value = value.to_lowercase();
                fields.iter().any(|name| test(&field(user, world, name).to_lowercase(), &value))
            })
        };
        match self.kind {
            Kind::MatchAll => true,
            Kind::RequiredFields => fields.iter().all(|name| !field(user, world, name).is_empty()),
            Kind::Exact | Kind::Terms => any_of(&fields, &|text, value| text == value),
            Kind::StartsWith => any_of(&fields, &str_starts_with),
            Kind::Contains => any_of(&fields, &|text, value| text.contains(value)),
            Kind::Term => any_of(&fields, &|text, value| {
                text == value || text.split_whitespace().any(|word| word == value)
            }),
            Kind::QueryString => {
                let usual = ["name", "email", "title", "department"];
                let fields = if fields.is_empty() { &usual[..] } else { &fields[..] };
                any_of(fields, &|text, value| value.split_whitespace().any(|word| text.contains(word)))
            }
        }
    }
}

fn str_starts_with(text: &str, value: &str) -> bool {
    text.starts_with(value)
}

fn field<'a>(user: &'a User, world: &World, name: &str) -> &'a str {
    match name {
        "id" => &user.id,
        "name" => &user.name,
        "email" | "username" => &user.email,
        "department" => &user.department,
        "title" => &user.title,
        "state" => &user.state,
        "divisionId" => world.division_id(user.division),
        "teamId" => &user.team,
        "manager" => user.manager.as_deref().unwrap_or_default(),
        _ => "",
    }
}

fn sort(found: &mut [&User], search: &Search, world: &World) {
    let single = search.sort_by.as_ref().map(|name| (name, search.sort_order));
    let several =
        search.sort.iter().filter_map(|sort| sort.sort_by.as_ref().map(|name| (name, sort.sort_order)));
    let orders: Vec<_> = single.into_iter().chain(several).collect();
    found.sort_by(|a, b| {
        let steps = orders.iter().map(|(name, order)| {
            let step = field(a, world, name).to_lowercase().cmp(&field(b, world, name).to_lowercase());
            if *order == Some(SortOrder::Desc) { step.reverse() } else { step }
        });
        steps.fold(Ordering::Equal, Ordering::then).then_with(|| (&a.name, &a.id).cmp(&(&b.name, &b.id)))
    });
}
