//! Puts a division clause beside a caller's filter, and never inside an `or`.
//!
//! A Genesys filter has two levels: predicates and clauses of predicates, joined by one `and` or `or`, and each clause
//! with an `and` or `or` of its own. Whatever the form, the narrowed filter holds for a row exactly if the caller's does
//! and the row's division is permitted:
//!
//! | the caller's filter | the narrowed filter |
//! |---|---|
//! | none | the division clause |
//! | `and` | the division clause as one more clause |
//! | `or` that can be written as one clause | `and` of that clause and the division clause |
//! | `or` of several, an `and` clause among them | distributed: each alternative with each division |

use crate::{
    catalog::{Clause, Filter, Logic, Operator, Predicate, PredicateKind},
    model::DivisionId,
};

/// Genesys's name of the dimension.
pub(super) const DIVISION: &str = "divisionId";
/// More predicates than this are no query of a person's.
pub(super) const MAX_PREDICATES: usize = 1_000;

/// A filter that cannot be narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unnarrowable {
    /// It says nothing; how Genesys would read it is not known.
    #[error("a filter or clause without predicates")]
    Empty,
    /// Narrowed, it would be larger than is sent.
    #[error("a filter of more than {MAX_PREDICATES} predicates once narrowed to your divisions")]
    TooLarge,
}

/// The narrowed form of a model's single `filter`.
pub fn narrow<'a>(
    filter: Option<Filter<'a>>,
    divisions: &'a [DivisionId],
) -> Result<Filter<'a>, Unnarrowable> {
    narrow_to(filter, &clause(divisions))
}

/// Likewise, where the dimension that narrows is another one.
pub fn narrow_to<'a>(
    filter: Option<Filter<'a>>,
    within: &[Predicate<'a>],
) -> Result<Filter<'a>, Unnarrowable> {
    let Some(filter) = filter else { return Ok(any_of(within)) };
    check(&filter)?;
    let clauses = filter.clauses.unwrap_or_default();
    let predicates = filter.predicates.unwrap_or_default();
    let narrowed = match filter.r#type {
        Logic::And => both(clauses, predicates, within),
        Logic::Or => match one_clause(clauses, predicates) {
            Ok(clause) => both(vec![clause], Vec::new(), within),
            Err(alternatives) => distribute(&alternatives, within)?,
        },
    };
    let size = narrowed.clauses.iter().flatten().map(|clause| clause.predicates.len()).sum::<usize>();
    if size > MAX_PREDICATES { Err(Unnarrowable::TooLarge) } else { Ok(narrowed) }
}

/// The narrowed form of a model's list of filters, all of which must match: one more element.
pub fn narrow_list<'a>(
    filters: Option<Vec<Filter<'a>>>,
    divisions: &'a [DivisionId],
) -> Result<Vec<Filter<'a>>, Unnarrowable> {
    let mut filters = filters.unwrap_or_default();
    filters.iter().try_for_each(check)?;
    filters.push(any_of(&clause(divisions)));
    Ok(filters)
}

/// A filter that says something, in each of its parts.
pub(super) fn check(filter: &Filter<'_>) -> Result<(), Unnarrowable> {
    let clauses = filter.clauses.as_deref().unwrap_or_default();
    let predicates = filter.predicates.as_deref().unwrap_or_default();
    let empty = clauses.is_empty() && predicates.is_empty();
    if empty || clauses.iter().any(|clause| clause.predicates.is_empty()) {
        return Err(Unnarrowable::Empty);
    }
    let size = predicates.len() + clauses.iter().map(|clause| clause.predicates.len()).sum::<usize>();
    if size > MAX_PREDICATES { Err(Unnarrowable::TooLarge) } else { Ok(()) }
}

/// `and` of what the caller asks for and the division clause.
fn both<'a>(
    mut clauses: Vec<Clause<'a>>,
    predicates: Vec<Predicate<'a>>,
    within: &[Predicate<'a>],
) -> Filter<'a> {
    clauses.push(Clause { r#type: Logic::Or, predicates: within.to_vec() });
    let predicates = (!predicates.is_empty()).then_some(predicates);
    Filter { r#type: Logic::And, clauses: Some(clauses), predicates }
}

/// An `or` as one clause, where that can be; else its alternatives, each an `and` of predicates.
fn one_clause<'a>(
    clauses: Vec<Clause<'a>>,
    predicates: Vec<Predicate<'a>>,
) -> Result<Clause<'a>, Vec<Vec<Predicate<'a>>>> {
    if let ([clause], []) = (clauses.as_slice(), predicates.as_slice()) {
        return Ok(clause.clone());
    }
    let mut alternatives: Vec<Vec<Predicate<'_>>> = predicates.into_iter().map(|one| vec![one]).collect();
    for clause in clauses {
        match clause.r#type {
            Logic::And => alternatives.push(clause.predicates),
            Logic::Or => alternatives.extend(clause.predicates.into_iter().map(|one| vec![one])),
        }
    }
    if alternatives.iter().all(|alternative| alternative.len() == 1) {
        let predicates = alternatives.into_iter().flatten().collect();
        return Ok(Clause { r#type: Logic::Or, predicates });
    }
    Err(alternatives)
}

/// `(a and b) or c`, in divisions D and E: `(a and b and D) or (a and b and E) or (c and D) or (c and E)`.
fn distribute<'a>(
    alternatives: &[Vec<Predicate<'a>>],
    within: &[Predicate<'a>],
) -> Result<Filter<'a>, Unnarrowable> {
    let size: usize = alternatives.iter().map(|alternative| (alternative.len() + 1) * within.len()).sum();
    if size > MAX_PREDICATES {
        return Err(Unnarrowable::TooLarge);
    }
    let clauses = alternatives
        .iter()
        .flat_map(|alternative| {
            within.iter().map(|one| {
                let predicates = alternative.iter().cloned().chain([one.clone()]).collect();
                Clause { r#type: Logic::And, predicates }
            })
        })
        .collect();
    Ok(Filter { r#type: Logic::Or, clauses: Some(clauses), predicates: None })
}

fn any_of<'a>(within: &[Predicate<'a>]) -> Filter<'a> {
    Filter { r#type: Logic::Or, clauses: None, predicates: Some(within.to_vec()) }
}

fn clause(divisions: &[DivisionId]) -> Vec<Predicate<'_>> {
    divisions.iter().map(|division| matches(DIVISION, division.as_str())).collect()
}

/// A predicate that one value matches.
pub fn matches<'a>(dimension: &'a str, value: &'a str) -> Predicate<'a> {
    Predicate {
        r#type: Some(PredicateKind::Dimension),
        dimension: Some(dimension.into()),
        operator: Some(Operator::Matches),
        value: Some(value.into()),
        ..Predicate::default()
    }
}
