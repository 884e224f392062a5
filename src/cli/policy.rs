//! `ringfence policy`: tenants' own policies, through the admin API.

use std::{
    fmt::Write,
    io::{Read, stdin},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{output, remote::Common};

/// Show, put and explain tenants' own policies.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(Show),
    Versions(Versions),
    Put(Put),
    Explain(Explain),
}

/// Print the Cedar source that decides beside the tenant's template.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// The tenant's id
    tenant: String,
    /// An older version instead
    #[arg(long, value_name = "NUMBER")]
    version: Option<i64>,
    #[command(flatten)]
    common: Common,
}

/// List the versions of a tenant's own policy, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = VERSIONS_EXAMPLES)]
struct Versions {
    /// The tenant's id
    tenant: String,
    #[command(flatten)]
    common: Common,
}

/// Put a new version of a tenant's own policy; it holds at every replica within a second.
///
/// The old version is kept. To roll back, put it anew.
#[derive(Debug, clap::Args)]
#[command(after_help = PUT_EXAMPLES)]
struct Put {
    /// The tenant's id
    tenant: String,
    /// The Cedar source; `-` reads standard input
    #[arg(required_unless_present = "from_version", conflicts_with = "from_version")]
    file: Option<PathBuf>,
    /// Roll back: put the source of this version anew
    #[arg(long, value_name = "NUMBER")]
    from_version: Option<i64>,
    /// Why, for those who read the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only try it: calls that it would decide otherwise say so in their event
    #[arg(long)]
    shadow: bool,
    #[command(flatten)]
    common: Common,
}

/// Say what would be decided about a call of a tenant, and by which policies.
#[derive(Debug, clap::Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
struct Explain {
    /// The tenant's id
    tenant: String,
    /// An operation id such as `getUsers`, or `METHOD /path/{template}`
    operation: String,
    /// Ask for this key of the tenant
    #[arg(long, value_name = "KEY_ID")]
    key: Option<String>,
    /// What the request would say, as a JSON object of the names that policies know
    #[arg(long, value_name = "JSON", value_parser = object)]
    context: Option<Value>,
    #[command(flatten)]
    common: Common,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  ringfence policy show alpha
  ringfence policy show alpha --version 12 > alpha.cedar";

const VERSIONS_EXAMPLES: &str = "\
Examples:
  ringfence policy versions alpha
  ringfence policy versions alpha --json";

const PUT_EXAMPLES: &str = "\
Examples:
  ringfence policy put alpha alpha.cedar --reason 'users from the office only' --shadow
  ringfence policy put alpha alpha.cedar --reason 'users from the office only'
  ringfence policy put alpha --from-version 12 --reason 'back to what held in May'";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  ringfence policy explain alpha getUsers
  ringfence policy explain alpha 'GET /api/v2/users/{userId}' --json
  ringfence policy explain alpha getUsers --context '{\"source\": \"203.0.113.9\", \"pageSize\": 100}'";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Show(show) => show.run().await?,
        Command::Versions(versions) => versions.run().await?,
        Command::Put(put) => put.run().await?,
        Command::Explain(explain) => explain.run().await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Common {
    async fn policies(&self, tenant: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, &format!("/tenants/{tenant}/policies"), None).await
    }

    /// The versions before one, newest first: a page of them.
    async fn before(&self, tenant: &str, number: i64) -> anyhow::Result<Vec<Value>> {
        let path = format!("/tenants/{tenant}/policies?before={number}");
        let mut policies = self.call(Method::GET, &path, None).await?;
        Ok(policies.get_mut("versions").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default())
    }

    /// One version, however old.
    async fn version(&self, tenant: &str, number: i64) -> anyhow::Result<Value> {
        let found = self.before(tenant, number.saturating_add(1)).await?.into_iter().next();
        found.filter(|version| *field(version, "version") == number).with_context(|| {
            format!("tenant {tenant} has no version {number}; see `ringfence policy versions`")
        })
    }
}

impl Show {
    async fn run(&self) -> anyhow::Result<()> {
        if let Some(number) = self.version {
            let version = self.common.version(&self.tenant, number).await?;
            return self.common.print(&version, || text(&version, "source").to_owned());
        }
        let policies = self.common.policies(&self.tenant).await?;
        self.common.print(&policies, || {
            let template = field(&policies, "template");
            let mut shown = format!("// template `{}`\n{}", text(template, "name"), text(template, "source"));
            for which in ["active", "shadow"] {
                let own = field(&policies, which);
                if let Some(number) = own.get("version") {
                    let _ = write!(shown, "\n// {which}: version {number}\n{}", text(own, "source"));
                }
            }
            shown.trim_end().to_owned()
        })
    }
}

impl Versions {
    async fn run(&self) -> anyhow::Result<()> {
        let policies = self.common.policies(&self.tenant).await?;
        let mut versions = list(field(&policies, "versions")).to_vec();
        while let Some(last) = versions.last().and_then(|version| field(version, "version").as_i64()) {
            let older = self.common.before(&self.tenant, last).await?;
            if older.is_empty() {
                break;
            }
            versions.extend(older);
        }
        self.common.print(&json!(versions), || {
            let mut table = output::table(&["version", "mode", "in force", "put", "author", "reason"]);
            for version in &versions {
                let number = field(version, "version");
                let holds = ["active", "shadow"]
                    .iter()
                    .any(|which| field(field(&policies, which), "version") == number);
                table.add_row([
                    number.to_string().as_str(),
                    text(version, "mode"),
                    if holds { "yes" } else { "" },
                    text(version, "created_at"),
                    text(version, "author"),
                    text(version, "reason"),
                ]);
            }
            table.to_string()
        })
    }
}

impl Put {
    async fn run(&self) -> anyhow::Result<()> {
        let source = match (self.from_version, &self.file) {
            (Some(number), _) => text(&self.common.version(&self.tenant, number).await?, "source").to_owned(),
            (None, Some(file)) if file.as_os_str() == "-" => {
                let mut source = String::new();
                stdin().read_to_string(&mut source).context("standard input cannot be read")?;
                source
            }
            (None, Some(file)) => std::fs::read_to_string(file)
                .with_context(|| format!("`{}` cannot be read", file.display()))?,
            (None, None) => String::new(),
        };
        let mode = if self.shadow { "shadow" } else { "active" };
        let body = json!({ "source": source, "reason": self.reason, "mode": mode });
        let path = format!("/tenants/{}/policies", self.tenant);
        let put = self.common.call(Method::PUT, &path, Some(&body)).await?;
        self.common.print(&put, || {
            format!("version {} is {mode} for tenant {}", field(&put, "version"), self.tenant)
        })
    }
}

impl Explain {
    async fn run(&self) -> anyhow::Result<()> {
        let mut question = Map::new();
        question.insert("tenant".to_owned(), json!(self.tenant));
        question.insert("operation".to_owned(), json!(self.operation));
        if let Some(key) = &self.key {
            question.insert("key".to_owned(), json!(key));
        }
        if let Some(context) = &self.context {
            question.insert("context".to_owned(), context.clone());
        }
        let answer = self.common.call(Method::POST, "/policies/explain", Some(&question.into())).await?;
        self.common.print(&answer, || explained(&answer))
    }
}

fn explained(answer: &Value) -> String {
    let mut lines = vec![format!("{} {}", text(answer, "operation"), text(answer, "decision"))];
    for (name, label) in [("divisions", "in"), ("reasons", "by"), ("errors", "failed"), ("masks", "without")]
    {
        let values: Vec<_> = list(field(answer, name)).iter().filter_map(Value::as_str).collect();
        if !values.is_empty() {
            lines.push(format!("  {label} {}", values.join(", ")));
        }
    }
    if let Some(why) = field(answer, "denied").as_str() {
        lines.push(format!("  refused to every tenant: {why}"));
    }
    if let Some(version) = field(answer, "shadow").get("version") {
        let divisions: Vec<_> =
            list(field(field(answer, "shadow"), "divisions")).iter().filter_map(Value::as_str).collect();
        let grants = if divisions.is_empty() { "nothing".to_owned() } else { divisions.join(", ") };
        let masks: Vec<_> =
            list(field(field(answer, "shadow"), "masks")).iter().filter_map(Value::as_str).collect();
        let without =
            if masks.is_empty() { String::new() } else { format!(", without {}", masks.join(", ")) };
        lines.push(format!("  version {version} in shadow grants {grants}{without}"));
    }
    lines.join("\n")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    field(value, name).as_str().unwrap_or_default()
}

fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}
