//! `ringfence serve`: the gateway, the operator listener and the probes, until a signal.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::output;
use crate::{
    app::{App, Bound},
    clock::Clock,
    config::Config,
    telemetry,
};

// As shells report a process that a signal has ended.
pub(super) const KILLED: u8 = 130;

/// Serve tenants and operators.
///
/// Migrates the store first. On the first SIGTERM or SIGINT /ready fails, what is in flight is finished and the
/// process exits 0 within 20 seconds; the second one ends it at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Write the addresses bound to here, as JSON (`gateway`, `operator`, `telemetry`), once it serves
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ringfence serve --config /etc/ringfence/ringfence.toml
  RINGFENCE__GATEWAY__LISTEN=127.0.0.1:0 ringfence serve --config ringfence.toml --ready-file ready.json";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let spans = telemetry::start(&config.telemetry, "info")?;
    let outcome = serve(config, arguments.ready_file).await;
    spans.flush().await;
    outcome
}

async fn serve(config: Config, ready_file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let signals = Signals::listen()?;
    let bound = tokio::select! {
        bound = start(config, ready_file) => bound?,
        () = signals.drain.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    let served = bound.serve(signals.drain.clone());
    tokio::select! {
        outcome = served => outcome.map(|()| ExitCode::SUCCESS),
        () = signals.kill.cancelled() => {
            tracing::warn!("stopped at once; calls in flight are recorded as unknown at the next start");
            Ok(ExitCode::from(KILLED))
        }
    }
}

async fn start(config: Config, ready_file: Option<PathBuf>) -> anyhow::Result<Bound> {
    let bound = App::build(config, Clock::default()).await?.bind().await?;
    let addresses = bound.addresses();
    if let Some(file) = ready_file {
        output::replace_file(&file, &serde_json::to_string(&addresses)?)
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    tracing::info!(
        gateway = %addresses.gateway,
        operator = %addresses.operator,
        telemetry = %addresses.telemetry,
        "serving"
    );
    Ok(bound)
}

/// The process's signals as what they ask for: the first to drain, the second to stop at once.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    pub(super) drain: CancellationToken,
    pub(super) kill: CancellationToken,
}

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let signals = Self { drain: CancellationToken::new(), kill: CancellationToken::new() };
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Asks for the certificate to be read again. Where there is none it must not end the process.
        drop(signal(SignalKind::hangup())?);
        let Self { drain, kill } = signals.clone();
        tokio::spawn(async move {
            for asked in [drain, kill] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("a signal asks to stop");
                asked.cancel();
            }
        });
        Ok(signals)
    }
}
