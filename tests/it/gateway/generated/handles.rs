//! Operations that a handle opens: what they need is begun first, by the operation that hands it out.

use std::collections::BTreeMap;

use ringfence::{
    catalog::{Grouping, Guarding, Narrowing, Operation},
    simulator::{ALPHA, BETA},
};
use serde_json::Value;

use super::{
    requests::{Asked, Maker, Place},
    suite::{Case, NOBODY, Suite},
};
use crate::support::app::{TenantClient, TestApp};

/// Dimensions that have several values in the simulated organisation.
pub(super) const SEVERAL: [&str; 2] = ["mediaType", "direction"];
/// What is under way is done by then.
const MOST_LOOKS: usize = 10;

/// What a handle is of, and the path's parameter where it stands.
pub(super) fn opened(operation: &Operation) -> Option<(&str, &str)> {
    let Narrowing::Handle { name, kind, .. } = &operation.narrowing else { return None };
    Some((kind, name))
}

impl Suite {
    /// Begins something of a kind in an organisation, and waits until it is done.
    pub(super) async fn begin(
        &self,
        app: &TestApp,
        client: &TenantClient,
        division: &str,
        kind: &str,
    ) -> Option<String> {
        let begins = |one: &&Operation| matches!(&one.guard, Guarding::Handle { kind: of, .. } if of == kind);
        let operation = self.catalog().operations().iter().map(AsRef::as_ref).find(begins)?;
        let organisation = app.simulator.organisation();
        let maker = Maker { catalog: self.catalog(), organisation, operation, handle: None };
        let asked = maker.ask(division, 0, &[])?;
        let request = client.request(asked.method, &asked.path).json(&asked.body?);
        let answer = client.send(request).await;
        let Guarding::Handle { field, .. } = &operation.guard else { return None };
        let handle = answer.body[field].as_str()?.to_owned();
        for _ in 0..MOST_LOOKS {
            let looked = client.get(&format!("{}/{handle}", asked.path)).await;
            // What is under way is told by 202.
            if looked.status == 200 {
                return Some(handle);
            }
        }
        None
    }

    /// Another kind that handles are of.
    fn other_kind(&self, kind: &str) -> Option<&str> {
        let kinds = self.catalog().operations().iter().filter_map(|one| opened(one));
        kinds.map(|(of, _)| of).find(|of| *of != kind)
    }

    /// Whether there are several pages of it, to be turned by cursors: the simulated organisation tells groups apart by these.
    fn turns_pages(operation: &Operation) -> bool {
        let groups = operation.guard.grouping();
        let is_told_apart =
            |(plain, _): Grouping<'_>| plain.iter().any(|one| SEVERAL.contains(&one.as_str()));
        operation.narrowing.cursor().is_some() && groups.is_none_or(is_told_apart)
    }

    /// One of each kind that is asked for.
    pub(super) async fn begin_each(
        &self,
        app: &TestApp,
        client: &TenantClient,
        division: &str,
        operations: impl Iterator<Item = &Operation>,
    ) -> BTreeMap<String, String> {
        let mut begun = BTreeMap::new();
        for (kind, _) in operations.filter_map(opened) {
            if !begun.contains_key(kind)
                && let Some(handle) = self.begin(app, client, division, kind).await
            {
                begun.insert(kind.to_owned(), handle);
            }
        }
        begun
    }
}

impl Case<'_> {
    /// As the one for whom it was begun it works, page by page; to everyone else, and altered, it is a missing one.
    pub(super) async fn handles(&mut self, kind: &str, name: &str) {
        let suite = self.suite();
        let (here, there) = (suite.alpha().clone(), suite.alpha_there().clone());
        let begun = suite.begin(suite.here(), &here, ALPHA, kind).await;
        let begun_there = suite.begin(suite.there(), &there, ALPHA, kind).await;
        let (Some(handle), Some(handle_there)) = (begun, begun_there) else {
            self.is_untested("what its handle is of cannot be begun");
            return;
        };
        self.closed_handles(kind, name, &handle).await;
        let with = |case: &Self, handle: &str, cursor: Option<&str>| -> Option<Asked> {
            let mut asked = case.ask(&[(Place::Path(name.to_owned()), handle.to_owned())])?;
            if let Some(cursor) = cursor {
                let sign = if asked.path.contains('?') { '&' } else { '?' };
                asked.path = format!("{}{sign}cursor={cursor}", asked.path);
            }
            Some(asked)
        };
        let mut cursors: (Option<String>, Option<String>) = (None, None);
        for page in 0..3 {
            let asked = with(self, &handle, cursors.0.as_deref());
            let asked_there = with(self, &handle_there, cursors.1.as_deref());
            let (Some(asked), Some(asked_there)) = (asked, asked_there) else {
                self.is_untested("a request cannot be made");
                return;
            };
            let (one, next) = self.send_page(&here, &asked).await;
            let (other, next_there) = self.send_page(&there, &asked_there).await;
            self.leaks("own", &one, &asked, ALPHA);
            self.leaks("own", &other, &asked_there, ALPHA);
            if one != other {
                self.fails(format!("{asked:?} depends on other divisions' data: {one:?} {other:?}"));
            }
            if one.status >= 300 {
                self.is_untested(&format!("{asked:?}: {} {}", one.status, one.text));
                return;
            }
            if next.is_none() || next_there.is_none() {
                if page == 0 && Suite::turns_pages(self.operation()) {
                    self.is_untested("it has one page: no cursor is tried");
                }
                break;
            }
            cursors = (next, next_there);
        }
        if let Some(cursor) = &cursors.0 {
            self.closed_cursors(&with, kind, &handle, cursor).await;
        }
    }

    /// What does not open is told from nothing that is not there.
    async fn closed_handles(&mut self, kind: &str, name: &str, handle: &str) {
        let suite = self.suite();
        let mut altered = handle.to_owned();
        altered.replace_range(
            handle.len() / 2..=handle.len() / 2,
            if &handle[handle.len() / 2..=handle.len() / 2] == "A" { "B" } else { "A" },
        );
        let other = suite.other_kind(kind).map(str::to_owned);
        let other = match other {
            Some(other) => suite.begin(suite.here(), suite.alpha(), ALPHA, &other).await,
            None => None,
        };
        let mut tried = vec![
            ("another tenant's", suite.beta().clone(), handle.to_owned()),
            ("an altered one", suite.alpha().clone(), altered),
        ];
        match suite.withdrawn(kind) {
            Some(withdrawn) => tried
                .extend(withdrawn.map(|(what, client, handle)| (what, client.clone(), handle.to_owned()))),
            None => self.is_untested("nothing was begun before a division was withdrawn"),
        }
        tried.extend(other.map(|other| ("one of another kind", suite.alpha().clone(), other)));
        for (what, client, sent) in tried {
            let with = |id: &str| vec![(Place::Path(name.to_owned()), id.to_owned())];
            let (Some(one), Some(nobodys)) = (self.ask(&with(&sent)), self.ask(&with(NOBODY))) else {
                return;
            };
            let seen = self.send(&client, &one).await.without(&sent);
            let missing = self.send(&client, &nobodys).await.without(NOBODY);
            if seen != missing || seen.status != 404 {
                self.fails(format!("{what} is told from a missing one: {seen:?} {missing:?}"));
            }
        }
    }

    /// A cursor opens for the handle that it was handed out with, and for no other.
    async fn closed_cursors(
        &mut self,
        with: &impl Fn(&Self, &str, Option<&str>) -> Option<Asked>,
        kind: &str,
        handle: &str,
        cursor: &str,
    ) {
        let suite = self.suite();
        let Some(another) = suite.begin(suite.here(), suite.alpha(), ALPHA, kind).await else { return };
        let mut altered = cursor.to_owned();
        altered.pop();
        for (handle, cursor) in [(another.as_str(), cursor), (handle, altered.as_str()), (handle, "1")] {
            let Some(asked) = with(self, handle, Some(cursor)) else { return };
            let seen = self.send(&suite.alpha().clone(), &asked).await;
            if seen.status != 404 {
                self.fails(format!("a cursor of another opens: {asked:?} {seen:?}"));
            }
        }
    }
}

impl Case<'_> {
    /// A cursor turns the pages of the list that it was handed out with; to everyone else, and altered, it leads nowhere.
    pub(super) async fn cursors(&mut self) {
        let Some(cursor) = &self.operation().cursor else { return };
        let suite = self.suite();
        let (here, there) = (suite.alpha().clone(), suite.alpha_there().clone());
        let Some(first) = self.ask(&[]) else { return };
        let with = |asked: &Asked, sealed: &str| {
            let sign = if asked.path.contains('?') { '&' } else { '?' };
            Asked { path: format!("{}{sign}{}={sealed}", asked.path, cursor.parameter), ..asked.clone() }
        };
        let (mut one, mut other) = (first.clone(), first.clone());
        let mut handed_out = None;
        for _ in 0..3 {
            let (seen, next) = self.send_page(&here, &one).await;
            let (seen_there, next_there) = self.send_page(&there, &other).await;
            self.leaks("own page", &seen, &one, ALPHA);
            if seen != seen_there {
                self.fails(format!("{one:?} depends on other divisions' data: {seen:?} {seen_there:?}"));
            }
            if seen.status >= 300 {
                self.fails(format!("its own cursor does not open: {one:?} {seen:?}"));
            }
            let (Some(next), Some(next_there)) = (next, next_there) else { break };
            (one, other) = (with(&first, &next), with(&first, &next_there));
            handed_out = Some(next);
        }
        let Some(sealed) = handed_out else {
            self.is_untested("it has one page: no cursor is tried");
            return;
        };
        let missing = self.send(&here, &with(&first, "1")).await;
        let mut tried = vec![("altered", here.clone(), with(&first, &sealed[1..]))];
        if let Some(theirs) = self.ask_as(BETA, 0) {
            tried.push(("another tenant's", suite.beta().clone(), with(&theirs, &sealed)));
        }
        tried.extend(
            self.ask_as(ALPHA, 1)
                .filter(|asked| asked.path != first.path)
                .map(|asked| ("of another path", here.clone(), with(&asked, &sealed))),
        );
        for (what, client, asked) in tried {
            let seen = self.send(&client, &asked).await;
            if seen != missing || seen.status != 404 {
                self.fails(format!(
                    "a cursor that is {what} is told from a missing one: {asked:?} {seen:?} {missing:?}"
                ));
            }
        }
    }
}

/// Whether what was begun is told by an id as Genesys makes them, and not sealed.
pub(super) fn shows_id(text: &str, operation: &Operation) -> bool {
    let Guarding::Handle { field, .. } = &operation.guard else { return false };
    let Ok(told) = serde_json::from_str::<Value>(text) else { return false };
    let handle = told[field].as_str().unwrap_or_default();
    handle.as_bytes().windows(NOBODY.len()).any(|part| uuid::Uuid::try_parse_ascii(part).is_ok())
}

/// What leads to the next page of an answer, and the answer without it: it is sealed otherwise in each organisation.
pub(super) fn without_handles(text: String, operation: &Operation) -> (String, Option<String>) {
    let Ok(told) = serde_json::from_str::<Value>(&text) else { return (text, None) };
    let sealed = |field: &str| told[field].as_str().map(str::to_owned);
    let handle = if let Guarding::Handle { field, .. } = &operation.guard { sealed(field) } else { None };
    let next = match &operation.cursor {
        Some(cursor) => {
            let named = format!("{}=", cursor.parameter);
            let link = told["nextUri"].as_str();
            link.and_then(|link| link.split(&named).nth(1)).map(str::to_owned)
        }
        None => operation.narrowing.cursor().and_then(sealed),
    };
    let mut text = text;
    for one in [&handle, &next].into_iter().flatten() {
        text = text.replace(one, "HANDLE");
    }
    (text, next)
}
