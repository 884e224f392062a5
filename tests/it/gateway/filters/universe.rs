//! A small world that is whole: every row that differs in what filters here can speak of, and how Genesys reads a filter.

use std::sync::LazyLock;

use ringfence::catalog::{self, Logic, Operator};

pub(super) type Filter = catalog::Filter<'static>;
pub(super) type Clause = catalog::Clause<'static>;
pub(super) type Predicate = catalog::Predicate<'static>;

pub(super) const DIVISIONS: [&str; 3] = [
    "a0000000-0000-4000-8000-000000000000",
    "b0000000-0000-4000-8000-000000000000",
    "c0000000-0000-4000-8000-000000000000",
];
pub(super) const LOGICS: [Logic; 2] = [Logic::And, Logic::Or];
/// The sets of divisions, but the empty one: a bit for each.
const SETS: u64 = 7;
const MEDIA: [Option<&str>; 3] = [None, Some("voice"), Some("chat")];
const DIRECTIONS: [Option<&str>; 2] = [None, Some("inbound")];

/// Rows, a bit for each: which of them something holds for.
pub(super) type Rows = u64;

/// Those that fit, among all: each has divisions (a shared conversation has several), a medium or none, a direction or
/// none.
fn rows(fits: impl Fn(u64, Option<&str>, Option<&str>) -> bool) -> Rows {
    let facts = MEDIA.iter().flat_map(|medium| DIRECTIONS.iter().map(move |direction| (*medium, *direction)));
    let all =
        (1..=SETS).flat_map(|set| facts.clone().map(move |(medium, direction)| (set, medium, direction)));
    let bit = |(place, (set, medium, direction))| u64::from(fits(set, medium, direction)) << place;
    all.enumerate().map(bit).sum()
}

/// How many there are.
pub(super) fn count() -> u64 {
    u64::from(FACTS.all.count_ones())
}

/// Those of any of these divisions.
pub(super) fn of(divisions: &[usize]) -> Rows {
    rows(|set, _, _| divisions.iter().any(|division| set & (1 << division) != 0))
}

/// How Genesys reads a filter, written down once more and independently. The dimension that narrows is read alike under
/// any name.
pub(super) fn holding(filter: &catalog::Filter<'_>) -> Rows {
    let clauses = filter.clauses.iter().flatten();
    let clauses = clauses.map(|clause| join(clause.r#type, clause.predicates.iter().map(matching)));
    join(filter.r#type, clauses.chain(filter.predicates.iter().flatten().map(matching)))
}

fn join(logic: Logic, parts: impl Iterator<Item = Rows>) -> Rows {
    match logic {
        Logic::And => parts.fold(FACTS.all, |all, part| all & part),
        Logic::Or => parts.fold(0, |any, part| any | part),
    }
}

/// What the facts hold for, found out once.
struct Facts {
    all: Rows,
    divisions: [Rows; 3],
    voice: Rows,
    medium: Rows,
    direction: Rows,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| Facts {
    all: rows(|_, _, _| true),
    divisions: [0, 1, 2].map(|division| of(&[division])),
    voice: rows(|_, medium, _| medium == Some("voice")),
    medium: rows(|_, medium, _| medium.is_some()),
    direction: rows(|_, _, direction| direction.is_some()),
});

fn matching(predicate: &catalog::Predicate<'_>) -> Rows {
    let facts = &*FACTS;
    let (any, matching) = match predicate.dimension.as_deref().unwrap() {
        "mediaType" => (facts.medium, facts.voice),
        "originatingDirection" => (facts.direction, 0),
        "divisionId" | "queueId" => {
            let division =
                predicate.value.as_deref().and_then(|id| DIVISIONS.iter().position(|one| *one == id));
            (facts.all, division.map_or(0, |division| facts.divisions[division]))
        }
        other => panic!("{other}"),
    };
    match predicate.operator {
        None | Some(Operator::Matches) => matching,
        Some(Operator::Exists) => any,
        Some(Operator::NotExists) => facts.all & !any,
    }
}

pub(super) fn predicate(
    dimension: &'static str,
    value: Option<&'static str>,
    operator: Option<Operator>,
) -> Predicate {
    let (dimension, value) = (Some(dimension.into()), value.map(Into::into));
    Predicate { dimension, value, operator, ..Predicate::default() }
}

/// Each operator over a fact and over the dimension that narrows: own, another's, any, none. The most telling come first.
pub(super) fn vocabulary(narrows: &'static str) -> Vec<Predicate> {
    vec![
        predicate("mediaType", Some("voice"), Some(Operator::Matches)),
        predicate(narrows, Some(DIVISIONS[2]), Some(Operator::Matches)),
        predicate("originatingDirection", None, Some(Operator::NotExists)),
        predicate(narrows, Some(DIVISIONS[0]), None),
        predicate("mediaType", None, Some(Operator::NotExists)),
        predicate("mediaType", None, Some(Operator::Exists)),
        predicate(narrows, None, Some(Operator::Exists)),
        predicate(narrows, None, Some(Operator::NotExists)),
    ]
}

/// Every choice of up to so many, one often or several; in which order they stand says nothing.
pub(super) fn choices<T: Clone>(from: &[T], most: usize) -> Vec<Vec<T>> {
    let mut all = vec![Vec::new()];
    let mut longest: Vec<(usize, Vec<T>)> = vec![(0, Vec::new())];
    for _ in 0..most {
        let longer = |(first, chosen): &(usize, Vec<T>)| {
            let chosen = chosen.clone();
            (*first..from.len()).map(move |place| {
                let mut chosen = chosen.clone();
                chosen.push(from[place].clone());
                (place, chosen)
            })
        };
        longest = longest.iter().flat_map(longer).collect();
        all.extend(longest.iter().map(|(_, chosen)| chosen.clone()));
    }
    all
}

/// Every filter over these words: up to so many clauses, and up to three predicates in each and beside them.
pub(super) fn filters(words: &[Predicate], clauses: usize) -> impl Iterator<Item = Filter> + use<> {
    let lists = choices(words, 3);
    let clause =
        |predicates: &Vec<Predicate>| LOGICS.map(|r#type| Clause { r#type, predicates: predicates.clone() });
    let all: Vec<Clause> = lists.iter().filter(|list| !list.is_empty()).flat_map(clause).collect();
    choices(&all, clauses).into_iter().flat_map(move |clauses| {
        let beside = lists.clone();
        beside.into_iter().flat_map(move |predicates| {
            let clauses = clauses.clone();
            LOGICS.map(|r#type| Filter {
                r#type,
                clauses: (!clauses.is_empty()).then(|| clauses.clone()),
                predicates: (!predicates.is_empty()).then(|| predicates.clone()),
            })
        })
    })
}
