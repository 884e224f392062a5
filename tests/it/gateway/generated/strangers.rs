//! What is another's: what a request with its ids looks like, and what becomes of it.

use std::collections::BTreeSet;

use ringfence::{
    catalog::Narrowing,
    simulator::{ALPHA, BETA, GAMMA, HOME},
};

use super::{
    requests::{Asked, Place},
    suite::{Case, NOBODY},
};
use crate::gateway::organisation::sent;

impl Case<'_> {
    /// What is made, and where something is looked for, names no other division when it is sent on; what is replaced keeps
    /// what is hidden in it. Writes come one by one: what reached upstream since is this one's.
    pub(super) fn sent_abroad(&mut self, asked: &Asked) {
        let keeps =
            matches!(self.operation().narrowing, Narrowing::Owned { .. } | Narrowing::Registered { .. });
        if keeps || !self.operation().is_write() {
            return;
        }
        let line = format!("{} {}", asked.method, asked.path);
        let calls = sent(self.suite().here()).into_iter().filter(|(sent, _)| *sent == line);
        let mut bodies = calls.map(|(_, body)| body.to_string());
        let strangers = || self.suite().foreign().map(String::as_str).chain([BETA, GAMMA, HOME]);
        if let Some(body) = bodies.find(|body| strangers().any(|stranger| body.contains(stranger))) {
            self.fails(format!("{asked:?} is sent on with another division: {body}"));
        }
    }

    /// What of others there is where something is made.
    pub(super) fn elsewhere(&self, asked: &Asked) -> BTreeSet<String> {
        if !matches!(self.operation().narrowing, Narrowing::OwnedDivision) {
            return BTreeSet::new();
        }
        let things = self.suite().here().simulator.organisation().things(&asked.path);
        let others = things.into_iter().filter(|(_, division)| *division != Some(ALPHA));
        others.map(|(id, _)| id).collect()
    }

    /// A foreign id, in each place that an id can stand, looks like one that nothing has.
    pub(super) async fn foreign_ids(&mut self) {
        let client = self.suite().alpha().clone();
        for place in self.maker().places() {
            let foreign = self
                .maker()
                .id(&place, BETA)
                .filter(|id| Some(id) != self.maker().id(&place, ALPHA).as_ref());
            let Some(foreign) = foreign else { continue };
            let with = |id: &str| self.maker().ask(ALPHA, 0, &[(place.clone(), id.to_owned())]);
            let (Some(one), Some(other)) = (with(&foreign), with(NOBODY)) else { continue };
            let (theirs, nobodys) = (self.send(&client, &one).await, self.send(&client, &other).await);
            self.leaks("a foreign id", &theirs, &one, ALPHA);
            if theirs.status < 300 && !matches!(place, Place::Query(_)) {
                self.fails(format!("a foreign id in {place:?} passes: {one:?} {theirs:?}"));
            }
            let (theirs, nobodys) = (theirs.without(&foreign), nobodys.without(NOBODY));
            if theirs != nobodys {
                self.fails(format!(
                    "a foreign id in {place:?} is told from a missing one: {theirs:?} {nobodys:?}"
                ));
            }
        }
    }

    /// To another tenant, what this one has looks like what nothing has.
    pub(super) async fn another_tenant(&mut self) {
        let client = self.suite().beta().clone();
        let places = self.maker().places();
        let id = |place: &Place| {
            let theirs = self.maker().id(place, ALPHA)?;
            (self.maker().id(place, BETA).as_ref() != Some(&theirs)).then_some((place.clone(), theirs))
        };
        let ids: Vec<_> = places.iter().filter_map(id).collect();
        if ids.is_empty() {
            // It is asked what is its own.
            if let Some(asked) = self.maker().ask(BETA, 0, &[]).filter(|_| !self.operation().is_write()) {
                let seen = self.send(&client, &asked).await;
                self.leaks("another tenant", &seen, &asked, BETA);
            }
            return;
        }
        let nobody: Vec<_> = ids.iter().map(|(place, _)| (place.clone(), NOBODY.to_owned())).collect();
        let (Some(one), Some(other)) = (self.maker().ask(BETA, 0, &ids), self.maker().ask(BETA, 0, &nobody))
        else {
            return;
        };
        let (theirs, nobodys) = (self.send(&client, &one).await, self.send(&client, &other).await);
        self.leaks("another tenant", &theirs, &one, BETA);
        let theirs = ids.iter().fold(theirs, |seen, (_, id)| seen.without(id));
        if theirs != nobodys.without(NOBODY) {
            self.fails(format!("another tenant tells {one:?} from what is missing: {theirs:?}"));
        }
    }
}
