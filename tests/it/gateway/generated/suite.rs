//! What is asked of each operation, and what must hold of the answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use ringfence::{
    catalog::{Catalog, Entry, Guarding, Narrowing, Operation, Place as Stands},
    simulator::{ALPHA, BETA, Fault, GAMMA, HOME, Match, Rule},
};
use serde_json::json;

use super::{
    handles::{opened, shows_id, without_handles},
    requests::{Asked, Maker, Nth, Place},
    withdrawn::Withdrawn,
};
use crate::{
    gateway::organisation::{everything, facts, register_all, text},
    support::app::{TenantClient, TestApp},
};

/// How many operations are asked at once.
const AT_ONCE: usize = 12;
/// Nothing has it.
pub(super) const NOBODY: &str = "99999999-0000-4000-8000-000000000009";

/// Two organisations that are alike in the tenant's own division, and differ in all others.
pub(super) struct Suite {
    catalog: Catalog,
    here: TestApp,
    there: TestApp,
    alpha: TenantClient,
    alpha_there: TenantClient,
    beta: TenantClient,
    withdrawn: Withdrawn,
    // Ids of what is another's and does not say so.
    foreign: BTreeSet<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// By operation: what must not be.
    pub(super) failures: BTreeMap<String, Vec<String>>,
    /// Those that a tenant could not use on what is its own, and why.
    pub(super) untested: BTreeMap<String, String>,
    /// How many requests were sent.
    pub(super) requests: usize,
}

/// An answer without what may differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    headers: Vec<String>,
    pub(super) text: String,
}

impl Seen {
    pub(super) fn without(mut self, id: &str) -> Self {
        self.text = self.text.replace(id, "ID");
        self
    }
}

/// One operation being tested.
pub(super) struct Case<'s> {
    suite: &'s Suite,
    operation: &'s Operation,
    maker: Maker<'s>,
    failures: Vec<String>,
    untested: Option<String>,
    requests: usize,
}

impl Suite {
    /// Starts both with a catalog each.
    pub(super) async fn start(catalog: impl Fn() -> Catalog) -> Self {
        Self::start_granting([ALPHA, BETA], catalog).await
    }

    /// As [`Suite::start`]; these are granted to the tenant and to the other one, whatever should be.
    pub(super) async fn start_granting([own, others]: [&str; 2], catalog: impl Fn() -> Catalog) -> Self {
        let (here, there) = (TestApp::start_of(catalog()).await, TestApp::start_of(catalog()).await);
        for (division, variation) in [(BETA, 7), (GAMMA, 8), (HOME, 9)] {
            assert!(there.simulator.organisation().reseed(division, variation));
        }
        let dedicated = json!({"dedicated_agents": true});
        let alpha = here.tenant_with("alpha", &[own], dedicated.clone()).await;
        let beta = here.tenant_with("beta", &[others], dedicated.clone()).await;
        let alpha_there = there.tenant_with("alpha", &[own], dedicated).await;
        for (app, client, division) in
            [(&here, &alpha, own), (&here, &beta, others), (&there, &alpha_there, own)]
        {
            register_all(app, client, division).await;
        }
        let mut foreign = BTreeSet::new();
        for app in [&here, &there] {
            for division in [BETA, GAMMA, HOME] {
                for kind in ["users", "queues"] {
                    foreign.extend(facts(app, division)[kind].as_array().unwrap().iter().map(text));
                }
            }
        }
        let withdrawn = Withdrawn::default();
        Self { catalog: catalog(), here, there, alpha, alpha_there, beta, withdrawn, foreign }
    }

    /// Asks everything of the operations that are chosen.
    pub(super) async fn run(mut self, chosen: impl Fn(&Operation) -> bool) -> Findings {
        let mut findings = Findings::default();
        let is_asked = |one: &&Arc<Operation>| !matches!(one.narrowing, Narrowing::Own { .. }) && chosen(one);
        // What a body may name is told by the catalog as it should be.
        let truth = Catalog::embedded().unwrap();
        let meant = |one: &Arc<Operation>| match truth.named(&one.id) {
            Some(Entry::Enabled(meant)) if one.body.is_some() => meant,
            Some(_) | None => Arc::clone(one),
        };
        let operations: Vec<_> = self.catalog.operations().iter().filter(is_asked).map(meant).collect();
        self.withdrawn = Withdrawn::begin(&self, &operations).await;
        let (reads, mut writes): (Vec<_>, Vec<_>) = operations.iter().partition(|one| !one.is_write());
        // What deletes comes last, and of that what stands above others.
        writes.sort_by_key(|one| (one.method == "DELETE", usize::MAX - one.path.matches('/').count()));
        for (these, at_once) in [(reads, AT_ONCE), (writes, 1)] {
            let asked = stream::iter(these).map(|operation| self.all_cases(operation)).buffered(at_once);
            asked.collect::<Vec<_>>().await.into_iter().for_each(|case| findings.add(case));
        }
        for (fault, is_lie) in
            [(Fault::Lie { division: Some(BETA.to_owned()) }, true), (Fault::Malformed, false)]
        {
            // What is begun in peace is asked about while they lie.
            let kept =
                operations.iter().map(AsRef::as_ref).filter(|one| !matches!(one.guard, Guarding::Empty));
            let begun = self.begin_each(&self.there, &self.alpha_there, ALPHA, kept).await;
            // What was looked up before is forgotten.
            self.there.clock.advance(TimeDelta::minutes(3));
            let below = Match { method: None, path_prefix: Some("/api/".to_owned()) };
            self.there.simulator.organisation().set_faults(vec![Rule::new(below, fault, None)]);
            let asked = stream::iter(&operations)
                .map(|operation| self.disturbed(operation, is_lie, &begun))
                .buffered(AT_ONCE);
            asked.collect::<Vec<_>>().await.into_iter().for_each(|case| findings.add(case));
        }
        let Self { here, there, .. } = self;
        here.finish().await;
        there.finish().await;
        findings
    }

    fn case<'s>(&'s self, operation: &'s Operation) -> Case<'s> {
        let organisation = self.here.simulator.organisation();
        let maker = Maker { catalog: &self.catalog, organisation, operation, handle: None };
        Case { suite: self, operation, maker, failures: Vec::new(), untested: None, requests: 0 }
    }

    async fn all_cases<'s>(&'s self, operation: &'s Operation) -> Case<'s> {
        let mut case = self.case(operation);
        if let Some((kind, name)) = opened(operation) {
            case.handles(kind, name).await;
            return case;
        }
        case.foreign_ids().await;
        case.another_tenant().await;
        let is_once = operation.is_write();
        for nth in if is_once { vec![2] } else { vec![0, 1] } {
            case.own(nth).await;
        }
        case.cursors().await;
        case
    }

    async fn disturbed<'s>(
        &'s self,
        operation: &'s Operation,
        is_lie: bool,
        begun: &BTreeMap<String, String>,
    ) -> Case<'s> {
        let mut case = self.case(operation);
        case.maker.handle = opened(operation).and_then(|(kind, _)| begun.get(kind).cloned());
        let Some(asked) = case.maker.ask(ALPHA, 1, &[]) else { return case };
        let seen = case.send(&self.alpha_there, &asked).await;
        case.leaks("an upstream that lies", &seen, &asked, ALPHA);
        // What says no more than that it was done says nothing wrong; lists are kept for a minute; of several ids, those that
        // cannot be judged vanish.
        let is_judged = !matches!(operation.guard, Guarding::Empty)
            && !matches!(
                operation.narrowing,
                Narrowing::Listed { .. } | Narrowing::Owned { place: Stands::Query, .. }
            );
        if !is_lie && is_judged && seen.status < 300 {
            case.failures.push(format!("what is no JSON was passed on: {asked:?} {seen:?}"));
        }
        case
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(super) fn here(&self) -> &TestApp {
        &self.here
    }

    pub(super) fn there(&self) -> &TestApp {
        &self.there
    }

    pub(super) fn alpha(&self) -> &TenantClient {
        &self.alpha
    }

    pub(super) fn alpha_there(&self) -> &TenantClient {
        &self.alpha_there
    }

    pub(super) fn beta(&self) -> &TenantClient {
        &self.beta
    }

    /// Ids of users and queues of other divisions.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &String> {
        self.foreign.iter()
    }

    /// What was begun before divisions were withdrawn, and who has some of them.
    pub(super) fn withdrawn(&self, kind: &str) -> Option<[(&'static str, &TenantClient, &str); 2]> {
        self.withdrawn.of(kind)
    }

    /// Whether a text tells of a division other than the tenant's own.
    fn leak(&self, seen: &Seen, asked: &Asked, own: &str) -> Option<String> {
        let asked = format!("{}{}", asked.path, asked.body.clone().unwrap_or_default());
        let strangers = [ALPHA, BETA, GAMMA, HOME].into_iter().filter(|division| *division != own);
        let mut marks = strangers.map(|division| &division[..8]);
        let is_told = |mark: &&str| seen.text.contains(mark) && !asked.contains(*mark);
        if let Some(mark) = marks.find(is_told) {
            let at = seen.text.find(mark).unwrap();
            return Some(seen.text[at.saturating_sub(60)..].chars().take(160).collect());
        }
        let known =
            |id: &&String| own == ALPHA && seen.text.contains(id.as_str()) && !asked.contains(id.as_str());
        self.foreign.iter().find(known).cloned()
    }
}

impl Findings {
    fn add(&mut self, case: Case<'_>) {
        let id = case.operation.id.to_string();
        self.requests += case.requests;
        if let Some(why) = case.untested {
            self.untested.insert(id.clone(), why);
        }
        if !case.failures.is_empty() {
            self.failures.entry(id).or_default().extend(case.failures);
        }
    }
}

impl<'s> Case<'s> {
    pub(super) fn suite(&self) -> &'s Suite {
        self.suite
    }

    pub(super) fn operation(&self) -> &'s Operation {
        self.operation
    }

    pub(super) fn maker(&self) -> &Maker<'s> {
        &self.maker
    }

    /// The request with the tenant's own ids, some of them replaced.
    pub(super) fn ask(&self, replaced: &[(Place, String)]) -> Option<Asked> {
        self.maker.ask(ALPHA, 0, replaced)
    }

    /// The request with another's, or another's place among the tenant's, ids.
    pub(super) fn ask_as(&self, division: &str, nth: Nth) -> Option<Asked> {
        self.maker.ask(division, nth, &[])
    }

    pub(super) fn fails(&mut self, why: String) {
        self.failures.push(why);
    }

    pub(super) fn is_untested(&mut self, why: &str) {
        self.untested = Some(why.to_owned());
    }

    pub(super) async fn send(&mut self, client: &TenantClient, asked: &Asked) -> Seen {
        self.send_page(client, asked).await.0
    }

    /// As [`Case::send`], with what leads to the next page.
    pub(super) async fn send_page(&mut self, client: &TenantClient, asked: &Asked) -> (Seen, Option<String>) {
        self.requests += 1;
        let mut request = client.request(asked.method.clone(), &asked.path);
        if let Some(body) = &asked.body {
            request = request.json(body);
        }
        let (status, headers, text) = client.send_raw(request).await;
        let id = headers["inin-correlation-id"].to_str().unwrap();
        let differs = ["date", "inin-correlation-id", "content-length"];
        let shown = headers.iter().filter(|(name, _)| !differs.contains(&name.as_str()));
        let mut shown: Vec<_> = shown.map(|(name, value)| format!("{name}: {value:?}")).collect();
        shown.sort();
        let text = text.replace(id, "CORRELATION");
        if shows_id(&text, self.operation) {
            self.fails(format!("upstream's own id is handed out: {asked:?} {text}"));
        }
        let (text, next) = without_handles(text, self.operation);
        (Seen { status: status.as_u16(), headers: shown, text }, next)
    }

    pub(super) fn leaks(&mut self, what: &str, seen: &Seen, asked: &Asked, own: &str) {
        if let Some(told) = self.suite.leak(seen, asked, own) {
            self.failures
                .push(format!("{what}: {} {} tells of another division: {told}", asked.method, asked.path));
        }
    }

    /// As the tenant, with its own ids: it works, and shows what is its own alone, whatever there is of others.
    async fn own(&mut self, nth: Nth) {
        let Some(mut asked) = self.maker.ask(ALPHA, nth, &[]) else {
            self.untested = Some("a request cannot be made: something that it names is not there".to_owned());
            return;
        };
        self.newest(&mut asked).await;
        let (here, there) = (self.suite.alpha.clone(), self.suite.alpha_there.clone());
        let before = self.elsewhere(&asked);
        self.suite.here.simulator.organisation().clear_calls();
        let (one, other) = (self.send(&here, &asked).await, self.send(&there, &asked).await);
        if self.elsewhere(&asked) != before {
            self.failures.push(format!("{asked:?} changes how many there are in other divisions"));
        }
        self.sent_abroad(&asked);
        self.leaks("own", &one, &asked, ALPHA);
        self.leaks("own", &other, &asked, ALPHA);
        if one != other {
            self.failures.push(format!("{asked:?} depends on other divisions' data: {one:?} {other:?}"));
        }
        if one.status >= 300 {
            self.untested = Some(format!("{} {}: {} {}", asked.method, asked.path, one.status, one.text));
            return;
        }
        let shows_own = matches!(self.operation.guard, Guarding::List { .. } | Guarding::Entity { .. });
        if shows_own && !one.text.contains(&ALPHA[..8]) && !self.shows_known(&one) {
            self.untested = Some(format!(
                "{} {} shows nothing of the tenant's own: {}",
                asked.method, asked.path, one.text
            ));
        }
    }

    /// Shapes may hide the division: what there is of the tenant's own is known by its ids.
    fn shows_known(&self, seen: &Seen) -> bool {
        let own = facts(&self.suite.here, ALPHA);
        let ids = ["users", "queues"].into_iter().flat_map(|kind| own[kind].as_array().unwrap());
        let conversations = own["conversations"].as_array().unwrap().iter().map(|one| &one["id"]);
        ids.chain(conversations).any(|id| seen.text.contains(id.as_str().unwrap()))
    }

    /// A change names the newest version.
    async fn newest(&self, asked: &mut Asked) {
        let Some(version) = asked.body.as_mut().and_then(|body| body.get_mut("version")) else { return };
        if asked.method == Method::POST {
            return;
        }
        let shown = everything(&self.suite.here, &asked.path, None).await;
        if let Some(newest) = shown.get("version").filter(|newest| newest.is_number()) {
            *version = newest.clone();
        }
    }
}

/// What must not be, a line each.
pub(super) fn told(what: &BTreeMap<String, Vec<String>>) -> String {
    let line = |id: &String, one: &String| format!("\n{id}: {}", one.chars().take(400).collect::<String>());
    what.iter().flat_map(|(id, all)| all.iter().map(move |one| line(id, one))).collect()
}
