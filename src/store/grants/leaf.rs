//! The rows that grant something, each as bytes that say all of it: what a digest is made of.
//!
//! Each is taken apart without `..`: a new field does not compile until it is covered.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::{
    model::{
        CrossDivision, Ended, EntityId, Key, KeyId, Limits, Operator, OperatorId, OperatorToken, Origin,
        PolicyMode, PolicyVersion, Registration, ServiceAccount, ServiceAccountId, Tenant, TenantId, TokenId,
    },
    secret::{GrantsKey, Sum},
};

/// Whose grants a seal covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A tenant: its divisions, keys, policies and registrations.
    Tenant(TenantId),
    /// A service account.
    ServiceAccount(ServiceAccountId),
    /// An operator, and the tokens.
    Operator(OperatorId),
}

impl Subject {
    /// The kind as the store names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::ServiceAccount(_) => "service-account",
            Self::Operator(_) => "operator",
        }
    }

    /// The id.
    pub fn id(&self) -> &str {
        match self {
            Self::Tenant(id) => id.as_str(),
            Self::ServiceAccount(id) => id.as_str(),
            Self::Operator(id) => id.as_str(),
        }
    }

    /// Reads what the store and the command line name.
    pub fn named(kind: &str, id: &str) -> Option<Self> {
        match kind {
            "tenant" => id.parse().ok().map(Self::Tenant),
            "service-account" => id.parse().ok().map(Self::ServiceAccount),
            "operator" => id.parse().ok().map(Self::Operator),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind(), self.id())
    }
}

/// Which row: a later one of the same name takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Tenant(TenantId),
    Key(KeyId),
    Policy(TenantId, &'static str),
    // Boxed: most names are a key's, of which there are many.
    Registration(Box<(TenantId, String, EntityId)>),
    ServiceAccount(ServiceAccountId),
    Operator(OperatorId),
    Token(TokenId),
}

/// A row that grants.
pub(super) trait Grant {
    fn name(&self) -> Name;
    fn subject(&self) -> Subject;
    fn write(&self, bytes: &mut Bytes);

    fn leaf(&self, key: &GrantsKey) -> Sum {
        let mut bytes = Bytes(Vec::with_capacity(512));
        self.write(&mut bytes);
        key.digest(&bytes.0)
    }
}

/// Values one after the other, each with its length: no two lists of values have the same bytes.
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&(value.len() as u64).to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    fn flag(&mut self, value: bool) -> &mut Self {
        self.bytes(&[u8::from(value)])
    }

    fn number(&mut self, value: impl Into<i64>) -> &mut Self {
        self.bytes(&value.into().to_be_bytes())
    }

    fn moment(&mut self, value: DateTime<Utc>) -> &mut Self {
        self.number(value.timestamp_micros())
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    fn list<T>(&mut self, values: &[T], write: impl Fn(&mut Self, &T)) -> &mut Self {
        self.0.extend_from_slice(&(values.len() as u64).to_be_bytes());
        for value in values {
            write(self, value);
        }
        self
    }

    fn optional_moment(&mut self, value: Option<DateTime<Utc>>) -> &mut Self {
        self.optional(value, |bytes, value| {
            bytes.moment(value);
        })
    }

    fn optional_text(&mut self, value: Option<&str>) -> &mut Self {
        self.optional(value, |bytes, value| {
            bytes.text(value);
        })
    }

    fn texts<T>(&mut self, values: &[T], as_text: impl Fn(&T) -> String) -> &mut Self {
        self.list(values, |bytes, value| {
            bytes.text(&as_text(value));
        })
    }

    fn limits(&mut self, limits: &Limits) -> &mut Self {
        let Limits {
            requests_per_minute,
            burst,
            concurrent_requests,
            requests_per_day,
            requests_per_month,
            bytes_per_day,
        } = *limits;
        for limit in [requests_per_minute, burst, concurrent_requests, requests_per_day, requests_per_month] {
            self.optional(limit, |bytes, limit| {
                bytes.number(limit);
            });
        }
        self.optional(bytes_per_day, |bytes, limit| {
            bytes.bytes(&limit.to_be_bytes());
        });
        self
    }
}

impl Grant for Tenant {
    fn name(&self) -> Name {
        Name::Tenant(self.id.clone())
    }

    fn subject(&self) -> Subject {
        Subject::Tenant(self.id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self {
            id,
            name,
            division_ids,
            service_account,
            policy_template,
            cross_division,
            dedicated_agents,
            dedicated_at,
            dedicated_since,
            lenient,
            limits,
            token_lifetime_seconds,
            budget_weight,
            suspended,
            created_at,
            updated_at,
            version,
        } = self;
        let cross_division = match cross_division {
            CrossDivision::Redact => "redact",
            CrossDivision::Stub => "stub",
        };
        bytes.text("tenant").text(id.as_str()).text(name).texts(division_ids, ToString::to_string);
        bytes.text(service_account.as_str()).text(policy_template).text(cross_division);
        bytes.flag(*dedicated_agents).optional_moment(*dedicated_at).optional_moment(*dedicated_since);
        bytes.flag(*lenient).limits(limits).number(*token_lifetime_seconds).number(*budget_weight);
        bytes.flag(*suspended).moment(*created_at).moment(*updated_at).number(*version);
    }
}

impl Grant for Key {
    fn name(&self) -> Name {
        Name::Key(self.id.clone())
    }

    fn subject(&self) -> Subject {
        Subject::Tenant(self.tenant_id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self {
            id,
            tenant_id,
            name,
            hmac,
            generation,
            read_only,
            allowed_operations,
            allowed_cidrs,
            limits,
            created_by,
            created_at,
            expires_at,
            revoked_at,
            origin,
            predecessor,
            successor,
            version,
        } = self;
        bytes.text("key").text(id.as_str()).text(tenant_id.as_str()).text(name).bytes(hmac);
        bytes.number(*generation).flag(*read_only).texts(allowed_operations, Clone::clone);
        bytes.texts(allowed_cidrs, ToString::to_string).limits(limits).text(created_by);
        bytes.moment(*created_at).optional_moment(*expires_at).optional_moment(*revoked_at);
        bytes.text(origin.as_str()).optional_text(predecessor.as_ref().map(KeyId::as_str));
        bytes.optional_text(successor.as_ref().map(KeyId::as_str)).number(*version);
    }
}

impl Grant for PolicyVersion {
    fn name(&self) -> Name {
        Name::Policy(self.tenant_id.clone(), self.mode.as_str())
    }

    fn subject(&self) -> Subject {
        Subject::Tenant(self.tenant_id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self { tenant_id, version, source, mode, author, reason, created_at } = self;
        let mode = match mode {
            PolicyMode::Active => "active",
            PolicyMode::Shadow => "shadow",
        };
        bytes.text("policy").text(tenant_id.as_str()).number(*version).text(source).text(mode);
        bytes.text(author).text(reason).moment(*created_at);
    }
}

impl Grant for Registration {
    fn name(&self) -> Name {
        Name::Registration(Box::new((self.tenant_id.clone(), self.entity.clone(), self.id.clone())))
    }

    fn subject(&self) -> Subject {
        Subject::Tenant(self.tenant_id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self { tenant_id, entity, id, came, author, reason, registered_at, ended, version } = self;
        let came = match came {
            Origin::Made => "made",
            Origin::Given => "given",
        };
        let ended = ended.map(|ended| match ended {
            Ended::Deleted => "deleted",
            Ended::Taken => "taken",
        });
        bytes.text("registration").text(tenant_id.as_str()).text(entity).text(id.as_str()).text(came);
        bytes.text(author).text(reason).moment(*registered_at).optional_text(ended).number(*version);
    }
}

impl Grant for ServiceAccount {
    fn name(&self) -> Name {
        Name::ServiceAccount(self.id.clone())
    }

    fn subject(&self) -> Subject {
        Subject::ServiceAccount(self.id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self {
            id,
            client_id,
            sealed_secret,
            api_url,
            login_url,
            shared,
            description,
            tokens,
            requests_per_minute,
            lend_idle,
            secret_at,
            created_at,
            version,
        } = self;
        bytes.text("service-account").text(id.as_str()).text(client_id).bytes(sealed_secret);
        bytes.text(api_url).text(login_url).flag(*shared).text(description).number(*tokens);
        bytes.optional(*requests_per_minute, |bytes, limit| {
            bytes.number(limit);
        });
        bytes.flag(*lend_idle).moment(*secret_at).moment(*created_at).number(*version);
    }
}

impl Grant for Operator {
    fn name(&self) -> Name {
        Name::Operator(self.id.clone())
    }

    fn subject(&self) -> Subject {
        Subject::Operator(self.id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self { id, email, role, created_at } = self;
        bytes.text("operator").text(id.as_str()).text(email).text(role.as_str()).moment(*created_at);
    }
}

impl Grant for OperatorToken {
    fn name(&self) -> Name {
        Name::Token(self.id.clone())
    }

    fn subject(&self) -> Subject {
        Subject::Operator(self.operator_id.clone())
    }

    fn write(&self, bytes: &mut Bytes) {
        let Self { id, operator_id, hmac, created_at, expires_at } = self;
        bytes.text("token").text(id.as_str()).text(operator_id.as_str()).bytes(hmac);
        bytes.moment(*created_at).moment(*expires_at);
    }
}
