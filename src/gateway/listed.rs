//! Lists that Genesys cannot narrow: all pages are read, what is not the tenant's is taken out, and the tenant is shown
//! pages of the rest, so that pages and totals are whole. The list is kept for a minute, for the pages that follow.

use std::{borrow::Cow, sync::Arc, time::Duration};

use moka::{policy::EvictionPolicy, sync::Cache};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use super::{asked::Asked, authorize::Permit, query::Query, scope::Turning};
use crate::{catalog::Operation, model::TenantId};

/// How long a list serves the pages that follow the first.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// What is kept for one tenant, in bytes: each has its own, so that none loses a list to another. A longer list is read
/// again for each of its pages.
const MAX_KEPT_BYTES: u64 = 4 << 20;
// Longer than a list may take to be read.
const TURN_FORGOTTEN_AFTER: Duration = Duration::from_mins(15);
/// Lists of one tenant that may be read at a time.
const MOST_TURNS: u64 = 1_000;
// Beyond one exchange, so that one that never ends is known as such before its list is given up.
const GRACE: Duration = Duration::from_secs(1);
/// What is asked for at once.
pub(super) const PAGE_SIZE: i64 = 100;
/// A list that is longer is not read.
pub(super) const MAX_PAGES: i64 = 100;
/// Genesys's own default.
const DEFAULT_PAGE_SIZE: i64 = 25;

/// A tenant's own list, checked.
pub(super) type OwnList = Arc<[Arc<str>]>;

/// The turn to read a list, until it is kept.
pub(super) type Turn = OwnedMutexGuard<()>;

/// A list that is kept, or the turn to read it.
pub(super) enum Found {
    /// It was read and checked a moment ago.
    Kept(OwnList),
    /// Nobody else reads it now.
    Turn(Turn),
}

/// The lists that are kept for each tenant, and whose turn it is to read one.
pub(super) struct Lists {
    tenants: Cache<TenantId, Arc<OwnLists>>,
    request_timeout: Duration,
}

/// One tenant's. The key says which, down to the divisions that it was cut to.
struct OwnLists {
    kept: Cache<String, OwnList>,
    turns: Cache<String, Arc<Mutex<()>>>,
}

impl Default for OwnLists {
    fn default() -> Self {
        let weigh = |key: &String, list: &OwnList| {
            let bytes = key.len() + list.iter().map(|item| item.len() + 16).sum::<usize>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(MAX_KEPT_BYTES).weigher(weigh);
        let turns = Cache::builder().max_capacity(MOST_TURNS);
        Self {
            kept: kept.eviction_policy(EvictionPolicy::lru()).time_to_live(KEPT_FOR).build(),
            turns: turns.time_to_idle(TURN_FORGOTTEN_AFTER).build(),
        }
    }
}

impl Lists {
    /// A list is read, and waited for, within the time for one exchange.
    pub(super) fn new(request_timeout: Duration) -> Self {
        Self { tenants: Cache::builder().time_to_idle(TURN_FORGOTTEN_AFTER).build(), request_timeout }
    }

    /// When a list that is asked for now is given up.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.request_timeout + GRACE
    }

    /// One call reads a list; those that ask for it meanwhile wait for what it keeps.
    pub(super) async fn find(&self, permit: &Permit, page: &ListedPage) -> Found {
        let (own, key) = (self.of(&permit.caller().tenant().tenant().id), key(permit, page));
        if let Some(list) = own.kept.get(&key) {
            return Found::Kept(list);
        }
        let turn = own.turns.get_with_by_ref(&key, Arc::default).lock_owned().await;
        own.kept.get(&key).map_or(Found::Turn(turn), Found::Kept)
    }

    pub(super) fn keep(&self, permit: &Permit, page: &ListedPage, list: OwnList) {
        self.of(&permit.caller().tenant().tenant().id).kept.insert(key(permit, page), list);
    }

    fn of(&self, tenant: &TenantId) -> Arc<OwnLists> {
        self.tenants.get_with_by_ref(tenant, Arc::default)
    }
}

/// Other divisions, another account, another path or something registered meanwhile make another list.
fn key(permit: &Permit, page: &ListedPage) -> String {
    let tenant = permit.caller().tenant();
    let (account, registry) = (&tenant.account().id, tenant.registry().version());
    let mut key = format!("{account}\n{registry}\n{}\n", page.path_and_query);
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
    /// All parameters but the page and the ids.
    query: Query,
    /// Which of the list are asked for; none for all. [`Self::upstream`] leaves them out: a list that is read whole is
    /// kept for any of them.
    ids: Vec<String>,
    /// Path and parameters: what the list is known by.
    path_and_query: String,
    /// What alone is asked of upstream, where that is known; none for all that there are.
    only: Option<Vec<String>>,
    /// What turns upstream's pages, where no number does.
    cursor: Option<String>,
    /// What the tenant's own are turned by then: a cursor of ours, which holds the page's number.
    pub(super) turning: Option<Turning>,
}

impl ListedPage {
    /// Takes the page out of what is asked for: upstream is asked for all of them.
    pub(super) fn read(operation: &Operation, asked: &mut Asked<'_>, turning: Option<Turning>) -> Self {
        let mut number = |name: &str, default| {
            let value = asked.query.one(name).and_then(|value| value.parse().ok()).unwrap_or(default);
            asked.query.remove(name);
            value
        };
        let cursor = operation.cursor.as_ref().map(|cursor| cursor.parameter.clone());
        let turned_by = cursor.as_deref().unwrap_or("pageNumber");
        let (size, number) = (number("pageSize", DEFAULT_PAGE_SIZE), number(turned_by, 1));
        let ids = asked.query.all("id").to_vec();
        asked.query.remove("id");
        let path = super::path::build(&operation.path, &asked.parameters);
        let query = asked.query.clone();
        let path_and_query = format!("{path}?{}", query.encode());
        Self { size, number, path, query, ids, path_and_query, only: None, cursor, turning }
    }

    /// The page of a list of ids, where the caller sent one: counted over what is the tenant's own among them, not by what
    /// upstream counts. All of them are asked for at once.
    pub(super) fn named(operation: &Operation, asked: &mut Asked<'_>) -> Option<Self> {
        let takes_ids = operation.query.iter().any(|parameter| parameter.name == "id");
        if !takes_ids || asked.query.all("id").is_empty() {
            return None;
        }
        let page = Self::read(operation, asked, None);
        asked.query.set("id", page.ids.clone());
        asked.query.set("pageSize", vec![PAGE_SIZE.to_string()]);
        asked.query.set("pageNumber", vec!["1".to_owned()]);
        Some(page)
    }

    /// The list of these alone: neither how many others there are nor how long they take to be read shows in it.
    pub(super) fn of(self, ids: Vec<String>) -> Self {
        Self { only: Some(ids), ..self }
    }

    /// Those of the list that are asked for.
    pub(super) fn wanted<'l>(&self, list: &'l OwnList) -> Vec<&'l str> {
        let is_wanted = |item: &&str| {
            self.ids.is_empty() || named(item).is_some_and(|named| self.ids.contains(&named.id))
        };
        list.iter().map(AsRef::as_ref).filter(is_wanted).collect()
    }

    /// Path and parameters of one of upstream's pages: by its number, or by what the page before it told; none where it is
    /// known that there is no such page.
    pub(super) fn upstream(&self, number: i64, told: Option<&str>) -> Option<String> {
        let mut query = self.query.clone();
        query.set("pageSize", vec![PAGE_SIZE.to_string()]);
        if let Some(only) = &self.only {
            let before = usize::try_from(number - 1).ok()?;
            query.set("id", only.chunks(PAGE_SIZE.try_into().ok()?).nth(before)?.to_vec());
            query.set("pageNumber", vec!["1".to_owned()]);
        } else if self.cursor.is_none() {
            query.set("pageNumber", vec![number.to_string()]);
        } else if let (Some(cursor), Some(told)) = (&self.cursor, told) {
            query.set(cursor, vec![told.to_owned()]);
        }
        Some(format!("{}?{}", self.path, query.encode()))
    }

    /// Whether what is told with a page says that it is the last.
    pub(super) fn is_told_its_end(&self) -> bool {
        self.only.is_none()
    }

    /// Puts what several pages of [`Self::of`] held in the order that one would have it in: by name.
    pub(super) fn arrange(&self, items: &mut [Arc<str>]) {
        if self.only.as_ref().is_none_or(|only| only.len() <= PAGE_SIZE.try_into().unwrap_or(0)) {
            return;
        }
        items.sort_by_cached_key(|item| named(item).map(|named| named.name.to_lowercase()));
        if self.query.one("sortOrder").is_some_and(|order| order.to_ascii_lowercase().starts_with("desc")) {
            items.reverse();
        }
    }

    /// What leads to upstream's next page: of a link, the cursor alone is taken.
    pub(super) fn next<'l>(&self, link: &'l str) -> Option<Cow<'l, str>> {
        let cursor = self.cursor.as_deref()?;
        let (_, query) = link.split_once('?')?;
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == cursor).map(|(_, value)| value)
    }

    /// The link to another page: relative, as Genesys's own.
    pub(super) fn link(&self, number: i64) -> String {
        self.page(self.size, number, true)
    }

    fn page(&self, size: i64, number: i64, with_ids: bool) -> String {
        let mut query = self.query.clone();
        if with_ids && !self.ids.is_empty() {
            query.set("id", self.ids.clone());
        }
        query.set("pageSize", vec![size.to_string()]);
        query.set("pageNumber", vec![number.to_string()]);
        format!("{}?{}", self.path, query.encode())
    }
}

#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(default)]
    name: String,
}

fn named(item: &str) -> Option<Named> {
    serde_json::from_str(item).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_tenant_reads_takes_nothing_from_what_is_kept_for_another() {
        let lists = Lists::new(Duration::from_secs(1));
        let (greedy, other) = ("greedy".parse().unwrap(), "other".parse().unwrap());
        let list = || -> OwnList { Arc::from([Arc::from("x".repeat(1 << 20))]) };
        lists.of(&other).kept.insert("a".to_owned(), list());
        for number in 0..100 {
            lists.of(&greedy).kept.insert(number.to_string(), list());
        }
        lists.of(&greedy).kept.run_pending_tasks();
        assert!(lists.of(&other).kept.contains_key("a"));
        assert!(lists.of(&greedy).kept.weighted_size() <= MAX_KEPT_BYTES);
        assert!(lists.of(&greedy).kept.contains_key("99"), "the latest is kept");
    }

    #[test]
    fn a_list_that_is_longer_than_what_may_be_kept_is_not_kept() {
        let lists = Lists::new(Duration::from_secs(1));
        let own = lists.of(&"alpha".parse().unwrap());
        own.kept.insert("small".to_owned(), Arc::from([Arc::from("x")]));
        own.kept.insert("large".to_owned(), Arc::from([Arc::from("x".repeat(5 << 20))]));
        own.kept.run_pending_tasks();
        assert!(own.kept.contains_key("small") && !own.kept.contains_key("large"));
    }
}
