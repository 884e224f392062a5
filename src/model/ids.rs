//! Identifiers, each its own type, parsed once.

use std::{fmt, str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

/// An identifier that does not have the form its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} id `{value}` is not valid: expected {expected}")]
pub struct InvalidId {
    kind: &'static str,
    value: String,
    expected: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, sqlx::Type, schemars::JsonSchema)]
        #[serde(try_from = "String")]
        #[sqlx(transparent, no_pg_array)]
        // Shared: each request names its tenant, key and divisions again and again.
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(value) {
                    Ok(Self(value.into()))
                } else {
                    let value = value.chars().take(80).collect();
                    Err(InvalidId { kind: $kind, value, expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(value: String) -> Result<Self, InvalidId> {
                value.parse()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

fn is_name(value: &str) -> bool {
    (1..=63).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_base32(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

text_id!(
    /// A tenant's id, chosen by the operator: `[a-z0-9-]{1,63}`.
    TenantId, "tenant", "1 to 63 characters of a-z, 0-9 and -", is_name
);
text_id!(
    /// A service account's id, chosen by the operator: `[a-z0-9-]{1,63}`.
    ServiceAccountId, "service account", "1 to 63 characters of a-z, 0-9 and -", is_name
);
text_id!(
    /// A Genesys division's id: a UUID in lower case. Never `*`, Genesys's name for all divisions.
    DivisionId, "division", "a UUID in lower case, as Genesys shows it",
    |value| value.len() == 36
        && uuid::Uuid::try_parse(value).is_ok()
        && !value.bytes().any(|byte| byte.is_ascii_uppercase())
);
text_id!(
    /// The id of something in Genesys: a UUID in lower case.
    EntityId, "entity", "a UUID in lower case, as Genesys shows it",
    |value| value.len() == 36
        && uuid::Uuid::try_parse(value).is_ok()
        && !value.bytes().any(|byte| byte.is_ascii_uppercase())
);
text_id!(
    /// A key's public half, 16 lower-case base32 characters: the `client_id` that an SDK sends.
    KeyId, "key", "16 lower-case base32 characters", |value| is_base32(value, 16)
);
text_id!(
    /// The public half of an operator's API token: 16 lower-case base32 characters.
    TokenId, "token", "16 lower-case base32 characters", |value| is_base32(value, 16)
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        text_id!($(#[$doc])* $name, $kind, "a UUID in lower case", |value| {
            value.len() == 36 && uuid::Uuid::try_parse(value).is_ok()
        });

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(Arc::from(&*id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())))
            }
        }
    };
}

uuid_id!(
    /// An event's id, a `UUIDv7`; also the correlation id that the caller is shown (`ININ-Correlation-Id`, `contextId`).
    EventId, "event"
);

// The latest that the 48 bits of a `UUIDv7` hold.
const LAST_MILLISECOND: u64 = (1 << 48) - 1;

impl EventId {
    /// A new id. Ids are ordered by their time to the microsecond (RFC 9562, 6.2, method 3); the rest is random.
    pub fn at(time: DateTime<Utc>) -> Self {
        Self::build(time, uuid::Uuid::new_v4().as_u64_pair().1)
    }

    /// The lowest id of that time or later: who searches by time walks the ids.
    pub fn lowest(time: DateTime<Utc>) -> Self {
        Self::build(time, 0)
    }

    fn build(time: DateTime<Utc>, random: u64) -> Self {
        let milliseconds = u64::try_from(time.timestamp_millis()).unwrap_or_default().min(LAST_MILLISECOND);
        // The twelve bits after version and milliseconds hold four steps of each microsecond.
        let fraction = u64::from(time.timestamp_subsec_micros() % 1_000 * 4_096 / 1_000);
        uuid::Builder::from_u128(u128::from(milliseconds << 16 | fraction) << 64 | u128::from(random))
            .with_version(uuid::Version::SortRand)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid()
            .into()
    }
}

uuid_id!(
    /// One process's stream of events, from start to stop.
    StreamId, "stream"
);
uuid_id!(
    /// An operator's id.
    OperatorId, "operator"
);

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn ids_of_events_are_new_and_in_the_order_of_time() {
        let start = DateTime::from_timestamp(1_767_225_600, 999_998_000).unwrap();
        let times: Vec<_> = (0..2_100).map(|step| start + TimeDelta::microseconds(step)).collect();
        let ids: Vec<_> = times.iter().map(|time| EventId::at(*time)).collect();
        assert!(ids.is_sorted_by(|one, other| one < other));
        for (id, time) in ids.iter().zip(&times) {
            assert!(
                EventId::lowest(*time) <= *id && *id < EventId::lowest(*time + TimeDelta::microseconds(1))
            );
            assert_eq!(id.as_str().parse::<EventId>().as_ref(), Ok(id));
            assert_eq!(uuid::Uuid::try_parse(id.as_str()).unwrap().get_version_num(), 7);
        }
        assert_ne!(EventId::at(start), EventId::at(start));
    }

    #[test]
    fn times_that_no_id_can_hold_are_its_ends() {
        assert!(EventId::lowest(DateTime::<Utc>::MIN_UTC) < EventId::at(DateTime::UNIX_EPOCH));
        assert!(
            EventId::lowest(DateTime::<Utc>::MAX_UTC)
                > EventId::at(DateTime::from_timestamp(1_767_225_600, 0).unwrap())
        );
    }
}
