//! The same tenant of two organisations, asked the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{RngSeed, TestRunner},
};
use ringfence::catalog::{Catalog, Entry};
use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    NOBODY,
    asked::{Asked, Pool},
    exchange::{answers, events},
    families::drawn,
    rows::any_row,
};
use crate::{gateway::coverage::by_hand, support::app::TenantClient};

/// How many cases ask for everything, and get it.
const MANY: u32 = 20_000;
/// How often a row that shows a difference is asked again, smaller.
const SHRINKING: usize = 300;
/// What a tenant is always refused; and what nobody asks for as it would be answered, because what it makes is random.
const REFUSED: [&str; 2] = ["getUsersMe", "gatewayRotateKey"];

/// How often each operation was answered, and how often refused.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, (usize, usize)>);

pub(super) struct Pair {
    pub(super) nearer: TenantClient,
    pub(super) farther: TenantClient,
    pub(super) catalog: Arc<Catalog>,
    pub(super) tally: Mutex<Tally>,
}

impl Pair {
    /// Asks so many times, one after the other. Of each operation, the first difference, as small as it can be made.
    pub(super) fn run(
        &self,
        rows: &BoxedStrategy<Vec<Asked>>,
        cases: u32,
        seed: u64,
        runtime: &Handle,
    ) -> BTreeMap<String, String> {
        let config = ProptestConfig { rng_seed: RngSeed::Fixed(seed), ..ProptestConfig::default() };
        let (mut runner, mut found) = (TestRunner::new(config), BTreeMap::new());
        for _ in 0..cases {
            let mut tree = rows.new_tree(&mut runner).unwrap();
            let row = tree.current();
            let (first, second) = runtime.block_on(self.ask(&row));
            self.tally.lock().unwrap().count(&self.catalog, &row, &first);
            let place = first.iter().zip(&second).position(|(one, other)| one != other);
            let Some(differing) = place.and_then(|place| row.get(place)) else { continue };
            found.entry(operation(&self.catalog, differing)).or_insert_with(|| {
                self.shrink(&mut *tree, runtime);
                let row = tree.current();
                let (first, second) = runtime.block_on(self.ask(&row));
                format!("{row:?}\n{first:#?}\n{second:#?}")
            });
        }
        found
    }

    async fn ask(&self, row: &[Asked]) -> (Vec<(u16, String)>, Vec<(u16, String)>) {
        tokio::join!(answers(&self.nearer, row), answers(&self.farther, row))
    }

    fn shrink(&self, tree: &mut dyn ValueTree<Value = Vec<Asked>>, runtime: &Handle) {
        let mut can_shrink = tree.simplify();
        for _ in 0..SHRINKING {
            if !can_shrink {
                break;
            }
            let (first, second) = runtime.block_on(self.ask(&tree.current()));
            can_shrink = if first == second { tree.complicate() } else { tree.simplify() };
        }
    }

    /// What the tenant is told of what it asked does not depend on others' data either.
    pub(super) async fn assert_same_events(&self) {
        let (first, second): (Vec<Value>, Vec<Value>) =
            tokio::join!(events(&self.nearer), events(&self.farther));
        let differing = first.iter().zip(&second).find(|(one, other)| one != other);
        assert_eq!(differing, None, "an answer depends on other divisions' data: the tenant's own events");
        assert_eq!(first.len(), second.len());
    }
}

impl Tally {
    fn count(&mut self, catalog: &Catalog, row: &[Asked], answers: &[(u16, String)]) {
        for (asked, (status, _)) in row.iter().zip(answers) {
            let counted = self.0.entry(operation(catalog, asked)).or_default();
            if *status < 300 {
                counted.0 += 1;
            } else {
                counted.1 += 1;
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        for (operation, (answered, refused)) in other.0 {
            let counted = self.0.entry(operation).or_default();
            *counted = (counted.0 + answered, counted.1 + refused);
        }
    }

    /// Tells how often what was asked.
    #[expect(
        clippy::print_stdout,
        reason = "for who asks for many cases; a test's output is shown on request"
    )]
    pub(super) fn tell(&self) {
        for (operation, (answered, refused)) in &self.0 {
            println!("{operation}: {answered} answered, {refused} refused");
        }
        let sum = |count: fn(&(usize, usize)) -> usize| self.0.values().map(count).sum::<usize>();
        let (answered, refused) = (sum(|one| one.0), sum(|one| one.1));
        println!(
            "{} requests of {} operations ({answered} answered, {refused} refused), no difference",
            answered + refused,
            self.0.len()
        );
    }

    /// Of many cases, each operation was answered.
    pub(super) fn assert_all_answered(&self, catalog: &Catalog, cases: u32) {
        let answered = |id: &String| self.0.get(id).is_some_and(|(answered, _)| *answered > 0);
        let mut all = drawn_here();
        all.extend(drawn(catalog));
        let silent: Vec<_> =
            all.into_iter().filter(|id| !REFUSED.contains(&id.as_str()) && !answered(id)).collect();
        assert!(cases < MANY || silent.is_empty(), "never answered: {silent:?}");
    }
}

/// What is drawn by hand: the operations whose entities the organisation knows by name.
fn drawn_here() -> BTreeSet<String> {
    by_hand().into_iter().map(str::to_owned).collect()
}

/// The operation that is asked for, if it is enabled.
fn operation(catalog: &Catalog, asked: &Asked) -> String {
    let path = asked.path.split('?').next().unwrap();
    match catalog.find(asked.method.as_str(), path).map(|found| found.entry) {
        Some(Entry::Enabled(operation)) => operation.id.to_string(),
        Some(Entry::Denied(_)) | None => "none".to_owned(),
    }
}

#[test]
fn every_operation_with_tests_of_its_own_is_drawn() {
    let ids = vec![NOBODY.to_owned()];
    let pool = Pool {
        users: ids.clone(),
        queues: ids.clone(),
        conversations: ids.clone(),
        codes: ids.clone(),
        languages: ids.clone(),
        skills: ids.clone(),
        own_users: vec![super::ALPHA.to_owned()],
        own_queues: vec![super::ALPHA.to_owned()],
    };
    let catalog = Catalog::embedded().unwrap();
    let (strategy, mut runner) = (any_row(&pool), TestRunner::deterministic());
    let rows = (0..20_000).flat_map(|_| strategy.new_tree(&mut runner).unwrap().current());
    let mut here: BTreeSet<_> = rows.map(|asked| operation(&catalog, &asked)).collect();
    here.remove("none");
    assert_eq!(here, drawn_here());
    let elsewhere = drawn(&catalog);
    let all = catalog.operations().iter().map(|one| one.id.to_string());
    let forgotten: Vec<_> = all.filter(|id| !here.contains(id) && !elsewhere.contains(id)).collect();
    assert!(forgotten.is_empty(), "nobody asks for {forgotten:?}");
}
