//! `ringfence migrate`: brings the store's tables up to date.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use serde_json::json;

use super::output;
use crate::{config::Config, store::Store};

/// Bring the store's tables up to date.
///
/// `serve` does the same by itself; run this first where the serving account may not change tables.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ringfence migrate --config /etc/ringfence/ringfence.toml
  ringfence migrate --config ringfence.toml --json     {\"applied\": [\"0001_…\"]}";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let url = &config.store.url;
    let store = Store::open(url.expose()).await.with_context(|| format!("`{url}` cannot be opened"))?;
    let applied = store.migrate().await.with_context(|| format!("`{url}` cannot be migrated"))?;
    store.close().await;
    if arguments.json {
        output::print(&json!({ "applied": applied }).to_string())?;
    } else if applied.is_empty() {
        output::print("nothing to do: the store is up to date")?;
    } else {
        output::print(&format!("applied: {}", applied.join(", ")))?;
    }
    Ok(ExitCode::SUCCESS)
}
