//! Who is a member of which queue: a queue's own people, and some of another division's.

use super::{Plan, Roster, Seed, other};

/// One user's membership of one queue.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) queue: String,
    pub(crate) user: String,
    pub(crate) joined: bool,
}

/// All memberships. Which of a division's own people are members depends on that division alone.
pub(crate) fn all(plan: &Plan, rosters: &[Roster]) -> Vec<Member> {
    let mut members = Vec::new();
    for (place, (division, roster)) in plan.divisions.iter().zip(rosters).enumerate() {
        for (number, (queue, _)) in roster.queues.iter().enumerate() {
            let mut seed = plan.own(division, "members", number);
            let foreign = other(plan, place, &mut seed);
            let own = roster.users.iter().filter(|_| seed.one_in(2)).map(|user| (&user.id, place));
            let mut all: Vec<_> = own.collect();
            // By their ids: another set of them once that division has been varied.
            let is_member = |id: &str| id.starts_with(|first: char| first.is_ascii_digit());
            let others = rosters.get(foreign).into_iter().flat_map(|roster| &roster.users);
            all.extend(others.map(|user| (&user.id, foreign)).filter(|(id, _)| is_member(id)));
            // In the order of ids, others stand between the queue's own.
            all.sort_unstable();
            members.extend(all.into_iter().map(|(user, _)| Member {
                queue: queue.clone(),
                user: user.clone(),
                joined: Seed::of(plan.seed, &[queue, user], 0).one_in(2),
            }));
        }
    }
    members
}
