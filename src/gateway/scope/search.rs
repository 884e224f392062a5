//! The user search: the caller's conditions become one group, beside which the division condition stands.

use super::{Invalid, bounded};
use crate::{
    catalog::{SearchOperator, UserSearchCriteria, UserSearchRequest},
    gateway::{authorize::Permit, query::check_expand},
    model::DivisionId,
};

/// Genesys's name of the field.
const DIVISION: &str = "divisionId";
const MAX_PAGE_SIZE: i64 = 100;
const MAX_PAGE_NUMBER: i64 = 1_000_000;
const MAX_CRITERIA: usize = 200;
const MAX_DEPTH: usize = 8;

/// What may be searched and sorted by: what is shown of a user and says something about that user alone. Sorted by its
/// manager or searched by its team, a tenant's own users would tell of other divisions' people.
const FIELDS: [&str; 24] = [
    "id",
    "name",
    "divisionId",
    "department",
    "email",
    "primaryContactInfo",
    "addresses",
    "state",
    "title",
    "username",
    "version",
    "certifications",
    "biography",
    "employerInfo",
    "preferredName",
    "profileSkills",
    "routingSkills",
    "skills",
    "languages",
    "languagePreference",
    "acdAutoAnswer",
    "chat",
    "dateLastLogin",
    "dateWelcomeSent",
];

/// How a field may be compared. Not among them: `QUERY_STRING`, a language of its own that can name any field, and
/// `REGEX`.
const TYPES: [&str; 12] = [
    "EXACT",
    "STARTS_WITH",
    "CONTAINS",
    "TERM",
    "TERMS",
    "REQUIRED_FIELDS",
    MATCH_ALL,
    "RANGE",
    "LESS_THAN",
    "LESS_THAN_EQUAL_TO",
    "GREATER_THAN",
    "GREATER_THAN_EQUAL_TO",
];
/// Looks at no field.
const MATCH_ALL: &str = "MATCH_ALL";

/// Narrows a search to a permit.
pub(super) fn narrow<'a>(
    mut search: UserSearchRequest<'a>,
    permit: &'a Permit,
) -> Result<UserSearchRequest<'a>, Invalid> {
    bounded("pageSize", search.page_size, MAX_PAGE_SIZE)?;
    bounded("pageNumber", search.page_number, MAX_PAGE_NUMBER)?;
    check_expand(search.expand.iter().flatten().map(|part| &**part), permit.operation())?;
    let theirs = search.query.take().unwrap_or_default();
    let mut count = 0;
    check(&theirs, 0, &mut count)?;
    let sorted = search.sort.iter().flatten().filter_map(|sort| sort.sort_by.as_deref());
    search.sort_by.as_deref().into_iter().chain(sorted).try_for_each(searchable)?;
    let orders = search.sort.iter().flatten().filter_map(|sort| sort.sort_order.as_deref());
    search.sort_order.as_deref().into_iter().chain(orders).try_for_each(check_order)?;
    search.query = Some(beside(theirs, permit.divisions()));
    Ok(search)
}

/// The divisions, and beside them the caller's conditions as one group: however those are joined, both must hold.
pub fn beside<'a>(
    theirs: Vec<UserSearchCriteria<'a>>,
    divisions: &'a [DivisionId],
) -> Vec<UserSearchCriteria<'a>> {
    let mut criteria = vec![UserSearchCriteria {
        r#type: "TERMS".into(),
        fields: Some(vec![DIVISION.into()]),
        values: Some(divisions.iter().map(|division| division.as_str().into()).collect()),
        operator: Some(SearchOperator::And),
        ..UserSearchCriteria::default()
    }];
    if !theirs.is_empty() {
        criteria.push(UserSearchCriteria {
            r#type: "EXACT".into(),
            group: Some(theirs),
            operator: Some(SearchOperator::And),
            ..UserSearchCriteria::default()
        });
    }
    criteria
}

fn check(criteria: &[UserSearchCriteria<'_>], depth: usize, count: &mut usize) -> Result<(), Invalid> {
    *count += criteria.len();
    if depth > MAX_DEPTH || *count > MAX_CRITERIA {
        let message =
            format!("The search has more than {MAX_CRITERIA} conditions, or groups deeper than {MAX_DEPTH}.");
        return Err(Invalid::new("ringfence.filter_refused", message));
    }
    criteria.iter().try_for_each(check_one)?;
    criteria
        .iter()
        .filter_map(|one| one.group.as_deref())
        .try_for_each(|group| check(group, depth + 1, count))
}

/// A condition without fields would look at all of them, hidden ones too.
fn check_one(one: &UserSearchCriteria<'_>) -> Result<(), Invalid> {
    if !TYPES.contains(&&*one.r#type) {
        let message = format!("A condition's `type` is one of {}.", TYPES.join(", "));
        return Err(Invalid::new("ringfence.filter_refused", message));
    }
    let fields = one.fields.as_deref().unwrap_or_default();
    let has_group = one.group.as_ref().is_some_and(|group| !group.is_empty());
    let has_value =
        one.value.is_some() || one.values.is_some() || one.start_value.is_some() || one.end_value.is_some();
    if fields.is_empty() && *one.r#type != *MATCH_ALL && (has_value || !has_group) {
        let message = format!("A condition names the `fields` it looks at, of these: {}.", FIELDS.join(", "));
        return Err(Invalid::new("ringfence.filter_refused", message));
    }
    fields.iter().try_for_each(|field| searchable(field))
}

/// By score, words would be weighed by how often they stand in the whole organisation.
fn check_order(order: &str) -> Result<(), Invalid> {
    match order {
        "ASC" | "DESC" => Ok(()),
        _ => Err(Invalid::new("ringfence.filter_refused", "`sortOrder` is `ASC` or `DESC`.")),
    }
}

/// A part of a field, as `addresses.address`, counts as its field.
fn searchable(field: &str) -> Result<(), Invalid> {
    let whole = field.split_once('.').map_or(field, |(whole, _)| whole);
    if FIELDS.contains(&whole) {
        return Ok(());
    }
    let field: String = field.chars().take(80).collect();
    let message =
        format!("`{field}` cannot be searched or sorted by; those that can: {}.", FIELDS.join(", "));
    Err(Invalid::new("ringfence.filter_refused", message))
}
