//! The organisation's data: made from the seed, never from the clock, and replaced whole when a division is reseeded.
//!
//! A division's own part depends on the seed, the division and its *variation* alone. What joins two divisions (a
//! shared conversation, a foreign manager) takes its shape from the owner and only the names and ids of the foreign
//! party from the foreign division, so that a reseeded division changes nothing of what is another's own.

mod codes;
mod conversations;
mod members;
mod names;
mod queues;
mod seed;
mod users;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub(crate) use codes::Item;
pub(crate) use conversations::{Conversation, Row, Session};
pub(crate) use members::Member;
pub(crate) use queues::Queue;
pub(crate) use seed::Seed;
use serde_json::{Value, json};
pub(crate) use users::{EXPANSIONS, User};

use super::{generic::Written, help};

/// The first instant of the fixed interval that all conversations start in, in milliseconds since 1970.
pub(crate) const FIRST_INSTANT: i64 = 1_780_272_000_000;

/// One division and what it is made from.
#[derive(Debug, Clone)]
pub(crate) struct Division {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// The word that its queues and addresses carry.
    pub(crate) word: &'static str,
    pub(crate) home: bool,
    pub(crate) variation: u64,
}

impl Division {
    /// As objects name their division.
    pub(crate) fn reference(&self) -> Value {
        json!({"id": self.id, "name": self.name, "selfUri": format!("/api/v2/authorization/divisions/{}", self.id)})
    }
}

/// What a division's objects are told apart by, before anything refers to anything.
#[derive(Debug)]
pub(crate) struct Roster {
    pub(crate) users: Vec<Person>,
    pub(crate) queues: Vec<(String, String)>,
    pub(crate) wrap_up_codes: Vec<String>,
    pub(crate) team: (String, String),
}

/// A user's id and name.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// What the data is made from.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) scale: u32,
    pub(crate) divisions: Vec<Division>,
}

impl Plan {
    /// The four divisions, unvaried.
    pub(crate) fn new(seed: u64, scale: u32) -> Self {
        let divisions = [
            (help::HOME, "Home", "Home", true),
            (help::ALPHA, "Alpha Division", "Alpha", false),
            (help::BETA, "Beta Division", "Beta", false),
            (help::GAMMA, "Gamma Division", "Gamma", false),
        ]
        .into_iter()
        .map(|(id, name, word, home)| Division { id, name, word, home, variation: 0 })
        .collect();
        Self { seed, scale: scale.max(1), divisions }
    }

    /// The stream for one of a division's own things: depends on its variation.
    pub(crate) fn own(&self, division: &Division, kind: &str, number: usize) -> Seed {
        let labels = [division.id, kind, &division.variation.to_string()];
        Seed::of(self.seed, &labels, number as u64)
    }

    /// The stream for what must outlive a reseed: whatever two divisions share.
    pub(crate) fn fixed(&self, division: &Division, kind: &str, number: usize) -> Seed {
        Seed::of(self.seed, &[division.id, kind, "fixed"], number as u64)
    }

    /// How many of a kind a division has: `base` times the scale, and a few more once it has been varied.
    pub(crate) fn count(&self, division: &Division, kind: &str, base: usize) -> usize {
        let extra =
            if division.variation == 0 { 0 } else { 1 + self.own(division, kind, usize::MAX).below(3) };
        base * self.scale as usize + extra
    }
}

/// All data of the organisation at one moment. Never changed: reseeding and writing make another.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) users: Vec<User>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) conversations: Arc<Vec<Conversation>>,
    pub(crate) members: Vec<Member>,
    pub(crate) wrap_up_codes: Vec<Item>,
    pub(crate) skills: Vec<Item>,
    pub(crate) presences: Vec<Item>,
    pub(crate) languages: Vec<Item>,
    /// What clients wrote, by its path, of what is not listed above.
    pub(crate) written: BTreeMap<String, Written>,
    user_places: HashMap<String, usize>,
    queue_places: HashMap<String, usize>,
    // How many things clients have made.
    made: u64,
}

impl World {
    /// Makes all data that the plan describes.
    pub(crate) fn new(plan: Plan) -> Self {
        let rosters: Vec<Roster> = plan.divisions.iter().map(|division| roster(&plan, division)).collect();
        let users = users::all(&plan, &rosters);
        let queues = queues::all(&plan, &rosters);
        let mut conversations = conversations::all(&plan, &rosters);
        conversations.sort_by(|a, b| (&a.start, &a.id).cmp(&(&b.start, &b.id)));
        let members = members::all(&plan, &rosters);
        let wrap_up_codes = codes::wrap_up(&plan, &rosters);
        let skills = codes::skills(&plan);
        let (presences, languages) = (codes::presences(&plan), codes::languages(&plan));
        Self {
            plan,
            users,
            queues,
            conversations: Arc::new(conversations),
            members,
            wrap_up_codes,
            skills,
            presences,
            languages,
            written: BTreeMap::new(),
            user_places: HashMap::new(),
            queue_places: HashMap::new(),
            made: 0,
        }
        .indexed()
    }

    /// In order, and found by id: after users and queues have come, gone and changed their names.
    pub(crate) fn indexed(mut self) -> Self {
        self.users.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.queues.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.user_places =
            self.users.iter().enumerate().map(|(place, user)| (user.id.clone(), place)).collect();
        self.queue_places =
            self.queues.iter().enumerate().map(|(place, queue)| (queue.id.clone(), place)).collect();
        self
    }

    /// The id of what a client makes: the same for the same calls, in every process.
    pub(crate) fn next_id(&mut self) -> String {
        self.made += 1;
        Seed::of(self.plan.seed, &["made"], self.made).id()
    }

    /// The division at a place of the plan.
    pub(crate) fn division(&self, place: usize) -> Option<&Division> {
        self.plan.divisions.get(place)
    }

    /// The id of the division at a place of the plan.
    pub(crate) fn division_id(&self, place: usize) -> &'static str {
        self.division(place).map_or("", |division| division.id)
    }

    /// The user with this id.
    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.get(*self.user_places.get(id)?)
    }

    /// The queue with this id.
    pub(crate) fn queue(&self, id: &str) -> Option<&Queue> {
        self.queues.get(*self.queue_places.get(id)?)
    }
}

/// Names and ids first, so that what refers to another division's objects can.
fn roster(plan: &Plan, division: &Division) -> Roster {
    let users =
        (0..plan.count(division, "users", 12)).map(|number| users::person(plan, division, number)).collect();
    let queues = queues::named(plan, division);
    let mut codes = plan.own(division, "wrap-up-codes", 0);
    let mut team = plan.own(division, "team", 0);
    Roster {
        users,
        queues,
        wrap_up_codes: (0..4).map(|_| codes.id()).collect(),
        team: (team.id(), format!("{} {}", team.pick(names::TOPICS), division.word)),
    }
}

/// The place of another division than `own`, chosen by the stream.
pub(crate) fn other(plan: &Plan, own: usize, seed: &mut Seed) -> usize {
    let count = plan.divisions.len();
    (own + 1 + seed.below(count.saturating_sub(1))) % count.max(1)
}
