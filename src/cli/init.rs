//! `ringfence init`: a configuration, a master key, a store and the first admin.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use serde_json::json;

use super::output;
use crate::{
    app::{self, Keys},
    clock::Clock,
    config::{self, Config, MasterKeySource},
    operator::operators::{self, IssuedToken},
    secret::MasterKey,
};

/// Write a configuration and a master key, create the store, add the first admin.
///
/// The admin's API token is printed once and expires after 90 days. `RINGFENCE__SECTION__KEY` variables hold and
/// are written into the file, which only its owner may read: `RINGFENCE__STORE__URL` chooses PostgreSQL. An
/// installation that is there already is left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where to put ringfence.toml, master.key and the SQLite database; made if missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The first admin's email address
    #[arg(long, value_name = "EMAIL", default_value = "admin@localhost")]
    operator_email: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ringfence init --dir /etc/ringfence --operator-email ana@example.com
  RINGFENCE__STORE__URL=postgres://ringfence:PASSWORD@db/ringfence ringfence init --dir /etc/ringfence
  ringfence init --dir ./try --json        {\"config\": \"…/try/ringfence.toml\", \"admin_token\": \"rfo_…\"}";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (file, issued) = install(&arguments.dir, &arguments.operator_email).await?;
    let token = issued.token.expose_secret();
    if arguments.json {
        output::print(&json!({ "config": file, "admin_token": token }).to_string())?;
    } else {
        output::print(&format!(
            "wrote {file}\n\
             the first admin is {email}; the API token, shown this once, expires {expires}:\n\n  {token}\n\n\
             keep a copy of the master key apart, then: ringfence serve --config {file}",
            file = file.display(),
            email = arguments.operator_email,
            expires = issued.expires_at.format("%Y-%m-%d"),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

// The configuration file and the first admin's token.
async fn install(directory: &Path, email: &str) -> anyhow::Result<(PathBuf, IssuedToken)> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("`{}` cannot be made", directory.display()))?;
    let directory = fs::canonicalize(directory)?;
    let file = config::file_in(&directory);
    let text = config::new_file();
    let config = Config::parse(&text, &file)?;
    // Creating it is also what keeps two at once apart.
    if let Err(error) = output::create_private_file(&file, &text) {
        if error.kind() == ErrorKind::AlreadyExists {
            bail!("`{}` is there already, and was left as it is: choose another directory", file.display());
        }
        return Err(error).with_context(|| format!("`{}` cannot be written", file.display()));
    }
    match add_first_admin(&config, email).await {
        Ok(issued) => Ok((file, issued)),
        Err(error) => {
            // So that it can be tried again. The master key stays: something may be sealed under it.
            let _ = fs::remove_file(&file);
            Err(error)
        }
    }
}

/// Makes what a configuration lacks (master key, store) and adds the first admin.
pub(super) async fn add_first_admin(config: &Config, email: &str) -> anyhow::Result<IssuedToken> {
    if let Some(MasterKeySource::KeyFile(file)) = config.secrets.master_key() {
        make_master_key(file)?;
    }
    let clock = Clock::default();
    let store = app::open_store(config).await?;
    let issued = async {
        let keys = Keys::load(&config.secrets, &store, &clock).await?;
        let issued = operators::bootstrap(&store, &keys.pepper, &clock, email).await;
        issued.context("the first admin could not be added")
    };
    let issued = issued.await;
    store.close().await;
    issued
}

// One that is there is kept: a store may hold what was sealed under it.
fn make_master_key(file: &Path) -> anyhow::Result<()> {
    let made = MasterKey::generate()?;
    match output::create_private_file(file, &format!("{}\n", *made.to_hex())) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("`{}` cannot be written", file.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
