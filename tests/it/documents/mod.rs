//! The documents say what is so: their commands run, their tables are complete, what they point at is there.

mod commands;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A document of the project.
struct Document {
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> Document {
    let path = root().join(path);
    let text = fs::read_to_string(&path).unwrap();
    Document { path, text }
}

/// All of them.
fn documents() -> Vec<Document> {
    let mut all = vec![read("README.md"), read("CONTRIBUTING.md"), read("CHANGELOG.md")];
    for folder in ["docs", "docs/decisions"] {
        for file in files(&root().join(folder)) {
            if file.extension().is_some_and(|extension| extension == "md") {
                all.push(Document { text: fs::read_to_string(&file).unwrap(), path: file });
            }
        }
    }
    all
}

/// The files of a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found
}

impl Document {
    /// The fenced blocks of a language, in their order.
    fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut open: Option<(bool, String)> = None;
        for line in self.text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(word), None) => open = Some((word == language, String::new())),
                (Some(_), Some(_)) => {
                    blocks.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block));
                }
                (None, Some((_, block))) => {
                    block.push_str(line);
                    block.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.path.display());
        blocks
    }

    /// From a heading to the next one of the same level or above.
    fn section(&self, heading: &str) -> Self {
        let level = heading.split(' ').next().unwrap().len();
        let start = self.text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no `{heading}`"));
        let rest = &self.text[start + heading.len() + 2..];
        let end = (1..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level)))).min();
        Self { path: self.path.clone(), text: rest[..end.unwrap_or(rest.len())].to_owned() }
    }

    /// The rows of all tables, without their heads: each a list of cells.
    fn rows(&self) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let lines = self.text.lines().filter(|line| line.starts_with("| `"));
        lines.map(cells).collect()
    }
}

/// What stands between backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn what_a_document_points_at_is_there() {
    for document in documents() {
        let folder = document.path.parent().unwrap();
        for link in document.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let there = target.starts_with("https://") || folder.join(target).exists();
            assert!(there, "{}: the link `{link}` leads nowhere", document.path.display());
        }
        let prose: Vec<_> = document.text.split("```").step_by(2).collect();
        for name in prose.iter().flat_map(|text| code(text)) {
            let ours = ["src/", "tests/", "docs/", "policies/", "migrations/", "benches/", "deploy/"];
            let plain = !name.contains(['*', '<', '{', ' ', '\n']);
            if plain && ours.iter().any(|folder| name.starts_with(folder)) {
                assert!(root().join(name).exists(), "{}: there is no `{name}`", document.path.display());
            }
        }
    }
}
