//! What the store holds of grants, held in memory as digests and checked against the seals.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::leaf::{Grant, Name, Subject};
use crate::{
    model::{Operator, OperatorToken},
    secret::{GrantsKey, Sum},
    store::{Changes, StoreError},
};

/// A seal as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Seal {
    pub(in crate::store) subject: Subject,
    pub(in crate::store) version: i64,
    pub(in crate::store) sealed: Vec<u8>,
}

impl Seal {
    /// What it is sealed with: it proves nothing about another, nor at another version.
    pub(super) fn context(subject: &Subject, version: i64) -> Vec<u8> {
        format!("{} {} {version}", subject.kind(), subject.id()).into_bytes()
    }

    /// What the version's proof covers of it.
    pub(super) fn leaf(&self, key: &GrantsKey) -> Sum {
        key.digest(&[b"seal ", &*Self::context(&self.subject, self.version), b"\n", &self.sealed].concat())
    }

    pub(super) fn open(&self, key: &GrantsKey) -> Option<Sum> {
        key.open(&Self::context(&self.subject, self.version), &self.sealed).ok()
    }
}

/// What the version's proof is sealed with.
pub(super) fn context_of_version(version: i64) -> Vec<u8> {
    format!("version {version}").into_bytes()
}

/// The digests of all rows that grant, by whom they grant something, and of all seals.
#[derive(Debug)]
pub struct Ledger {
    key: GrantsKey,
    rows: HashMap<Name, (Subject, Sum)>,
    subjects: HashMap<Subject, Entry>,
    seals: Sum,
    unproven: BTreeSet<Subject>,
    // Whether the seals together are those of the version.
    whole: bool,
}

#[derive(Debug, Default)]
struct Entry {
    rows: Sum,
    // What the version's proof covers of the seal, and what the seal says.
    leaf: Sum,
    sealed: Option<Sum>,
}

impl Ledger {
    /// The version that everything came after.
    pub const BEFORE_ALL: i64 = -1;

    /// Of a store that nothing was read from yet.
    pub fn new(key: GrantsKey) -> Self {
        Self {
            key,
            rows: HashMap::new(),
            subjects: HashMap::new(),
            seals: Sum::default(),
            unproven: BTreeSet::new(),
            whole: false,
        }
    }

    /// Takes in what changed; whose grants are touched and do not add up to their seal any more. An error, if the seals
    /// together are not those of this version.
    pub fn take_in(&mut self, changes: &Changes) -> Result<Vec<Subject>, StoreError> {
        let Changes {
            version,
            proof,
            seals,
            tenants,
            keys,
            service_accounts,
            policies,
            registrations,
            operators,
            operator_tokens,
            // Sealed themselves, each for its own place.
            signing_keys: _,
        } = changes;
        let mut touched = HashSet::new();
        self.rows(tenants, &mut touched);
        for key in keys {
            self.row(&**key, &mut touched);
        }
        self.rows(service_accounts, &mut touched);
        self.rows(policies, &mut touched);
        self.rows(registrations, &mut touched);
        self.rows(operators, &mut touched);
        self.rows(operator_tokens, &mut touched);
        for seal in seals {
            let entry = self.subjects.entry(seal.subject.clone()).or_default();
            let leaf = seal.leaf(&self.key);
            self.seals -= entry.leaf;
            self.seals += leaf;
            (entry.leaf, entry.sealed) = (leaf, seal.open(&self.key));
            touched.insert(seal.subject.clone());
        }
        let mut failed = Vec::new();
        for subject in touched {
            let entry = self.subjects.get(&subject);
            if entry.is_some_and(|entry| entry.sealed == Some(entry.rows)) {
                self.unproven.remove(&subject);
            } else {
                failed.push(subject.clone());
                self.unproven.insert(subject);
            }
        }
        let proven = match proof {
            Some(proof) => self.key.open(&context_of_version(*version), proof).ok(),
            None => (*version == 0).then(Sum::default),
        };
        self.whole = proven == Some(self.seals);
        if self.whole { Ok(failed) } else { Err(StoreError::Unproven { what: WHOLE.to_owned() }) }
    }

    /// Whose grants do not add up to their seal.
    pub fn unproven(&self) -> &BTreeSet<Subject> {
        &self.unproven
    }

    /// Whether an operator and a token are those that were proven.
    pub fn vouches_for(&self, operator: &Operator, token: &OperatorToken) -> bool {
        self.whole
            && self.holds(operator)
            && self.holds(token)
            && !self.unproven.contains(&operator.subject())
    }

    fn holds(&self, row: &impl Grant) -> bool {
        self.rows.get(&row.name()) == Some(&(row.subject(), row.leaf(&self.key)))
    }

    /// The sum of a subject's rows as they are.
    pub(super) fn rows_of(&self, subject: &Subject) -> Sum {
        self.subjects.get(subject).map_or_else(Sum::default, |entry| entry.rows)
    }

    fn rows(&mut self, rows: &[impl Grant], touched: &mut HashSet<Subject>) {
        for row in rows {
            self.row(row, touched);
        }
    }

    fn row(&mut self, row: &impl Grant, touched: &mut HashSet<Subject>) {
        let (subject, leaf) = (row.subject(), row.leaf(&self.key));
        if let Some((before, old)) = self.rows.insert(row.name(), (subject.clone(), leaf)) {
            self.subjects.entry(before.clone()).or_default().rows -= old;
            touched.insert(before);
        }
        self.subjects.entry(subject.clone()).or_default().rows += leaf;
        touched.insert(subject);
    }
}

/// What is not proven where it cannot be told whose grants it is.
pub(super) const WHOLE: &str = "which grants there are: a row and its seal were put back or taken away together, or the \
    version was altered";
