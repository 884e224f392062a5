//! The same tenant of two organisations, asked the same.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{TestCaseError, TestError, TestRunner},
};
use ringfence::catalog::{Catalog, Entry};
use tokio::{runtime::Handle, sync::RwLock};

use super::{
    NOBODY,
    asked::{Asked, Pool},
    exchange::answers,
    rows::any_row,
};
use crate::{gateway::coverage::by_hand, support::app::TenantClient};

/// How many cases ask for everything, and get it.
const MANY: u32 = 20_000;
/// What a tenant is always refused.
const REFUSED: &str = "getUsersMe";

pub(super) struct Pair {
    nearer: TenantClient,
    farther: TenantClient,
    // Rows that change something, or look back at what was asked, are alone: both organisations see the same order.
    alone: RwLock<()>,
    // Of each operation, how often it was answered, and how often refused.
    tally: Mutex<BTreeMap<String, (usize, usize)>>,
    catalog: Catalog,
    // A difference was found: nobody needs to go on.
    differs: AtomicBool,
}

impl Pair {
    pub(super) fn new(nearer: TenantClient, farther: TenantClient) -> Self {
        let catalog = Catalog::embedded().unwrap();
        Self {
            nearer,
            farther,
            alone: RwLock::default(),
            tally: Mutex::default(),
            catalog,
            differs: AtomicBool::default(),
        }
    }

    /// Asks so many times; the first difference, as small as it can be made, ends it.
    pub(super) fn run(&self, cases: u32, pool: &Pool, runtime: &Handle) -> Result<(), String> {
        let config = ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() };
        let finder = Cell::new(false);
        let asked = TestRunner::new(config).run(&any_row(pool), |row| {
            // Who is finding the smallest such row asks on.
            if finder.get() || !self.differs.load(Relaxed) {
                let (first, second) = runtime.block_on(self.ask(&row));
                finder.set(finder.get() || first != second);
                self.differs.fetch_or(first != second, Relaxed);
                prop_assert_eq!(&first, &second);
                self.count(&row, &first);
            }
            Ok::<(), TestCaseError>(())
        });
        asked.map_err(|error| match error {
            TestError::Fail(why, row) => format!("{row:?}\n{why}"),
            TestError::Abort(why) => why.to_string(),
        })
    }

    async fn ask(&self, row: &[Asked]) -> (Vec<(u16, String)>, Vec<(u16, String)>) {
        let (shared, alone) = match row {
            [_] => (Some(self.alone.read().await), None),
            _ => (None, Some(self.alone.write().await)),
        };
        let asked = tokio::join!(answers(&self.nearer, row), answers(&self.farther, row));
        drop((shared, alone));
        asked
    }

    fn count(&self, row: &[Asked], answers: &[(u16, String)]) {
        let mut tally = self.tally.lock().unwrap();
        for (asked, (status, _)) in row.iter().zip(answers) {
            let counted = tally.entry(operation(&self.catalog, asked)).or_default();
            if *status < 300 {
                counted.0 += 1;
            } else {
                counted.1 += 1;
            }
        }
    }

    /// Tells how often what was asked.
    #[expect(
        clippy::print_stdout,
        reason = "for who asks for many cases; a test's output is shown on request"
    )]
    pub(super) fn tell(&self) {
        let tally = self.tally.lock().unwrap();
        for (operation, (answered, refused)) in tally.iter() {
            println!("{operation}: {answered} answered, {refused} refused");
        }
        let requests: usize = tally.values().map(|(answered, refused)| answered + refused).sum();
        println!("{requests} requests, no difference");
    }

    /// Of many cases, each operation that is drawn was answered.
    pub(super) fn assert_all_answered(&self, cases: u32) {
        let tally = self.tally.lock().unwrap();
        let answered = |id: &String| tally.get(id).is_some_and(|(answered, _)| *answered > 0);
        let silent: Vec<_> = drawn_here().into_iter().filter(|id| id != REFUSED && !answered(id)).collect();
        assert!(cases < MANY || silent.is_empty(), "never answered: {silent:?}");
    }
}

/// What is drawn here: the operations whose entities the organisation knows by name.
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
    let mut drawn: BTreeSet<_> = rows.map(|asked| operation(&catalog, &asked)).collect();
    drawn.remove("none");
    assert_eq!(drawn, drawn_here());
}
