//! The stand-in organisation: its data, clients, tokens, faults and what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    answer::{Failure, Rate},
    data::{Plan, Seed, World},
    faults::{Fault, Rule},
    help,
    jobs::Jobs,
};

/// How many requests the log of calls keeps.
const CALLS_KEPT: usize = 1000;
/// What a token may do in a minute, as the headers tell it while no limit is set.
const NO_LIMIT: u64 = 1_000_000;

/// An OAuth client of the organisation.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
    /// The divisions that its roles reach; none means all.
    pub(super) divisions: Option<Vec<String>>,
}

impl Client {
    /// Whether the client's roles reach the division.
    pub(super) fn reaches(&self, division: &str) -> bool {
        self.divisions.as_ref().is_none_or(|reached| reached.iter().any(|id| id == division))
    }
}

/// An access token that was given out.
#[derive(Debug)]
struct Token {
    client: Arc<Client>,
    ends: Instant,
    window: Mutex<(Instant, u64)>,
}

/// One request that reached the API, as the log of calls shows it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) client: Option<String>,
    pub(super) headers: HeaderMap,
}

/// Token requests so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Logins {
    /// All of them.
    pub requests: u64,
    /// Those that got a token.
    pub successes: u64,
}

/// How tokens were used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Requests that came with a token after its end.
    pub expired_sent: u64,
    /// Requests that were refused because their token's minute was full.
    pub over_limit: u64,
    /// The most that came with one token in one of its minutes.
    pub most_in_a_minute: u64,
}

/// The stand-in organisation. Shared by the two listeners; the handle for looking inside from the same process.
#[derive(Debug)]
pub struct Organisation {
    world: ArcSwap<World>,
    // Two reseeds at once would each build on the same old plan.
    reseeding: Mutex<()>,
    clients: RwLock<HashMap<String, Arc<Client>>>,
    tokens: RwLock<HashMap<String, Arc<Token>>>,
    rules: ArcSwap<Vec<Arc<Rule>>>,
    calls: Mutex<VecDeque<Call>>,
    requests: AtomicU64,
    successes: AtomicU64,
    lifetime: AtomicU64,
    // 0: no limit.
    rate: AtomicU64,
    // Milliseconds.
    minute: AtomicU64,
    expired_sent: AtomicU64,
    over_limit: AtomicU64,
    most: AtomicU64,
    correlations: AtomicU64,
    jobs: Jobs,
    process: u64,
}

impl Organisation {
    pub(super) fn new(seed: u64, scale: u32) -> anyhow::Result<Self> {
        let client =
            Client { id: help::CLIENT_ID.into(), secret: help::CLIENT_SECRET.into(), divisions: None };
        Ok(Self {
            world: ArcSwap::from_pointee(World::new(Plan::new(seed, scale))),
            reseeding: Mutex::default(),
            clients: RwLock::new(HashMap::from([(client.id.clone(), Arc::new(client))])),
            tokens: RwLock::default(),
            rules: ArcSwap::default(),
            calls: Mutex::default(),
            requests: AtomicU64::new(0),
            successes: AtomicU64::new(0),
            lifetime: AtomicU64::new(86_400),
            rate: AtomicU64::new(0),
            minute: AtomicU64::new(60_000),
            expired_sent: AtomicU64::new(0),
            over_limit: AtomicU64::new(0),
            most: AtomicU64::new(0),
            correlations: AtomicU64::new(0),
            jobs: Jobs::default(),
            process: getrandom::u64()?,
        })
    }

    /// The data as it is now.
    pub(super) fn world(&self) -> Arc<World> {
        self.world.load_full()
    }

    /// Makes a division's own data anew. False when there is no such division.
    pub fn reseed(&self, division: &str, variation: u64) -> bool {
        let _one_at_a_time = lock(&self.reseeding);
        let mut plan = self.world.load().plan.clone();
        let Some(found) = plan.divisions.iter_mut().find(|known| known.id == division) else { return false };
        found.variation = variation;
        self.world.store(Arc::new(World::new(plan)));
        true
    }

    /// Changes the data. Whatever is refused changes nothing.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&mut World) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _one_at_a_time = lock(&self.reseeding);
        let mut world = World::clone(&self.world.load());
        let made = work(&mut world)?;
        self.world.store(Arc::new(world.indexed()));
        Ok(made)
    }

    /// Adds or replaces an OAuth client. Without divisions it sees all of them.
    pub fn add_client(&self, id: &str, secret: &str, divisions: Option<Vec<String>>) {
        let client = Client { id: id.into(), secret: secret.into(), divisions };
        self.clients.write().unwrap_or_else(PoisonError::into_inner).insert(id.into(), Arc::new(client));
    }

    /// The clients, by id.
    pub(super) fn clients(&self) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> =
            self.clients.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        clients.sort_by(|a, b| a.id.cmp(&b.id));
        clients
    }

    /// Counts a token request, and gives a token to a client that knows its secret.
    pub(super) fn log_in(&self, id: &str, secret: &str) -> Option<(String, u64)> {
        let client = self.clients.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let client = client.filter(|client| client.secret == secret)?;
        let mut random = [0_u8; 48];
        getrandom::fill(&mut random).ok()?;
        let text = URL_SAFE_NO_PAD.encode(random);
        let lifetime = self.lifetime.load(Ordering::Relaxed);
        let now = Instant::now();
        let token = Token { client, ends: now + Duration::from_secs(lifetime), window: Mutex::new((now, 0)) };
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).insert(text.clone(), Arc::new(token));
        self.successes.fetch_add(1, Ordering::Relaxed);
        Some((text, lifetime))
    }

    /// Notes that a token was asked for.
    pub(super) fn count_login(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// How often tokens were asked for, and given.
    pub fn logins(&self) -> Logins {
        Logins {
            requests: self.requests.load(Ordering::Relaxed),
            successes: self.successes.load(Ordering::Relaxed),
        }
    }

    /// Who calls, and where its minute stands. 401 for a missing or stale token, 429 over the limit.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> (Result<Arc<Client>, Failure>, Option<Rate>) {
        let Some(text) = headers.get("authorization").and_then(|value| value.to_str().ok()) else {
            return (Err(no_token()), None);
        };
        let Some(text) = text.get(..7).filter(|word| word.eq_ignore_ascii_case("bearer ")).and(text.get(7..))
        else {
            return (Err(no_token()), None);
        };
        let token = self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        let now = Instant::now();
        if token.as_ref().is_some_and(|token| now >= token.ends) {
            self.expired_sent.fetch_add(1, Ordering::Relaxed);
        }
        match token.filter(|token| now < token.ends) {
            Some(token) => {
                let (rate, within) = self.count(&token, now);
                let client =
                    if within { Ok(Arc::clone(&token.client)) } else { Err(Failure::too_many(rate.reset)) };
                (client, Some(rate))
            }
            None => (Err(bad_token()), None),
        }
    }

    fn count(&self, token: &Token, now: Instant) -> (Rate, bool) {
        let limit = self.rate.load(Ordering::Relaxed);
        let mut window = lock(&token.window);
        let minute = Duration::from_millis(self.minute.load(Ordering::Relaxed));
        if now.duration_since(window.0) >= minute {
            *window = (now, 0);
        }
        window.1 += 1;
        self.most.fetch_max(window.1, Ordering::Relaxed);
        let allowed = if limit == 0 { NO_LIMIT } else { limit };
        let left = minute.saturating_sub(now.duration_since(window.0));
        let reset = (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1);
        let within = limit == 0 || window.1 <= limit;
        if !within {
            self.over_limit.fetch_add(1, Ordering::Relaxed);
        }
        (Rate { count: window.1, allowed, reset }, within)
    }

    /// Makes every token stale.
    pub fn expire_tokens(&self) {
        self.tokens.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How long new tokens live, in seconds.
    pub fn set_token_lifetime(&self, seconds: u64) {
        self.lifetime.store(seconds, Ordering::Relaxed);
    }

    /// How many requests a token may make in a minute; 0 lifts the limit.
    pub fn set_rate(&self, per_minute: u64) {
        self.rate.store(per_minute, Ordering::Relaxed);
    }

    /// How long the minute is that tokens are counted by.
    pub fn set_minute(&self, milliseconds: u64) {
        self.minute.store(milliseconds, Ordering::Relaxed);
    }

    /// How tokens were used.
    pub fn tokens(&self) -> Tokens {
        Tokens {
            expired_sent: self.expired_sent.load(Ordering::Relaxed),
            over_limit: self.over_limit.load(Ordering::Relaxed),
            most_in_a_minute: self.most.load(Ordering::Relaxed),
        }
    }

    /// Replaces the faults.
    pub fn set_faults(&self, rules: Vec<Rule>) {
        self.rules.store(Arc::new(rules.into_iter().map(Arc::new).collect()));
    }

    /// The faults that this request meets: any number of delays, then at most one of another kind.
    pub(super) fn faults(&self, method: &str, path: &str) -> Vec<Fault> {
        let mut met = Vec::new();
        for rule in self.rules.load().iter() {
            if rule.takes(method, path) {
                met.push(rule.fault.clone());
                if !matches!(rule.fault, Fault::Latency { .. }) {
                    break;
                }
            }
        }
        met
    }

    /// The faults that are set, with what is left of them.
    pub(super) fn rules(&self) -> Vec<Value> {
        self.rules.load().iter().map(|rule| rule.shown()).collect()
    }

    /// Notes a call; the oldest gives way.
    pub(super) fn note(&self, call: Call) {
        let mut calls = lock(&self.calls);
        if calls.len() == CALLS_KEPT {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// The last calls that reached the API, oldest first (token requests are counted apart).
    pub fn calls(&self) -> Vec<Value> {
        lock(&self.calls).iter().map(shown).collect()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        lock(&self.calls).clear();
    }

    /// The jobs that were begun.
    pub(super) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Makes the results of all jobs so far too old to be had.
    pub fn expire_jobs(&self) {
        self.jobs.expire();
    }

    /// A new correlation id.
    pub(super) fn correlation(&self) -> String {
        Seed::of(self.process, &[], self.correlations.fetch_add(1, Ordering::Relaxed)).id()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_token() -> Failure {
    let message = "No authentication bearer token specified in authorization header.";
    Failure::new(StatusCode::UNAUTHORIZED, "authentication.required", message)
}

/// 401 for a token that is unknown or has ended.
pub(super) fn bad_token() -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, "bad.credentials", "Invalid login credentials.")
}

fn shown(call: &Call) -> Value {
    let headers: Vec<(&str, &str)> = call
        .headers
        .iter()
        .filter(|(name, _)| *name != "authorization")
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
        .collect();
    let body = String::from_utf8_lossy(&call.body);
    json!({"method": call.method, "path": call.path, "body": body, "client": call.client, "headers": headers})
}
