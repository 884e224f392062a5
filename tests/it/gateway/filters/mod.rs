//! Narrowing a filter, against a truth table: every form of the two levels, every row.
//!
//! A narrowed filter must hold for a row exactly if the caller's does and one of the row's divisions is permitted.

mod search;
mod universe;

use std::str::FromStr;

use proptest::prelude::*;
use ringfence::{
    catalog::{Logic, Operator},
    gateway::scope::filter::{Unnarrowable, matches, narrow, narrow_list, narrow_to},
    model::DivisionId,
};

use self::universe::{
    Clause, DIVISIONS, Filter, LOGICS, choices, count, filters, holding, of, predicate, vocabulary,
};

/// What a tenant can be permitted of the three divisions.
const PERMITS: [&[usize]; 2] = [&[0], &[0, 1]];
/// As many predicates as a narrowed filter may have.
const MOST: usize = 1_000;

fn permitted(indices: &[usize]) -> Vec<DivisionId> {
    indices.iter().map(|index| DivisionId::from_str(DIVISIONS[*index]).unwrap()).collect()
}

fn says_nothing(filter: &Filter) -> bool {
    filter.clauses.is_none() && filter.predicates.is_none()
}

/// Every filter of one clause over all words, of two over the half of them, of three over the two that tell most.
fn all_filters(narrows: &'static str) -> impl Iterator<Item = Filter> {
    let words = vocabulary(narrows);
    let (half, two) = (words[..4].to_vec(), words[..2].to_vec());
    filters(&words, 1).chain(filters(&half, 2)).chain(filters(&two, 3))
}

#[test]
#[expect(clippy::print_stdout, reason = "how many were judged; a test's output is shown on request")]
fn every_filter_of_two_levels_holds_exactly_where_the_callers_does_and_the_division_is_permitted() {
    let mut judged = 0;
    for indices in PERMITS {
        let (divisions, own) = (permitted(indices), of(indices));
        for filter in all_filters("divisionId") {
            let (theirs, empty) = (holding(&filter), says_nothing(&filter));
            match narrow(Some(filter), &divisions) {
                Ok(narrowed) => assert_eq!(holding(&narrowed), theirs & own, "{narrowed:?}"),
                Err(why) => assert!(empty && why == Unnarrowable::Empty, "{why}"),
            }
            judged += 1;
        }
    }
    println!("{judged} filters, each over {} rows", count());
    assert!(judged > 500_000, "only {judged} filters were judged");
}

/// Where Genesys knows no divisions, the same holds of the tenant's own queues.
#[test]
fn likewise_where_another_dimension_narrows() {
    let words: Vec<_> = vocabulary("queueId").into_iter().take(4).collect();
    for indices in PERMITS {
        let within: Vec<_> = indices.iter().map(|index| matches("queueId", DIVISIONS[*index])).collect();
        for filter in filters(&words, 1).filter(|filter| !says_nothing(filter)) {
            let narrowed = narrow_to(Some(filter.clone()), &within).unwrap();
            assert_eq!(holding(&narrowed), holding(&filter) & of(indices), "{filter:?} became {narrowed:?}");
        }
    }
}

/// Of conversations and segments there are lists of filters, all of which must match: they get one more.
#[test]
fn a_list_of_filters_all_of_which_must_match_gets_one_more() {
    let all_hold = |list: &[Filter]| list.iter().fold(of(&[0, 1, 2]), |all, one| all & holding(one));
    let some: Vec<_> =
        all_filters("divisionId").filter(|filter| !says_nothing(filter)).step_by(997).collect();
    for indices in PERMITS {
        let (divisions, own) = (permitted(indices), of(indices));
        for filter in all_filters("divisionId").filter(|filter| !says_nothing(filter)).step_by(7) {
            let narrowed = narrow_list(Some(vec![filter.clone()]), &divisions).unwrap();
            let all = narrowed.iter().fold(of(&[0, 1, 2]), |all, one| all & holding(one));
            assert_eq!(all, holding(&filter) & own, "{filter:?} became {narrowed:?}");
        }
        for list in choices(&some, 2) {
            let narrowed = narrow_list(Some(list.clone()), &divisions).unwrap();
            let all = narrowed.iter().fold(of(&[0, 1, 2]), |all, one| all & holding(one));
            assert_eq!(all, all_hold(&list) & own, "{list:?} became {narrowed:?}");
        }
    }
}

#[test]
fn no_filter_becomes_the_division_clause() {
    for indices in PERMITS {
        let divisions = permitted(indices);
        assert_eq!(holding(&narrow(None, &divisions).unwrap()), of(indices));
        for none in [None, Some(Vec::new())] {
            let narrowed = narrow_list(none, &divisions).unwrap();
            assert_eq!(narrowed.iter().map(holding).collect::<Vec<_>>(), [of(indices)]);
        }
    }
}

#[test]
fn what_says_nothing_is_refused() {
    let empty = Filter { r#type: Logic::And, clauses: None, predicates: Some(Vec::new()) };
    assert_eq!(narrow(Some(empty.clone()), &permitted(&[0])), Err(Unnarrowable::Empty));
    assert_eq!(narrow_list(Some(vec![empty]), &permitted(&[0])), Err(Unnarrowable::Empty));
    let hollow = Clause { r#type: Logic::Or, predicates: Vec::new() };
    let hollow = Filter { r#type: Logic::Or, clauses: Some(vec![hollow]), predicates: None };
    assert_eq!(narrow(Some(hollow.clone()), &permitted(&[0])), Err(Unnarrowable::Empty));
    assert_eq!(narrow_list(Some(vec![hollow]), &permitted(&[0])), Err(Unnarrowable::Empty));
}

/// An `or` of `and` clauses is multiplied by the divisions: to the last predicate that may be sent it holds what it
/// promises, and one more is refused.
#[test]
fn what_is_distributed_is_narrowed_up_to_the_bound_and_refused_beyond_it() {
    let both = Clause { r#type: Logic::And, predicates: vocabulary("divisionId")[..3].to_vec() };
    let other = Clause { r#type: Logic::And, predicates: vocabulary("divisionId")[3..5].to_vec() };
    for indices in [&[0][..], &[0, 1], &[0, 1, 2]] {
        let divisions = permitted(indices);
        let mut refused = 0;
        for alternatives in 2..=260 {
            let clauses: Vec<_> = [&both, &other].into_iter().cycle().take(alternatives).cloned().collect();
            let sent: usize =
                clauses.iter().map(|clause| (clause.predicates.len() + 1) * divisions.len()).sum();
            let filter = Filter { r#type: Logic::Or, clauses: Some(clauses), predicates: None };
            let narrowed = narrow(Some(filter.clone()), &divisions);
            if sent > MOST || alternatives * 5 / 2 > MOST {
                assert_eq!(narrowed, Err(Unnarrowable::TooLarge), "{alternatives}");
                refused += 1;
            } else {
                let narrowed = narrowed.unwrap();
                assert_eq!(holding(&narrowed), holding(&filter) & of(indices));
                assert!(narrowed.predicates.is_none());
                assert_eq!(
                    narrowed.clauses.unwrap().iter().map(|one| one.predicates.len()).sum::<usize>(),
                    sent
                );
            }
        }
        assert!((1..259).contains(&refused) || divisions.len() == 1, "{refused}");
    }
    let word = || predicate("mediaType", Some("voice"), Some(Operator::Matches));
    let long = |count| Filter { r#type: Logic::And, clauses: None, predicates: Some(vec![word(); count]) };
    assert!(narrow(Some(long(MOST)), &permitted(&[0])).is_ok());
    assert_eq!(narrow(Some(long(MOST + 1)), &permitted(&[0])), Err(Unnarrowable::TooLarge));
}

fn any_predicates(most: usize) -> impl Strategy<Value = Vec<universe::Predicate>> {
    prop::collection::vec(prop::sample::select(vocabulary("divisionId")), 1..=most)
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let logic = || prop::sample::select(LOGICS.to_vec());
    let clause = (logic(), any_predicates(4)).prop_map(|(r#type, predicates)| Clause { r#type, predicates });
    let clauses = prop::option::of(prop::collection::vec(clause, 1..6));
    (logic(), clauses, prop::option::of(any_predicates(5)))
        .prop_filter("says something", |(_, clauses, predicates)| clauses.is_some() || predicates.is_some())
        .prop_map(|(r#type, clauses, predicates)| Filter { r#type, clauses, predicates })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn larger_filters_hold_the_same_promise(filter in any_filter(), two in any::<bool>()) {
        let indices = PERMITS[usize::from(two)];
        let divisions = permitted(indices);
        let narrowed = narrow(Some(filter.clone()), &divisions).unwrap();
        prop_assert_eq!(holding(&narrowed), holding(&filter) & of(indices));
    }
}
