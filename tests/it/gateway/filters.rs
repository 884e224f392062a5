//! Narrowing a filter, against a truth table: every form of the two levels, every row.
//!
//! The universe is small and whole: three divisions and two other facts that a row may have. A narrowed filter must hold
//! for a row exactly if the caller's does and the row's division is permitted.

use std::str::FromStr;

use proptest::prelude::*;
use ringfence::{
    catalog::{self, Logic, Operator},
    gateway::scope::filter::{Unnarrowable, narrow, narrow_list},
    model::DivisionId,
};

type Filter = catalog::Filter<'static>;
type Clause = catalog::Clause<'static>;
type Predicate = catalog::Predicate<'static>;

const DIVISIONS: [&str; 3] = [
    "a0000000-0000-4000-8000-000000000000",
    "b0000000-0000-4000-8000-000000000000",
    "c0000000-0000-4000-8000-000000000000",
];

#[derive(Debug, Clone, Copy)]
struct Row {
    division: usize,
    voice: bool,
    inbound: bool,
}

fn rows() -> Vec<Row> {
    let facts = [(false, false), (false, true), (true, false), (true, true)];
    let rows = |division| facts.map(|(voice, inbound)| Row { division, voice, inbound });
    (0..DIVISIONS.len()).flat_map(rows).collect()
}

/// How Genesys reads a filter, written down once more and independently.
fn holds(filter: &catalog::Filter<'_>, row: Row) -> bool {
    let clauses = filter.clauses.iter().flatten().map(|clause| {
        join(clause.r#type, clause.predicates.iter().map(|predicate| is_true(predicate, row)).collect())
    });
    let predicates = filter.predicates.iter().flatten().map(|predicate| is_true(predicate, row));
    join(filter.r#type, clauses.chain(predicates).collect())
}

fn join(logic: Logic, parts: Vec<bool>) -> bool {
    match logic {
        Logic::And => parts.into_iter().all(|part| part),
        Logic::Or => parts.into_iter().any(|part| part),
    }
}

fn is_true(predicate: &catalog::Predicate<'_>, row: Row) -> bool {
    let value = predicate.value.as_deref();
    let matches = match predicate.dimension.as_deref().unwrap() {
        "divisionId" => value.is_none_or(|value| value == DIVISIONS[row.division]),
        "mediaType" => row.voice,
        "originatingDirection" => row.inbound,
        other => panic!("{other}"),
    };
    match predicate.operator {
        None | Some(Operator::Matches | Operator::Exists) => matches,
        Some(Operator::NotExists) => !matches,
    }
}

fn predicate(dimension: &'static str, value: Option<&'static str>, operator: Operator) -> Predicate {
    Predicate {
        dimension: Some(dimension.into()),
        value: value.map(Into::into),
        operator: Some(operator),
        ..Predicate::default()
    }
}

/// One of each kind that matters: facts, their absence, an own and a foreign division.
fn vocabulary() -> Vec<Predicate> {
    vec![
        predicate("mediaType", Some("voice"), Operator::Matches),
        predicate("originatingDirection", None, Operator::NotExists),
        predicate("divisionId", Some(DIVISIONS[0]), Operator::Matches),
        predicate("divisionId", Some(DIVISIONS[2]), Operator::Matches),
    ]
}

/// All lists of up to two of the vocabulary.
fn lists() -> Vec<Vec<Predicate>> {
    let words = vocabulary();
    let ones = words.iter().map(|one| vec![one.clone()]);
    let twos = words.iter().flat_map(|one| words.iter().map(|two| vec![one.clone(), two.clone()]));
    ones.chain(twos).collect()
}

const LOGICS: [Logic; 2] = [Logic::And, Logic::Or];

/// Every filter of up to two clauses, each of up to two predicates, beside up to one predicate of its own.
fn all_filters() -> impl Iterator<Item = Filter> {
    let clauses: Vec<Clause> = lists()
        .into_iter()
        .flat_map(|predicates| LOGICS.map(|r#type| Clause { r#type, predicates: predicates.clone() }))
        .collect();
    let none = [Vec::new()];
    let ones = clauses.iter().map(|one| vec![one.clone()]);
    let twos = clauses.iter().flat_map(|one| clauses.iter().map(|two| vec![one.clone(), two.clone()]));
    let clause_lists: Vec<Vec<Clause>> = none.into_iter().chain(ones).chain(twos).collect();
    let own: Vec<Vec<Predicate>> = [Vec::new()]
        .into_iter()
        .chain(vocabulary().into_iter().map(|one| vec![one]))
        .chain(lists())
        .collect();
    clause_lists.into_iter().flat_map(move |clauses| {
        let own = own.clone();
        own.into_iter().flat_map(move |predicates| {
            let clauses = clauses.clone();
            LOGICS.map(|r#type| Filter {
                r#type,
                clauses: (!clauses.is_empty()).then(|| clauses.clone()),
                predicates: (!predicates.is_empty()).then(|| predicates.clone()),
            })
        })
    })
}

fn permitted(indices: &[usize]) -> Vec<DivisionId> {
    indices.iter().map(|index| DivisionId::from_str(DIVISIONS[*index]).unwrap()).collect()
}

#[test]
fn every_form_of_the_two_levels_holds_exactly_where_the_callers_does_and_the_division_is_permitted() {
    let rows = rows();
    let mut judged = 0_u64;
    for filter in all_filters() {
        for indices in [&[0][..], &[0, 1]] {
            let says_nothing = filter.clauses.is_none() && filter.predicates.is_none();
            let divisions = permitted(indices);
            let narrowed = match narrow(Some(filter.clone()), &divisions) {
                Ok(narrowed) => narrowed,
                Err(error) => {
                    assert!(says_nothing && error == Unnarrowable::Empty, "{filter:?}: {error}");
                    continue;
                }
            };
            for row in &rows {
                let expected = holds(&filter, *row) && indices.contains(&row.division);
                assert_eq!(holds(&narrowed, *row), expected, "{filter:?} became {narrowed:?} for {row:?}");
                judged += 1;
            }
        }
    }
    assert!(judged > 1_000_000, "only {judged} rows were judged");
}

#[test]
fn a_list_of_filters_all_of_which_must_match_gets_one_more() {
    for filter in all_filters().step_by(97).filter(|one| one.clauses.is_some() || one.predicates.is_some()) {
        let divisions = permitted(&[0, 1]);
        let narrowed = narrow_list(Some(vec![filter.clone()]), &divisions).unwrap();
        for row in rows() {
            let expected = holds(&filter, row) && row.division < 2;
            assert_eq!(
                narrowed.iter().all(|one| holds(one, row)),
                expected,
                "{filter:?} became {narrowed:?}"
            );
        }
    }
    for none in [None, Some(Vec::new())] {
        let divisions = permitted(&[1]);
        let narrowed = narrow_list(none, &divisions).unwrap();
        assert!(
            rows().into_iter().all(|row| narrowed.iter().all(|one| holds(one, row)) == (row.division == 1))
        );
    }
}

#[test]
fn no_filter_becomes_the_division_clause() {
    let divisions = permitted(&[2]);
    let narrowed = narrow(None, &divisions).unwrap();
    assert!(rows().into_iter().all(|row| holds(&narrowed, row) == (row.division == 2)));
}

#[test]
fn what_says_nothing_or_grows_too_large_is_refused() {
    let empty = Filter { r#type: Logic::And, clauses: None, predicates: Some(Vec::new()) };
    assert_eq!(narrow(Some(empty.clone()), &permitted(&[0])), Err(Unnarrowable::Empty));
    assert_eq!(narrow_list(Some(vec![empty]), &permitted(&[0])), Err(Unnarrowable::Empty));
    let hollow = Clause { r#type: Logic::Or, predicates: Vec::new() };
    let hollow = Filter { r#type: Logic::Or, clauses: Some(vec![hollow]), predicates: None };
    assert_eq!(narrow(Some(hollow), &permitted(&[0])), Err(Unnarrowable::Empty));
    let clause = Clause { r#type: Logic::And, predicates: lists()[5].clone() };
    let large = Filter { r#type: Logic::Or, clauses: Some(vec![clause; 200]), predicates: None };
    assert_eq!(narrow(Some(large), &permitted(&[0, 1])), Err(Unnarrowable::TooLarge));
}

fn any_predicates(most: usize) -> impl Strategy<Value = Vec<Predicate>> {
    prop::collection::vec(prop::sample::select(vocabulary()), 1..=most)
}

fn any_logic() -> impl Strategy<Value = Logic> {
    prop::sample::select(LOGICS.to_vec())
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let clause =
        (any_logic(), any_predicates(4)).prop_map(|(r#type, predicates)| Clause { r#type, predicates });
    let clauses = prop::option::of(prop::collection::vec(clause, 1..6));
    (any_logic(), clauses, prop::option::of(any_predicates(5)))
        .prop_filter("says something", |(_, clauses, predicates)| clauses.is_some() || predicates.is_some())
        .prop_map(|(r#type, clauses, predicates)| Filter { r#type, clauses, predicates })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn larger_filters_hold_the_same_promise(filter in any_filter(), two in any::<bool>()) {
        let indices: &[usize] = if two { &[0, 1] } else { &[1] };
        let divisions = permitted(indices);
        let narrowed = narrow(Some(filter.clone()), &divisions).unwrap();
        for row in rows() {
            let expected = holds(&filter, row) && indices.contains(&row.division);
            prop_assert_eq!(holds(&narrowed, row), expected);
        }
    }
}
