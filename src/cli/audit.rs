//! `ringfence audit`: the record as a file, what was signed of it, and whether a file is what was written.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    output,
    remote::{Common, Server},
    restore,
};
use crate::tlog::{
    VerifierKey,
    verify::{Report, read_checkpoints, verify},
};

/// Export the record, list what was signed of it, verify what was exported.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Export(Export),
    Checkpoints(Listing),
    Key(Listing),
    Verify(Verify),
    AcceptRestore(restore::Arguments),
}

/// Export the whole record, one line per entry, with what proves it. A checkpoint is made first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXPORT_EXAMPLES)]
struct Export {
    /// The form of the lines
    #[arg(long, value_parser = ["jsonl"], default_value = "jsonl")]
    format: String,
    /// Where to write it; without it, to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  ringfence audit export --output record.jsonl
  ringfence audit export | zstd > record.jsonl.zst";

/// Print the signed checkpoints, or the key that they are verified with.
///
/// `audit checkpoints` makes one of now first. Keep them where nobody who can write to the store can: they show that nothing
/// was cut off. `audit key` prints what `audit verify --key` takes; ask for it once, and keep it.
#[derive(Debug, clap::Args)]
struct Listing {
    #[command(flatten)]
    common: Common,
}

/// Verify an export without a server, or the record of a running one: whether all of it is what was written, and if not, where.
///
/// Exit code 0: it is; 1: it is not, and each place is named.
#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct Verify {
    /// What `audit export` wrote; `-` for standard input; without it, the record itself, by a running server
    #[arg(requires = "key")]
    export: Option<PathBuf>,
    /// What `audit checkpoints` printed, then or earlier: shows that nothing is missing at the end, and no whole stream
    #[arg(long, value_name = "FILE", requires = "export")]
    checkpoints: Option<PathBuf>,
    /// What `audit key` printed; a key per line
    #[arg(long, value_name = "FILE", requires = "export")]
    key: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  ringfence audit key > record.key
  ringfence audit checkpoints > record.checkpoints
  ringfence audit export --output record.jsonl
  ringfence audit verify record.jsonl --checkpoints record.checkpoints --key record.key
  ringfence audit verify                         the record itself, by the server's own word";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Export(export) => write_export(&export).await,
        Command::AcceptRestore(arguments) => restore::run(arguments).await,
        Command::Checkpoints(Listing { common }) => {
            let listed = common.call(Method::GET, "/checkpoints", None).await?;
            let notes = listed.get("checkpoints").and_then(Value::as_array).into_iter().flatten();
            let notes: Vec<_> = notes.filter_map(Value::as_str).collect();
            common.print(&listed, || notes.join("\n").trim_end().to_owned())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Key(Listing { common }) => {
            let listed = common.call(Method::GET, "/checkpoints", None).await?;
            let key = output::text(&listed, "key");
            common.print(&json!({ "key": key }), || key.clone())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(Verify { export: Some(export), checkpoints, key: Some(key), common }) => {
            let report = check(&export, checkpoints.as_ref(), &key)?;
            let mut shown = serde_json::to_value(&report)?;
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("clean".to_owned(), report.is_clean().into());
            }
            show(&shown, &report, &common)
        }
        Command::Verify(Verify { common, .. }) => {
            let shown = common.call(Method::POST, "/events/verify", Some(&json!({}))).await?;
            let report: Report = serde_json::from_value(shown.clone()).context("another version's answer")?;
            show(&shown, &report, &common)
        }
    }
}

async fn write_export(export: &Export) -> anyhow::Result<ExitCode> {
    let path = format!("/events/export?format={}", export.format);
    let Some(file) = &export.output else {
        export.server.download(&path, &mut io::stdout().lock()).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let shown = file.display();
    let made = File::create_new(file).with_context(|| format!("`{shown}` cannot be made"))?;
    let mut writer = BufWriter::new(made);
    let bytes = export.server.download(&path, &mut writer).await?;
    writer.into_inner()?.sync_all().with_context(|| format!("`{shown}` cannot be written"))?;
    output::print(&format!("{bytes} bytes in {shown}"))?;
    Ok(ExitCode::SUCCESS)
}

fn check(export: &Path, checkpoints: Option<&PathBuf>, key: &Path) -> anyhow::Result<Report> {
    let read = |file: &Path| {
        std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
    };
    let keys = read(key)?;
    let keys = keys.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Vec<VerifierKey> =
        keys.map(str::parse).collect::<Result<_, _>>().with_context(|| format!("`{}`", key.display()))?;
    if keys.is_empty() {
        bail!("`{}` holds no key: write what `ringfence audit key` prints", key.display());
    }
    let (kept, wrong) = match checkpoints {
        Some(file) => read_checkpoints(&read(file)?, &keys),
        None => (Vec::new(), Vec::new()),
    };
    let unreadable = || format!("`{}` cannot be read", export.display());
    let verified = if export.as_os_str() == "-" {
        verify(io::stdin().lock(), &keys, kept)
    } else {
        let file = File::open(export).with_context(unreadable)?;
        verify(BufReader::with_capacity(1 << 20, file), &keys, kept)
    };
    Ok(Report { checkpoints: wrong, ..verified.with_context(unreadable)? })
}

fn show(value: &Value, report: &Report, common: &Common) -> anyhow::Result<ExitCode> {
    common.print(value, || describe(report))?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(report: &Report) -> String {
    let mut table = output::table(&["stream", "entries", "proven", "signed at"]);
    for (name, proven) in &report.streams {
        let signed_at = proven.signed_at.clone().unwrap_or_default();
        table.add_row([name.clone(), proven.entries.to_string(), proven.size.to_string(), signed_at]);
    }
    let mut lines = vec![table.to_string()];
    lines.extend(report.checkpoints.iter().map(|defect| format!("checkpoints, {defect}")));
    lines.extend(report.defects.iter().map(ToString::to_string));
    let count = (report.checkpoints.len() + report.defects.len()) as u64 + report.more_defects;
    lines.push(match count {
        0 => "all of it is what was written".to_owned(),
        count => format!("{count} defect(s)"),
    });
    lines.join("\n")
}
