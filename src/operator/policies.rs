//! Tenants' own policies: shown, put, explained. Never edited, only superseded; to roll back is to put an old source anew.

use std::{collections::HashSet, net::IpAddr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Author, Desk, Refusal, check_reason, desk::Subject, tenants};
use crate::{
    catalog::{Catalog, Entry},
    model::{
        DivisionId, Key, KeyId, Limits, Mask, Masks, PolicyMode, PolicyVersion, ShadowDecision, Tenant,
        TenantId,
    },
    policy::Attributes,
    tenancy::{Explanation, TenantView},
};

/// Stands for the tenant's keys where none is named. Of the form of a key id, so it can be no policy's by accident.
const ANY_KEY: &str = "aaaaaaaaaaaaaaaa";

/// What is asked for: a new version of a tenant's own policy.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// Cedar; empty leaves the template alone.
    pub source: String,
    /// Why, for those who read the record.
    pub reason: String,
    /// Whether it decides or is only tried.
    #[serde(default = "active", deserialize_with = "super::word")]
    pub mode: PolicyMode,
}

/// A tenant's policies.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TenantPolicies {
    /// Whose.
    pub tenant: TenantId,
    /// What holds beside the own source, by name and text.
    pub template: PolicyTemplate,
    /// The own version that decides; without one, the template alone does.
    pub active: Option<PolicyVersion>,
    /// The version that is tried: until a newer one decides.
    pub shadow: Option<PolicyVersion>,
    /// The newest hundred versions, or those before one, newest first.
    pub versions: Vec<PolicyVersion>,
}

/// Which versions to list.
#[derive(Debug, Default, schemars::JsonSchema)]
pub struct VersionsAsked {
    /// Those before this version.
    pub before: Option<i64>,
}

/// A template.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyTemplate {
    /// As a tenant's `policy_template`.
    pub name: String,
    /// Cedar.
    pub source: &'static str,
}

/// A call that might be made.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyQuestion {
    /// Who would call.
    pub tenant: TenantId,
    /// An operation id such as `getUsers`, or `METHOD /path/{template}`.
    pub operation: String,
    /// With which key; without one, with any that is not read-only and not named in a policy.
    pub key: Option<KeyId>,
    /// What the request would say.
    #[serde(default)]
    pub context: QuestionContext,
}

/// What policies may read of a request, by the names that they know it by.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QuestionContext {
    /// The caller's address.
    #[schemars(with = "Option<String>")]
    pub source: Option<IpAddr>,
    /// When; now when absent.
    pub time: Option<DateTime<Utc>>,
    /// The page size that is asked for.
    pub page_size: Option<i64>,
    /// The length of the interval that is asked for.
    pub interval_seconds: Option<i64>,
    /// Ids that the request names, divisions' aside.
    pub ids: Vec<String>,
    /// Metrics that a query asks for.
    pub metrics: Vec<String>,
    /// Dimensions that a query groups by.
    pub group_by: Vec<String>,
    /// Parts that the caller wants expanded.
    pub expand: Vec<String>,
}

/// What would be decided, and why.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PolicyAnswer {
    /// Genesys's operation id.
    pub operation: String,
    /// Whether the call would go on.
    pub decision: PolicyDecision,
    /// The divisions that it would be narrowed to.
    pub divisions: Vec<DivisionId>,
    /// The ids (`@id`) of the policies that determined it; empty where none permits.
    pub reasons: Vec<String>,
    /// Evaluation errors; any of them denies.
    pub errors: Vec<String>,
    /// What is masked for the key (`@mask`), whatever it calls; nothing where nothing is permitted.
    #[schemars(with = "Vec<Mask>")]
    pub masks: Masks,
    /// Why the operation is refused to everyone, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// What the version in shadow says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowDecision>,
}

/// Whether a call would go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyDecision {
    /// It would, in some division at least.
    Allow,
    /// It would not.
    Deny,
}

fn active() -> PolicyMode {
    PolicyMode::Active
}

/// What holds for a tenant, and what held before.
pub async fn list(
    desk: &Desk,
    author: &Author,
    id: &TenantId,
    asked: VersionsAsked,
) -> Result<TenantPolicies, Refusal> {
    desk.authorize(author, "policy.list").await?;
    let tenant = tenants::known(desk, id).await?;
    let own = desk.store.own_policies(id).await?;
    let name = tenant.policy_template;
    let source = desk.engine.template_source(&name).unwrap_or_default();
    Ok(TenantPolicies {
        tenant: tenant.id,
        template: PolicyTemplate { name, source },
        active: own.active().map(|version| (**version).clone()),
        shadow: own.shadow().map(|version| (**version).clone()),
        versions: desk.store.list_policies(id, asked.before).await?,
    })
}

/// Puts a version: checked against the schema, restricted to the tenant.
pub async fn put(
    desk: &Desk,
    author: &Author,
    id: &TenantId,
    new: NewPolicy,
) -> Result<PolicyVersion, Refusal> {
    const ACTION: &str = "policy.put";
    desk.authorize(author, ACTION).await?;
    check_reason(&new.reason)?;
    let _changing = desk.changing().await;
    let tenant = tenants::known(desk, id).await?;
    let keys: HashSet<_> = desk.store.list_keys(id).await?.into_iter().map(|key| key.origin).collect();
    desk.engine.check(&tenant, &new.source, &keys)?;
    let mut policy = PolicyVersion {
        tenant_id: tenant.id,
        version: 0,
        source: new.source,
        mode: new.mode,
        author: author.operator.email.clone(),
        reason: new.reason,
        created_at: desk.clock.now(),
    };
    let own = desk.store.own_policies(id).await?;
    let detail = json!({
        "before": { "active": own.active(), "shadow": own.shadow() },
        "after": { policy.mode.as_str(): shown(&policy) },
    });
    let event = desk.event(author, crate::model::EventKind::Change, ACTION, &Subject::tenant(id), &detail);
    policy.version = desk.settle(desk.store.add_policy(&policy, &event).await).await?;
    Ok(policy)
}

/// That a tenant's own policies still hold together with what it is to become.
pub(super) async fn check_still(desk: &Desk, tenant: &Tenant) -> Result<(), Refusal> {
    let own = desk.store.own_policies(&tenant.id).await?;
    for version in [own.active(), own.shadow()].into_iter().flatten() {
        if let Err(error) = desk.engine.tenant(tenant, Some(version)) {
            let why = format!(
                "version {} of tenant `{}`'s own policies would not hold any more: {error}; put another first",
                version.version, tenant.id
            );
            return Err(Refusal::Conflict { code: "policy_conflict", why });
        }
    }
    Ok(())
}

/// What would be decided about a call, and by which policies.
pub async fn explain(
    desk: &Desk,
    author: &Author,
    question: PolicyQuestion,
) -> Result<PolicyAnswer, Refusal> {
    desk.authorize(author, "policy.explain").await?;
    let operation = find(&desk.catalog, &question.operation)?;
    let views = desk.tenancy.views();
    let missing = || Refusal::Missing { what: format!("tenant `{}`", question.tenant) };
    let view = views.tenant(&question.tenant).ok_or_else(missing)?;
    let now = desk.clock.now();
    let key = match &question.key {
        Some(id) => match views.key(id) {
            Some((key, _)) if key.tenant_id == question.tenant => (**key).clone(),
            Some(_) | None => {
                let why = format!("tenant `{}` has no key `{id}`", question.tenant);
                return Err(Refusal::invalid("key", why));
            }
        },
        None => any_key(view, now)?,
    };
    let operation = match operation {
        Entry::Enabled(operation) => operation,
        Entry::Denied(denied) => {
            return Ok(PolicyAnswer {
                operation: denied.id.to_string(),
                decision: PolicyDecision::Deny,
                divisions: Vec::new(),
                reasons: Vec::new(),
                errors: Vec::new(),
                masks: Masks::NONE,
                denied: Some(denied.reason.to_string()),
                shadow: None,
            });
        }
    };
    let attributes = attributes(question.context, now);
    Ok(answer(&operation.id, view.explain(&key, &operation.id, &attributes)))
}

fn answer(operation: &str, explanation: Explanation) -> PolicyAnswer {
    let Explanation { verdict, shadow } = explanation;
    let granted = verdict.errors.is_empty() && !verdict.divisions.is_empty();
    PolicyAnswer {
        operation: operation.to_owned(),
        decision: if granted { PolicyDecision::Allow } else { PolicyDecision::Deny },
        divisions: verdict.divisions.to_vec(),
        reasons: verdict.policies.to_vec(),
        errors: verdict.errors,
        masks: verdict.masks,
        denied: None,
        shadow,
    }
}

/// By its id, or by method and path.
fn find(catalog: &Catalog, operation: &str) -> Result<Entry, Refusal> {
    let found = match operation.split_once(' ') {
        Some((method, path)) => {
            catalog.find(&method.to_ascii_uppercase(), path.trim()).map(|found| found.entry)
        }
        None => catalog.named(operation),
    };
    found.ok_or_else(|| {
        let named: String = operation.chars().take(200).collect();
        let why = format!(
            "`{named}` is not in the catalog; send an operation id such as `getUsers` or `METHOD /path/{{template}}`"
        );
        Refusal::invalid("operation", why)
    })
}

fn any_key(view: &TenantView, now: DateTime<Utc>) -> Result<Key, Refusal> {
    let id: KeyId = ANY_KEY.parse().map_err(|error| Refusal::invalid("key", format!("{error}")))?;
    Ok(Key {
        origin: id.clone(),
        id,
        tenant_id: view.tenant().id.clone(),
        name: String::new(),
        hmac: Vec::new(),
        generation: 1,
        read_only: false,
        allowed_operations: Vec::new(),
        allowed_cidrs: Vec::new(),
        limits: Limits::default(),
        created_by: String::new(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        predecessor: None,
        successor: None,
        version: 0,
    })
}

fn attributes(context: QuestionContext, now: DateTime<Utc>) -> Attributes {
    let QuestionContext { source, time, page_size, interval_seconds, ids, metrics, group_by, expand } =
        context;
    let time = time.unwrap_or(now);
    Attributes { source, time, page_size, interval_seconds, ids, metrics, group_by, expand }
}

/// A new version as its event shows it: its number is the event's own doing.
fn shown(policy: &PolicyVersion) -> Value {
    let mut shown = json!(policy);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("version");
    }
    shown
}
