//! `ringfence audit accept-restore`: an older copy of the store is gone on with.

use std::process::ExitCode;

use serde_json::json;

use super::secrets::Consent;
use crate::{
    app::{self, KeyFile, Rotation},
    clock::Clock,
    config::Config,
    store::Store,
};

/// Go on with an older copy of the store, although witnesses have seen more of its record.
///
/// `serve` refuses to start with such a copy. Put the newer one back where there is one: what came since is gone from the
/// record, and each verification against the witnesses' checkpoints goes on telling so. Stop all replicas first. Without
/// `--yes`, only what is lost is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    consent: Consent,
}

const EXAMPLES: &str = "\
Examples:
  ringfence audit accept-restore --config /etc/ringfence/ringfence.toml --reason 'disk lost, ticket 4711'
  ringfence audit accept-restore --config /etc/ringfence/ringfence.toml --reason 'disk lost, ticket 4711' --yes";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (store, file, clock) = arguments.consent.common.open_whole().await?;
    let done = accept(&arguments.consent, &store, file, clock).await;
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn accept(
    Consent { common, reason, yes }: &Consent,
    store: &Store,
    file: KeyFile,
    clock: Clock,
) -> anyhow::Result<()> {
    let lost = app::lost(store, &Config::load(common.file())?).await?;
    let accepted = *yes && !lost.is_empty();
    if accepted {
        let rotation = Rotation::open(file, store.clone(), clock);
        let event = rotation.event(
            "audit.accept-restore",
            &json!({ "lost": lost }),
            &json!({ "accepted": true, "reason": reason }),
        );
        store.accept_lost(&lost, &event).await?;
    }
    let mut lines: Vec<_> = lost.iter().map(ToString::to_string).collect();
    lines.push(match (lost.is_empty(), accepted) {
        (true, _) => "nothing is lost of what was witnessed".to_owned(),
        (_, true) => "accepted: `ringfence serve` goes on from here".to_owned(),
        (_, false) => "nothing was changed: `--yes` accepts it".to_owned(),
    });
    common.end(&json!({ "lost": lost, "accepted": accepted }), &lines.join("\n"))
}
