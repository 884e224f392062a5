//! Lists that Genesys cannot narrow: all pages are read, what is not the tenant's is taken out, and the tenant is shown
//! pages of the rest, so that pages and totals are whole. The list is kept for a minute, for the pages that follow.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use super::{asked::Asked, authorize::Permit, query::Query};
use crate::catalog::Operation;

/// How long a list serves the pages that follow the first.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// All lists that are kept, in bytes.
const MAX_KEPT_BYTES: u64 = 32 << 20;
// Longer than a list may take to be read.
const TURN_FORGOTTEN_AFTER: Duration = Duration::from_mins(15);
const MOST_TURNS: u64 = 10_000;
// Beyond one exchange, so that one that never ends is known as such before its list is given up.
const GRACE: Duration = Duration::from_secs(1);
/// What is asked for at once.
pub(super) const PAGE_SIZE: i64 = 100;
/// A list that is longer is not read.
pub(super) const MAX_PAGES: i64 = 100;
/// Genesys's own default.
const DEFAULT_PAGE_SIZE: i64 = 25;

/// A tenant's own list, checked.
pub(super) type OwnList = Arc<[Box<str>]>;

/// The turn to read a list, until it is kept.
pub(super) type Turn = OwnedMutexGuard<()>;

/// A list that is kept, or the turn to read it.
pub(super) enum Found {
    /// It was read and checked a moment ago.
    Kept(OwnList),
    /// Nobody else reads it now.
    Turn(Turn),
}

/// The lists that are kept, and whose turn it is to read one. The key says whose they are, down to the divisions that
/// they were cut to.
pub(super) struct Lists {
    kept: moka::sync::Cache<String, OwnList>,
    turns: moka::sync::Cache<String, Arc<Mutex<()>>>,
    request_timeout: Duration,
}

impl Lists {
    /// A list is read, and waited for, within the time for one exchange.
    pub(super) fn new(request_timeout: Duration) -> Self {
        let weigh = |key: &String, list: &OwnList| {
            let bytes = key.len() + list.iter().map(|item| item.len() + 16).sum::<usize>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let kept = moka::sync::Cache::builder().max_capacity(MAX_KEPT_BYTES).weigher(weigh);
        let turns = moka::sync::Cache::builder().max_capacity(MOST_TURNS);
        Self {
            kept: kept.time_to_live(KEPT_FOR).build(),
            turns: turns.time_to_idle(TURN_FORGOTTEN_AFTER).build(),
            request_timeout,
        }
    }

    /// When a list that is asked for now is given up.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.request_timeout + GRACE
    }

    /// One call reads a list; those that ask for it meanwhile wait for what it keeps.
    pub(super) async fn find(&self, permit: &Permit, page: &ListedPage) -> Found {
        let key = key(permit, page);
        if let Some(list) = self.kept.get(&key) {
            return Found::Kept(list);
        }
        let turn = self.turns.get_with_by_ref(&key, Arc::default).lock_owned().await;
        self.kept.get(&key).map_or(Found::Turn(turn), Found::Kept)
    }

    pub(super) fn keep(&self, permit: &Permit, page: &ListedPage, list: OwnList) {
        self.kept.insert(key(permit, page), list);
    }
}

/// Other divisions, another account or another path make another list.
fn key(permit: &Permit, page: &ListedPage) -> String {
    let tenant = permit.caller().tenant();
    let mut key = format!("{}\n{}\n{}\n", tenant.tenant().id, tenant.account().id, page.path_and_query);
    for divisions in [permit.divisions(), permit.granted()] {
        for division in divisions {
            key.push_str(division.as_str());
            key.push(',');
        }
        key.push('\n');
    }
    key
}

/// The page that was asked for.
#[derive(Debug)]
pub(super) struct ListedPage {
    /// Items a page.
    pub(super) size: i64,
    /// Starting at 1.
    pub(super) number: i64,
    /// The path.
    path: String,
    /// All parameters but the page.
    query: Query,
    /// Path and parameters: what the list is known by.
    path_and_query: String,
}

impl ListedPage {
    /// Takes the page out of what is asked for: upstream is asked for all of them.
    pub(super) fn read(operation: &Operation, asked: &mut Asked<'_>) -> Self {
        let mut number = |name: &str, default| {
            let value = asked.query.one(name).and_then(|value| value.parse().ok()).unwrap_or(default);
            asked.query.remove(name);
            value
        };
        let (size, number) = (number("pageSize", DEFAULT_PAGE_SIZE), number("pageNumber", 1));
        let path = super::path::build(&operation.path, &asked.parameters);
        let query = asked.query.clone();
        let path_and_query = format!("{path}?{}", query.encode());
        Self { size, number, path, query, path_and_query }
    }

    /// Path and parameters of one of upstream's pages.
    pub(super) fn upstream(&self, number: i64) -> String {
        self.page(PAGE_SIZE, number)
    }

    /// The link to another page: relative, as Genesys's own.
    pub(super) fn link(&self, number: i64) -> String {
        self.page(self.size, number)
    }

    fn page(&self, size: i64, number: i64) -> String {
        let mut query = self.query.clone();
        query.set("pageSize", vec![size.to_string()]);
        query.set("pageNumber", vec![number.to_string()]);
        format!("{}?{}", self.path, query.encode())
    }
}
