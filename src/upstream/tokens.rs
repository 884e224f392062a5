//! One token per service account: minted once, renewed ahead of time, never used past its end.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use metrics::Counter;
use secrecy::SecretString;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    UpstreamError,
    login::{Failure, FailureKind, Grant, Login, passing},
};
use crate::{clock::Clock, model::ServiceAccount};

// A token stops serving this long before its end, or a twentieth of its life if that is shorter.
const MARGIN: Duration = Duration::from_mins(1);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
// A caller rides out a hiccup of the login, not an outage.
const PATIENCE: Duration = Duration::from_millis(2500);
const MOST_FAILURES_SEEN: u32 = 2;
// While the API refuses even fresh tokens, a new one is tried no more often than this.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// Hands out tokens.
pub(super) struct Broker(Arc<Minter>);

struct Minter {
    login: Login,
    clock: Clock,
    minted: Counter,
    failed: Counter,
}

/// A token for one call, and where it came from.
pub(super) struct Lease {
    slot: Arc<Slot>,
    token: Arc<Token>,
}

/// What a login gave, and when it was asked.
struct Minted {
    grant: Grant,
    asked: Moment,
}

struct Token {
    serial: u64,
    secret: SecretString,
    refresh_at: Moment,
    usable_until: Moment,
}

/// What one account has.
pub(super) struct Slot {
    state: Mutex<State>,
    // How the latest attempt ended; changes with every attempt.
    ended: watch::Sender<Option<Failure>>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    serial: u64,
    minting: bool,
    back_off: Option<BackOff>,
    // The serial of a fresh token that the API refused, and when.
    refused: Option<(u64, Moment)>,
}

#[derive(Clone)]
struct BackOff {
    failures: u32,
    until: Moment,
    failure: Failure,
}

/// A time by two clocks: one that may be set, forward and back, and one that may sleep. What ends has ended when either
/// says so.
#[derive(Clone, Copy)]
struct Moment {
    wall: DateTime<Utc>,
    run: Duration,
}

impl Moment {
    fn of(clock: &Clock) -> Self {
        Self { wall: clock.now(), run: clock.elapsed() }
    }

    fn after(self, time: Duration) -> Self {
        Self { wall: self.wall + time, run: self.run + time }
    }

    fn has_come(self, now: Self) -> bool {
        self.run <= now.run || self.wall <= now.wall
    }
}

/// What a caller is to do next.
enum Step {
    Serve(Arc<Token>),
    ServeAndRefresh(Arc<Token>),
    Mint,
    Await,
    BackOff { wait: Duration, failure: Failure },
}

impl Broker {
    pub(super) fn new(login: Login, clock: Clock) -> Self {
        let mints =
            |outcome: &'static str| metrics::counter!("ringfence_upstream_mints_total", "outcome" => outcome);
        Self(Arc::new(Minter { login, clock, minted: mints("ok"), failed: mints("failed") }))
    }

    /// A token, if there is one that serves now.
    pub(super) fn at_once(&self, slot: &Arc<Slot>, account: &Arc<ServiceAccount>) -> Option<Lease> {
        let (token, is_due) = slot.serving(Moment::of(&self.0.clock))?;
        if is_due {
            self.start_mint(slot, account);
        }
        Some(Lease { slot: Arc::clone(slot), token })
    }

    /// A usable token, waiting for one until `deadline` at the longest.
    pub(super) async fn token(
        &self,
        slot: &Arc<Slot>,
        account: &Arc<ServiceAccount>,
        deadline: Instant,
    ) -> Result<Lease, UpstreamError> {
        let mut ended = slot.ended.subscribe();
        let mut failures_seen = 0;
        loop {
            match slot.next(Moment::of(&self.0.clock)) {
                Step::Serve(token) => return Ok(Lease { slot: Arc::clone(slot), token }),
                Step::ServeAndRefresh(token) => {
                    self.start_mint(slot, account);
                    return Ok(Lease { slot: Arc::clone(slot), token });
                }
                Step::Mint => self.start_mint(slot, account),
                Step::Await => {}
                Step::BackOff { wait, failure } => {
                    let until = Instant::now() + wait;
                    if wait > PATIENCE || until > deadline || failure.kind == FailureKind::Refused {
                        return Err(no_token(account, &failure));
                    }
                    // The failure that this back-off is for is known now, not news.
                    ended.mark_unchanged();
                    sleep_until(until).await;
                    continue;
                }
            }
            let Ok(Ok(())) = timeout_at(deadline, ended.changed()).await else {
                return Err(no_token(account, &passing("the login did not answer in time")));
            };
            let failure = ended.borrow_and_update().clone();
            if let Some(failure) = failure {
                failures_seen += 1;
                if failures_seen == MOST_FAILURES_SEEN || failure.kind == FailureKind::Refused {
                    return Err(no_token(account, &failure));
                }
            }
        }
    }

    /// A token minted now, whatever is cached or was remembered; it serves from now on.
    pub(super) async fn mint_now(
        &self,
        slot: &Arc<Slot>,
        account: &Arc<ServiceAccount>,
    ) -> Result<Lease, UpstreamError> {
        let minted = self.0.mint(account).await.map_err(|failure| no_token(account, &failure))?;
        let token = slot.lock().keep(minted);
        Ok(Lease { slot: Arc::clone(slot), token })
    }

    /// Gives back a token that the API refused, and says whether trying with another is worth it.
    pub(super) fn renounce(&self, lease: &Lease) -> bool {
        let mut state = lease.slot.lock();
        let serial = lease.token.serial;
        if let Some((refused, at)) = state.refused
            && refused == serial
            && !at.after(REFUSED_FOR).has_come(Moment::of(&self.0.clock))
        {
            return false;
        }
        // Exactly that token: by now another call may have brought a new one.
        state.token.take_if(|token| token.serial == serial);
        true
    }

    /// Notes that even this fresh token was refused: the next ones would be too.
    pub(super) fn mark_refused(&self, lease: &Lease) {
        lease.slot.lock().refused = Some((lease.token.serial, Moment::of(&self.0.clock)));
    }

    /// Mints in a task of its own: a caller that leaves does not take the others' token with it.
    fn start_mint(&self, slot: &Arc<Slot>, account: &Arc<ServiceAccount>) {
        let (minter, account) = (Arc::clone(&self.0), Arc::clone(account));
        let attempt = Attempt { slot: Arc::clone(slot), clock: minter.clock.clone(), result: None };
        tokio::spawn(async move {
            let mut attempt = attempt;
            attempt.result = Some(minter.mint(&account).await);
        });
    }
}

impl Lease {
    pub(super) fn secret(&self) -> &SecretString {
        &self.token.secret
    }
}

impl Minter {
    /// Its life counts from when it was asked for: how long the login took to answer is part of it.
    async fn mint(&self, account: &ServiceAccount) -> Result<Minted, Failure> {
        let asked = Moment::of(&self.clock);
        let granted = self.login.grant(account).await.map(|grant| Minted { grant, asked });
        let result = granted.and_then(|minted| {
            if minted.usable_until().has_come(Moment::of(&self.clock)) {
                return Err(passing("the login issued a token that ends before it can be used"));
            }
            Ok(minted)
        });
        match &result {
            Ok(_) => self.minted.increment(1),
            Err(failure) => {
                self.failed.increment(1);
                tracing::warn!(service_account.id = %account.id, why = failure.why, "no token from Genesys's login");
            }
        }
        result
    }
}

impl Minted {
    fn usable_until(&self) -> Moment {
        let life = self.grant.life;
        self.asked.after(life.saturating_sub(MARGIN.min(life / 20)))
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self { state: Mutex::default(), ended: watch::Sender::new(None) }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides for one caller. Whoever is told to mint or refresh is the only one.
    fn next(&self, now: Moment) -> Step {
        if let Some((token, is_due)) = self.serving(now) {
            return if is_due { Step::ServeAndRefresh(token) } else { Step::Serve(token) };
        }
        let mut state = self.lock();
        if state.minting {
            return Step::Await;
        }
        if let Some((wait, failure)) = state.backing_off(now) {
            return Step::BackOff { wait, failure: failure.clone() };
        }
        state.minting = true;
        Step::Mint
    }

    /// The token that serves now, and whether its renewal is the caller's to begin.
    fn serving(&self, now: Moment) -> Option<(Arc<Token>, bool)> {
        let mut state = self.lock();
        let token = state.token.clone().filter(|token| !token.usable_until.has_come(now))?;
        let is_due = token.refresh_at.has_come(now) && !state.minting && state.backing_off(now).is_none();
        state.minting |= is_due;
        Some((token, is_due))
    }
}

impl State {
    /// How long the login is left alone, and why.
    fn backing_off(&self, now: Moment) -> Option<(Duration, &Failure)> {
        let BackOff { until, failure, .. } = self.back_off.as_ref()?;
        (!until.has_come(now)).then(|| (until.run.saturating_sub(now.run), failure))
    }

    fn keep(&mut self, minted: Minted) -> Arc<Token> {
        self.serial += 1;
        let usable_until = minted.usable_until();
        let Minted { grant, asked } = minted;
        let refresh_at = asked.after(grant.life * 4 / 5);
        let token = Arc::new(Token { serial: self.serial, secret: grant.secret, refresh_at, usable_until });
        self.token = Some(Arc::clone(&token));
        self.back_off = None;
        token
    }

    fn fail(&mut self, failure: Failure, now: Moment) {
        let failures = self.back_off.as_ref().map_or(0, |back_off| back_off.failures) + 1;
        let asked = match failure.kind {
            FailureKind::Passing { retry_after } => retry_after.unwrap_or_default(),
            FailureKind::Refused => Duration::ZERO,
        };
        let doubled = FIRST_BACK_OFF * 2_u32.pow((failures - 1).min(4));
        let until = now.after(jittered(doubled.max(asked).min(LONGEST_BACK_OFF), asked));
        self.back_off = Some(BackOff { failures, until, failure });
    }
}

/// Three quarters to the whole, so that replicas do not knock together; never less than what was asked for.
fn jittered(longest: Duration, asked: Duration) -> Duration {
    let share = getrandom::u32().unwrap_or_default() % 256;
    let chosen = longest * (768 + share) / 1024;
    chosen.max(asked.min(longest))
}

/// A mint under way. Its end is told on drop, so that even one that was torn off leaves nobody waiting.
struct Attempt {
    slot: Arc<Slot>,
    clock: Clock,
    result: Option<Result<Minted, Failure>>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| Err(passing("the login attempt was torn off")));
        let now = Moment::of(&self.clock);
        let mut state = self.slot.lock();
        state.minting = false;
        let failure = match result {
            Ok(minted) => {
                state.keep(minted);
                None
            }
            Err(failure) => {
                state.fail(failure.clone(), now);
                Some(failure)
            }
        };
        drop(state);
        self.slot.ended.send_replace(failure);
    }
}

fn no_token(account: &ServiceAccount, failure: &Failure) -> UpstreamError {
    let refused = failure.kind == FailureKind::Refused;
    UpstreamError::NoToken { account: account.id.to_string(), why: failure.why.clone(), refused }
}
