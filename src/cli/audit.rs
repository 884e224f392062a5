//! `ringfence audit`: the record as a file, what was signed of it, and whether a file is what was written.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    output,
    remote::{Common, Server},
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

/// Verify an export without a server: whether all of it is what was written, and if not, where.
///
/// Exit code 0: it is; 1: it is not, and each place is named.
#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLES)]
struct Verify {
    /// What `audit export` wrote; `-` for standard input
    export: PathBuf,
    /// What `audit checkpoints` printed, then or earlier: shows that nothing is missing at the end, and no whole stream
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// What `audit key` printed; a key per line
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  ringfence audit key > record.key
  ringfence audit checkpoints > record.checkpoints
  ringfence audit export --output record.jsonl
  ringfence audit verify record.jsonl --checkpoints record.checkpoints --key record.key";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Export(export) => write_export(&export).await,
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
        Command::Verify(arguments) => check(&arguments),
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

fn check(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let Verify { export, checkpoints, key, json } = arguments;
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
    };
    let keys = read(key)?;
    let keys = keys.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Vec<VerifierKey> =
        keys.map(str::parse).collect::<Result<_, _>>().with_context(|| format!("`{}`", key.display()))?;
    if keys.is_empty() {
        bail!("`{}` holds no key: write what `ringfence audit key` prints", key.display());
    }
    let (kept, found) = match checkpoints {
        Some(file) => read_checkpoints(&read(file)?, &keys),
        None => (Vec::new(), Report::default()),
    };
    let shown = export.display();
    let verified = if export.as_os_str() == "-" {
        verify(io::stdin().lock(), &keys, kept)
    } else {
        let file = File::open(export).with_context(|| format!("`{shown}` cannot be read"))?;
        verify(BufReader::with_capacity(1 << 20, file), &keys, kept)
    };
    let verified = verified.with_context(|| format!("`{shown}` cannot be read"))?;
    let is_clean = verified.is_clean() && found.is_clean();
    if *json {
        let checkpoints = &found.defects;
        output::print_json(&json!({ "clean": is_clean, "export": verified, "checkpoints": checkpoints }))?;
    } else {
        output::print(&describe(&verified, &found)?)?;
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(verified: &Report, found: &Report) -> anyhow::Result<String> {
    let mut text = Vec::new();
    let mut table = output::table(&["stream", "entries", "proven", "signed at"]);
    for (name, proven) in &verified.streams {
        let signed_at = proven.signed_at.clone().unwrap_or_default();
        table.add_row([name.clone(), proven.entries.to_string(), proven.size.to_string(), signed_at]);
    }
    writeln!(text, "{table}")?;
    for defect in &found.defects {
        writeln!(text, "checkpoints, {defect}")?;
    }
    for defect in &verified.defects {
        writeln!(text, "{defect}")?;
    }
    let count = found.defects.len() as u64 + verified.defects.len() as u64 + verified.more_defects;
    match count {
        0 => write!(text, "all of it is what was written")?,
        count => write!(text, "{count} defect(s)")?,
    }
    Ok(String::from_utf8(text)?)
}
