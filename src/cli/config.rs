//! `ringfence config`: what holds, file and environment together.

use std::{fmt::Write, path::PathBuf, process::ExitCode};

use serde_json::Value;

use super::output;
use crate::config::{self, Config};

/// Show the configuration that holds.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(Show),
}

/// Print the effective configuration, checked, with passwords as `***`.
///
/// The file, then the `RINGFENCE__SECTION__KEY` variables of the environment; paths are absolute.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Show {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ringfence config show --config /etc/ringfence/ringfence.toml
  ringfence config show --config ringfence.toml --json";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::Show(show) = &arguments.command;
    let effective = serde_json::to_value(Config::load(&show.config)?)?;
    let text = if show.json { serde_json::to_string_pretty(&effective)? } else { as_toml(&effective) };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

// A section for each of them, a line for each setting.
fn as_toml(effective: &Value) -> String {
    let mut text = String::new();
    for (section, keys) in effective.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{}[{section}]", if text.is_empty() { "" } else { "\n" });
        for (key, value) in keys.as_object().into_iter().flatten() {
            let _ = match value {
                Value::Null => writeln!(text, "# {key} is not set"),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    writeln!(text, "{key} = {}", config::toml(value))
                }
            };
        }
    }
    text.truncate(text.trim_end().len());
    text
}
