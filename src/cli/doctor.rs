//! `ringfence doctor`: what stands in the way of serving, and what to do about it.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{BAD_CONFIGURATION, output};
use crate::{
    app::doctor::{self, Examination, Finding, State},
    clock::Clock,
};

/// Look at everything that serving needs, and say what is wrong and what to do.
///
/// Configuration, master key, certificate, addresses, store, clock, service accounts, tenants' divisions and
/// policies. Changes nothing. Exits 1 if something keeps Ringfence or a tenant from working, 64 if that is
/// the configuration file itself.
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
  ringfence doctor --config /etc/ringfence/ringfence.toml
  ringfence doctor --config ringfence.toml --json       {\"healthy\": true, \"findings\": […]}";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Examination { findings, misconfigured } = doctor::examine(&arguments.config, &Clock::default()).await;
    let healthy = findings.iter().all(|finding| finding.state != State::Problem);
    if arguments.json {
        output::print_json(&json!({ "healthy": healthy, "findings": findings }))?;
    } else {
        output::print(&table(&findings))?;
    }
    Ok(match (healthy, misconfigured) {
        (_, true) => ExitCode::from(BAD_CONFIGURATION),
        (false, false) => ExitCode::FAILURE,
        (true, false) => ExitCode::SUCCESS,
    })
}

fn table(findings: &[Finding]) -> String {
    let mut table = output::table(&["", "place", "found", "what to do"]);
    for Finding { place, state, found, remedy } in findings {
        let state = match state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Problem => "PROBLEM",
        };
        table.add_row([state, place, found, remedy.as_deref().unwrap_or_default()]);
    }
    table.to_string()
}
