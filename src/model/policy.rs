//! A tenant's own policy, beside its template.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::TenantId;

/// One version of a tenant's own policy source; never edited, only superseded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PolicyVersion {
    /// Whose policy it is.
    pub tenant_id: TenantId,
    /// The store's version when it was put: higher supersedes lower.
    pub version: i64,
    /// Cedar.
    pub source: String,
    /// Whether it decides or is only tried.
    pub mode: PolicyMode,
    /// Who put it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Whether a policy version decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum PolicyMode {
    /// It decides.
    Active,
    /// It is evaluated beside the active one and decides nothing.
    Shadow,
}

impl PolicyMode {
    /// The mode as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Shadow => "shadow",
        }
    }
}

/// What is in force of one tenant's own policy: collected from versions in any order.
#[derive(Debug, Clone, Default)]
pub struct OwnPolicies {
    active: Option<Arc<PolicyVersion>>,
    shadow: Option<Arc<PolicyVersion>>,
}

impl OwnPolicies {
    /// The version that decides; without one, the template alone does.
    pub fn active(&self) -> Option<&Arc<PolicyVersion>> {
        self.active.as_ref()
    }

    /// The version that is tried beside it: until a newer one decides.
    pub fn shadow(&self) -> Option<&Arc<PolicyVersion>> {
        let decides = self.active.as_ref().map_or(0, |active| active.version);
        self.shadow.as_ref().filter(|shadow| shadow.version > decides)
    }
}

impl Extend<PolicyVersion> for OwnPolicies {
    fn extend<T: IntoIterator<Item = PolicyVersion>>(&mut self, versions: T) {
        for version in versions {
            let place = match version.mode {
                PolicyMode::Active => &mut self.active,
                PolicyMode::Shadow => &mut self.shadow,
            };
            if place.as_ref().is_none_or(|known| known.version < version.version) {
                *place = Some(Arc::new(version));
            }
        }
    }
}

impl FromIterator<PolicyVersion> for OwnPolicies {
    fn from_iter<T: IntoIterator<Item = PolicyVersion>>(versions: T) -> Self {
        let mut own = Self::default();
        own.extend(versions);
        own
    }
}
