//! `ringfence service-account`: the OAuth clients that Genesys is reached with, through the admin API.

use std::{
    fs::File,
    io::{Read, stdin},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    output::{self, lines, text},
    remote::Common,
};

/// Far longer than any secret of Genesys.
const MOST_BYTES: u64 = 10_000;

/// Register, list, show, check and rotate the OAuth clients that Genesys is reached with.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Check(Check),
    Rotate(Rotate),
    Create(Create),
}

/// List the service accounts, without secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
struct List {
    #[command(flatten)]
    common: Common,
}

/// Show a service account, and how it and its tenants stand with its budget, in the process that answers.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// The service account's id
    id: String,
    #[command(flatten)]
    common: Common,
}

/// Log in at Genesys with a service account, and call `tokens/me`.
#[derive(Debug, clap::Args)]
#[command(after_help = CHECK_EXAMPLES)]
struct Check {
    /// The service account's id
    id: String,
    #[command(flatten)]
    common: Common,
}

/// Give a service account another secret, or another OAuth client, while it serves.
///
/// Genesys must take the new credentials, for a client of the same organisation with the same roles in the same divisions;
/// else nothing is changed. They hold at every replica within a second. No call fails for it if the new credentials are another
/// client's: the old one works until you delete it.
#[derive(Debug, clap::Args)]
#[command(after_help = ROTATE_EXAMPLES)]
struct Rotate {
    /// The service account's id
    id: String,
    /// Another OAuth client's id; without it, the client stays and has a new secret
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    secret: Secret,
    #[command(flatten)]
    common: Common,
}

/// Register a service account; its secret is sealed at once.
#[derive(Debug, clap::Args)]
#[command(after_help = CREATE_EXAMPLES)]
struct Create {
    /// What the service account is to be called here
    id: String,
    /// The OAuth client's id
    #[arg(long, value_name = "ID")]
    client_id: String,
    #[command(flatten)]
    secret: Secret,
    /// A Genesys region; without it and the URLs, what is configured
    #[arg(long, value_name = "REGION", conflicts_with_all = ["api_url", "login_url"])]
    region: Option<String>,
    /// Where the API is
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// Where tokens are issued
    #[arg(long, value_name = "URL")]
    login_url: Option<String>,
    /// May serve several tenants; say why in the description
    #[arg(long, requires = "description")]
    shared: bool,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How many tokens its calls are spread over, 1 to 20
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    tokens: u32,
    /// What one token sends a minute at most; without it, what is configured
    #[arg(long, value_name = "NUMBER")]
    requests_per_minute: Option<u32>,
    /// Lend what tenants leave of their shares to the others
    #[arg(long)]
    lend_idle: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Secret {
    /// A file with the client's secret; `-`, or nothing, reads it from standard input. It is never an argument: others see those
    #[arg(long, value_name = "FILE", default_value = "-")]
    client_secret_file: PathBuf,
}

const LIST_EXAMPLES: &str = "\
Examples:
  ringfence service-account list
  ringfence service-account list --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  ringfence service-account show main
  ringfence service-account show main --json      {\"service_account\": {…}, \"budget\": {…}}";

const CHECK_EXAMPLES: &str = "\
Examples:
  ringfence service-account check main";

const ROTATE_EXAMPLES: &str = "\
Examples:
  ringfence service-account rotate main --client-id 5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11 --client-secret-file new.txt
  ringfence service-account rotate main < new.txt      the same client, whose secret was replaced in Genesys";

const CREATE_EXAMPLES: &str = "\
Examples:
  ringfence service-account create main --client-id 5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11 --region eu-central-1 < secret.txt
  ringfence service-account create hub --client-id ID --client-secret-file secret.txt --shared --description 'small tenants'";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(List { common }) => list(&common).await?,
        Command::Show(Show { id, common }) => show(&id, &common).await?,
        Command::Check(Check { id, common }) => {
            let path = format!("/service-accounts/{id}/check");
            let checked = common.call(Method::POST, &path, None).await?;
            common.print(&checked, || format!("Genesys gives service account {id} a token and takes it"))?;
        }
        Command::Rotate(rotate) => rotate.run().await?,
        Command::Create(create) => create.run().await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(common: &Common) -> anyhow::Result<()> {
    let found = common.call(Method::GET, "/service-accounts", None).await?;
    common.print(&found, || {
        let mut table =
            output::table(&["id", "client", "api", "shared", "tokens", "secret since", "description"]);
        for account in found.get("service_accounts").and_then(Value::as_array).into_iter().flatten() {
            table.add_row([
                text(account, "id"),
                text(account, "client_id"),
                text(account, "api_url"),
                if account.get("shared") == Some(&Value::Bool(true)) { "yes" } else { "no" }.to_owned(),
                number(account, "tokens"),
                text(account, "secret_at"),
                text(account, "description"),
            ]);
        }
        table.to_string()
    })
}

async fn show(id: &str, common: &Common) -> anyhow::Result<()> {
    let account = common.call(Method::GET, &format!("/service-accounts/{id}"), None).await?;
    let budget = common.call(Method::GET, &format!("/service-accounts/{id}/budget"), None).await?;
    let both = json!({ "service_account": account, "budget": budget });
    common.print(&both, || {
        let mut table = output::table(&["tenant", "weight", "may send", "has sent", "waits"]);
        for tenant in budget.get("tenants").and_then(Value::as_array).into_iter().flatten() {
            let figures = ["weight", "share", "used", "waiting"].map(|name| number(tenant, name));
            table.add_row([text(tenant, "tenant")].into_iter().chain(figures));
        }
        let [capacity, used, lent, others] =
            ["capacity", "used", "lent", "others"].map(|name| number(&budget, name));
        format!(
            "{}\n\nWithin a minute it may send {capacity}, and has sent {used} ({lent} of them lent); others sent {others} \
             with the same client\n{table}",
            lines(&account)
        )
    })
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let Self { id, client_id, secret, common } = self;
        let mut asked = Map::from_iter([("client_secret".to_owned(), json!(*secret.read()?))]);
        asked.extend(client_id.map(|client| ("client_id".to_owned(), json!(client))));
        let path = format!("/service-accounts/{id}/rotate");
        let rotated = common.call(Method::POST, &path, Some(&asked.into())).await?;
        common.print(&rotated, || told(&rotated))
    }
}

/// What has become of it, and what is left to do.
fn told(rotated: &Value) -> String {
    let field = |name: &str| rotated.get(name).unwrap_or(&Value::Null);
    let account = field("service_account");
    let same = |name: &str| match text(field("proven"), name).as_str() {
        "same" => "the same",
        _ => "not told by Genesys",
    };
    let mut told = vec![
        format!("service account {} logs in as client {}", text(account, "id"), text(account, "client_id")),
        format!("organisation: {}; roles: {}", same("organisation"), same("roles")),
    ];
    let left = field("left_to_do").as_array().into_iter().flatten();
    told.extend(left.filter_map(Value::as_str).map(str::to_owned));
    told.join("\n")
}

impl Create {
    async fn run(self) -> anyhow::Result<()> {
        let new = json!({
            "id": self.id, "client_id": self.client_id, "client_secret": *self.secret.read()?,
            "region": self.region, "api_url": self.api_url, "login_url": self.login_url,
            "shared": self.shared, "description": self.description.unwrap_or_default(), "tokens": self.tokens,
            "requests_per_minute": self.requests_per_minute, "lend_idle": self.lend_idle,
        });
        let added = self.common.call(Method::POST, "/service-accounts", Some(&new)).await?;
        self.common.print(&added, || {
            format!("{}\n\nIt was not tried: `ringfence service-account check {}`", lines(&added), self.id)
        })
    }
}

impl Secret {
    /// What the file holds, without the line break that editors leave.
    fn read(&self) -> anyhow::Result<Zeroizing<String>> {
        let file = &self.client_secret_file;
        let mut text = Zeroizing::new(String::new());
        if file == Path::new("-") {
            let source = stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
            source.context("the client's secret cannot be read from standard input")?;
        } else {
            let read = File::open(file).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
            read.with_context(|| format!("the client's secret cannot be read from `{}`", file.display()))?;
        }
        let secret = Zeroizing::new(text.trim().to_owned());
        ensure!(!secret.is_empty(), "no secret was given: `--client-secret-file FILE`, or on standard input");
        Ok(secret)
    }
}

/// A figure as people read it.
fn number(value: &Value, name: &str) -> String {
    value.get(name).map_or_else(|| "-".to_owned(), Value::to_string)
}
