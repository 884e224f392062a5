//! What grants something is proven: a hand with write access to the database grants itself nothing.
//!
//! Each row that grants has a digest under a key of its own ([`leaf`]). The digests of a subject (a tenant with its
//! divisions, keys, policies and registrations; a service account; an operator with the tokens) are added up, and the sum
//! is sealed: encrypted and authenticated, with the subject and the version of its last change. So a change takes the
//! digests of what it touches off the sum and adds those of what it leaves, however much the subject has.
//!
//! Of the seals there is one sum again, sealed with the number of the last change: who puts an old row back together with
//! its old seal does not have the old sum. An old copy of the whole database is whole, and is not noticed here.
//!
//! [`Ledger`] is what a process holds of it. It notices what it reads: rows that say they changed, and everything at
//! the start.

mod leaf;
mod ledger;

pub use leaf::Subject;
pub use ledger::Ledger;
pub(super) use ledger::Seal;

use sqlx::{PgConnection, SqliteConnection};

use self::{
    leaf::Grant,
    ledger::{WHOLE, context_of_version},
};
use super::{
    Changes, Store, StoreError,
    error::Failure,
    keys, operators, policies,
    pool::{BEGIN_POSTGRES, BEGIN_SQLITE, Pool, RAISE_VERSION},
    registrations, service_accounts, tenants,
    views::read_all,
};
use crate::{
    model::{EntityId, Event, KeyId, OperatorId, ServiceAccountId, TenantId, TokenId},
    secret::{GrantsKey, Sum},
};

/// A row that a change touches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row<'r> {
    /// With its divisions.
    Tenant(&'r TenantId),
    Key(&'r KeyId),
    /// Those in force.
    Policies(&'r TenantId),
    Registration(&'r TenantId, &'r str, &'r EntityId),
    ServiceAccount(&'r ServiceAccountId),
    Operator(&'r OperatorId),
    Token(&'r TokenId),
}

/// Seals that changed since a version.
pub(super) const CHANGED: &str = "SELECT kind, id, version, seal FROM grant_seal WHERE version > $1";

/// Those of a kind and with an id that there can be; the others prove nothing, and are missing where all are added up.
pub(super) fn read_seals(rows: Vec<(String, String, i64, Vec<u8>)>) -> Vec<Seal> {
    let read = |(kind, id, version, seal): (String, String, i64, Vec<u8>)| {
        Some(Seal { subject: Subject::named(&kind, &id)?, version, sealed: seal })
    };
    rows.into_iter().filter_map(read).collect()
}

type Leaves = Vec<(Subject, Sum)>;

const SEAL: &str = "SELECT version, seal FROM grant_seal WHERE kind = $1 AND id = $2";
const KEEP_SEAL: &str = "INSERT INTO grant_seal (kind, id, version, seal) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, seal = excluded.seal";
const DROP_SEAL: &str = "DELETE FROM grant_seal WHERE kind = $1 AND id = $2";
const PROVE_VERSION: &str = "UPDATE version SET proof = $1 WHERE id = 1";

/// Reads and writes proofs on an open transaction.
pub(super) trait Prove {
    /// The digests of some rows, as they are now.
    async fn leaves(&mut self, key: &GrantsKey, rows: &[Row<'_>]) -> Result<Leaves, Failure>;

    async fn seal_of(&mut self, subject: &Subject) -> Result<Option<Seal>, Failure>;
    async fn keep_seal(&mut self, seal: &Seal) -> Result<(), Failure>;
    async fn drop_seal(&mut self, subject: &Subject) -> Result<(), Failure>;
    async fn prove_version(&mut self, proof: &[u8]) -> Result<(), Failure>;
}

fn leaf_of(key: &GrantsKey, row: &impl Grant) -> (Subject, Sum) {
    (row.subject(), row.leaf(key))
}

macro_rules! prove_on {
    ($connection:ty) => {
        impl Prove for $connection {
            async fn leaves(&mut self, key: &GrantsKey, rows: &[Row<'_>]) -> Result<Leaves, Failure> {
                let mut leaves = Leaves::new();
                for row in rows {
                    match row {
                        Row::Tenant(id) => {
                            let rows = sqlx::query_as(tenants::FIND).bind(id).fetch_all(&mut *self).await?;
                            leaves.extend(tenants::gather(rows)?.iter().map(|row| leaf_of(key, row)));
                        }
                        Row::Key(id) => {
                            let rows = sqlx::query_as(keys::FIND).bind(id).fetch_all(&mut *self).await?;
                            leaves.extend(keys::read_all(rows)?.iter().map(|row| leaf_of(key, row)));
                        }
                        Row::Policies(id) => {
                            let rows =
                                sqlx::query_as(policies::NEWEST).bind(id).fetch_all(&mut *self).await?;
                            leaves.extend(policies::read_all(rows).iter().map(|row| leaf_of(key, row)));
                        }
                        Row::Registration(tenant, entity, id) => {
                            let query =
                                sqlx::query_as(registrations::FIND).bind(tenant).bind(entity).bind(id);
                            let rows = query.fetch_all(&mut *self).await?;
                            leaves.extend(registrations::read_all(rows).iter().map(|row| leaf_of(key, row)));
                        }
                        Row::ServiceAccount(id) => {
                            let query = sqlx::query_as(service_accounts::FIND).bind(id);
                            let rows = query.fetch_all(&mut *self).await?;
                            leaves
                                .extend(service_accounts::read_all(rows).iter().map(|row| leaf_of(key, row)));
                        }
                        Row::Operator(id) => {
                            let rows = sqlx::query_as(operators::FIND).bind(id).fetch_all(&mut *self).await?;
                            leaves.extend(operators::read_all(rows).iter().map(|row| leaf_of(key, row)));
                        }
                        Row::Token(id) => {
                            let query = sqlx::query_as(operators::FIND_TOKEN).bind(id);
                            let rows = query.fetch_all(&mut *self).await?;
                            leaves.extend(operators::read_tokens(rows).iter().map(|row| leaf_of(key, row)));
                        }
                    }
                }
                Ok(leaves)
            }

            async fn seal_of(&mut self, subject: &Subject) -> Result<Option<Seal>, Failure> {
                let query = sqlx::query_as(SEAL).bind(subject.kind()).bind(subject.id());
                let row: Option<(i64, Vec<u8>)> = query.fetch_optional(self).await?;
                Ok(row.map(|(version, sealed)| Seal { subject: subject.clone(), version, sealed }))
            }

            async fn keep_seal(&mut self, seal: &Seal) -> Result<(), Failure> {
                let Seal { subject, version, sealed } = seal;
                let query = sqlx::query(KEEP_SEAL).bind(subject.kind()).bind(subject.id());
                query.bind(version).bind(sealed.as_slice()).execute(self).await?;
                Ok(())
            }

            async fn drop_seal(&mut self, subject: &Subject) -> Result<(), Failure> {
                sqlx::query(DROP_SEAL).bind(subject.kind()).bind(subject.id()).execute(self).await?;
                Ok(())
            }

            async fn prove_version(&mut self, proof: &[u8]) -> Result<(), Failure> {
                sqlx::query(PROVE_VERSION).bind(proof).execute(self).await?;
                Ok(())
            }
        }
    };
}

prove_on!(SqliteConnection);
prove_on!(PgConnection);

/// A change under way: its version, what proved the one before, and what was there of the rows that it touches.
pub(super) struct Proof<'p> {
    key: &'p GrantsKey,
    rows: &'p [Row<'p>],
    version: i64,
    before: Option<Vec<u8>>,
    leaves: Leaves,
}

impl<'p> Proof<'p> {
    /// Reads what is there before the work.
    pub(super) async fn begin(
        transaction: &mut impl Prove,
        key: &'p GrantsKey,
        rows: &'p [Row<'p>],
        (version, before): (i64, Option<Vec<u8>>),
    ) -> Result<Self, Failure> {
        let leaves = transaction.leaves(key, rows).await?;
        Ok(Self { key, rows, version, before, leaves })
    }

    /// Proves what is there after it: what the rows said goes off the sums, what they say comes to them.
    ///
    /// SECURITY: what was altered by another hand before does not add up afterwards either, as only what was read here is
    /// taken off.
    pub(super) async fn end(self, transaction: &mut impl Prove) -> Result<(), Failure> {
        let Self { key, rows, version, before, leaves } = self;
        let mut seals = seals_at(key, version - 1, before.as_deref())?;
        let after = transaction.leaves(key, rows).await?;
        let mut subjects: Vec<&Subject> = leaves.iter().chain(&after).map(|(subject, _)| subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        for subject in subjects {
            let old = transaction.seal_of(subject).await?;
            let mut sum = match &old {
                Some(seal) => seal.open(key).ok_or_else(|| Failure::unproven(subject.to_string()))?,
                None => Sum::default(),
            };
            of(&leaves, subject).for_each(|leaf| sum -= leaf);
            of(&after, subject).for_each(|leaf| sum += leaf);
            let new = sealed(key, subject, version, sum)?;
            if let Some(old) = old {
                seals -= old.leaf(key);
            }
            seals += new.leaf(key);
            transaction.keep_seal(&new).await?;
        }
        transaction.prove_version(&key.seal(&context_of_version(version), seals)?).await
    }
}

fn of<'l>(leaves: &'l Leaves, subject: &'l Subject) -> impl Iterator<Item = Sum> + 'l {
    leaves.iter().filter(move |(whose, _)| whose == subject).map(|(_, leaf)| *leaf)
}

fn sealed(key: &GrantsKey, subject: &Subject, version: i64, sum: Sum) -> Result<Seal, Failure> {
    let seal = key.seal(&Seal::context(subject, version), sum)?;
    Ok(Seal { subject: subject.clone(), version, sealed: seal })
}

/// The sum of all seals that was proven with a version.
fn seals_at(key: &GrantsKey, version: i64, proof: Option<&[u8]>) -> Result<Sum, Failure> {
    match proof {
        Some(proof) => {
            key.open(&context_of_version(version), proof).map_err(|_| Failure::unproven(WHOLE.to_owned()))
        }
        None if version == 0 => Ok(Sum::default()),
        None => Err(Failure::unproven(WHOLE.to_owned())),
    }
}

/// Seals what is there on an open transaction, whoever wrote it; of one subject, or of all that are not proven.
async fn accept(
    transaction: &mut impl Prove,
    key: &GrantsKey,
    (version, before): (i64, Option<Vec<u8>>),
    all: &Changes,
    subject: Option<&Subject>,
) -> Result<Vec<Subject>, Failure> {
    let mut ledger = Ledger::new(key.clone());
    // That it does not add up is why it is done.
    let _ = ledger.take_in(all);
    let meant: Vec<Subject> = match subject {
        Some(subject) => ledger.unproven().iter().filter(|one| *one == subject).cloned().collect(),
        None => ledger.unproven().iter().cloned().collect(),
    };
    let mut seals = match subject {
        Some(_) => seals_at(key, version - 1, before.as_deref())?,
        None => all.seals.iter().fold(Sum::default(), |mut sum, seal| {
            sum += seal.leaf(key);
            sum
        }),
    };
    for subject in &meant {
        if let Some(old) = transaction.seal_of(subject).await? {
            seals -= old.leaf(key);
        }
        let sum = ledger.rows_of(subject);
        if sum == Sum::default() {
            transaction.drop_seal(subject).await?;
            continue;
        }
        let new = sealed(key, subject, version, sum)?;
        seals += new.leaf(key);
        transaction.keep_seal(&new).await?;
    }
    transaction.prove_version(&key.seal(&context_of_version(version), seals)?).await?;
    Ok(meant)
}

impl Store {
    /// From here on changes are proven under this key. The first one stays: there is one in a store's life.
    pub fn prove_with(&self, key: GrantsKey) {
        // One that is there is the same: it is kept sealed in the store itself.
        let _ = self.grants.set(key);
    }

    /// The key that proves what is here.
    pub fn grants_key(&self) -> Result<&GrantsKey, StoreError> {
        let missing = || StoreError::Unproven {
            what: "anything: the key that proves grants was not opened".to_owned(),
        };
        self.grants.get().ok_or_else(missing)
    }

    /// Takes what is there for right, whoever wrote it: of one subject, or of all, and which grants there are. Whose
    /// grants were sealed.
    pub async fn accept(&self, subject: Option<&Subject>, event: &Event) -> Result<Vec<Subject>, StoreError> {
        macro_rules! accept_in {
            ($pool:expr, $begin:expr) => {{
                let key = self.grants_key().map_err(Failure::Refused)?;
                let mut transaction = $pool.begin_with($begin).await?;
                let raised = sqlx::query_as(RAISE_VERSION).fetch_one(&mut *transaction).await?;
                let all = read_all!(transaction, Ledger::BEFORE_ALL);
                let accepted = accept(&mut *transaction, key, raised, &all, subject).await?;
                let signer = self.signer().map_err(Failure::Refused)?;
                super::log::record_change(&mut *transaction, event, &event.ended_well(), signer).await?;
                super::wakeups::announce(&mut *transaction).await?;
                transaction.commit().await?;
                Ok(accepted)
            }};
        }
        self.eventually(
            "accepting what was altered",
            Box::pin(async {
                match &self.pool {
                    Pool::Sqlite { write, .. } => accept_in!(write, BEGIN_SQLITE),
                    Pool::Postgres(pool) => accept_in!(pool, BEGIN_POSTGRES),
                }
            }),
        )
        .await
    }
}
