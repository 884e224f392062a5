//! `GET /users` has no division parameter: `POST /users/search` is called instead, and answered in the list's form.

use crate::{
    catalog::{SearchOperator, UserSearchCriteria, UserSearchRequest},
    gateway::{asked::USERS_PAGE_SIZE, query::Query},
    model::Text,
};

/// The page that was asked for: what its links are made from.
#[derive(Debug)]
pub(in crate::gateway) struct UsersPage {
    pub(in crate::gateway) size: i64,
    pub(in crate::gateway) number: i64,
    query: Query,
}

impl UsersPage {
    /// The link to another page of the same list: relative, as Genesys's own.
    pub(in crate::gateway) fn link(&self, number: i64) -> String {
        let mut query = self.query.clone();
        query.set("pageSize", vec![self.size.to_string()]);
        query.set("pageNumber", vec![number.to_string()]);
        format!("/api/v2/users?{}", query.encode())
    }
}

/// The search that finds what the list's parameters ask for, of all divisions yet.
pub(super) fn users(query: &Query) -> (UserSearchRequest<'_>, UsersPage) {
    let number = |name, default| query.one(name).and_then(|value| value.parse().ok()).unwrap_or(default);
    let page = UsersPage {
        size: number("pageSize", USERS_PAGE_SIZE),
        number: number("pageNumber", 1),
        query: query.clone(),
    };
    let mut criteria = Vec::new();
    // The list shows active users unless told otherwise.
    let states: &[&str] = match query.one("state") {
        None | Some("active") => &["active"],
        Some("inactive") => &["inactive"],
        Some("deleted") => &["deleted"],
        Some(_) => &["active", "inactive", "deleted"],
    };
    criteria.push(one_of("state", states.iter().copied().map(Text::from).collect()));
    if !query.all("id").is_empty() {
        criteria.push(one_of("id", query.all("id").iter().map(|id| id.as_str().into()).collect()));
    }
    let descending =
        query.one("sortOrder").is_some_and(|order| order.to_ascii_lowercase().starts_with("desc"));
    let expand = query.all("expand");
    let search = UserSearchRequest {
        sort_order: Some(if descending { "DESC" } else { "ASC" }.into()),
        sort_by: Some("name".into()),
        page_size: Some(page.size),
        page_number: Some(page.number),
        expand: (!expand.is_empty()).then(|| expand.iter().map(|part| part.as_str().into()).collect()),
        query: Some(criteria),
        ..UserSearchRequest::default()
    };
    (search, page)
}

fn one_of<'a>(field: &'a str, values: Vec<Text<'a>>) -> UserSearchCriteria<'a> {
    UserSearchCriteria {
        r#type: "TERMS".into(),
        fields: Some(vec![field.into()]),
        values: Some(values),
        operator: Some(SearchOperator::And),
        ..UserSearchCriteria::default()
    }
}
