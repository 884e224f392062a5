//! `ringfence secrets rotate-signing-key`: another key that access tokens are signed with, through the admin API.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::{output, remote::Server};

/// Make another key that access tokens are signed with; it takes over without a gap.
///
/// Every replica knows it before it signs, and the one before verifies until the last of its tokens has ended. Needs a
/// running server, and the role `admin`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Drop all others at once: every access token ends, and programs must log in again
    #[arg(long)]
    end_tokens: bool,
    #[command(flatten)]
    server: Server,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ringfence secrets rotate-signing-key
  ringfence secrets rotate-signing-key --end-tokens      after a signing key may have become known
  ringfence secrets rotate-signing-key --json            {\"signing_keys\": [{\"number\": 2, …}]}";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { end_tokens, server, json } = arguments;
    let asked = json!({ "end_tokens": end_tokens });
    let made = server.call(Method::POST, "/signing-keys/rotate", Some(&asked)).await?;
    if json {
        output::print_json(&made)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["number", "made", "signs from", "verifies until"]);
    for key in made.get("signing_keys").and_then(Value::as_array).into_iter().flatten() {
        let time = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        let number = key.get("number").map(Value::to_string).unwrap_or_default();
        table.add_row([number, time("created_at"), time("signs_from"), time("verifies_until")]);
    }
    output::print(&table.to_string())?;
    Ok(ExitCode::SUCCESS)
}
