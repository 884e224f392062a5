//! A set of names, such as an entity's fields: made once, asked hundreds of times for each request.

use serde::{Deserialize, Serialize};

/// A set of names, such as an entity's fields or the dimensions of a filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct NameSet {
    // By length: few names of one object share theirs, so that most are told apart by that and their last letter.
    by_length: Vec<Vec<String>>,
}

impl NameSet {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_length.iter().all(Vec::is_empty)
    }

    /// Whether the name is one of them, to the letter.
    pub fn contains(&self, name: &str) -> bool {
        let last = name.as_bytes().last();
        let same = |one: &&String| one.as_bytes().last() == last;
        let mut same = self.by_length.get(name.len()).into_iter().flatten().filter(same);
        same.any(|one| one == name)
    }
}

impl From<Vec<String>> for NameSet {
    fn from(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        let longest = names.iter().map(String::len).max().unwrap_or_default();
        let of = |length| names.iter().filter(move |name| name.len() == length).cloned().collect();
        Self { by_length: (0..=longest).map(of).collect() }
    }
}

impl From<NameSet> for Vec<String> {
    fn from(names: NameSet) -> Self {
        names.by_length.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_to_the_letter() {
        let names = NameSet::from(["id", "name", "Name", "division", "id"].map(str::to_owned).to_vec());
        assert_eq!(Vec::from(names.clone()), ["id", "Name", "name", "division"]);
        for name in ["id", "name", "Name", "division"] {
            assert!(names.contains(name), "{name}");
        }
        for name in ["", "ID", "nam", "names", "divisions", "a name that is longer than all of them"] {
            assert!(!names.contains(name), "{name}");
        }
    }
}
