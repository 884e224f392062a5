//! Whether the time of a refusal tells what was wrong with a credential: Welch's t over interleaved random classes, as
//! dudect does (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?").
//!
//! What is timed is Ringfence's own way from the headers of a request to the verdict, in this process. `benches/README.md`
//! says how to read it.

use std::{collections::BTreeMap, fs, hint::black_box, path::Path, time::Instant};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Parser;
use http::{HeaderMap, HeaderValue};
use ringfence::{
    app::{self, App, Keys},
    clock::Clock,
    config::Config,
    model::{
        Actor, ApiKey, CrossDivision, Event, EventId, EventKind, Key, KeyId, Limits, ServiceAccount, Tenant,
        TenantId,
    },
    secret::{MasterKey, Pepper},
    store::Store,
    upstream::secret_context,
};
use secrecy::ExposeSecret;

// The same allocator as Ringfence's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keys that there are, and credentials of each class: as many, so that each is as seldom in the processor's cache.
const CREDENTIALS: usize = 256;
/// Parts of the samples that are left in, fastest first: what is slow is mostly the machine's doing.
const CROPS: [f64; 6] = [1.0, 0.999, 0.99, 0.95, 0.8, 0.5];

#[derive(Parser)]
struct Arguments {
    /// How many verdicts are timed for each pair of classes
    #[arg(long, default_value_t = 1_000_000)]
    samples: usize,
}

/// Two kinds of credentials whose verdicts are to take equally long.
struct Pair {
    name: &'static str,
    classes: [Vec<HeaderMap>; 2],
}

/// Count, mean and sum of squared differences, by Welford.
#[derive(Default, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let directory = std::env::temp_dir().join(format!("ringfence-timing-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let (app, keys, pepper) = furnish(&directory).await?;
    let mut random = Random::new()?;
    println!("{:<34} {:>9} {:>19}   t by the part left in: {CROPS:?}", "", "samples", "medians, ns");
    for pair in pairs(&keys, &pepper)? {
        let samples = tokio::task::block_in_place(|| measure(&app, &pair, arguments.samples, &mut random));
        let by_crop: Vec<_> = CROPS.iter().map(|part| format!("{:+.2}", cropped(&samples, *part))).collect();
        let medians = [0, 1].map(|class| median(&samples, class).to_string()).join(" / ");
        println!("{:<34} {:>9} {medians:>19}   {}", pair.name, samples.len(), by_crop.join("  "));
    }
    drop(app);
    fs::remove_dir_all(&directory)?;
    Ok(())
}

// === what is timed ===

/// Times verdicts of both classes, in an order that nobody knows: the class, and nanoseconds.
fn measure(app: &App, pair: &Pair, count: usize, random: &mut Random) -> Vec<(usize, u32)> {
    let [one, other] = &pair.classes;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let (class, place) = (random.below(2), random.below(CREDENTIALS));
        let credentials = if class == 0 { one } else { other };
        let Some(headers) = credentials.get(place) else { continue };
        let begun = Instant::now();
        black_box(app.gateway().lets_in(black_box(headers), None));
        let took = begun.elapsed();
        samples.push((class, u32::try_from(took.as_nanos()).unwrap_or(u32::MAX)));
    }
    samples
}

fn pairs(keys: &[ApiKey], pepper: &Pepper) -> anyhow::Result<Vec<Pair>> {
    let unknown = || classes(|_| Ok(ApiKey::generate()?.whole().expose_secret().to_owned()));
    let wrong = || classes(|place| wrong_secret(keys.get(place).context("a key is missing")?));
    let right = || {
        let whole = |key: &ApiKey| key.whole().expose_secret().to_owned();
        classes(|place| Ok(whole(keys.get(place).context("a key is missing")?)))
    };
    // Whose hash begins as the right one's does, or otherwise: a comparison that ends early would tell them apart.
    let near = |is_near: bool| {
        classes(|place| {
            let key = keys.get(place).context("a key is missing")?;
            let right = pepper.hash(key.whole().expose_secret())?;
            loop {
                let wrong = wrong_secret(key)?;
                if (pepper.hash(&wrong)?.first() == right.first()) == is_near {
                    return Ok(wrong);
                }
            }
        })
    };
    let pair = |name, one, other| Pair { name, classes: [one, other] };
    Ok(vec![
        pair("control: unknown / unknown", unknown()?, unknown()?),
        pair("unknown id / wrong secret", unknown()?, wrong()?),
        pair("hash that begins right / wrong", near(true)?, near(false)?),
        // What follows the verdict: not to be equal, so it shows that a difference is seen.
        pair("control: wrong secret / right", wrong()?, right()?),
    ])
}

fn classes(credential: impl Fn(usize) -> anyhow::Result<String>) -> anyhow::Result<Vec<HeaderMap>> {
    let headers = |place| {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_str(&credential(place)?)?);
        Ok(headers)
    };
    (0..CREDENTIALS).map(headers).collect()
}

/// The key's id with the secret of another, and a checksum that fits.
fn wrong_secret(key: &ApiKey) -> anyhow::Result<String> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let secret = ApiKey::generate()?.client_secret();
    let random = secret.expose_secret().get(..43).context("a secret is too short")?;
    let unchecked = format!("rf_{}_{random}", key.id());
    let mut value = crc32fast::hash(unchecked.as_bytes());
    let mut sum = Vec::new();
    for _ in 0..6 {
        sum.push(ALPHABET.get(usize::try_from(value % 62)?).copied().unwrap_or(b'0'));
        value /= 62;
    }
    sum.reverse();
    let whole = format!("{unchecked}{}", String::from_utf8(sum)?);
    whole.parse::<ApiKey>().context("the checksum does not fit")?;
    Ok(whole)
}

// === what is made of it ===

fn median(samples: &[(usize, u32)], class: usize) -> u32 {
    let mut times: Vec<u32> = samples.iter().filter(|(of, _)| *of == class).map(|(_, time)| *time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Welch's t of the fastest part of the samples.
fn cropped(samples: &[(usize, u32)], part: f64) -> f64 {
    let mut times: Vec<u32> = samples.iter().map(|(_, time)| *time).collect();
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "counts of samples"
    )]
    let last = (times.len() as f64 * part).ceil() as usize;
    let longest = times.get(last.saturating_sub(1)).copied().unwrap_or(u32::MAX);
    let [one, other] = moments(samples, longest);
    let variance = |moments: Moments| moments.squares / (moments.count - 1.0) / moments.count;
    (one.mean - other.mean) / (variance(one) + variance(other)).sqrt()
}

fn moments(samples: &[(usize, u32)], longest: u32) -> [Moments; 2] {
    let mut moments: BTreeMap<usize, Moments> = BTreeMap::new();
    for (class, time) in samples.iter().filter(|(_, time)| *time <= longest) {
        let moments = moments.entry(*class).or_default();
        moments.count += 1.0;
        let away = f64::from(*time) - moments.mean;
        moments.mean += away / moments.count;
        moments.squares += away * (f64::from(*time) - moments.mean);
    }
    [0, 1].map(|class| moments.get(&class).copied().unwrap_or_default())
}

/// Xorshift: which class comes next is not to be learned by the processor.
struct Random(u64);

impl Random {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(getrandom::u64()? | 1))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 32) % (end as u64)).unwrap_or_default()
    }
}

// === a Ringfence with a tenant and its keys ===

async fn furnish(directory: &Path) -> anyhow::Result<(App, Vec<ApiKey>, Pepper)> {
    fs::write(directory.join("master.key"), MasterKey::generate()?.to_hex().as_str())?;
    let (config, clock) = (Config::standalone(directory), Clock::default());
    let store = app::open_store(&config).await?;
    let loaded = Keys::load(&config.secrets, &store, &clock).await?;
    let sealed = loaded.master.seal(&secret_context(&"account".parse()?), b"secret")?;
    let tenant = add_tenant(&store, sealed).await?;
    let mut keys = Vec::new();
    for _ in 0..CREDENTIALS {
        let key = ApiKey::generate()?;
        store.add_key(&kept(&key, &tenant, &loaded.pepper)?, &change()).await?;
        keys.push(key);
    }
    store.close().await;
    Ok((App::build(config, clock).await?, keys, loaded.pepper))
}

async fn add_tenant(store: &Store, sealed_secret: Vec<u8>) -> anyhow::Result<TenantId> {
    let now = now();
    let account = ServiceAccount {
        id: "account".parse()?,
        client_id: "client".to_owned(),
        sealed_secret,
        api_url: "http://127.0.0.1:9".to_owned(),
        login_url: "http://127.0.0.1:9".to_owned(),
        shared: false,
        description: String::new(),
        tokens: 1,
        requests_per_minute: None,
        lend_idle: false,
        secret_at: now,
        created_at: now,
        version: 0,
    };
    store.add_service_account(&account, &change()).await?;
    let tenant = Tenant {
        id: "alpha".parse()?,
        name: "Alpha".to_owned(),
        division_ids: vec!["a1a1a1a1-0000-4000-8000-00000000000a".parse()?],
        service_account: account.id,
        policy_template: "read-only".to_owned(),
        cross_division: CrossDivision::Redact,
        dedicated_agents: false,
        dedicated_at: None,
        dedicated_since: None,
        lenient: false,
        limits: Limits::default(),
        token_lifetime_seconds: Tenant::TOKEN_LIFETIME_SECONDS,
        budget_weight: 1,
        suspended: false,
        created_at: now,
        updated_at: now,
        version: 0,
    };
    store.add_tenant(&tenant, &change()).await?;
    Ok(tenant.id)
}

fn kept(key: &ApiKey, tenant: &TenantId, pepper: &Pepper) -> anyhow::Result<Key> {
    let id: KeyId = key.id().clone();
    Ok(Key {
        origin: id.clone(),
        id,
        tenant_id: tenant.clone(),
        name: "timed".to_owned(),
        hmac: pepper.hash(key.whole().expose_secret())?,
        generation: 1,
        read_only: false,
        allowed_operations: Vec::new(),
        allowed_cidrs: Vec::new(),
        limits: Limits::default(),
        created_by: "benches".to_owned(),
        created_at: now(),
        expires_at: None,
        revoked_at: None,
        predecessor: None,
        successor: None,
        version: 0,
    })
}

fn change() -> Event {
    Event {
        id: EventId::at(now()),
        at: now(),
        kind: EventKind::Change,
        actor: Actor::default(),
        operation: Some("bench.change".into()),
        source: None,
        detail: "{}".into(),
    }
}

fn now() -> DateTime<Utc> {
    Clock::default().now()
}
