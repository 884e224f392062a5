//! What is remembered for each tenant, for how long, and when it stops to hold.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use tokio::sync::Mutex;

use super::{Change, Divisions, Within, reading::Reading, stays::Seen};
use crate::{
    catalog::Entity,
    clock::Clock,
    model::{DivisionId, TenantId},
};

/// How long an answer is remembered, whatever it was.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// How long before it is forgotten what is asked for again and again is read anew.
pub(super) const AHEAD: Duration = Duration::from_secs(20);
/// How long after it was last asked for that goes on.
const WANTED_FOR: Duration = Duration::from_mins(5);
/// How many lists are kept so for one tenant.
const MOST_WANTED: u64 = 20;
/// How many answers are remembered for one tenant.
const MOST_KNOWN: u64 = 10_000;
/// How many entities are remembered for one tenant, of all sets of divisions together: policies differ by operation.
const MOST_LISTED: u64 = 200_000;
/// What a short set counts as: there are at most eight.
const LEAST_WEIGHT: usize = 25_000;
/// How long a reading of all can be gone on with, so that what takes longer than one caller waits ends.
const CONTINUED_FOR: Duration = Duration::from_mins(3);
/// A tenant that looks nothing up for so long takes no memory.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(2);

/// All tenants' memories.
#[derive(Debug)]
pub(super) struct Memories {
    tenants: Cache<TenantId, Arc<Memory>>,
    kinds: Arc<[Entity]>,
    clock: Clock,
}

/// One tenant's.
#[derive(Debug)]
pub(super) struct Memory {
    clock: Clock,
    // None: it was changed.
    known: Cache<(Entity, String), Known<Option<Whereabouts>>>,
    all: Cache<(Entity, Vec<DivisionId>), Known<Divisions>>,
    // Lists that were asked for of late.
    wanted: Cache<(Entity, Vec<DivisionId>), ()>,
    kinds: HashMap<Entity, Kind>,
    // Of a kind that is not looked up.
    none: Kind,
    order: AtomicU64,
    // Taken by who looks since when users have been where they are.
    stays: Mutex<Option<Seen>>,
}

/// What goes for one kind of entities.
#[derive(Debug, Default)]
struct Kind {
    // When what is known stopped to hold.
    changed: AtomicU64,
    // Taken by who reads all of them, with what was read before.
    turn: Mutex<Option<Reading>>,
}

/// Where an entity is; nowhere, if it is not to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whereabouts(pub(super) Option<Within>);

/// When a lookup began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    // In the order of changes.
    order: u64,
    pub(super) at: Duration,
}

#[derive(Debug, Clone)]
struct Known<T> {
    begun: Begun,
    what: T,
}

impl Memories {
    pub(super) fn new(kinds: impl IntoIterator<Item = Entity>, clock: Clock) -> Self {
        Self::forgetting_after(FORGOTTEN_AFTER, kinds, clock)
    }

    fn forgetting_after(idle: Duration, kinds: impl IntoIterator<Item = Entity>, clock: Clock) -> Self {
        let kinds = kinds.into_iter().collect();
        Self { tenants: Cache::builder().time_to_idle(idle).build(), kinds, clock }
    }

    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Memory> {
        self.tenants.get_with_by_ref(tenant, || Arc::new(Memory::new(&self.kinds, self.clock.clone())))
    }

    /// Of all tenants, the lists that are asked for and will soon be forgotten. To look at them is no use of them.
    pub(super) fn ageing(&self) -> Vec<(TenantId, Entity, Vec<DivisionId>)> {
        let of = |(id, memory): (Arc<TenantId>, Arc<Memory>)| {
            memory
                .ageing()
                .into_iter()
                .map(move |(entity, divisions)| (TenantId::clone(&id), entity, divisions))
        };
        self.tenants.iter().flat_map(of).collect()
    }

    /// Gives the room back of what is not remembered any longer.
    pub(super) fn sweep(&self) {
        self.tenants.run_pending_tasks();
        for (_, memory) in &self.tenants {
            memory.known.run_pending_tasks();
            memory.all.run_pending_tasks();
        }
    }
}

impl Memory {
    fn new(kinds: &[Entity], clock: Clock) -> Self {
        let known = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(REMEMBERED_FOR);
        let weigh = |_: &_, list: &Known<Divisions>| {
            u32::try_from(list.what.len().max(LEAST_WEIGHT)).unwrap_or(u32::MAX)
        };
        let all = Cache::builder().max_capacity(MOST_LISTED).weigher(weigh).time_to_live(REMEMBERED_FOR);
        Self {
            clock,
            known: known.eviction_policy(EvictionPolicy::lru()).build(),
            all: all.eviction_policy(EvictionPolicy::lru()).build(),
            wanted: Cache::builder().max_capacity(MOST_WANTED).time_to_live(WANTED_FOR).build(),
            kinds: kinds.iter().map(|entity| (*entity, Kind::default())).collect(),
            none: Kind::default(),
            order: AtomicU64::new(1),
            stays: Mutex::default(),
        }
    }

    /// A lookup begins: what it finds holds only as long as nothing was changed since.
    pub(super) fn begin(&self) -> Begun {
        Begun { order: self.order.fetch_add(1, Ordering::SeqCst), at: self.clock.elapsed() }
    }

    /// It is gone on with: what changed since it first began counts, its time begins anew.
    pub(super) fn begin_again(&self, first: Begun) -> Begun {
        Begun { order: first.order, at: self.clock.elapsed() }
    }

    /// Where an entity is, if that is known.
    pub(super) fn division(&self, entity: Entity, id: &str) -> Option<Whereabouts> {
        self.held(entity, self.known.get(&(entity, id.to_owned())))?
    }

    pub(super) fn remember(&self, begun: Begun, entity: Entity, id: &str, within: Option<Within>) {
        self.note(entity, id, Known { begun, what: Some(Whereabouts(within)) });
    }

    /// All entities of a kind in these divisions, if they are known.
    pub(super) fn all(&self, entity: Entity, divisions: &[DivisionId]) -> Option<Divisions> {
        let known = self.all.get(&(entity, divisions.to_vec()))?;
        if self.age(known.begun) * 2 > REMEMBERED_FOR {
            self.want(entity, divisions);
        }
        self.held(entity, Some(known))
    }

    /// Likewise, if they are known for longer than that.
    pub(super) fn all_for(
        &self,
        entity: Entity,
        divisions: &[DivisionId],
        ahead: Duration,
    ) -> Option<Divisions> {
        let known = self.all.get(&(entity, divisions.to_vec()));
        self.held(entity, known.filter(|known| self.age(known.begun) + ahead < REMEMBERED_FOR))
    }

    /// They are asked for.
    pub(super) fn want(&self, entity: Entity, divisions: &[DivisionId]) {
        self.wanted.insert((entity, divisions.to_vec()), ());
    }

    fn ageing(&self) -> Vec<(Entity, Vec<DivisionId>)> {
        let is_ageing = |known: &Known<Divisions>| {
            let age = self.age(known.begun);
            age + AHEAD >= REMEMBERED_FOR && age < REMEMBERED_FOR
        };
        let lists =
            self.all.iter().filter(|(key, known)| is_ageing(known) && self.wanted.contains_key(&**key));
        lists.map(|(key, _)| (key.0, key.1.clone())).collect()
    }

    fn age(&self, begun: Begun) -> Duration {
        self.clock.elapsed().saturating_sub(begun.at)
    }

    pub(super) fn remember_all(
        &self,
        begun: Begun,
        entity: Entity,
        divisions: &[DivisionId],
        what: Divisions,
    ) {
        self.all.insert((entity, divisions.to_vec()), Known { begun, what });
    }

    /// What was known of what is changed holds no longer.
    pub(super) fn forget(&self, change: &Change) {
        match change {
            Change::Number(entity) => {
                let now = self.order.fetch_add(1, Ordering::SeqCst);
                self.kind(*entity).changed.fetch_max(now, Ordering::SeqCst);
            }
            Change::Of(entity, id) => self.note(*entity, id, Known { begun: self.begin(), what: None }),
        }
    }

    /// What was last seen of who is where since when; who looks does so alone.
    pub(super) fn stays(&self) -> &Mutex<Option<Seen>> {
        &self.stays
    }

    /// Who reads all of a kind does so alone.
    pub(super) fn turn(&self, entity: Entity) -> &Mutex<Option<Reading>> {
        &self.kind(entity).turn
    }

    /// Goes on with what was read of these divisions, if it still holds; otherwise begins.
    pub(super) fn resume(
        &self,
        entity: Entity,
        divisions: &[DivisionId],
        before: Option<Reading>,
    ) -> Reading {
        let now = self.begin();
        before
            .filter(|reading| {
                let since = now.at.saturating_sub(reading.begun.at);
                reading.is_of(divisions) && since < CONTINUED_FOR && self.is_unchanged(entity, reading.begun)
            })
            .unwrap_or_else(|| Reading::new(now, divisions))
    }

    // What began later holds, in whichever order they end.
    fn note(&self, entity: Entity, id: &str, known: Known<Option<Whereabouts>>) {
        self.known.entry((entity, id.to_owned())).and_compute_with(|before| match before {
            Some(before) if before.value().begun.order > known.begun.order => Op::Nop,
            Some(_) | None => Op::Put(known),
        });
    }

    // Compared by when the lookup began: however late its answer came, it may tell of before the change.
    fn held<T>(&self, entity: Entity, known: Option<Known<T>>) -> Option<T> {
        let Known { begun, what } = known?;
        let is_young = self.age(begun) < REMEMBERED_FOR;
        (is_young && self.is_unchanged(entity, begun)).then_some(what)
    }

    fn is_unchanged(&self, entity: Entity, begun: Begun) -> bool {
        begun.order > self.kind(entity).changed.load(Ordering::SeqCst)
    }

    fn kind(&self, entity: Entity) -> &Kind {
        self.kinds.get(&entity).unwrap_or(&self.none)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const KINDS: [Entity; 2] = [Entity::User, Entity::Queue];

    fn one() -> DivisionId {
        "a0000000-0000-4000-8000-000000000000".parse().unwrap()
    }

    fn division() -> Within {
        one().into()
    }

    #[test]
    fn what_one_tenant_looks_up_takes_nothing_from_what_another_knows() {
        let memories = Memories::new(KINDS, Clock::default());
        let (greedy, other) =
            (memories.of(&"greedy".parse().unwrap()), memories.of(&"other".parse().unwrap()));
        other.remember(other.begin(), Entity::User, "known", Some(division()));
        for number in 0..2 * MOST_KNOWN {
            greedy.remember(greedy.begin(), Entity::User, &number.to_string(), None);
        }
        greedy.known.run_pending_tasks();
        assert!(greedy.known.entry_count() <= MOST_KNOWN);
        assert_eq!(other.division(Entity::User, "known"), Some(Whereabouts(Some(division()))));
        assert_eq!(greedy.division(Entity::User, "known"), None, "each tenant knows for itself");
    }

    #[test]
    fn what_is_known_holds_for_a_minute_from_when_its_lookup_began() {
        let clock = Clock::default();
        let memory = Memories::new(KINDS, clock.clone()).of(&"alpha".parse().unwrap());
        let begun = memory.begin();
        clock.advance(TimeDelta::seconds(30));
        memory.remember(begun, Entity::Queue, "own", Some(division()));
        memory.remember(begun, Entity::Queue, "foreign", None);
        memory.remember_all(begun, Entity::Queue, &[], Divisions::default());
        clock.advance(TimeDelta::seconds(29));
        assert_eq!(memory.division(Entity::Queue, "own"), Some(Whereabouts(Some(division()))));
        assert_eq!(memory.division(Entity::Queue, "foreign"), Some(Whereabouts(None)));
        assert!(memory.all(Entity::Queue, &[]).is_some());
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(memory.division(Entity::Queue, "own"), None);
        assert_eq!(memory.division(Entity::Queue, "foreign"), None, "as long as an own one");
        assert!(memory.all(Entity::Queue, &[]).is_none());
    }

    #[test]
    fn what_is_known_of_a_tenant_that_asks_no_more_is_swept_away() {
        let memories = Memories::forgetting_after(Duration::from_millis(1), KINDS, Clock::default());
        let memory = memories.of(&"alpha".parse().unwrap());
        memory.remember(memory.begin(), Entity::User, "a", Some(division()));
        while memories.tenants.iter().next().is_some() || memories.tenants.entry_count() > 0 {
            memories.sweep();
            std::thread::yield_now();
        }
        let anew = memories.of(&"alpha".parse().unwrap());
        assert_eq!(anew.division(Entity::User, "a"), None);
    }

    #[test]
    fn a_change_of_one_ends_what_is_known_of_it_and_of_nothing_else() {
        let memory = Memories::new(KINDS, Clock::default()).of(&"alpha".parse().unwrap());
        let before = memory.begin();
        for id in ["a", "b"] {
            memory.remember(before, Entity::User, id, Some(division()));
        }
        memory.remember_all(before, Entity::User, &[], Divisions::default());
        memory.forget(&Change::Of(Entity::User, "a".to_owned()));
        assert!(memory.division(Entity::User, "a").is_none());
        assert!(memory.division(Entity::User, "b").is_some() && memory.all(Entity::User, &[]).is_some());
        memory.remember(before, Entity::User, "a", Some(division()));
        assert!(memory.division(Entity::User, "a").is_none(), "it was looked up before the change");
        memory.remember(memory.begin(), Entity::User, "a", Some(division()));
        assert!(memory.division(Entity::User, "a").is_some());
    }

    #[test]
    fn a_reading_goes_on_only_where_it_still_holds() {
        let clock = Clock::default();
        let memory = Memories::new(KINDS, clock.clone()).of(&"alpha".parse().unwrap());
        let divisions = [one()];
        let begin = || Some(memory.resume(Entity::User, &divisions, None));
        let goes_on = |before: Option<Reading>, divisions: &[DivisionId]| {
            let order = before.as_ref().unwrap().begun.order;
            memory.resume(Entity::User, divisions, before).begun.order == order
        };
        let (before, other, late) = (begin(), begin(), begin());
        assert!(goes_on(begin(), &divisions) && !goes_on(other, &[]));
        memory.forget(&Change::Of(Entity::User, "a".to_owned()));
        assert!(goes_on(begin(), &divisions));
        memory.forget(&Change::Number(Entity::User));
        assert!(!goes_on(before, &divisions) && !goes_on(late, &divisions));
        let old = begin();
        clock.advance(TimeDelta::from_std(CONTINUED_FOR).unwrap());
        assert!(!goes_on(old, &divisions));
    }

    #[test]
    fn a_lookup_that_began_before_a_change_is_not_remembered_however_late_it_ends() {
        let memory = Memories::new(KINDS, Clock::default()).of(&"alpha".parse().unwrap());
        let before = memory.begin();
        memory.forget(&Change::Number(Entity::User));
        let after = memory.begin();
        memory.remember(before, Entity::User, "a", Some(division()));
        memory.remember_all(before, Entity::User, &[], Divisions::default());
        assert!(memory.division(Entity::User, "a").is_none() && memory.all(Entity::User, &[]).is_none());
        memory.remember(before, Entity::Queue, "a", Some(division()));
        assert!(memory.division(Entity::Queue, "a").is_some(), "another kind was not changed");
        memory.remember(after, Entity::User, "a", Some(division()));
        assert!(memory.division(Entity::User, "a").is_some());
    }
}
