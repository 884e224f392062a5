//! All routes on one screen: where each is, who handles it, and what the document says of it.

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::{
    Document, catalog, events, keys, log, operators, policies, registry, service_accounts, signing_keys,
    tenants,
};
use crate::{
    model::{Operator, PolicyVersion, Registration, ServiceAccount, Tenant},
    operator::{
        Desk,
        catalog::{Coverage, Drift},
        keys::{ChangedKey, KeyChange, KeyRotation, KeyView, NewKey},
        operators::{NewOperator, NewToken},
        policies::{NewPolicy, PolicyAnswer, PolicyQuestion, TenantPolicies, VersionsAsked},
        registry::{Named, Registered},
        service_accounts::{Budget, NewCredentials, NewServiceAccount, RotatedAccount, ServiceAccountChange},
        signing_keys::SigningKeyRotation,
        tenants::{NewTenant, TenantChange},
    },
};

const GET: (MethodFilter, &str) = (MethodFilter::GET, "get");
const POST: (MethodFilter, &str) = (MethodFilter::POST, "post");
const PUT: (MethodFilter, &str) = (MethodFilter::PUT, "put");
const PATCH: (MethodFilter, &str) = (MethodFilter::PATCH, "patch");

/// The router, and what is said of each of its routes.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) router: Router<Desk>,
    pub(super) described: Vec<Described>,
}

/// A route as the document shows it.
pub(super) struct Described {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) about: About,
}

/// What is said of a route.
#[derive(Clone, Copy)]
pub(super) struct About {
    /// What `policies/operator.cedar` calls it.
    pub(super) action: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<Describe>,
    pub(super) body: Option<Describe>,
    pub(super) status: u16,
    pub(super) answer: Describe,
}

/// Makes a type's schema.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn answers<T: JsonSchema>(action: &'static str, summary: &'static str) -> About {
    About { action, summary, query: None, body: None, status: 200, answer: schema::<T> }
}

fn creates<T: JsonSchema>(action: &'static str, summary: &'static str) -> About {
    About { status: 201, ..answers::<T>(action, summary) }
}

impl About {
    fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(schema::<T>), ..self }
    }

    fn asks<T: JsonSchema>(self) -> Self {
        Self { query: Some(T::json_schema), ..self }
    }
}

impl Routes {
    fn add<H: Handler<T, Desk>, T: 'static>(
        mut self,
        (filter, method): (MethodFilter, &'static str),
        path: &'static str,
        handler: H,
        about: About,
    ) -> Self {
        self.router = self.router.route(path, on(filter, handler));
        self.described.push(Described { method, path, about });
        self
    }

    /// Those that there are.
    pub(super) fn all() -> Self {
        Self::default().organisation().service_accounts().tenants().registry().policies().catalog().record()
    }

    fn organisation(self) -> Self {
        let add = creates::<Operator>("operator.add", "Adds an operator.").takes::<NewOperator>();
        let list = answers::<operators::Operators>("operator.list", "Lists the operators.");
        let issue =
            creates::<operators::ShownToken>("token.issue", "Issues an API token, shown in this one answer.");
        let keys = answers::<signing_keys::SigningKeys>(
            "signing-key.list",
            "Lists the keys that access tokens are signed with, oldest first.",
        );
        let rotate = creates::<signing_keys::SigningKeys>(
            "signing-key.rotate",
            "Makes another key that access tokens are signed with.",
        )
        .takes::<SigningKeyRotation>();
        self.add(POST, "/operators", operators::add, add)
            .add(GET, "/operators", operators::list, list)
            .add(POST, "/operators/{id}/tokens", operators::issue_token, issue.takes::<NewToken>())
            .add(GET, "/signing-keys", signing_keys::list, keys)
            .add(POST, "/signing-keys/rotate", signing_keys::rotate, rotate)
    }

    fn service_accounts(self) -> Self {
        let add = creates::<ServiceAccount>(
            "service-account.add",
            "Registers a service account; its secret is sealed at once.",
        );
        let list = answers::<service_accounts::ServiceAccounts>(
            "service-account.list",
            "Lists the service accounts, without secrets.",
        );
        let get =
            answers::<ServiceAccount>("service-account.list", "Shows a service account, without its secret.");
        let update = answers::<ServiceAccount>(
            "service-account.update",
            "Changes what is named of a service account while it serves.",
        )
        .takes::<ServiceAccountChange>();
        let rotate = answers::<RotatedAccount>(
            "service-account.rotate",
            "Gives a service account other credentials, once Genesys has taken them.",
        )
        .takes::<NewCredentials>();
        let budget = answers::<Budget>(
            "service-account.budget",
            "Shows how a service account and its tenants stand with its budget.",
        );
        let check = answers::<service_accounts::Checked>(
            "service-account.check",
            "Logs in at Genesys with a service account and calls `tokens/me`.",
        );
        self.add(POST, "/service-accounts", service_accounts::add, add.takes::<NewServiceAccount>())
            .add(GET, "/service-accounts", service_accounts::list, list)
            .add(GET, "/service-accounts/{id}", service_accounts::get, get)
            .add(PATCH, "/service-accounts/{id}", service_accounts::update, update)
            .add(POST, "/service-accounts/{id}/rotate", service_accounts::rotate, rotate)
            .add(POST, "/service-accounts/{id}/check", service_accounts::check, check)
            .add(GET, "/service-accounts/{id}/budget", service_accounts::budget, budget)
    }

    fn tenants(self) -> Self {
        let add = creates::<Tenant>("tenant.add", "Registers a tenant.").takes::<NewTenant>();
        let list = answers::<tenants::Tenants>("tenant.list", "Lists the tenants.");
        let get = answers::<Tenant>("tenant.list", "Shows a tenant, its version as `ETag`.");
        let update = answers::<Tenant>(
            "tenant.update",
            "Changes what is named of a tenant; with `If-Match` only that version.",
        );
        let suspend = answers::<Tenant>("tenant.suspend", "From now on the calls of a tenant are refused.");
        let resume =
            answers::<Tenant>("tenant.resume", "From now on the calls of a tenant are served again.");
        let this = self
            .add(POST, "/tenants", tenants::add, add)
            .add(GET, "/tenants", tenants::list, list)
            .add(GET, "/tenants/{id}", tenants::get, get)
            .add(PATCH, "/tenants/{id}", tenants::update, update.takes::<TenantChange>())
            .add(POST, "/tenants/{id}/suspend", tenants::suspend, suspend)
            .add(POST, "/tenants/{id}/resume", tenants::resume, resume);
        let issue = creates::<keys::ShownKey>("key.issue", "Issues a key; its secret is in this one answer.");
        let list =
            answers::<keys::Keys>("key.list", "Lists a tenant's keys, ended ones included, without secrets.");
        let get = answers::<KeyView>("key.list", "Shows a key, without its secret.");
        let update = answers::<ChangedKey>(
            "key.update",
            "Changes what is named of a key that has not ended, and its rights of those of its chain that work still.",
        )
        .takes::<KeyChange>();
        let rotate = creates::<keys::ShownKey>(
            "key.rotate",
            "Puts another key in the place of one; both work until the overlap has passed.",
        )
        .takes::<KeyRotation>();
        let revoke = answers::<ChangedKey>(
            "key.revoke",
            "Ends a key, its access tokens and the keys that it made of itself for good.",
        );
        this.add(POST, "/tenants/{id}/keys", keys::issue, issue.takes::<NewKey>())
            .add(GET, "/tenants/{id}/keys", keys::list, list)
            .add(GET, "/keys/{id}", keys::get, get)
            .add(PATCH, "/keys/{id}", keys::update, update)
            .add(POST, "/keys/{id}/rotate", keys::rotate, rotate)
            .add(POST, "/keys/{id}/revoke", keys::revoke, revoke)
    }

    fn registry(self) -> Self {
        let list = answers::<Registered>(
            "registry.list",
            "Lists what is a tenant's although it carries no division: what it made, and what it was given.",
        );
        let give =
            creates::<Registration>("registry.give", "Gives a tenant something that carries no division.")
                .takes::<Named>();
        let take = answers::<Registration>("registry.take", "Takes from a tenant what carries no division.")
            .takes::<Named>();
        self.add(GET, "/tenants/{id}/registry", registry::list, list)
            .add(POST, "/tenants/{id}/registry", registry::give, give)
            .add(POST, "/tenants/{id}/registry/take", registry::take, take)
    }

    fn policies(self) -> Self {
        let list = answers::<TenantPolicies>(
            "policy.list",
            "Shows a tenant's template, what is in force beside it, and the newest versions.",
        );
        let put = answers::<PolicyVersion>("policy.put", "Puts a version of a tenant's own policy.")
            .takes::<NewPolicy>();
        let explain = answers::<PolicyAnswer>(
            "policy.explain",
            "Says what would be decided about a call, and by which policies.",
        );
        self.add(GET, "/tenants/{id}/policies", policies::list, list.asks::<VersionsAsked>())
            .add(PUT, "/tenants/{id}/policies", policies::put, put)
            .add(POST, "/policies/explain", policies::explain, explain.takes::<PolicyQuestion>())
    }

    fn catalog(self) -> Self {
        let list = answers::<catalog::Operations>(
            "operation.list",
            "Lists the catalog: how each operation is narrowed and guarded, or why it is denied.",
        );
        let get = answers::<Value>("operation.list", "Shows one operation of the catalog.");
        let coverage = answers::<Coverage>(
            "operation.coverage",
            "Counts what of the Genesys API is enabled, denied and unclassified, by family.",
        );
        let drift = answers::<Drift>(
            "operation.drift",
            "Compares a newer Swagger 2.0 document of the Genesys API with the catalog.",
        );
        self.add(GET, "/operations", catalog::list, list)
            .add(GET, "/catalog/coverage", catalog::coverage, coverage)
            .add(GET, "/catalog/operations/{id}", catalog::get, get)
            .add(POST, "/catalog/drift", catalog::drift, drift.takes::<Value>())
    }

    fn record(self) -> Self {
        let search = answers::<events::Page>(
            "event.list",
            "Searches the record, newest first; the search is itself on record.",
        );
        let document = answers::<Value>("api.describe", "Describes this API: OpenAPI 3.1.");
        let export = answers::<Value>(
            "event.export",
            "Exports the record as lines that `ringfence audit verify` proves; the export is itself on record.",
        );
        let checkpoints = answers::<log::Checkpoints>(
            "checkpoint.list",
            "Lists what was signed of the record, now included, and the key that it is verified with.",
        );
        let verify = answers::<log::Verified>(
            "event.verify",
            "Verifies the record where it is, against its checkpoints; on record as an export.",
        );
        self.add(GET, "/events", events::search, search.asks::<events::Parameters>())
            .add(GET, "/events/export", log::export, export.asks::<log::Parameters>())
            .add(GET, "/checkpoints", log::checkpoints, checkpoints)
            .add(POST, "/events/verify", log::verify, verify)
            .add(GET, "/openapi.json", Document::show, document)
    }
}
