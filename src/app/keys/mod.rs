//! The keys of an installation: the master keys, and what is kept sealed under them.

mod file;
mod rotation;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

pub use file::{KeyFile, read_passphrase};
pub use rotation::{Rotation, Step};

use crate::{
    catalog::Catalog,
    clock::Clock,
    config::Secrets,
    model::SealedSigningKey,
    secret::{self, ClaimKey, GrantsKey, MasterKeyId, MasterKeys, Pepper},
    store::{SealedPlace, Store},
    tlog::{Signer, SigningKey},
    upstream,
};

// How the sealed rows are named; also the context that they are sealed with.
const HANDLE_KEY: &str = "handle-key";
const INSTALLATION: &str = "installation";
const LOG_KEY: &str = "log-key";

/// An id that nothing else has.
const INSTALLATION_BYTES: usize = 16;

/// How soon a running process takes the keys of a file that changed.
const FOLLOW: Duration = Duration::from_millis(500);

/// The opened keys.
pub struct Keys {
    /// What secrets at rest are sealed under.
    pub master: MasterKeys,
    /// What keys and tokens are hashed under.
    pub pepper: Pepper,
    /// What ids are handed out under.
    pub handles: Zeroizing<Vec<u8>>,
    /// What calls are claimed under that are to be made once.
    pub claims: ClaimKey,
    /// What tells this installation's access tokens from another's.
    pub installation: String,
    file: KeyFile,
    seen: Option<file::Mark>,
}

impl Keys {
    /// Opens the installation's keys; those that the store lacks are made.
    pub async fn load(secrets: &Secrets, store: &Store, clock: &Clock) -> anyhow::Result<Self> {
        let file = KeyFile::open(secrets, store, clock).await?;
        let seen = file.mark().ok();
        let master = open(&file, store).await?;
        let pepper = Pepper::new(sealed(&master, Pepper::PURPOSE, store, clock).await?);
        store.prove_with(GrantsKey::new(&sealed(&master, GrantsKey::PURPOSE, store, clock).await?)?);
        let handles = sealed(&master, HANDLE_KEY, store, clock).await?;
        let claims = ClaimKey::new(&sealed(&master, ClaimKey::PURPOSE, store, clock).await?)?;
        let installation = sealed(&master, INSTALLATION, store, clock).await?;
        let installation = secret::hex(installation.get(..INSTALLATION_BYTES).unwrap_or_default());
        let log_key = sealed(&master, LOG_KEY, store, clock).await?;
        let log_key = SigningKey::new(&format!("ringfence/{installation}"), &log_key)?;
        store.sign_with(Signer::new(log_key, &Catalog::embedded_digest()));
        if store.list_signing_keys().await?.is_empty() {
            sealed(&master, &SealedSigningKey::purpose(1), store, clock).await?;
        }
        Ok(Self { master, pepper, handles, claims, installation, file, seen })
    }

    /// What keeps the master keys as the file has them, as long as it is polled.
    pub fn follow(&self) -> impl Future<Output = ()> + use<> {
        follow(self.file.clone(), self.seen, self.master.clone())
    }
}

/// The file's keys, which must open all that the store holds.
async fn open(file: &KeyFile, store: &Store) -> anyhow::Result<MasterKeys> {
    let (current, older) = file.keys().await?;
    let master = MasterKeys::new(current, older);
    let known = master.ids();
    let place = file.path().display();
    for (id, under) in sealed_under(store).await? {
        if !known.contains(&id) {
            let first = under.first().map(ToString::to_string).unwrap_or_default();
            bail!(
                "the store is sealed under another master key: {} value(s), {first} among them, under the key {id}, \
                 which `{place}` does not hold (it holds {}). Check `[secrets]` and `[store]`; if a rotation was cut \
                 short, put the old line back below the new one, and `ringfence secrets rotate` goes on with it",
                under.len(),
                known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            );
        }
    }
    Ok(master)
}

/// Which keys the store's values are sealed under.
pub async fn sealed_under(store: &Store) -> anyhow::Result<BTreeMap<MasterKeyId, Vec<SealedPlace>>> {
    let mut under: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (place, value) in store.list_sealed().await? {
        let id = MasterKeyId::of(&value)
            .with_context(|| format!("the store's {place} was altered: it is not a sealed value"))?;
        under.entry(id).or_default().push(place);
    }
    Ok(under)
}

/// What a value is sealed with, so that it opens nowhere else.
fn context_of(place: &SealedPlace) -> String {
    match place {
        SealedPlace::Purpose(purpose) => purpose.clone(),
        SealedPlace::ServiceAccount(id) => upstream::secret_context(id),
    }
}

async fn sealed(
    master: &MasterKeys,
    purpose: &str,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let kept = if let Some(kept) = store.sealed(purpose).await? {
        kept
    } else {
        // Replicas that start at once agree on the first one kept.
        let made = master.seal(purpose, &secret::random_key()?)?;
        store.keep_sealed(purpose, &made, clock.now()).await?
    };
    master.open(purpose, &kept).with_context(|| format!("the store's {purpose} cannot be opened"))
}

async fn follow(file: KeyFile, mut seen: Option<file::Mark>, master: MasterKeys) {
    let mut ticks = tokio::time::interval(FOLLOW);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A file that is not there for a moment, or holds nothing, changes nothing.
        let Ok(now) = file.mark() else { continue };
        if seen == Some(now) {
            continue;
        }
        seen = Some(now);
        match file.keys().await {
            Ok((current, older)) => {
                master.replace(current, older);
                tracing::info!(keys = ?master.ids(), "the master keys were read again");
            }
            Err(error) => tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "the master keys could not be read again: those before hold"
            ),
        }
    }
}
