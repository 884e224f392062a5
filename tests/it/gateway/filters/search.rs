//! The user search: conditions that are joined one by one, and groups of them.

use ringfence::{
    catalog::{SearchOperator, UserSearchCriteria},
    gateway::scope::search::beside,
};

use super::{PERMITS, permitted, universe::DIVISIONS};

type Criterion = UserSearchCriteria<'static>;

/// A user: the division, and whether a word is in its name.
type User = (usize, bool);
const OPERATORS: [Option<SearchOperator>; 4] =
    [None, Some(SearchOperator::And), Some(SearchOperator::Or), Some(SearchOperator::Not)];

fn users() -> impl Iterator<Item = User> {
    (0..DIVISIONS.len()).flat_map(|division| [(division, false), (division, true)])
}

/// How "how to apply this criterion against others" can be read: one after the other, as they stand.
fn in_turn(criteria: &[UserSearchCriteria<'_>], user: User) -> bool {
    let mut so_far = None;
    for one in criteria {
        let holds = is_true(one, user, in_turn);
        so_far = Some(match (so_far, one.operator) {
            (None, Some(SearchOperator::Not)) => !holds,
            (None, None | Some(SearchOperator::And | SearchOperator::Or)) => holds,
            (Some(before), Some(SearchOperator::Or)) => before || holds,
            (Some(before), Some(SearchOperator::Not)) => before && !holds,
            (Some(before), None | Some(SearchOperator::And)) => before && holds,
        });
    }
    so_far.unwrap_or(true)
}

/// Or: all that must hold, none that must not, and one of those that may where nothing must.
fn as_a_whole(criteria: &[UserSearchCriteria<'_>], user: User) -> bool {
    let of = |wanted: SearchOperator| {
        let of = criteria.iter().filter(move |one| one.operator.unwrap_or(SearchOperator::And) == wanted);
        of.map(|one| is_true(one, user, as_a_whole)).collect::<Vec<_>>()
    };
    let (all, any, none) = (of(SearchOperator::And), of(SearchOperator::Or), of(SearchOperator::Not));
    let may = !all.is_empty() || any.is_empty() || any.contains(&true);
    may && !all.contains(&false) && !none.contains(&true)
}

/// Or, the loosest: an `OR` that holds is enough, whatever else there is.
fn loosely(criteria: &[UserSearchCriteria<'_>], user: User) -> bool {
    let is_or = |one: &&UserSearchCriteria<'_>| one.operator == Some(SearchOperator::Or);
    let others: Vec<_> = criteria.iter().filter(|one| !is_or(one)).cloned().collect();
    let is_enough = criteria.iter().filter(is_or).any(|one| is_true(one, user, loosely));
    let holds = |one: &UserSearchCriteria<'_>| {
        is_true(one, user, loosely) != (one.operator == Some(SearchOperator::Not))
    };
    is_enough || (!others.is_empty() || criteria.is_empty()) && others.iter().all(holds)
}

fn is_true(
    one: &UserSearchCriteria<'_>,
    (division, is_named): User,
    read: fn(&[UserSearchCriteria<'_>], User) -> bool,
) -> bool {
    if let Some(group) = &one.group {
        return read(group, (division, is_named));
    }
    match &**one.fields.as_ref().unwrap().first().unwrap() {
        "name" => is_named,
        "divisionId" => {
            let values = one.value.iter().chain(one.values.iter().flatten());
            values.into_iter().any(|value| **value == *DIVISIONS[division])
        }
        other => panic!("{other}"),
    }
}

/// A name, an own and another's division.
fn simple() -> Vec<Criterion> {
    let words = [("name", "a"), ("divisionId", DIVISIONS[0]), ("divisionId", DIVISIONS[2])];
    let condition = |(field, value): (&'static str, &'static str)| Criterion {
        r#type: "EXACT".into(),
        fields: Some(vec![field.into()]),
        value: Some(value.into()),
        ..Criterion::default()
    };
    words.into_iter().map(condition).flat_map(with_operators).collect()
}

fn with_operators(one: Criterion) -> impl Iterator<Item = Criterion> {
    OPERATORS.into_iter().map(move |operator| Criterion { operator, ..one.clone() })
}

/// All rows of so many: their order matters.
fn rows(from: &[Criterion], length: usize) -> Vec<Vec<Criterion>> {
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        let longer = |row: &Vec<Criterion>| {
            let row = row.clone();
            from.iter().map(move |one| row.iter().chain([one]).cloned().collect())
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Every row of up to three conditions, every group of as many, and each such group of two before and behind another condition.
fn searches() -> Vec<Vec<Criterion>> {
    let simple = simple();
    let group = |group: &Vec<Criterion>| {
        with_operators(Criterion {
            r#type: "EXACT".into(),
            group: Some(group.clone()),
            ..Criterion::default()
        })
        .collect::<Vec<_>>()
    };
    let mut all: Vec<_> = (0..=3).flat_map(|length| rows(&simple, length)).collect();
    all.extend(rows(&simple, 3).iter().flat_map(group).map(|one| vec![one]));
    let small: Vec<_> =
        (1..=2).flat_map(|length| rows(&simple, length)).flat_map(|row| group(&row)).collect();
    for one in &small {
        all.extend(
            simple
                .iter()
                .flat_map(|other| [vec![one.clone(), other.clone()], vec![other.clone(), one.clone()]]),
        );
    }
    all
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were judged; a test's output is shown on request")]
fn every_search_finds_exactly_what_the_callers_does_of_the_permitted_divisions() {
    let searches = searches();
    println!("{} searches, each over {} users", searches.len(), users().count());
    assert!(searches.len() > 20_000, "{}", searches.len());
    for indices in PERMITS {
        let divisions = permitted(indices);
        for theirs in &searches {
            let narrowed = beside(theirs.clone(), &divisions);
            for user in users() {
                for read in [in_turn, as_a_whole, loosely] {
                    let expected = read(theirs, user) && indices.contains(&user.0);
                    assert_eq!(
                        read(&narrowed, user),
                        expected,
                        "{theirs:?} became {narrowed:?} for {user:?}"
                    );
                }
            }
        }
    }
}
