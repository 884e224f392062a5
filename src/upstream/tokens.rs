//! One token per service account: minted once, renewed ahead of time, never used past its end.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use metrics::Counter;
use secrecy::SecretString;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    UpstreamError,
    login::{Failure, FailureKind, Grant, Login},
};
use crate::{clock::Clock, model::ServiceAccount};

// A token stops serving this long before its end, or a twentieth of its life if that is shorter.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
// A caller rides out a hiccup of the login, not an outage.
const PATIENCE: Duration = Duration::from_millis(2500);
const MOST_FAILURES_SEEN: u32 = 2;
// While the API refuses even fresh tokens, a new one is tried no more often than this.
const REFUSED_FOR: TimeDelta = TimeDelta::seconds(5);

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

struct Token {
    serial: u64,
    secret: SecretString,
    refresh_at: DateTime<Utc>,
    usable_until: DateTime<Utc>,
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
    refused: Option<(u64, DateTime<Utc>)>,
}

#[derive(Clone)]
struct BackOff {
    failures: u32,
    until: DateTime<Utc>,
    failure: Failure,
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
            match slot.next(self.0.clock.now()) {
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
                        return Err(no_token(account, &failure.why));
                    }
                    // The failure that this back-off is for is known now, not news.
                    ended.mark_unchanged();
                    sleep_until(until).await;
                    continue;
                }
            }
            let Ok(Ok(())) = timeout_at(deadline, ended.changed()).await else {
                return Err(no_token(account, "the login did not answer in time"));
            };
            let failure = ended.borrow_and_update().clone();
            if let Some(failure) = failure {
                failures_seen += 1;
                if failures_seen == MOST_FAILURES_SEEN || failure.kind == FailureKind::Refused {
                    return Err(no_token(account, &failure.why));
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
        let grant = self.0.mint(account).await.map_err(|failure| no_token(account, &failure.why))?;
        let token = slot.lock().keep(grant, self.0.clock.now());
        Ok(Lease { slot: Arc::clone(slot), token })
    }

    /// Gives back a token that the API refused, and says whether trying with another is worth it.
    pub(super) fn renounce(&self, lease: &Lease) -> bool {
        let mut state = lease.slot.lock();
        let serial = lease.token.serial;
        if let Some((refused, at)) = state.refused
            && refused == serial
            && self.0.clock.now() - at < REFUSED_FOR
        {
            return false;
        }
        // Exactly that token: by now another call may have brought a new one.
        state.token.take_if(|token| token.serial == serial);
        true
    }

    /// Notes that even this fresh token was refused: the next ones would be too.
    pub(super) fn mark_refused(&self, lease: &Lease) {
        lease.slot.lock().refused = Some((lease.token.serial, self.0.clock.now()));
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
    async fn mint(&self, account: &ServiceAccount) -> Result<Grant, Failure> {
        let result = self.login.grant(account).await;
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

impl Slot {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), ended: watch::Sender::new(None) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides for one caller. Whoever is told to mint or refresh is the only one.
    fn next(&self, now: DateTime<Utc>) -> Step {
        let mut state = self.lock();
        let wait = state
            .back_off
            .as_ref()
            .and_then(|back_off| Some((back_off, (back_off.until - now).to_std().ok()?)))
            .filter(|(_, wait)| !wait.is_zero())
            .map(|(back_off, wait)| (wait, back_off.failure.clone()));
        if let Some(token) = state.token.clone().filter(|token| now < token.usable_until) {
            if now < token.refresh_at || state.minting || wait.is_some() {
                return Step::Serve(token);
            }
            state.minting = true;
            return Step::ServeAndRefresh(token);
        }
        if state.minting {
            return Step::Await;
        }
        if let Some((wait, failure)) = wait {
            return Step::BackOff { wait, failure };
        }
        state.minting = true;
        Step::Mint
    }
}

impl State {
    fn keep(&mut self, grant: Grant, now: DateTime<Utc>) -> Arc<Token> {
        self.serial += 1;
        let token = Arc::new(Token {
            serial: self.serial,
            secret: grant.secret,
            refresh_at: now + grant.life * 4 / 5,
            usable_until: now + grant.life - MARGIN.min(grant.life / 20),
        });
        self.token = Some(Arc::clone(&token));
        self.back_off = None;
        token
    }

    fn fail(&mut self, failure: Failure, now: DateTime<Utc>) {
        let failures = self.back_off.as_ref().map_or(0, |back_off| back_off.failures) + 1;
        let asked = match failure.kind {
            FailureKind::Passing { retry_after } => retry_after.unwrap_or_default(),
            FailureKind::Refused => Duration::ZERO,
        };
        let doubled = FIRST_BACK_OFF * 2_u32.pow((failures - 1).min(4));
        let until = now + jittered(doubled.max(asked).min(LONGEST_BACK_OFF), asked);
        self.back_off = Some(BackOff { failures, until, failure });
    }
}

/// Three quarters to the whole, so that replicas do not knock together; never less than what was asked for.
fn jittered(longest: Duration, asked: Duration) -> TimeDelta {
    let share = getrandom::u32().unwrap_or_default() % 256;
    let chosen = longest * (768 + share) / 1024;
    TimeDelta::from_std(chosen.max(asked.min(longest))).unwrap_or(TimeDelta::seconds(10))
}

/// A mint under way. Its end is told on drop, so that even one that was torn off leaves nobody waiting.
struct Attempt {
    slot: Arc<Slot>,
    clock: Clock,
    result: Option<Result<Grant, Failure>>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let torn = || Failure {
            why: "the login attempt was torn off".to_owned(),
            kind: FailureKind::Passing { retry_after: None },
        };
        let result = self.result.take().unwrap_or_else(|| Err(torn()));
        let now = self.clock.now();
        let mut state = self.slot.lock();
        state.minting = false;
        let failure = match result {
            Ok(grant) => {
                state.keep(grant, now);
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

fn no_token(account: &ServiceAccount, why: &str) -> UpstreamError {
    UpstreamError::NoToken { account: account.id.to_string(), why: why.to_owned() }
}
