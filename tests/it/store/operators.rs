//! Operators and their tokens.

use ringfence::{
    model::{Operator, OperatorToken, Role},
    store::StoreError,
};

use super::things::{at, change, id, operator};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn an_operator_is_kept_whole() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let ada = operator("ada@bpo.example");
        assert_eq!(store.add_operator(&ada, &change()).await.unwrap(), 1);
        assert_eq!(store.operator(&ada.id).await.unwrap(), Some(ada.clone()));
        assert_eq!(store.operator(&id()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn operators_are_listed_by_address() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let roles = [("grace@bpo.example", Role::Auditor), ("ada@bpo.example", Role::Operator)];
        let [grace, ada] = roles.map(|(email, role)| Operator { role, ..operator(email) });
        store.add_operator(&grace, &change()).await.unwrap();
        store.add_operator(&ada, &change()).await.unwrap();
        assert_eq!(store.list_operators().await.unwrap(), [ada, grace]);
    }
}

#[tokio::test]
async fn an_address_is_one_operators() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_operator(&operator("ada@bpo.example"), &change()).await.unwrap();
        let again = store.add_operator(&operator("ada@bpo.example"), &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { what }) if what == "operator ada@bpo.example"));
    }
}

#[tokio::test]
async fn a_token_leads_to_its_operator() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let ada = operator("ada@bpo.example");
        store.add_operator(&ada, &change()).await.unwrap();
        let token = token_of(&ada, "abcdefghijklmnop");
        store.add_operator_token(&token, &change()).await.unwrap();
        assert_eq!(store.operator_by_token(&token.id).await.unwrap(), Some((ada, token)));
        let unknown = "ponmlkjihgfedcba".parse().unwrap();
        assert_eq!(store.operator_by_token(&unknown).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_token_belongs_to_an_operator_that_exists_and_is_unique() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let ada = operator("ada@bpo.example");
        let token = token_of(&ada, "abcdefghijklmnop");
        let orphan = store.add_operator_token(&token, &change()).await;
        let expected = format!("operator {}", ada.id);
        assert!(matches!(orphan, Err(StoreError::Missing { what }) if what == expected));

        store.add_operator(&ada, &change()).await.unwrap();
        store.add_operator_token(&token, &change()).await.unwrap();
        let again = store.add_operator_token(&token, &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { what }) if what == "token abcdefghijklmnop"));
    }
}

pub(super) fn token_of(operator: &Operator, id: &str) -> OperatorToken {
    OperatorToken {
        id: id.parse().unwrap(),
        operator_id: operator.id.clone(),
        hmac: vec![7; 32],
        created_at: at(0),
        expires_at: at(3600),
    }
}
