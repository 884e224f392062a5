//! How much of the Genesys API is classified, as numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Catalog, DeniedCode, Entry};

/// How much of the Genesys API is enabled, denied and unclassified.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Coverage {
    /// How many operations the API has.
    pub operations: usize,
    /// How many policies decide about.
    pub enabled: usize,
    /// How many are refused to everyone.
    pub denied: usize,
    /// How many nobody has looked at; they do not exist for tenants.
    pub unclassified: usize,
    /// The same for each of Genesys's tags, by name.
    pub families: Vec<FamilyCoverage>,
}

/// How much of one family is enabled, denied and unclassified.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct FamilyCoverage {
    /// Genesys's tag, such as `Users`.
    pub family: &'static str,
    /// How many operations it has.
    pub operations: usize,
    /// How many are enabled, by the way in which they are narrowed.
    pub enabled: BTreeMap<&'static str, usize>,
    /// How many are denied, by the kind of reason.
    pub denied: BTreeMap<DeniedCode, usize>,
    /// The ids of those that nobody has looked at.
    pub unclassified: Vec<&'static str>,
}

impl Catalog {
    /// How much of the Genesys API is classified; the gateway's own operations are none of it.
    pub fn coverage(&self) -> Coverage {
        let entries: BTreeMap<_, _> = self.entries().map(|entry| (entry.id().to_owned(), entry)).collect();
        let mut families: BTreeMap<&str, FamilyCoverage> = BTreeMap::new();
        let mut sum = Coverage::default();
        for operation in self.api.operations() {
            let family = families.entry(operation.family).or_default();
            family.family = operation.family;
            family.operations += 1;
            sum.operations += 1;
            match entries.get(operation.id) {
                Some(Entry::Enabled(enabled)) => {
                    *family.enabled.entry(enabled.narrowing.way()).or_default() += 1;
                    sum.enabled += 1;
                }
                Some(Entry::Denied(denied)) => {
                    *family.denied.entry(denied.code).or_default() += 1;
                    sum.denied += 1;
                }
                None => {
                    family.unclassified.push(operation.id);
                    sum.unclassified += 1;
                }
            }
        }
        sum.families = families.into_values().collect();
        sum
    }
}
