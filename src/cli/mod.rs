//! The commands. One file each; exit codes 0, 1 failed, 2 wrong usage, 3 something differs, 64 wrong configuration.

mod audit;
mod catalog;
mod config;
mod demo;
mod doctor;
mod drift;
mod init;
mod key;
mod migrate;
mod output;
mod policy;
mod registry;
mod remote;
mod restore;
mod secrets;
mod serve;
mod service_account;
mod signing_key;
mod simulate;

use std::{error::Error, io::Write, process::ExitCode, time::Duration};

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::ConfigError;

// `sysexits.h`: what others expect of a program that is started wrongly.
const BAD_CONFIGURATION: u8 = 64;

// What is still running when the command has ended may not hold the process up.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// A multi-tenant access gateway for Genesys Cloud: each tenant gets its own keys and sees its own divisions, and
/// every call is on record.
#[derive(Debug, Parser)]
#[command(name = "ringfence", version, after_help = EXAMPLES, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ringfence demo                                   see it work: everything embedded, nothing else needed
  ringfence init --dir /etc/ringfence              write a configuration, print the first admin's token
  ringfence serve --config /etc/ringfence/ringfence.toml

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something differs (`catalog drift`), 64 wrong configuration. RUST_LOG sets what is logged.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Init(init::Arguments),
    Serve(serve::Arguments),
    Migrate(migrate::Arguments),
    Config(config::Arguments),
    Doctor(doctor::Arguments),
    Policy(policy::Arguments),
    Key(key::Arguments),
    Audit(audit::Arguments),
    Registry(registry::Arguments),
    ServiceAccount(service_account::Arguments),
    Secrets(secrets::Arguments),
    Catalog(catalog::Arguments),
    Simulate(simulate::Arguments),
}

/// The command line as data: for what checks it against documents.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            let bad_configuration = error.chain().any(<dyn Error>::is::<ConfigError>);
            ExitCode::from(if bad_configuration { BAD_CONFIGURATION } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Init(arguments) => init::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Config(arguments) => config::run(&arguments),
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Catalog(arguments) => catalog::run(&arguments),
            Command::Policy(arguments) => policy::run(arguments).await,
            Command::Key(arguments) => key::run(arguments).await,
            Command::Audit(arguments) => audit::run(arguments).await,
            Command::Registry(arguments) => registry::run(arguments).await,
            Command::ServiceAccount(arguments) => service_account::run(arguments).await,
            Command::Secrets(arguments) => secrets::run(arguments).await,
            Command::Simulate(arguments) => simulate::run(arguments).await,
        }
    });
    runtime.shutdown_timeout(LAST_TASKS);
    code
}

fn report(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell when this fails.
    let _ = writeln!(stderr, "error: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(stderr, "  because: {cause}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
