//! How much was sent within the last minute, whichever minute upstream counts by.
//!
//! A place is taken before a request is sent, and comes back a minute after its exchange has ended: upstream counted it
//! somewhere between. So all that it counts in any one minute hold a place when it counts the last of them, and there are
//! only as many places as it allows. An exchange that takes long has arrived long before it ends: its place comes back at
//! the latest a minute and [`GRACE`] after it was sent.
//!
//! Time goes in ticks, sixty of them in the minute; a place comes back with the tick after the one in which it is due.

/// The ticks of a minute.
pub(super) const TICKS: u64 = 60;
/// The ticks within which a request that was sent arrives: connecting may take as long.
const GRACE: u64 = 5;
// A place is due at the latest so many ticks after it was taken.
const SPAN: u64 = TICKS + GRACE + 1;
const SLOTS: usize = 66;

/// The places that are taken, by the tick after which they come back.
#[derive(Debug, Clone)]
pub(super) struct Window {
    due: [u32; SLOTS],
    // What was due before has come back.
    as_of: u64,
    held: u32,
    booked: u32,
    taken: u64,
}

impl Window {
    pub(super) fn new(now: u64) -> Self {
        Self { due: [0; SLOTS], as_of: now, held: 0, booked: 0, taken: 0 }
    }

    /// Brings back what is due.
    pub(super) fn roll(&mut self, now: u64) {
        if now >= self.as_of.saturating_add(SPAN) {
            self.due.fill(0);
            self.held = 0;
            self.as_of = now;
        }
        while self.as_of < now {
            let back = self.due.get_mut(slot(self.as_of)).map(std::mem::take);
            self.held = self.held.saturating_sub(back.unwrap_or_default());
            self.as_of += 1;
        }
    }

    /// The places that are taken.
    pub(super) fn held(&self) -> u32 {
        self.held
    }

    /// Those who wait for one.
    pub(super) fn booked(&self) -> u32 {
        self.booked
    }

    /// Takes a place, to be known by the tick after which it comes back.
    pub(super) fn take(&mut self) -> u64 {
        let due = self.as_of + TICKS + GRACE;
        self.expect(due);
        self.held += 1;
        self.taken += 1;
        due
    }

    /// What the place was taken for is sent now: it is due later than if it had been sent at once.
    pub(super) fn send(&mut self, due: u64) -> u64 {
        if due >= self.as_of {
            self.forget(due);
        } else {
            self.held += 1;
        }
        let later = self.as_of + TICKS + GRACE;
        self.expect(later);
        later
    }

    /// The exchange has ended.
    pub(super) fn settle(&mut self, due: u64) {
        let sooner = self.as_of + TICKS;
        if sooner < due {
            self.forget(due);
            self.expect(sooner);
        }
    }

    /// Nothing was sent after all.
    pub(super) fn give_back(&mut self, due: u64) {
        if due >= self.as_of {
            self.forget(due);
            self.held = self.held.saturating_sub(1);
            self.taken = self.taken.saturating_sub(1);
        }
    }

    /// Stands in line for a place.
    pub(super) fn book(&mut self) {
        self.booked += 1;
    }

    /// Stands in line no more.
    pub(super) fn leave(&mut self) {
        self.booked = self.booked.saturating_sub(1);
    }

    /// The tick with which so many places will have come back.
    pub(super) fn when(&self, needed: u32) -> u64 {
        let mut back = 0_u32;
        for tick in self.as_of..self.as_of + SPAN {
            if back >= needed {
                return tick;
            }
            back = back.saturating_add(self.due.get(slot(tick)).copied().unwrap_or_default());
        }
        self.as_of + SPAN
    }

    /// How many were ever taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many of them have come back.
    pub(super) fn came_back(&self) -> u64 {
        self.taken.saturating_sub(self.held.into())
    }

    fn expect(&mut self, due: u64) {
        if let Some(count) = self.due.get_mut(slot(due)) {
            *count += 1;
        }
    }

    fn forget(&mut self, due: u64) {
        if let Some(count) = self.due.get_mut(slot(due)) {
            *count = count.saturating_sub(1);
        }
    }
}

fn slot(tick: u64) -> usize {
    usize::try_from(tick % SPAN).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_a_minute_after_its_exchange_ended_and_no_sooner() {
        let mut window = Window::new(7);
        let due = window.take();
        window.roll(9);
        window.settle(due);
        window.roll(9 + TICKS);
        assert_eq!((window.held(), window.when(1)), (1, 9 + TICKS + 1));
        window.roll(9 + TICKS + 1);
        assert_eq!((window.held(), window.came_back()), (0, 1));
    }

    #[test]
    fn an_exchange_that_does_not_end_gives_its_place_back_all_the_same() {
        let mut window = Window::new(0);
        let due = window.take();
        assert_eq!(window.when(1), SPAN);
        window.roll(SPAN - 1);
        assert_eq!(window.held(), 1);
        window.roll(SPAN);
        assert_eq!(window.held(), 0);
        // Its end comes late, and changes nothing.
        let other = window.take();
        window.settle(due);
        window.give_back(due);
        assert_eq!(window.held(), 1);
        window.give_back(other);
        assert_eq!((window.held(), window.taken()), (0, 1));
    }

    #[test]
    fn what_waited_between_its_place_and_its_way_out_counts_from_when_it_went() {
        let mut window = Window::new(0);
        let due = window.take();
        window.roll(10);
        let due = window.send(due);
        window.roll(10 + SPAN - 1);
        assert_eq!(window.held(), 1);
        // One that came back meanwhile is taken again.
        window.roll(10 + SPAN);
        assert_eq!(window.held(), 0);
        let due = window.send(due);
        assert_eq!((window.held(), window.when(1)), (1, 10 + 2 * SPAN));
        window.settle(due);
        assert_eq!(window.when(1), 10 + SPAN + TICKS + 1);
    }

    #[test]
    fn whatever_is_done_the_places_taken_are_those_that_are_due() {
        let mut window = Window::new(0);
        let mut open = Vec::new();
        let mut now = 0;
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            now += (random >> 60) / 9;
            window.roll(now);
            match (random >> 33) % 4 {
                0 => open.push(window.take()),
                1 if !open.is_empty() => {
                    let due = open.remove(0);
                    open.push(window.send(due));
                }
                2 if !open.is_empty() => window.settle(open.remove(0)),
                _ if !open.is_empty() => window.give_back(open.remove(0)),
                _ => {}
            }
            assert_eq!(window.held(), window.due.iter().sum::<u32>());
        }
        window.roll(now + SPAN);
        assert_eq!(window.held(), 0);
    }
}
