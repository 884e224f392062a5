//! `ringfence demo`: all of it in one process, and what two tenants see of one organisation.
//!
//! Nothing is faked: the calls go over HTTP to the admin API and the gateway, and what comes back is held against what
//! the simulated organisation says it holds.

mod calls;
mod stage;
mod table;

use std::process::ExitCode;

use serde_json::json;

use self::{calls::Result as CallResult, stage::Stage};
use super::{
    output,
    serve::{KILLED, Signals},
};
use crate::{config::Telemetry, telemetry};

/// See it work: two tenants of one simulated organisation, each with its own view.
///
/// Starts a simulated Genesys organisation, the gateway and an SQLite store in a temporary directory, on free ports;
/// registers two tenants, makes the same calls for each, and shows what each saw beside what the organisation holds.
/// Then serves until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Exit when the calls are made: 0 when all was as promised, else 1
    #[arg(long)]
    once: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ringfence demo
  ringfence demo --once --json       {\"tenants\": [{\"id\": \"alpha\", \"results\": […]}, …]}";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    // The table is what is to be read; RUST_LOG brings the log back.
    let spans = telemetry::start(&Telemetry::default(), "error")?;
    let outcome = tokio::select! {
        outcome = perform(&arguments, &signals) => outcome,
        () = signals.kill.cancelled() => Ok(ExitCode::from(KILLED)),
    };
    spans.flush().await;
    outcome
}

async fn perform(arguments: &Arguments, signals: &Signals) -> anyhow::Result<ExitCode> {
    let stage = Stage::set().await?;
    let outcome = show(arguments, &stage, signals).await;
    stage.clear().await?;
    outcome
}

async fn show(arguments: &Arguments, stage: &Stage, signals: &Signals) -> anyhow::Result<ExitCode> {
    let results = calls::make(stage).await?;
    if arguments.json {
        output::print(&as_json(stage, &results).to_string())?;
    } else {
        output::print(&table::results(stage, &results))?;
        output::print(&table::events(&results))?;
    }
    let kept = results.iter().all(CallResult::as_promised);
    if arguments.once {
        return Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if !arguments.json {
        output::print(&table::farewell(stage))?;
    }
    tokio::select! {
        () = signals.drain.cancelled() => Ok(ExitCode::SUCCESS),
        () = stage.ended() => anyhow::bail!("the gateway stopped by itself"),
    }
}

fn as_json(stage: &Stage, results: &[CallResult]) -> serde_json::Value {
    let tenants = stage.tenants.iter().map(|tenant| {
        let own: Vec<_> = results.iter().filter(|result| result.tenant == tenant.id).collect();
        json!({ "id": tenant.id, "results": own })
    });
    json!({ "tenants": tenants.collect::<Vec<_>>() })
}
