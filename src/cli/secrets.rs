//! `ringfence secrets`: what is sealed under which master key, and a new one in the place of the old one.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{output, signing_key};
use crate::{
    app::{self, KeyFile, Keys, Rotation, Step},
    clock::Clock,
    config::Config,
    store::{Ledger, Store, Subject},
};

/// Show and rotate the master key, on the machine that has it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(Status),
    Rotate(Rotate),
    Accept(Accept),
    RotateSigningKey(signing_key::Arguments),
}

/// Show which master keys seal how many values.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUS_EXAMPLES)]
struct Status {
    #[command(flatten)]
    common: Common,
}

/// Put a new master key in the place of the old one, beside running replicas.
///
/// The new key is put into the file in front of the old one, everything is sealed anew, and the old one is taken out. A
/// rotation that was cut short goes on where it stopped: run this again. Where replicas have files of their own, run it
/// with `--only-add` first and copy the file to them.
#[derive(Debug, clap::Args)]
#[command(after_help = ROTATE_EXAMPLES)]
struct Rotate {
    #[command(flatten)]
    common: Common,
    /// A file with the passphrase that follows, where the master key is derived from one
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Put the new key into the file and stop there
    #[arg(long)]
    only_add: bool,
}

/// Take for right what was altered in the database by hand.
///
/// What grants something is refused unless Ringfence wrote it. Without `--yes`, only what would be accepted is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = ACCEPT_EXAMPLES)]
struct Accept {
    /// What `ringfence doctor` names, such as `tenant/alpha`; `all` for everything, and for which grants there are
    #[arg(value_parser = subject)]
    subject: Accepted,
    #[command(flatten)]
    consent: Consent,
}

/// What is taken for right by who has the machine: why, and whether it is done or only shown.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    #[command(flatten)]
    pub(super) common: Common,
    /// Why, for those who read the record
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// Do it
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Clone)]
enum Accepted {
    One(Subject),
    All,
}

fn subject(text: &str) -> Result<Accepted, String> {
    if text == "all" {
        return Ok(Accepted::All);
    }
    let named = text.split_once('/').and_then(|(kind, id)| Subject::named(kind, id));
    named.map(Accepted::One).ok_or_else(|| "expected `all`, or such as `tenant/alpha`".to_owned())
}

/// What is done on the machine itself.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  ringfence secrets status --config /etc/ringfence/ringfence.toml
  ringfence secrets status --config ringfence.toml --json     {\"keys\": [{\"id\": …, \"seals\": 3}], \"rotating\": false}";

const ROTATE_EXAMPLES: &str = "\
Examples:
  ringfence secrets rotate --config /etc/ringfence/ringfence.toml
  ringfence secrets rotate --config ringfence.toml --new-passphrase-file next.txt
  ringfence secrets rotate --config ringfence.toml --only-add     copy the file to the other machines, then without it";

const ACCEPT_EXAMPLES: &str = "\
Examples:
  ringfence secrets accept tenant/alpha --config ringfence.toml --reason 'mended by hand, ticket 4711'
  ringfence secrets accept tenant/alpha --config ringfence.toml --reason 'mended by hand, ticket 4711' --yes";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Status(Status { common }) => {
            let (store, file, _) = common.open().await?;
            let done = status(&store, &file, &common).await;
            store.close().await;
            done.map(|()| ExitCode::SUCCESS)
        }
        Command::Rotate(rotate) => {
            let (store, file, clock) = rotate.common.open_whole().await?;
            let done = rotate.run(&store, file, clock).await;
            store.close().await;
            done.map(|()| ExitCode::SUCCESS)
        }
        Command::Accept(accept) => {
            let (store, file, clock) = accept.consent.common.open_whole().await?;
            let done = accept.run(&store, file, clock).await;
            store.close().await;
            done.map(|()| ExitCode::SUCCESS)
        }
        Command::RotateSigningKey(arguments) => signing_key::run(arguments).await,
    }
}

impl Common {
    async fn open(&self) -> anyhow::Result<(Store, KeyFile, Clock)> {
        let (config, clock) = (Config::load(&self.config)?, Clock::default());
        let store = app::open_store(&config).await?;
        let file = KeyFile::open(&config.secrets, &store, &clock).await?;
        Ok((store, file, clock))
    }

    /// As [`Common::open`], with all that is sealed there opened, so that it can be changed.
    pub(super) async fn open_whole(&self) -> anyhow::Result<(Store, KeyFile, Clock)> {
        let (store, file, clock) = self.open().await?;
        Keys::load(&Config::load(&self.config)?.secrets, &store, &clock).await?;
        Ok((store, file, clock))
    }
}

async fn status(store: &Store, file: &KeyFile, common: &Common) -> anyhow::Result<()> {
    let (in_file, under) = (file.ids().await?, app::sealed_under(store).await?);
    let gone = under.keys().filter(|id| !in_file.contains(id));
    let mut keys: Vec<Value> = Vec::new();
    let mut table = output::table(&["key", "in the file", "seals"]);
    for id in in_file.iter().chain(gone) {
        let seals = under.get(id).map_or(0, Vec::len);
        let there = in_file.contains(id);
        table.add_row([id.to_string(), if there { "yes" } else { "NO" }.to_owned(), seals.to_string()]);
        keys.push(json!({ "id": id.to_string(), "in_file": there, "seals": seals }));
    }
    if common.json {
        return output::print_json(&json!({ "keys": keys, "rotating": in_file.len() > 1 }));
    }
    Ok(output::print(&table.to_string())?)
}

impl Accept {
    async fn run(&self, store: &Store, file: KeyFile, clock: Clock) -> anyhow::Result<()> {
        let Consent { common, reason, yes } = &self.consent;
        let (one, name) = match &self.subject {
            Accepted::One(subject) => (Some(subject), subject.to_string()),
            Accepted::All => (None, "all".to_owned()),
        };
        let mut ledger = Ledger::new(store.grants_key()?.clone());
        let taken = ledger.take_in(&store.changes_since(Ledger::BEFORE_ALL).await?);
        let found: Vec<_> = ledger.unproven().iter().map(ToString::to_string).collect();
        if !yes {
            let whole = taken.err().map(|error| error.to_string());
            let text = format!(
                "not proven: {}{}",
                found.join(", "),
                whole.iter().fold(String::new(), |text, one| format!("{text}\n{one}"))
            );
            return common.end(&json!({ "unproven": found, "all": whole, "accepted": [] }), &text);
        }
        let rotation = Rotation::open(file, store.clone(), clock);
        let event = rotation.event(
            "secrets.accept",
            &json!({ "unproven": found }),
            &json!({ "accepted": name, "reason": reason }),
        );
        let accepted = store.accept(one, &event).await;
        let accepted: Vec<_> = accepted?.iter().map(ToString::to_string).collect();
        common.end(&json!({ "accepted": accepted }), &format!("taken for right: {}", accepted.join(", ")))
    }
}

impl Rotate {
    async fn run(&self, store: &Store, file: KeyFile, clock: Clock) -> anyhow::Result<()> {
        let passphrase = self.new_passphrase_file.as_deref().map(app::read_passphrase).transpose()?;
        let mut rotation = Rotation::open(file, store.clone(), clock);
        self.go(&mut rotation, passphrase.as_ref().map(|line| line.as_str())).await
    }

    async fn go(&self, rotation: &mut Rotation, passphrase: Option<&str>) -> anyhow::Result<()> {
        if rotation.is_under_way().await? {
            self.say("a rotation was cut short: it goes on")?;
        } else {
            let added = rotation.begin(passphrase).await?;
            self.say(&format!("added the master key {added}"))?;
        }
        if self.only_add {
            return self.common.end(
                &json!({ "rotated": false }),
                "nothing is sealed under it yet: run this again to go on",
            );
        }
        let (mut resealed, mut dropped) = (0, Vec::new());
        loop {
            match rotation.step().await? {
                Step::Retired(id) => self.say(&format!("nothing is sealed under {id} any more"))?,
                Step::Resealed(place) => {
                    resealed += 1;
                    self.say(&format!("sealed anew: {place}"))?;
                }
                Step::Dropped(ids) => dropped.extend(ids.iter().map(ToString::to_string)),
                Step::Done(id) => {
                    let (id, olds) = (id.to_string(), dropped.join(", "));
                    let done =
                        json!({ "rotated": true, "key": id, "dropped": dropped, "resealed": resealed });
                    return self.common.end(
                        &done,
                        &format!(
                            "{resealed} value(s) are sealed under {id}; {olds} is out of the file. Keep a copy of the new \
                             key apart, and the old one as long as backups of the store from before are kept"
                        ),
                    );
                }
            }
        }
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        if self.common.json { Ok(()) } else { Ok(output::print(line)?) }
    }
}

impl Common {
    /// The configuration file.
    pub(super) fn file(&self) -> &Path {
        &self.config
    }

    /// The JSON, or the line that people are shown.
    pub(super) fn end(&self, value: &Value, line: &str) -> anyhow::Result<()> {
        if self.json { output::print_json(value) } else { Ok(output::print(line)?) }
    }
}
