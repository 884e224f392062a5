//! The user search: the caller's conditions become one group, beside which the division condition stands.

use super::{Invalid, bounded};
use crate::{
    catalog::{SearchOperator, UserSearchCriteria, UserSearchRequest},
    gateway::{authorize::Permit, query::check_expand},
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

/// Narrows a search to a permit.
pub(super) fn narrow(mut search: UserSearchRequest, permit: &Permit) -> Result<UserSearchRequest, Invalid> {
    bounded("pageSize", search.page_size, MAX_PAGE_SIZE)?;
    bounded("pageNumber", search.page_number, MAX_PAGE_NUMBER)?;
    check_expand(search.expand.as_deref().unwrap_or_default(), permit.operation())?;
    let theirs = search.query.take().unwrap_or_default();
    let mut count = 0;
    check(&theirs, 0, &mut count)?;
    let sorted = search.sort.iter().flatten().filter_map(|sort| sort.sort_by.as_deref());
    search.sort_by.as_deref().into_iter().chain(sorted).try_for_each(searchable)?;
    let mut criteria = vec![UserSearchCriteria {
        r#type: "TERMS".to_owned(),
        fields: Some(vec![DIVISION.to_owned()]),
        values: Some(permit.divisions().iter().map(ToString::to_string).collect()),
        operator: Some(SearchOperator::And),
        ..UserSearchCriteria::default()
    }];
    if !theirs.is_empty() {
        criteria.push(UserSearchCriteria {
            r#type: "EXACT".to_owned(),
            group: Some(theirs),
            operator: Some(SearchOperator::And),
            ..UserSearchCriteria::default()
        });
    }
    search.query = Some(criteria);
    Ok(search)
}

fn check(criteria: &[UserSearchCriteria], depth: usize, count: &mut usize) -> Result<(), Invalid> {
    *count += criteria.len();
    if depth > MAX_DEPTH || *count > MAX_CRITERIA {
        let message =
            format!("The search has more than {MAX_CRITERIA} conditions, or groups deeper than {MAX_DEPTH}.");
        return Err(Invalid::new("ringfence.filter_refused", message));
    }
    criteria.iter().flat_map(|one| one.fields.iter().flatten()).try_for_each(|field| searchable(field))?;
    criteria
        .iter()
        .filter_map(|one| one.group.as_deref())
        .try_for_each(|group| check(group, depth + 1, count))
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
