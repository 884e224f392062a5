//! A key's name and rights, changed.

use std::iter::once;

use serde::{Deserialize, Deserializer};

use super::{ChangedKey, chain, changed, check_cidrs, check_operations, told_apart};
use crate::{
    model::{Cidr, Key, KeyId, KeyState, Limits, NotRotated},
    operator::{Author, Desk, Refusal, check_limits, check_name},
};

/// What is to be different; what is absent stays. All but the name holds for every key of the chain that works still.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// As [`super::NewKey::name`]; of this key alone.
    pub name: Option<String>,
    /// As [`super::NewKey::allowed_operations`]; `null` lifts the restriction, an empty list is refused.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub allowed_operations: Restriction<String>,
    /// As [`super::NewKey::allowed_cidrs`]; `null` lifts the restriction, an empty list is refused.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Cidr>>")]
    pub allowed_cidrs: Restriction<Cidr>,
    /// All of [`super::NewKey::limits`]: what this does not name is not limited any more.
    #[serde(default, deserialize_with = "crate::operator::object_if_any")]
    pub limits: Option<Limits>,
}

/// What becomes of a restriction.
#[derive(Debug, Default)]
pub enum Restriction<T> {
    /// It is not spoken of.
    #[default]
    Stays,
    /// There is none any more.
    Lifted,
    /// These alone.
    To(Vec<T>),
}

/// Changes a key that has not ended; its access tokens hold as they did, and are checked against what it is now.
///
/// What it may is what its chain may: during an overlap the other keys that work still are changed with it.
pub async fn update(
    desk: &Desk,
    author: &Author,
    id: &KeyId,
    change: KeyChange,
) -> Result<ChangedKey, Refusal> {
    const ACTION: &str = "key.update";
    desk.authorize(author, ACTION).await?;
    let _changing = desk.changing().await;
    let (before, others) = chain(desk, id).await?;
    let now = desk.clock.now();
    match before.state(now) {
        KeyState::Active => {}
        KeyState::Expired | KeyState::Revoked => return Err(NotRotated::Ended(id.clone()).into()),
    }
    let mut after = change.apply(desk, &before)?;
    let live = others.into_iter().filter(|key| change.is_of_rights() && key.state(now) == KeyState::Active);
    let live: Vec<_> = live.collect();
    let changed_too = live.iter().map(|key| change.apply(desk, key)).collect::<Result<Vec<_>, _>>()?;
    let others: Vec<_> = live.into_iter().zip(changed_too).collect();
    if let Some(name) = change.name {
        check_name(&name)?;
        after.name = name;
    }
    let (event, changed) = changed(desk, author, ACTION, (&before, &after), &others, now);
    let all: Vec<_> = once(after).chain(others.into_iter().map(|(_, after)| after)).collect();
    desk.settle(told_apart(desk.store.update_keys(&all, &event).await, id)?).await?;
    Ok(changed)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Restriction<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Lifted, Self::To))
    }
}

impl<T: Clone> Restriction<T> {
    /// What is allowed now.
    ///
    /// SECURITY: an empty list would allow everything, to whoever meant nothing.
    fn apply(&self, field: &'static str, allowed: &mut Vec<T>) -> Result<(), Refusal> {
        *allowed = match self {
            Self::Stays => return Ok(()),
            Self::Lifted => Vec::new(),
            Self::To(few) if few.is_empty() => {
                let why =
                    "an empty list would lift the restriction: send `null` to lift it, or revoke the key";
                return Err(Refusal::invalid(field, why));
            }
            Self::To(few) => few.clone(),
        };
        Ok(())
    }
}

impl KeyChange {
    /// Whether it says more than a name.
    fn is_of_rights(&self) -> bool {
        let Self { name: _, allowed_operations, allowed_cidrs, limits } = self;
        limits.is_some()
            || !matches!(allowed_operations, Restriction::Stays)
            || !matches!(allowed_cidrs, Restriction::Stays)
    }

    /// The key with its rights as they are to be; what stays is not judged again.
    fn apply(&self, desk: &Desk, key: &Key) -> Result<Key, Refusal> {
        let mut key = key.clone();
        self.allowed_operations.apply("allowed_operations", &mut key.allowed_operations)?;
        self.allowed_cidrs.apply("allowed_cidrs", &mut key.allowed_cidrs)?;
        if let Restriction::To(names) = &self.allowed_operations {
            check_operations(desk, names)?;
        }
        check_cidrs(&key.allowed_cidrs)?;
        if let Some(limits) = self.limits {
            check_limits(&limits)?;
            key.limits = limits;
        }
        Ok(key)
    }
}
