//! Both databases have the same shape.
#![expect(clippy::disallowed_methods, reason = "looks at the tables themselves")]

use std::{collections::BTreeSet, fs, path::Path};

use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::database::TestDatabase;

/// Table, column, whether it may be null.
type Column = (String, String, bool);

fn migrations(database: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_have_migrations_of_the_same_names() {
    assert!(!migrations("sqlite").is_empty());
    assert_eq!(migrations("sqlite"), migrations("postgres"));
}

#[tokio::test]
async fn both_have_the_same_tables_columns_and_nullability() {
    const SQLITE: &str = "SELECT tables.name, columns.name, columns.\"notnull\" = 0 \
        FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
        WHERE tables.type = 'table' AND tables.name <> '_sqlx_migrations' AND tables.name NOT LIKE 'sqlite_%'";
    const POSTGRES: &str = "SELECT table_name::text, column_name::text, is_nullable = 'YES' \
        FROM information_schema.columns \
        WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'";
    let [sqlite, postgres] = TestDatabase::both().await;
    sqlite.store().await.close().await;
    postgres.store().await.close().await;

    let mut connection = SqliteConnection::connect(&sqlite.url()).await.unwrap();
    let sqlite: Vec<Column> = sqlx::query_as(SQLITE).fetch_all(&mut connection).await.unwrap();
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    let postgres: Vec<Column> = sqlx::query_as(POSTGRES).fetch_all(&mut connection).await.unwrap();

    let (sqlite, postgres): (BTreeSet<_>, BTreeSet<_>) =
        (sqlite.into_iter().collect(), postgres.into_iter().collect());
    assert!(sqlite.len() > 50);
    assert_eq!(sqlite, postgres);
}

/// Otherwise the databases would sort and compare differently.
#[tokio::test]
async fn text_in_postgres_is_compared_byte_by_byte() {
    const OTHERWISE: &str = "SELECT table_name::text || '.' || column_name::text FROM information_schema.columns \
        WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations' AND data_type = 'text' \
        AND collation_name IS DISTINCT FROM 'C'";
    let postgres = TestDatabase::postgres().await;
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    let otherwise: Vec<String> = sqlx::query_scalar(OTHERWISE).fetch_all(&mut connection).await.unwrap();
    assert!(otherwise.is_empty(), "{otherwise:?}");
}

#[tokio::test]
async fn the_record_cannot_be_rewritten() {
    const REWRITE: [&str; 2] = ["UPDATE event SET detail = '{}'", "UPDATE event_outcome SET code = 'ok'"];
    let [sqlite, postgres] = TestDatabase::both().await;
    for database in [&sqlite, &postgres] {
        let store = database.store().await;
        let operator = super::things::operator("ada@bpo.example");
        store.add_operator(&operator, &super::things::change()).await.unwrap();
        store.close().await;
    }
    for statement in REWRITE {
        let mut connection = SqliteConnection::connect(&sqlite.url()).await.unwrap();
        assert!(sqlx::query(statement).execute(&mut connection).await.is_err());
        let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
        assert!(sqlx::query(statement).execute(&mut connection).await.is_err());
    }
}
