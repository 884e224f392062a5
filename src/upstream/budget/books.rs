//! What an account's tokens and tenants have sent.

use std::collections::HashMap;

use super::{AccountStanding, Payer, USUAL, window::Window};
use crate::model::{Portion, TenantId};

/// So many calls of one tenant stand in line at most.
const MOST_WAITING: u32 = 64;
/// Other programs with the same client leave at least this part of what a token may send: a tenth.
const LEFT_BY_OTHERS: u32 = 10;

/// One account's.
pub(super) struct Books {
    /// As which tick it is read and written.
    now: u64,
    /// What of the account may be sent from here.
    here: Portion,
    // By the configuration.
    most: Option<u32>,
    lends: bool,
    // Of those that are known: the others were the account's before it changed.
    in_use: usize,
    tokens: Vec<Token>,
    // How often they were had anew: what is told of one then says nothing of the one in its place.
    generation: u64,
    tenants: HashMap<TenantId, Window>,
    operator: Window,
    lent: Window,
}

struct Token {
    window: Window,
    told: Option<u32>,
    // What others sent with it, and until when that counts.
    others: (u32, u64),
    // Genesys told it to wait until then.
    rests_until: u64,
}

/// What was taken for one exchange.
#[derive(Clone, Copy)]
pub(super) struct Entry<'b> {
    pub(super) token: usize,
    // When.
    at: u64,
    generation: u64,
    due: u64,
    from: From<'b>,
    from_due: u64,
    // Of the token's places, before.
    came_back: u64,
}

impl Entry<'_> {
    /// Whether it was taken before this tick.
    pub(super) fn is_older_than(&self, tick: u64) -> bool {
        self.at < tick
    }
}

/// Of which tokens a place is asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::upstream) enum Among {
    /// The first of them, whether it rests or not.
    First,
    /// So many, the first ones, of those that do not rest.
    Serving(usize),
}

impl Among {
    fn has(self, number: usize) -> bool {
        match self {
            Self::First => number == 0,
            Self::Serving(count) => number < count,
        }
    }

    fn minds_rest(self) -> bool {
        matches!(self, Self::Serving(_))
    }
}

#[derive(Clone, Copy)]
enum From<'b> {
    Operator,
    Own(&'b TenantId),
    Lent,
}

/// There is no place.
pub(super) struct Refused {
    /// With which tick there is one.
    pub(super) at: u64,
    /// Whether it is stood in line for.
    pub(super) is_booked: bool,
    /// The share that is used up; none where the account's tokens have no place.
    pub(super) share: Option<u32>,
}

/// What Genesys's answer says of a token's minute.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) allowed: Option<u32>,
    pub(super) count: Option<u64>,
    /// The tick with which its count begins anew.
    pub(super) until: u64,
}

impl Books {
    pub(super) fn new(tokens: u32, most: Option<u32>, lends: bool) -> Self {
        let mut books = Self {
            now: 0,
            here: Portion::ALL,
            most,
            lends,
            in_use: 0,
            tokens: Vec::new(),
            generation: 0,
            tenants: HashMap::new(),
            operator: Window::new(0),
            lent: Window::new(0),
        };
        books.follow(tokens, most, lends);
        books
    }

    /// What may be sent is another: what was sent stays, that of tokens which are given up too, should they come back.
    pub(super) fn follow(&mut self, tokens: u32, most: Option<u32>, lends: bool) {
        (self.most, self.lends) = (most, lends);
        self.in_use = usize::try_from(tokens.max(1)).unwrap_or(1);
        while self.tokens.len() < self.in_use {
            let window = Window::new(self.now);
            self.tokens.push(Token { window, told: None, others: (0, 0), rests_until: 0 });
        }
    }

    /// Turns to the present.
    pub(super) fn turn(&mut self, now: u64, here: Portion) {
        self.now = self.now.max(now);
        self.here = here;
        self.operator.roll(self.now);
        for token in &mut self.tokens {
            token.window.roll(self.now);
        }
        self.lent.roll(self.now);
    }

    /// A place, if there is one; else, where it comes until `latest`, one in line. Who stood in line has its turn.
    pub(super) fn take<'b>(
        &mut self,
        payer: Payer<'b>,
        among: Among,
        stood: bool,
        latest: u64,
    ) -> Result<Entry<'b>, Refused> {
        if stood {
            self.line(payer).leave();
        }
        let free = self.freest(among);
        let from = self.from(payer, stood, free.is_ok());
        match (free, from) {
            (Ok(token), Ok(from)) => Ok(self.enter(token, from)),
            (Err(at), Ok(_)) => Err(self.refuse(payer, at, None, latest)),
            (free, Err((own, share))) => {
                Err(self.refuse(payer, own.max(free.err().unwrap_or_default()), Some(share), latest))
            }
        }
    }

    /// From what it would be taken; else, with which tick it can be, and of which share.
    fn from<'b>(&mut self, payer: Payer<'b>, stood: bool, is_room: bool) -> Result<From<'b>, (u64, u32)> {
        let Payer::Tenant(tenant, portion) = payer else { return Ok(From::Operator) };
        let share = self.share(portion);
        let may_lend = is_room && self.lends && self.lent.held() < self.idle() / 2;
        let own = self.own(tenant);
        // Whose turn it is waits for nobody behind it.
        let before = own.held().saturating_add(if stood { 0 } else { own.booked() });
        if before < share {
            return Ok(From::Own(tenant));
        }
        if may_lend { Ok(From::Lent) } else { Err((own.when(before - share + 1), share)) }
    }

    /// With which tick its share has room for what a call has sent before, which it will send again, and one more.
    pub(super) fn room_for(&mut self, payer: Payer<'_>, share: u32, before: u32) -> u64 {
        let own = self.line(payer);
        let needed = own.held().saturating_add(before).saturating_add(1);
        own.when(needed.saturating_sub(share))
    }

    fn enter<'b>(&mut self, number: usize, from: From<'b>) -> Entry<'b> {
        let from_due = self.window_of(from).take();
        let (mut due, mut came_back) = (0, 0);
        if let Some(token) = self.tokens.get_mut(number) {
            came_back = token.window.came_back();
            due = token.window.take();
        }
        Entry { token: number, at: self.now, generation: self.generation, due, from, from_due, came_back }
    }

    fn refuse(&mut self, payer: Payer<'_>, at: u64, share: Option<u32>, latest: u64) -> Refused {
        let line = self.line(payer);
        let is_booked = at <= latest && line.booked() < MOST_WAITING;
        if is_booked {
            line.book();
        }
        Refused { at, is_booked, share }
    }

    /// Whoever stood in line left.
    pub(super) fn leave(&mut self, payer: Payer<'_>) {
        self.line(payer).leave();
    }

    /// What the place was taken for is sent now.
    pub(super) fn send(&mut self, entry: &mut Entry<'_>) {
        entry.from_due = self.window_of(entry.from).send(entry.from_due);
        if let Some(token) = self.tokens.get_mut(entry.token) {
            entry.due = token.window.send(entry.due);
        }
    }

    /// Nothing was sent.
    pub(super) fn give_back(&mut self, entry: Entry<'_>) {
        self.window_of(entry.from).give_back(entry.from_due);
        if let Some(token) = self.tokens.get_mut(entry.token) {
            token.window.give_back(entry.due);
        }
    }

    /// The exchange has ended; what its answer told is learnt.
    pub(super) fn settle(&mut self, entry: Entry<'_>, told: Option<Told>) {
        self.window_of(entry.from).settle(entry.from_due);
        let (now, is_same) = (self.now, self.generation == entry.generation);
        let Some(token) = self.tokens.get_mut(entry.token) else { return };
        token.window.settle(entry.due);
        let Some(told) = told.filter(|_| is_same) else { return };
        token.told = told.allowed.or(token.told);
        // All of ours that can be among what was counted: a place that had come back before was of a minute before.
        let ours = token.window.taken().saturating_sub(entry.came_back);
        let others = told.count.map_or(0, |count| count.saturating_sub(ours));
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        if others >= token.others.0 || token.others.1 <= now {
            token.others = (others, told.until);
        }
    }

    /// Genesys told a token to wait: until that tick nothing is sent with it.
    pub(super) fn rest(&mut self, entry: Entry<'_>, until: u64) {
        let is_same = self.generation == entry.generation;
        if let Some(token) = self.tokens.get_mut(entry.token).filter(|_| is_same) {
            token.rests_until = token.rests_until.max(until);
        }
    }

    /// The tokens are had anew: who else used them and whether they rest is forgotten, what was sent is not.
    pub(super) fn renew(&mut self) {
        self.generation += 1;
        for token in &mut self.tokens {
            (token.others, token.rests_until) = ((0, 0), 0);
        }
    }

    /// What the account may send within the minute from here. A token that rests has nothing to divide; where all do, it is
    /// what they will have.
    pub(super) fn capacity(&self) -> u32 {
        let all_rest = self.in_use().all(|token| self.rests(token));
        let serving = self.in_use().filter(|token| all_rest || !self.rests(token));
        serving.map(|token| self.capacity_of(token)).fold(0, u32::saturating_add)
    }

    /// What a tenant may send when no token rests and the operator sends nothing: at least one.
    pub(super) fn whole_share(&self, portion: Portion) -> u32 {
        let all = self.in_use().map(|token| self.capacity_of(token)).fold(0, u32::saturating_add);
        portion.of(all).max(1)
    }

    /// What a tenant may send: at least one, so that nobody is kept out for ever.
    pub(super) fn share(&self, portion: Portion) -> u32 {
        portion.of(self.capacity().saturating_sub(self.operator.held())).max(1)
    }

    /// What a tenant has sent.
    pub(super) fn own(&mut self, tenant: &TenantId) -> &mut Window {
        if !self.tenants.contains_key(tenant) {
            // Who has moved to another account is forgotten when somebody comes.
            let now = self.now;
            self.tenants.retain(|_, window| {
                window.roll(now);
                window.held() + window.booked() > 0
            });
        }
        let window = self.tenants.entry(tenant.clone()).or_insert_with(|| Window::new(self.now));
        window.roll(self.now);
        window
    }

    pub(super) fn standing(&self) -> AccountStanding {
        let others = self.in_use().filter(|token| self.now < token.others.1).map(|token| token.others.0);
        AccountStanding {
            capacity: self.capacity(),
            used: self.used(),
            lent: self.lent.held(),
            others: others.fold(0, u32::saturating_add),
        }
    }

    fn capacity_of(&self, token: &Token) -> u32 {
        let told = token.told.unwrap_or(self.most.unwrap_or(USUAL));
        let limit = self.most.map_or(told, |most| most.min(told));
        // Whatever is told of others leaves a little: only by sending it is learnt that they are gone.
        let most_others = limit - limit.div_ceil(LEFT_BY_OTHERS);
        let others = if self.now < token.others.1 { token.others.0.min(most_others) } else { 0 };
        self.here.of(limit).max(1).min(limit.saturating_sub(others))
    }

    fn rests(&self, token: &Token) -> bool {
        self.now < token.rests_until
    }

    /// The token with most room of those that do not rest; else, with which tick one has room.
    fn freest(&self, among: Among) -> Result<usize, u64> {
        let mut best: Option<(u32, usize)> = None;
        let mut soonest = u64::MAX;
        for (number, token) in self.tokens.iter().enumerate() {
            if !among.has(number) || number >= self.in_use {
                continue;
            }
            if among.minds_rest() && self.rests(token) {
                soonest = soonest.min(token.rests_until);
                continue;
            }
            let (capacity, held) = (self.capacity_of(token), token.window.held());
            let room = capacity.saturating_sub(held);
            if room == 0 {
                soonest = soonest.min(token.window.when(held.saturating_sub(capacity) + 1));
            } else if best.is_none_or(|(most, _)| room > most) {
                best = Some((room, number));
            }
        }
        best.map(|(_, number)| number).ok_or(soonest)
    }

    fn used(&self) -> u32 {
        self.in_use().map(|token| token.window.held()).fold(0, u32::saturating_add)
    }

    fn in_use(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().take(self.in_use)
    }

    /// What of the shares is not used.
    fn idle(&self) -> u32 {
        self.capacity().saturating_sub(self.used().saturating_sub(self.lent.held()))
    }

    fn line(&mut self, payer: Payer<'_>) -> &mut Window {
        match payer {
            Payer::Operator => &mut self.operator,
            Payer::Tenant(tenant, _) => self.own(tenant),
        }
    }

    fn window_of(&mut self, from: From<'_>) -> &mut Window {
        match from {
            From::Operator => &mut self.operator,
            From::Own(tenant) => self.own(tenant),
            From::Lent => &mut self.lent,
        }
    }
}
