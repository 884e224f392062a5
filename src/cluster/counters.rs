//! What is shared through Redis: rates and places, leased in slices.
//!
//! Only a task in the background asks; what it asks at once is one round trip. When Redis does not answer within
//! [`PATIENCE`] the connection is given up, and tried again after [`AGAIN`].
//!
//! All keys begin with `ringfence:` and the installation's id: several may share one Redis.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, Pipeline, RedisError, Script, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::model::StreamId;

/// No request waits for it, and a slice is held for longer: a busy machine is no reason to do without.
const PATIENCE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(500);
/// How long a slice is held without a word of its holder.
const LEASE_MS: u64 = 5_000;

static BUCKET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("bucket.lua")));
static PLACES: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("places.lua")));

/// Redis does not answer.
#[derive(Debug, thiserror::Error)]
pub enum CountersLost {
    /// It failed.
    #[error("Redis failed: {0}")]
    Failed(#[from] RedisError),
    /// It failed a moment ago.
    #[error("Redis failed a moment ago")]
    Resting,
}

/// What a replica asks of a rate.
#[derive(Debug, Clone)]
pub struct BucketClaim {
    /// Whose rate.
    pub subject: String,
    /// How many may come at once.
    pub burst: u64,
    /// How many a minute.
    pub per_minute: u64,
    /// What is left of the slice.
    pub held: u64,
    /// What was used without having been leased.
    pub owed: u64,
}

/// What a replica asks of places.
#[derive(Debug, Clone)]
pub struct PlacesClaim {
    /// Whose places.
    pub subject: String,
    /// How many there are.
    pub limit: u64,
    /// How many this replica has taken.
    pub under_way: u64,
}

/// What was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Of a rate, what may be used now; of places, how many may be taken in all.
    pub slice: u64,
    /// What nobody holds.
    pub left: u64,
}

/// The shared counters.
#[derive(Debug)]
pub struct Counters {
    client: Client,
    installation: String,
    connected: Mutex<Connected>,
}

#[derive(Default)]
struct Connected {
    connection: Option<MultiplexedConnection>,
    failed: Option<Instant>,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connected").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Counters {
    /// This installation's, behind this URL; nothing is connected yet.
    pub fn new(url: &str, installation: &str) -> Result<Self, CountersLost> {
        let installation = installation.to_owned();
        Ok(Self { client: Client::open(url)?, installation, connected: Mutex::default() })
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), CountersLost> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("PING");
        self.run::<(String,)>(&pipeline).await.map(drop)
    }

    /// Claims all of these at once: some hundreds, so that it does not take long; the answers are in their order, of rates first.
    pub async fn claim(
        &self,
        own: &StreamId,
        replicas: u64,
        buckets: &[BucketClaim],
        places: &[PlacesClaim],
    ) -> Result<(Vec<Grant>, Vec<Grant>), CountersLost> {
        let mut pipeline = redis::pipe();
        // Who restarts Redis takes its scripts away: each exchange brings them, which costs Redis a look-up.
        for script in [&*BUCKET, &*PLACES] {
            pipeline.load_script(script).ignore();
        }
        for claim in buckets {
            let mut invocation = BUCKET.key(self.key(&claim.subject, "rate"));
            invocation.arg(own.as_str()).arg(claim.burst).arg(claim.per_minute).arg(claim.held);
            pipeline.invoke_script(invocation.arg(claim.owed).arg(replicas).arg(LEASE_MS));
        }
        for claim in places {
            let mut invocation = PLACES.key(self.key(&claim.subject, "places"));
            invocation.arg(own.as_str()).arg(claim.limit).arg(claim.under_way);
            pipeline.invoke_script(invocation.arg(replicas).arg(LEASE_MS));
        }
        let granted: Vec<(u64, u64)> = self.run(&pipeline).await?;
        let mut granted = granted.into_iter().map(|(slice, left)| Grant { slice, left });
        let of_buckets = granted.by_ref().take(buckets.len()).collect();
        Ok((of_buckets, granted.collect()))
    }

    fn key(&self, subject: &str, what: &str) -> String {
        format!("ringfence:{}:{{{subject}}}:{what}", self.installation)
    }

    async fn run<T: redis::FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, CountersLost> {
        let mut connected = self.connected.lock().await;
        if connected.failed.is_some_and(|failed| failed.elapsed() < AGAIN) {
            return Err(CountersLost::Resting);
        }
        let done = self.run_on(&mut connected, pipeline).await;
        if done.is_err() {
            (connected.connection, connected.failed) = (None, Some(Instant::now()));
        }
        done
    }

    async fn run_on<T: redis::FromRedisValue>(
        &self,
        connected: &mut Connected,
        pipeline: &Pipeline,
    ) -> Result<T, CountersLost> {
        if connected.connection.is_none() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
            connected.connection = Some(connecting.await?);
        }
        let Some(connection) = &mut connected.connection else { return Err(CountersLost::Resting) };
        Ok(pipeline.query_async(connection).await?)
    }
}
