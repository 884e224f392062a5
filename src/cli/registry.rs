//! `ringfence registry`: what carries no division, and whose it is, through the admin API.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use super::{output, remote::Common};

/// List, give and take what is a tenant's although it carries no division: groups and the like.
///
/// What a tenant makes is registered by itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Give(Give),
    Take(Take),
}

/// List what is registered as a tenant's.
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {
    /// The tenant's id
    tenant: String,
    #[command(flatten)]
    common: Common,
}

/// Give a tenant something that is there; it holds at every replica within a second.
#[derive(Debug, clap::Args)]
#[command(after_help = GIVE_EXAMPLES)]
struct Give {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    common: Common,
}

/// Take something from a tenant; it stays in Genesys, and there is no such thing for the tenant any more.
#[derive(Debug, clap::Args)]
#[command(after_help = TAKE_EXAMPLES)]
struct Take {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's id
    tenant: String,
    /// What it is, such as `group`
    entity: String,
    /// Its id in Genesys
    id: String,
    /// Why, for those who read the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

const LIST_EXAMPLES: &str = "\
Examples:
  ringfence registry list alpha
  ringfence registry list alpha --json";

const GIVE_EXAMPLES: &str = "\
Examples:
  ringfence registry give alpha group 5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11 --reason 'their agents, as of the contract'";

const TAKE_EXAMPLES: &str = "\
Examples:
  ringfence registry take alpha group 5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11 --reason 'given by mistake'";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(List { tenant, common }) => list(&tenant, &common).await?,
        Command::Give(Give { named, common }) => change(&named, &common, "", "is now").await?,
        Command::Take(Take { named, common }) => change(&named, &common, "/take", "is no more").await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(tenant: &str, common: &Common) -> anyhow::Result<()> {
    let found = common.call(Method::GET, &format!("/tenants/{tenant}/registry"), None).await?;
    common.print(&found, || {
        let mut table = output::table(&["entity", "id", "came", "since", "author", "reason"]);
        for one in found.get("registrations").and_then(Value::as_array).into_iter().flatten() {
            let fields = ["entity", "id", "came", "registered_at", "author", "reason"];
            table.add_row(fields.map(|name| one.get(name).and_then(Value::as_str).unwrap_or_default()));
        }
        let unsettled = found.get("unsettled").and_then(Value::as_array).filter(|calls| !calls.is_empty());
        unsettled.map_or_else(|| table.to_string(), |calls| format!("{table}\n\n{}", unsettled_calls(calls)))
    })
}

/// What an operator is to look for in Genesys.
fn unsettled_calls(calls: &[Value]) -> String {
    let mut table = output::table(&["entity", "call", "at", "key", "outcome", "id"]);
    for one in calls {
        let fields = ["entity", "call", "at", "key_id", "outcome", "id"];
        table.add_row(fields.map(|name| one.get(name).and_then(Value::as_str).unwrap_or_default()));
    }
    format!("These calls may have made what is nobody's. Look for it in Genesys; give or delete it.\n{table}")
}

async fn change(named: &Named, common: &Common, below: &str, said: &str) -> anyhow::Result<()> {
    let Named { tenant, entity, id, reason } = named;
    let body = json!({ "entity": entity, "id": id, "reason": reason });
    let path = format!("/tenants/{tenant}/registry{below}");
    let done = common.call(Method::POST, &path, Some(&body)).await?;
    common.print(&done, || format!("{entity} {id} {said} tenant {tenant}'s"))
}
