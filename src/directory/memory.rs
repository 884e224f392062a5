//! What is remembered for each tenant, for how long, and when it stops to hold.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::sync::Mutex;

use super::Divisions;
use crate::{
    catalog::Entity,
    clock::Clock,
    model::{DivisionId, TenantId},
};

/// How long an answer is remembered, whatever it was.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// How many answers are remembered for one tenant.
const MOST_KNOWN: u64 = 10_000;
/// How many sets of divisions all entities are remembered for: policies differ by operation.
const MOST_SETS: u64 = 8;
// Far longer than anything is remembered or any lookup takes, so that no change is forgotten before what it ended.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(15);

/// All tenants' memories.
#[derive(Debug)]
pub(super) struct Memories {
    tenants: Cache<TenantId, Arc<Memory>>,
    clock: Clock,
}

/// One tenant's.
#[derive(Debug)]
pub(super) struct Memory {
    clock: Clock,
    known: Cache<(Entity, String), Known<Whereabouts>>,
    all: Cache<(Entity, Vec<DivisionId>), Known<Divisions>>,
    users: Kind,
    queues: Kind,
    order: AtomicU64,
}

/// What goes for one kind of entities.
#[derive(Debug, Default)]
struct Kind {
    // When what is known stopped to hold.
    changed: AtomicU64,
    // Taken by who reads all of them.
    turn: Mutex<()>,
}

/// Where an entity is; nowhere, if it is not to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whereabouts(pub(super) Option<DivisionId>);

/// When a lookup began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    // In the order of changes.
    order: u64,
    at: Duration,
}

#[derive(Debug, Clone)]
struct Known<T> {
    begun: Begun,
    what: T,
}

impl Memories {
    pub(super) fn new(clock: Clock) -> Self {
        Self { tenants: Cache::builder().time_to_idle(FORGOTTEN_AFTER).build(), clock }
    }

    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Memory> {
        self.tenants.get_with_by_ref(tenant, || Arc::new(Memory::new(self.clock.clone())))
    }
}

impl Memory {
    fn new(clock: Clock) -> Self {
        let known = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(REMEMBERED_FOR);
        let all = Cache::builder().max_capacity(MOST_SETS).time_to_live(REMEMBERED_FOR);
        Self {
            clock,
            known: known.eviction_policy(EvictionPolicy::lru()).build(),
            all: all.eviction_policy(EvictionPolicy::lru()).build(),
            users: Kind::default(),
            queues: Kind::default(),
            order: AtomicU64::new(1),
        }
    }

    /// A lookup begins: what it finds holds only as long as nothing was changed since.
    pub(super) fn begin(&self) -> Begun {
        Begun { order: self.order.fetch_add(1, Ordering::SeqCst), at: self.clock.elapsed() }
    }

    /// Where an entity is, if that is known.
    pub(super) fn division(&self, entity: Entity, id: &str) -> Option<Whereabouts> {
        self.held(entity, self.known.get(&(entity, id.to_owned())))
    }

    pub(super) fn remember(&self, begun: Begun, entity: Entity, id: &str, division: Option<DivisionId>) {
        self.known.insert((entity, id.to_owned()), Known { begun, what: Whereabouts(division) });
    }

    /// All entities of a kind in these divisions, if they are known.
    pub(super) fn all(&self, entity: Entity, divisions: &[DivisionId]) -> Option<Divisions> {
        self.held(entity, self.all.get(&(entity, divisions.to_vec())))
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

    /// What was known of a kind holds no longer.
    pub(super) fn forget(&self, entity: Entity) {
        let now = self.order.fetch_add(1, Ordering::SeqCst);
        self.kind(entity).changed.fetch_max(now, Ordering::SeqCst);
    }

    /// Who reads all of a kind does so alone.
    pub(super) fn turn(&self, entity: Entity) -> &Mutex<()> {
        &self.kind(entity).turn
    }

    // Compared by when the lookup began: however late its answer came, it may tell of before the change.
    fn held<T>(&self, entity: Entity, known: Option<Known<T>>) -> Option<T> {
        let Known { begun, what } = known?;
        let is_young = self.clock.elapsed().saturating_sub(begun.at) < REMEMBERED_FOR;
        let holds = begun.order > self.kind(entity).changed.load(Ordering::SeqCst);
        (is_young && holds).then_some(what)
    }

    fn kind(&self, entity: Entity) -> &Kind {
        match entity {
            Entity::User => &self.users,
            Entity::Queue => &self.queues,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::TimeDelta;

    use super::*;

    fn division() -> DivisionId {
        "a0000000-0000-4000-8000-000000000000".parse().unwrap()
    }

    #[test]
    fn what_one_tenant_looks_up_takes_nothing_from_what_another_knows() {
        let memories = Memories::new(Clock::default());
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
        let memory = Memories::new(clock.clone()).of(&"alpha".parse().unwrap());
        let begun = memory.begin();
        clock.advance(TimeDelta::seconds(30));
        memory.remember(begun, Entity::Queue, "own", Some(division()));
        memory.remember(begun, Entity::Queue, "foreign", None);
        memory.remember_all(begun, Entity::Queue, &[], Arc::new(HashMap::new()));
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
    fn a_lookup_that_began_before_a_change_is_not_remembered_however_late_it_ends() {
        let memory = Memories::new(Clock::default()).of(&"alpha".parse().unwrap());
        let before = memory.begin();
        memory.forget(Entity::User);
        let after = memory.begin();
        memory.remember(before, Entity::User, "a", Some(division()));
        memory.remember_all(before, Entity::User, &[], Arc::new(HashMap::new()));
        assert!(memory.division(Entity::User, "a").is_none() && memory.all(Entity::User, &[]).is_none());
        memory.remember(before, Entity::Queue, "a", Some(division()));
        assert!(memory.division(Entity::Queue, "a").is_some(), "another kind was not changed");
        memory.remember(after, Entity::User, "a", Some(division()));
        assert!(memory.division(Entity::User, "a").is_some());
    }
}
