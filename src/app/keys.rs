//! The keys of an installation: the master key, and what is kept sealed under it.

use std::{os::unix::fs::PermissionsExt, path::Path};

use anyhow::Context;
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::{MasterKeySource, Secrets},
    secret::{self, MasterKey, Pepper},
    store::Store,
};

// How the sealed rows are named; also the context that they are sealed with.
const SIGNING_KEY: &str = "signing-key";
const PASSPHRASE_SALT: &str = "passphrase-salt";

/// The opened keys.
pub struct Keys {
    /// What secrets at rest are sealed under.
    pub master: MasterKey,
    /// What keys and tokens are hashed under.
    pub pepper: Pepper,
    /// What access tokens are signed with.
    pub signing: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Opens the installation's keys; those that the store lacks are made.
    pub async fn load(secrets: &Secrets, store: &Store, clock: &Clock) -> anyhow::Result<Self> {
        let master = master_key(secrets, store, clock).await?;
        let pepper = Pepper::new(sealed(&master, Pepper::PURPOSE, store, clock).await?);
        let signing = sealed(&master, SIGNING_KEY, store, clock).await?;
        Ok(Self { master, pepper, signing })
    }
}

async fn master_key(secrets: &Secrets, store: &Store, clock: &Clock) -> anyhow::Result<MasterKey> {
    match secrets.master_key().context("no master key is configured")? {
        MasterKeySource::KeyFile(file) => {
            warn_if_others_may_read(file);
            let text = read(file)?;
            MasterKey::from_hex(&text)
                .with_context(|| format!("`{}` does not hold a master key", file.display()))
        }
        MasterKeySource::PassphraseFile(file) => {
            let passphrase = read(file)?;
            let passphrase = Zeroizing::new(passphrase.trim_end_matches(['\r', '\n']).to_owned());
            anyhow::ensure!(!passphrase.is_empty(), "`{}` is empty: write a passphrase", file.display());
            // The salt is no secret: it only makes one passphrase give different keys in different installations.
            let salt = store.keep_sealed(PASSPHRASE_SALT, &secret::random_key()?, clock.now()).await?;
            let derive = move || MasterKey::from_passphrase(&passphrase, &salt);
            Ok(tokio::task::spawn_blocking(derive).await??)
        }
    }
}

async fn sealed(
    master: &MasterKey,
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
    master.open(purpose, &kept).with_context(|| {
        format!("the store's {purpose} was sealed under another master key: check `[secrets]` and `[store]`")
    })
}

fn warn_if_others_may_read(file: &Path) {
    let mode = file.metadata().map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "others may read the master key: chmod 600");
    }
}

fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the master key's file `{}` cannot be read", file.display()))?;
    Ok(Zeroizing::new(text))
}
