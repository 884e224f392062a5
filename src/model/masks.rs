//! What a policy lets a tenant do without: kinds of personal data that are taken out of every answer.

use std::{fmt, ops::BitOr, str::FromStr};

use serde::{Deserialize, Serialize};

/// One kind of what can be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// Telephone numbers, whoever's they are.
    Numbers,
    /// Names of people who are no users of the organisation: customers, contacts, callers.
    Names,
    /// Addresses, whoever's they are: of mail, of houses, of messaging accounts, of the network.
    Addresses,
    /// What people wrote about a conversation, a contact or each other's work.
    Notes,
    /// What applications attached to a conversation or a contact, under names of their own.
    Attributes,
}

impl Mask {
    /// All that there are.
    pub const ALL: [Self; 5] = [Self::Numbers, Self::Names, Self::Addresses, Self::Notes, Self::Attributes];

    /// As policies, the catalog and answers call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Names => "names",
            Self::Addresses => "addresses",
            Self::Notes => "notes",
            Self::Attributes => "attributes",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Numbers => 1,
            Self::Names => 1 << 1,
            Self::Addresses => 1 << 2,
            Self::Notes => 1 << 3,
            Self::Attributes => 1 << 4,
        }
    }
}

impl FromStr for Mask {
    type Err = UnknownMask;

    fn from_str(text: &str) -> Result<Self, UnknownMask> {
        let known = Self::ALL.into_iter().find(|mask| mask.as_str() == text);
        known.ok_or_else(|| UnknownMask(text.to_owned()))
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Masks(u8);

impl Masks {
    /// Nothing is masked.
    pub const NONE: Self = Self(0);
    /// All that can be masked is.
    pub const ALL: Self = Self((1 << Mask::ALL.len()) - 1);

    /// Whether nothing is masked.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether both have one in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of the other's are among these.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// As it is sealed into handles.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// The other way round; bits that no mask has are none.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & Self::ALL.0)
    }

    /// One by one, in the order of [`Mask::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mask> {
        Mask::ALL.into_iter().filter(move |mask| self.0 & mask.bit() != 0)
    }
}

impl From<Mask> for Masks {
    fn from(mask: Mask) -> Self {
        Self(mask.bit())
    }
}

impl BitOr for Masks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Mask> for Masks {
    fn from_iter<I: IntoIterator<Item = Mask>>(masks: I) -> Self {
        masks.into_iter().fold(Self::NONE, |all, mask| all | mask.into())
    }
}

/// As a policy writes them: `numbers, names`.
impl FromStr for Masks {
    type Err = UnknownMask;

    fn from_str(text: &str) -> Result<Self, UnknownMask> {
        text.split(',').map(|one| one.trim().parse::<Mask>()).collect()
    }
}

impl fmt::Display for Masks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mask) in self.iter().enumerate() {
            write!(formatter, "{}{mask}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Serialize for Masks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// No such kind of data can be masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no mask: there are `numbers`, `names`, `addresses`, `notes` and `attributes`")]
pub struct UnknownMask(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_as_it_is_written() {
        let all: Masks = Mask::ALL.into_iter().collect();
        assert_eq!(all, Masks::ALL);
        assert_eq!(all.to_string().parse(), Ok(all));
        assert_eq!("names,numbers".parse(), Ok(Masks::from(Mask::Numbers) | Mask::Names.into()));
        assert_eq!("names, ".parse::<Masks>(), Err(UnknownMask(String::new())));
        assert!("Names".parse::<Masks>().is_err());
    }

    #[test]
    fn sets_meet_and_cover() {
        let [numbers, names] = [Mask::Numbers, Mask::Names].map(Masks::from);
        assert!(Masks::NONE.is_empty() && !names.is_empty());
        assert!((numbers | names).meets(names) && !numbers.meets(names) && !Masks::NONE.meets(Masks::ALL));
        assert!((numbers | names).covers(names) && !names.covers(numbers) && names.covers(Masks::NONE));
    }
}
