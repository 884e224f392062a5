//! `ringfence simulate`: a stand-in Genesys organisation.

use std::process::ExitCode;

use super::{output, serve::Signals};
use crate::simulator::{Options, Simulator};

/// Run a stand-in Genesys organisation, to try Ringfence out or to test against.
///
/// Nothing of it is Ringfence: it answers as Genesys's login and API do, and is stricter about what it is sent. Its
/// control listener tells what it holds and lets things go wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    let simulator = Simulator::start(arguments.options).await?;
    output::print(&format!("login and API: {}\ncontrol: http://{}", simulator.url(), simulator.control()))?;
    signals.drain.cancelled().await;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}
