//! A fresh database for each test.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use ringfence::{
    secret::GrantsKey,
    store::Store,
    tlog::{Signer, SigningKey},
};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

/// A database of one test's own, gone when dropped.
#[derive(Debug)]
pub(crate) enum TestDatabase {
    /// A file in a directory of its own.
    Sqlite { directory: PathBuf },
    /// A database in the server that `RINGFENCE_TEST_POSTGRES` names.
    Postgres { server: String, name: String },
}

impl TestDatabase {
    /// An empty SQLite database, not yet migrated.
    pub(crate) fn sqlite() -> Self {
        let directory = env::temp_dir().join(format!("ringfence-test-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir_all(&directory).unwrap();
        Self::Sqlite { directory }
    }

    /// A database in the test server, migrated already.
    pub(crate) async fn postgres() -> Self {
        let server = server();
        let name = new_name();
        let template = template(&server).await;
        let mut admin = PgConnection::connect(&server).await.unwrap();
        run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self::Postgres { server, name }
    }

    /// A database in the test server without a table.
    pub(crate) async fn empty_postgres() -> Self {
        let server = server();
        let name = new_name();
        let mut admin = PgConnection::connect(&server).await.unwrap();
        run(&mut admin, format!("CREATE DATABASE {name}")).await;
        Self::Postgres { server, name }
    }

    /// One of each: what must hold on every database is tested on every database.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres().await]
    }

    /// The kind that `RINGFENCE_TEST_STORE` names, `sqlite` or `postgres`; SQLite unless named.
    pub(crate) async fn chosen() -> Self {
        match variable("RINGFENCE_TEST_STORE").as_deref() {
            None | Some("sqlite") => Self::sqlite(),
            Some("postgres") => Self::postgres().await,
            Some(other) => panic!("RINGFENCE_TEST_STORE is `{other}`: expected sqlite or postgres"),
        }
    }

    /// The URL to configure.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite { directory } => format!("sqlite://{}/ringfence.db", directory.display()),
            Self::Postgres { server, name } => database_url(server, name),
        }
    }

    /// The same, with the server reached at another `HOST:PORT`; SQLite is no server and has no wire to cut.
    pub(crate) fn url_at(&self, address: &str) -> String {
        self.url().replacen(&self.address(), address, 1)
    }

    /// The server's `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        let Self::Postgres { server, .. } = self else { panic!("SQLite has no address") };
        let (_, rest) = server.split_once("://").unwrap();
        let authority = rest.split('/').next().unwrap();
        authority.rsplit('@').next().unwrap().to_owned()
    }

    /// Runs a statement beside whoever uses it.
    pub(crate) async fn execute(&self, statement: &'static str) {
        match self {
            Self::Sqlite { .. } => {
                SqliteConnection::connect(&self.url()).await.unwrap().execute(statement).await.unwrap();
            }
            Self::Postgres { .. } => {
                PgConnection::connect(&self.url()).await.unwrap().execute(statement).await.unwrap();
            }
        }
    }

    /// As [`TestDatabase::execute`], of a test's own making.
    pub(crate) async fn run(&self, statement: &str) {
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
        match self {
            Self::Sqlite { .. } => {
                SqliteConnection::connect(&self.url()).await.unwrap().execute(statement).await.unwrap();
            }
            Self::Postgres { .. } => {
                PgConnection::connect(&self.url()).await.unwrap().execute(statement).await.unwrap();
            }
        }
    }

    /// All the bytes that a query of three columns finds.
    #[expect(clippy::disallowed_methods, reason = "looks at the tables themselves")]
    pub(crate) async fn bytes(&self, query: &'static str) -> Vec<Vec<u8>> {
        let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = match self {
            Self::Sqlite { .. } => {
                let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
                sqlx::query_as(query).fetch_all(&mut connection).await.unwrap()
            }
            Self::Postgres { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                sqlx::query_as(query).fetch_all(&mut connection).await.unwrap()
            }
        };
        rows.into_iter().flat_map(|(a, b, c)| [a, b, c]).collect()
    }

    /// Opens and migrates it.
    pub(crate) async fn store(&self) -> Store {
        let store = Store::open(&self.url()).await.unwrap();
        store.migrate().await.unwrap();
        store.prove_with(GrantsKey::new(&[7; 32]).unwrap());
        store.sign_with(signer());
        store
    }
}

impl Drop for TestDatabase {
    #[expect(clippy::print_stderr, reason = "a failed test should say on which database")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the database of this test was {}", self.url());
        }
        match self {
            Self::Sqlite { directory } => drop(fs::remove_dir_all(directory)),
            Self::Postgres { server, name } => {
                let (server, name) = (server.clone(), name.clone());
                // The test's own runtime may be stopping; a failure leaves a database in a throw-away server.
                drop(std::thread::spawn(move || drop_database(&server, &name)).join());
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn drop_database(server: &str, name: &str) {
    if let Ok(mut admin) = PgConnection::connect(server).await {
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        drop(admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await);
    }
}

/// The server to make databases in.
fn server() -> String {
    variable("RINGFENCE_TEST_POSTGRES")
        .expect("RINGFENCE_TEST_POSTGRES is not set: `make test` starts a PostgreSQL and sets it")
}

fn new_name() -> String {
    format!("ringfence_test_{}", uuid::Uuid::now_v7().simple())
}

/// The name of a migrated database to copy, made when the server has none of these migrations yet.
async fn template(server: &str) -> String {
    const LOCK: i64 = 0x0052_494e_4746;
    let name = format!("ringfence_template_{:016x}", migrations_hash());
    let mut admin = PgConnection::connect(server).await.unwrap();
    run(&mut admin, format!("SELECT pg_advisory_lock({LOCK})")).await;
    let ready = format!("SELECT 1 FROM pg_database WHERE datname = '{name}' AND datistemplate");
    let ready = admin.fetch_optional(sqlx::raw_sql(sqlx::AssertSqlSafe(ready))).await.unwrap();
    if ready.is_none() {
        run(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&mut admin, format!("CREATE DATABASE {name}")).await;
        let store = Store::open(&database_url(server, &name)).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
        run(&mut admin, format!("ALTER DATABASE {name} IS_TEMPLATE true")).await;
    }
    // Closing the session gives the lock back.
    admin.close().await.unwrap();
    name
}

fn migrations_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        fs::read(file).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

async fn run(admin: &mut PgConnection, statement: String) {
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await.unwrap();
}

/// The server's URL with another database's name.
fn database_url(server: &str, name: &str) -> String {
    let (address, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (authority, _) = address.rsplit_once('/').expect("postgres://…/DATABASE");
    if parameters.is_empty() {
        format!("{authority}/{name}")
    } else {
        format!("{authority}/{name}?{parameters}")
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by two variables of their own")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a store without an installation is signed with.
pub(crate) fn signer() -> Signer {
    Signer::new(SigningKey::new("ringfence/test", &[7; 32]).unwrap(), "none")
}
