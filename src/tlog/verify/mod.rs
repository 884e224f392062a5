//! Verifying what was exported, with nothing but the public key.
//!
//! An export is lines of JSON. An *entry* says its stream and its index, and is itself what was hashed. Behind each run of
//! entries of a stream stands a line of their *hashes*, behind the last the stream's *checkpoint*:
//!
//! ```text
//! {"v":1,"stream":"…","index":0,…}
//! {"v":1,"stream":"…","index":1,…}
//! {"hashes":{"stream":"…","first":0,"hashes":["…","…"]}}
//! {"checkpoint":"ringfence/…\n2\n…\n\n— ringfence/… …\n"}
//! {"manifest":"ringfence-export/1\nlines 4\nsha256 …\n…\n\n— ringfence/… …\n"}
//! ```
//!
//! The checkpoint proves all entries before it. The hashes only tell which one is wrong: two trees are built, one of the
//! entries and one of the hashes, and the one that the checkpoint is of was not touched. Checkpoints that were kept
//! elsewhere prove more: that nothing is missing at the end, and no whole stream. The manifest, behind the last line, proves
//! that the file is what was exported: also where nothing is told of an entry.

mod stream;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::{self, BufRead},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Checkpoint, Hash, Manifest, NoteError, VerifierKey};
use stream::Following;

/// Longer lines are not read.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
/// More defects are counted and not told.
const MOST_DEFECTS: usize = 10_000;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Defect {
    /// What is wrong.
    pub what: What,
    /// The stream, where that can be told.
    pub stream: Option<String>,
    /// The index in the stream, where that can be told.
    pub index: Option<u64>,
    /// The line of the file.
    pub line: Option<u64>,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Not what was written.
    Altered,
    /// Not there.
    Missing,
    /// There, and was never written.
    Inserted,
    /// Not at its place.
    Reordered,
    /// What comes after is not there, up to the size that a checkpoint proves.
    TailMissing,
    /// A checkpoint proves a stream of which there is nothing.
    StreamMissing,
    /// Behind the last checkpoint.
    NotProven,
    /// A line of hashes is not what was written: the entries are.
    HashesAltered,
    /// A checkpoint that is none, or whose signature is not that of its key over its text.
    CheckpointForged,
    /// A checkpoint or manifest by a key that is not known.
    UnknownKey,
    /// The file is not what its manifest was signed of: somewhere, or nowhere else than is told.
    NotAsExported,
    /// Nothing says of what the export was.
    ManifestMissing,
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Altered => "altered",
            What::Missing => "missing",
            What::Inserted => "inserted",
            What::Reordered => "not at its place",
            What::TailMissing => "cut off from here on",
            What::StreamMissing => "the whole stream is missing",
            What::NotProven => "behind the last checkpoint, and proven by none",
            What::HashesAltered => "the hashes are altered, and the entries are not",
            What::CheckpointForged => "no checkpoint or manifest, or a forged one",
            What::UnknownKey => "signed by an unknown key",
            What::NotAsExported => "the file is not what its manifest was signed of",
            What::ManifestMissing => "the manifest is missing: the end of the file was cut off",
        };
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        if let Some(stream) = &self.stream {
            write!(formatter, "stream {stream}")?;
            if let Some(index) = self.index {
                write!(formatter, ", entry {index}")?;
            }
            write!(formatter, ": ")?;
        }
        formatter.write_str(what)
    }
}

/// What was proven of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proven {
    /// How many entries were read.
    pub entries: u64,
    /// Its first entries up to so many are what was written: the size of the largest checkpoint that they give.
    pub size: u64,
    /// When that was signed.
    pub signed_at: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// By stream.
    pub streams: BTreeMap<String, Proven>,
    /// In the order in which they were found.
    pub defects: Vec<Defect>,
    /// Of checkpoints that were kept elsewhere, by the lines of their file.
    pub checkpoints: Vec<Defect>,
    /// How many more there are.
    pub more_defects: u64,
}

impl Report {
    /// Whether all of it is what was written.
    pub fn is_clean(&self) -> bool {
        self.defects.is_empty() && self.checkpoints.is_empty()
    }

    fn add(&mut self, defect: Defect) {
        if self.defects.len() < MOST_DEFECTS {
            self.defects.push(defect);
        } else {
            self.more_defects += 1;
        }
    }
}

/// Checkpoints that were kept elsewhere: signed notes one behind the other, blank lines between them or not.
///
/// What is wrong with them is given back with them.
pub fn read_checkpoints(text: &str, keys: &[VerifierKey]) -> (Vec<Checkpoint>, Vec<Defect>) {
    let (mut checkpoints, mut defects) = (Vec::new(), Vec::new());
    let (mut note, mut begun, mut signed) = (String::new(), 0, false);
    let mut close = |note: &mut String, line: u64| {
        if !note.is_empty() {
            match Checkpoint::open(note, keys) {
                Ok(checkpoint) => checkpoints.push(checkpoint),
                Err(error) => defects.push(unproven(&error, line)),
            }
            note.clear();
        }
    };
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let is_signature = line.starts_with('\u{2014}');
        if signed && !is_signature {
            close(&mut note, begun);
        }
        signed = is_signature;
        if note.is_empty() {
            begun = number;
            if line == "\n" {
                continue;
            }
        }
        note.push_str(line);
    }
    close(&mut note, begun);
    (checkpoints, defects)
}

fn unproven(error: &NoteError, line: u64) -> Defect {
    let what = match error {
        NoteError::UnknownKey(_) => What::UnknownKey,
        NoteError::Malformed | NoteError::Forged(_) | NoteError::MalformedKey => What::CheckpointForged,
    };
    Defect { what, stream: None, index: None, line: Some(line) }
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    stream: Option<Cow<'l, str>>,
    index: Option<u64>,
    #[serde(borrow)]
    hashes: Option<Hashes<'l>>,
    checkpoint: Option<String>,
    manifest: Option<String>,
}

#[derive(Deserialize)]
struct Hashes<'l> {
    #[serde(borrow)]
    stream: Cow<'l, str>,
    first: u64,
    #[serde(rename = "hashes")]
    run: Vec<Hash>,
}

/// Verifies an export as it is read, in memory that does not grow with it. `kept` are checkpoints from elsewhere.
///
/// # Errors
///
/// If it cannot be read. What is wrong with it is no error: it stands in the report.
pub fn verify(mut export: impl BufRead, keys: &[VerifierKey], kept: Vec<Checkpoint>) -> io::Result<Report> {
    let mut verifier = Verifier::new(keys, kept);
    let mut line = Vec::new();
    loop {
        line.clear();
        if io::Read::take(&mut export, LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(verifier.finish());
        }
        verifier.take(&line);
    }
}

/// Verifies an export line by line.
pub struct Verifier<'k> {
    keys: &'k [VerifierKey],
    streams: BTreeMap<String, Following>,
    lines: u64,
    manifest: Manifest,
    // The manifest's line and note, while nothing came behind it.
    signed: Option<(u64, String)>,
    report: Report,
}

impl<'k> Verifier<'k> {
    /// Before the first line. `kept` are checkpoints from elsewhere.
    pub fn new(keys: &'k [VerifierKey], kept: Vec<Checkpoint>) -> Self {
        let mut streams: BTreeMap<String, Following> = BTreeMap::new();
        for checkpoint in kept {
            let stream = checkpoint.stream().to_owned();
            streams.entry(stream).or_default().expect(checkpoint);
        }
        let (manifest, report) = (Manifest::default(), Report::default());
        Self { keys, streams, lines: 0, manifest, signed: None, report }
    }

    /// Takes the next line, with the line feed at its end.
    pub fn take(&mut self, line: &[u8]) {
        self.lines += 1;
        // It was not the last line.
        self.check_manifest();
        self.read(line);
        if self.signed.is_none() {
            self.manifest.add(line);
        }
    }

    /// What was found, when the last line was taken.
    pub fn finish(mut self) -> Report {
        if self.signed.is_none() {
            self.tell(What::ManifestMissing, None);
        }
        self.check_manifest();
        let Self { streams, mut report, .. } = self;
        for (name, stream) in streams {
            let proven = stream.finish(&name, &mut report);
            if proven.entries > 0 {
                report.streams.insert(name, proven);
            }
        }
        report.defects.sort_by_key(|defect| defect.line);
        report
    }

    fn tell(&mut self, what: What, line: Option<u64>) {
        self.report.add(Defect { what, stream: None, index: None, line });
    }

    fn check_manifest(&mut self) {
        let Some((line, note)) = self.signed.take() else { return };
        match self.manifest.is_of(&note, self.keys) {
            Ok(true) => {}
            Ok(false) => self.tell(What::NotAsExported, Some(line)),
            Err(error) => self.report.add(unproven(&error, line)),
        }
    }

    fn read(&mut self, line: &[u8]) {
        let (number, report) = (self.lines, &mut self.report);
        let whole = line.strip_suffix(b"\n");
        let text = whole.and_then(|line| std::str::from_utf8(line).ok());
        match text.and_then(|text| serde_json::from_str(text).ok()) {
            Some(Line { manifest: Some(note), .. }) => self.signed = Some((number, note)),
            Some(Line { checkpoint: Some(note), .. }) => match Checkpoint::open(&note, self.keys) {
                Ok(checkpoint) => {
                    let stream = checkpoint.stream().to_owned();
                    let following = self.streams.entry(stream.clone()).or_default();
                    following.checkpoint(number, checkpoint, &stream, report);
                }
                Err(error) => report.add(unproven(&error, number)),
            },
            Some(Line { hashes: Some(Hashes { stream, first, run }), .. }) => {
                let following = self.streams.entry(stream.clone().into_owned()).or_default();
                following.hashes(number, first, &run, &stream, report);
            }
            Some(Line { stream: Some(stream), index: Some(index), .. }) => {
                let following = self.streams.entry(stream.clone().into_owned()).or_default();
                following.entry(number, index, Hash::leaf(whole.unwrap_or_default()), &stream, report);
            }
            Some(Line { .. }) | None => self.tell(What::Altered, Some(number)),
        }
    }
}
