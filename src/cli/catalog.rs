//! `ringfence catalog`: what of the Genesys API tenants can be given, and how.

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::{Map, Value};

use super::{drift, output};
use crate::catalog::{Catalog, Coverage, FamilyCoverage};

/// Say what of the Genesys API tenants can be given, how it is narrowed and guarded, and why the rest is denied.
///
/// It is what this program holds; nothing is asked of a server.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Coverage(CoverageArguments),
    Show(Show),
    Drift(drift::Arguments),
}

/// Count, per family, what is enabled by which way of narrowing, denied for which kind of reason, and unclassified.
#[derive(Debug, clap::Args)]
#[command(after_help = COVERAGE_EXAMPLES)]
struct CoverageArguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Show one operation: how it is narrowed and guarded and why, or why it is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    /// Its id, such as `getUsers`
    operation: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const COVERAGE_EXAMPLES: &str = "\
Examples:
  ringfence catalog coverage
  ringfence catalog coverage --json       {\"operations\": 3355, \"enabled\": …, \"denied\": …, \"unclassified\": 0, …}";

const SHOW_EXAMPLES: &str = "\
Examples:
  ringfence catalog show getRoutingQueues
  ringfence catalog show postOauthClients --json";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::embedded()?;
    match &arguments.command {
        Command::Coverage(CoverageArguments { json }) => {
            let coverage = catalog.coverage();
            let value = serde_json::to_value(&coverage)?;
            if *json { output::print_json(&value)? } else { output::print(&table(&coverage))? }
        }
        Command::Show(Show { operation, json }) => {
            let entry = catalog
                .named(operation)
                .ok_or_else(|| anyhow!("there is no {}", catalog.missing(operation)))?;
            let shown = catalog.description(&entry);
            if *json { output::print_json(&shown)? } else { output::print(&lines(&shown))? }
        }
        Command::Drift(arguments) => return drift::run(arguments, &catalog),
    }
    Ok(ExitCode::SUCCESS)
}

fn table(coverage: &Coverage) -> String {
    let mut table = output::table(&["family", "operations", "enabled", "denied", "unclassified"]);
    for FamilyCoverage { family, operations, enabled, denied, unclassified } in &coverage.families {
        table.add_row([
            (*family).to_owned(),
            operations.to_string(),
            counts(enabled.iter().map(|(way, count)| (*way, *count))),
            counts(denied.iter().map(|(code, count)| (code.as_str(), *count))),
            unclassified.len().to_string(),
        ]);
    }
    let Coverage { operations, enabled, denied, unclassified, families: _ } = coverage;
    let sum = [operations, enabled, denied, unclassified].map(usize::to_string);
    table.add_row(std::iter::once("all".to_owned()).chain(sum));
    table.to_string()
}

/// `5 owned, 2 listed`, the most first.
fn counts<'a>(counts: impl Iterator<Item = (&'a str, usize)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

fn lines(shown: &Value) -> String {
    let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut lines = vec![format!("{}  {} {}", text("id"), text("method"), text("path"))];
    let mut line = |name: &str, told: String| {
        if !told.is_empty() {
            lines.push(format!("  {name:<9} {told}"));
        }
    };
    line("family", text("family").to_owned());
    if shown.get("enabled") == Some(&Value::Bool(false)) {
        line("denied", format!("{}: {}", text("code"), text("reason")));
        return lines.join("\n");
    }
    line("groups", told(shown.get("groups")));
    line("narrowed", named(shown.get("narrowing"), "way"));
    line("guarded", named(shown.get("guard"), "answer"));
    for parameter in shown.get("query").and_then(Value::as_array).into_iter().flatten() {
        line("query", named(Some(parameter), "name"));
    }
    line("body", text("body").to_owned());
    line("why", text("why").to_owned());
    lines.join("\n")
}

/// An object that is known by one of its fields: `owned (name: queueId, place: path)`.
fn named(value: Option<&Value>, name: &str) -> String {
    let Some(fields) = value.and_then(Value::as_object) else { return String::new() };
    let told_of = |fields: &Map<String, Value>| {
        let others = fields.iter().filter(|(field, value)| *field != name && !told(Some(value)).is_empty());
        others.map(|(field, value)| format!("{field}: {}", told(Some(value)))).collect::<Vec<_>>().join(", ")
    };
    let rest = told_of(fields);
    let name = told(fields.get(name));
    if rest.is_empty() { name } else { format!("{name} ({rest})") }
}

fn told(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => {
            values.iter().map(|value| told(Some(value))).collect::<Vec<_>>().join(" ")
        }
        Some(object @ Value::Object(_)) => object.to_string(),
        Some(other @ (Value::Bool(_) | Value::Number(_))) => other.to_string(),
    }
}
