//! `ringfence catalog drift`: what a newer description of the API says otherwise.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use super::output;
use crate::catalog::{Catalog, Change, Drift, LONGEST_DOCUMENT_BYTES, ModelDrift, OperationDrift};

// As `plan` and `diff` of other programs say that there is something to do.
const DIFFERS: u8 = 3;

/// Compare a newer Swagger 2.0 document of the Genesys API with the catalog.
///
/// It tells new operations, gone ones, and changed parameters, bodies and answers; the latter field by field for the
/// models that enabled operations need. What changed of enabled operations is to be denied until somebody has looked
/// at it: `--write` lists them for the setting `gateway.denied_operations_file`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The document, as Genesys publishes it
    #[arg(long, value_name = "FILE")]
    swagger: PathBuf,
    /// Write the list of changed operations for `gateway.denied_operations_file`
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  ringfence catalog drift --swagger publicapi-v2-latest.json
  ringfence catalog drift --swagger publicapi-v2-latest.json --write /etc/ringfence/changed.toml

Exit codes: 0 nothing differs, 3 something does, 1 the document cannot be read.";

pub(super) fn run(arguments: &Arguments, catalog: &Catalog) -> anyhow::Result<ExitCode> {
    let Arguments { swagger, write, json } = arguments;
    let name = || format!("`{}` cannot be compared", swagger.display());
    let document = read(swagger).with_context(name)?;
    let drift = Drift::of(catalog, &document).with_context(name)?;
    if let Some(file) = write {
        output::replace_file(file, &drift.denials().to_string())
            .with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    if *json {
        output::print_json(&serde_json::to_value(&drift)?)?;
    } else {
        output::print(&text(&drift))?;
    }
    Ok(if drift.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// No more than tells that it is too long.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut document = Vec::new();
    File::open(file)?.take(LONGEST_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut document)?;
    Ok(document)
}

fn text(drift: &Drift) -> String {
    if drift.is_empty() {
        return "nothing differs".to_owned();
    }
    let mut parts = Vec::new();
    for (heading, operations) in [
        ("new operations", &drift.new),
        ("gone operations", &drift.gone),
        ("changed operations", &drift.changed),
    ] {
        if !operations.is_empty() {
            parts.push(format!("{heading}: {}\n{}", operations.len(), operation_table(operations)));
        }
    }
    if !drift.models.is_empty() {
        parts.push(format!("changed models: {}\n{}", drift.models.len(), model_table(&drift.models)));
    }
    parts.push(format!("enabled operations to deny until somebody has looked: {}", drift.denied.len()));
    parts.join("\n\n")
}

fn operation_table(operations: &[OperationDrift]) -> String {
    let mut table = output::table(&["operation", "method", "path", "enabled", "what changed"]);
    for OperationDrift { operation, method, path, enabled, changes } in operations {
        let enabled = if *enabled { "yes" } else { "" };
        table.add_row([operation, method, path, enabled, &lines(changes)]);
    }
    table.to_string()
}

fn model_table(models: &[ModelDrift]) -> String {
    let mut table = output::table(&["model", "enabled operations", "what changed"]);
    for ModelDrift { model, changes, operations } in models {
        table.add_row([model, &operations.len().to_string(), &lines(changes)]);
    }
    table.to_string()
}

fn lines(changes: &[Change]) -> String {
    changes.iter().map(Change::to_string).collect::<Vec<_>>().join("\n")
}
