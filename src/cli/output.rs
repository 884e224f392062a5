//! What commands print and write.

use std::{
    fs,
    io::{self, ErrorKind, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

/// Prints a text and a line break on standard output.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        // The reader has seen enough (`… | head`).
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints one JSON value, in lines that people can read too.
pub(super) fn print_json(value: &Value) -> anyhow::Result<()> {
    Ok(print(&serde_json::to_string_pretty(value)?)?)
}

/// A table for people: with lines on a terminal, without them elsewhere.
pub(super) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    let lines = if io::stdout().is_terminal() { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING };
    table.load_style(lines).set_content_arrangement(ContentArrangement::Dynamic).set_header(heads);
    table
}

/// One field a line.
pub(super) fn lines(key: &Value) -> String {
    let fields = key.as_object().map(Map::iter).into_iter().flatten();
    let line = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{name:<20}{value}")
    };
    fields.map(line).collect::<Vec<_>>().join("\n")
}

/// A field as people read it; a dash where there is none.
pub(super) fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or("-").to_owned()
}

/// Writes a file whole or not at all, so that a reader who waits for it never sees half of it.
pub(super) fn replace_file(file: &Path, content: &str) -> io::Result<()> {
    let mut name = file.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = file.with_file_name(name);
    fs::write(&new, content)?;
    fs::rename(&new, file).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Writes a file that only its owner may read, and that must not exist yet.
pub(super) fn create_private_file(file: &Path, content: &str) -> io::Result<()> {
    let mut created = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    created.write_all(content.as_bytes())?;
    created.sync_all()
}
