//! `ringfence secrets rotate-signing-key`: another key that access tokens are signed with, through the admin API.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::{output, remote::Common};

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
    common: Common,
}

const EXAMPLES: &str = "\
Examples:
  ringfence secrets rotate-signing-key
  ringfence secrets rotate-signing-key --end-tokens      after a signing key may have become known
  ringfence secrets rotate-signing-key --json            {\"signing_keys\": [{\"number\": 2, …}]}";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { end_tokens, common } = arguments;
    let asked = json!({ "end_tokens": end_tokens });
    let made = common.call(Method::POST, "/signing-keys/rotate", Some(&asked)).await?;
    common.print(&made, || {
        let mut table = output::table(&["number", "made", "signs from", "verifies until"]);
        for key in made.get("signing_keys").and_then(Value::as_array).into_iter().flatten() {
            let number = key.get("number").map(Value::to_string).unwrap_or_default();
            let time = |name: &str| output::text(key, name);
            table.add_row([number, time("created_at"), time("signs_from"), time("verifies_until")]);
        }
        table.to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}
