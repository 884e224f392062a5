//! `ringfence key`: tenants' keys, through the admin API; and what a key is, without it.

mod inspect;

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    output::{self, lines, text},
    remote::Common,
};

/// Issue, list, show, rotate and revoke tenants' keys; tell what a found key is.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Issue(Issue),
    List(List),
    Show(Show),
    Rotate(Rotate),
    Revoke(Revoke),
    Inspect(inspect::Inspect),
}

/// Issue a key; its secret is printed once.
#[derive(Debug, clap::Args)]
#[command(after_help = ISSUE_EXAMPLES)]
struct Issue {
    /// The tenant's id
    tenant: String,
    /// For people
    #[arg(long, value_name = "NAME")]
    name: String,
    /// 1 to 3650; without it, the key does not expire
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    /// May call reads, queries and searches only
    #[arg(long)]
    read_only: bool,
    /// An operation that it may call, or a group of them; again for more; without it, all that the tenant's policies permit
    #[arg(long = "operation", value_name = "NAME")]
    operations: Vec<String>,
    /// A range of addresses that it may be used from; again for more; without it, anywhere
    #[arg(long = "cidr", value_name = "CIDR")]
    cidrs: Vec<String>,
    /// How much it may send, as a JSON object: `{"requests_per_minute": 60}`
    #[arg(long, value_name = "JSON", value_parser = object)]
    limits: Option<Value>,
    #[command(flatten)]
    common: Common,
}

/// List a tenant's keys, ended ones included.
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {
    /// The tenant's id
    tenant: String,
    #[command(flatten)]
    common: Common,
}

/// Show a key, without its secret.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// The key's id, which is its `client_id`
    key_id: String,
    #[command(flatten)]
    common: Common,
}

/// Put another key in the place of one; its secret is printed once.
///
/// Both work until the overlap has passed; then the old one and its access tokens end. `key show` tells when the old one was
/// last used: it can be revoked sooner.
#[derive(Debug, clap::Args)]
#[command(after_help = ROTATE_EXAMPLES)]
struct Rotate {
    /// The key's id, which is its `client_id`
    key_id: String,
    /// For how long both work: 0 to 2,592,000
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    overlap_seconds: u32,
    /// 1 to 3650; without it, as long as the old one was to live
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    common: Common,
}

/// End a key, its access tokens and the keys that it made of itself for good.
#[derive(Debug, clap::Args)]
#[command(after_help = REVOKE_EXAMPLES)]
struct Revoke {
    /// The key's id, which is its `client_id`
    key_id: String,
    #[command(flatten)]
    common: Common,
}

const ISSUE_EXAMPLES: &str = "\
Examples:
  ringfence key issue alpha --name reports --read-only --expires-in-days 365
  ringfence key issue alpha --name wallboard --operation queues --operation getUsers --cidr 203.0.113.0/24
  ringfence key issue alpha --name ci --limits '{\"requests_per_minute\": 60}' --json";

const LIST_EXAMPLES: &str = "\
Examples:
  ringfence key list alpha
  ringfence key list alpha --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  ringfence key show abcdefghijklmnop";

const ROTATE_EXAMPLES: &str = "\
Examples:
  ringfence key rotate abcdefghijklmnop                          both work for a day
  ringfence key rotate abcdefghijklmnop --overlap-seconds 0      the old one ends at once";

const REVOKE_EXAMPLES: &str = "\
Examples:
  ringfence key revoke abcdefghijklmnop";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Issue(issue) => issue.run().await?,
        Command::List(List { tenant, common }) => list(&tenant, &common).await?,
        Command::Show(Show { key_id, common }) => show(&key_id, &common).await?,
        Command::Rotate(rotate) => rotate.run().await?,
        Command::Revoke(Revoke { key_id, common }) => {
            let path = format!("/keys/{key_id}/revoke");
            let ended = common.call(Method::POST, &path, Some(&json!({}))).await?;
            common.print(&ended, || {
                let also = ended.get("also").and_then(Value::as_array).into_iter().flatten();
                let also =
                    also.filter_map(Value::as_str).map(|id| format!("\nand {id}, which it made of itself"));
                format!("key {key_id} is revoked{}", also.collect::<String>())
            })?;
        }
        Command::Inspect(inspect) => return inspect.run().await,
    }
    Ok(ExitCode::SUCCESS)
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) | Err(_) => Err("expected a JSON object".to_owned()),
    }
}

impl Issue {
    async fn run(self) -> anyhow::Result<()> {
        let Self { tenant, name, expires_in_days, read_only, operations, cidrs, limits, common } = self;
        let new = json!({
            "name": name, "expires_in_days": expires_in_days, "read_only": read_only,
            "allowed_operations": operations, "allowed_cidrs": cidrs, "limits": limits,
        });
        let issued = common.call(Method::POST, &format!("/tenants/{tenant}/keys"), Some(&new)).await?;
        common.print(&issued, || secret(&issued))
    }
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let Self { key_id, overlap_seconds, expires_in_days, common } = self;
        let asked = json!({ "overlap_seconds": overlap_seconds, "expires_in_days": expires_in_days });
        let issued = common.call(Method::POST, &format!("/keys/{key_id}/rotate"), Some(&asked)).await?;
        common.print(&issued, || format!("{}\n{key_id} ends in {overlap_seconds} s", secret(&issued)))
    }
}

/// What is shown this once.
fn secret(issued: &Value) -> String {
    let line = |name: &str| format!("{name:<14}{}", text(issued, name));
    ["client_id", "client_secret", "api_key", "expires_at"].map(line).join("\n")
}

async fn list(tenant: &str, common: &Common) -> anyhow::Result<()> {
    let found = common.call(Method::GET, &format!("/tenants/{tenant}/keys"), None).await?;
    common.print(&found, || {
        let mut table = output::table(&["key", "name", "state", "made by", "expires", "last used", "from"]);
        for key in found.get("keys").and_then(Value::as_array).into_iter().flatten() {
            let used = key.get("last_used").unwrap_or(&Value::Null);
            let soon = key.get("expires_soon") == Some(&Value::Bool(true));
            let expires = format!("{}{}", text(key, "expires_at"), if soon { " (soon)" } else { "" });
            table.add_row([
                text(key, "key_id"),
                text(key, "name"),
                text(key, "state"),
                text(key, "created_by"),
                expires,
                text(used, "at"),
                text(used, "source"),
            ]);
        }
        table.to_string()
    })
}

async fn show(key_id: &str, common: &Common) -> anyhow::Result<()> {
    let key = common.call(Method::GET, &format!("/keys/{key_id}"), None).await?;
    common.print(&key, || lines(&key))
}
