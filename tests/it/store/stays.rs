//! Since when users have been where they are.

use std::collections::HashMap;

use ringfence::model::{Stay, Stays};

use super::things::{at, change, division, service_account, tenant};
use crate::support::database::TestDatabase;

fn stays(seen: i64, users: &[(&str, i64)]) -> Stays {
    let here = division();
    let users = users
        .iter()
        .map(|(id, since)| ((*id).to_owned(), Stay { division: here.clone(), since: at(*since) }));
    Stays { vouched_at: at(0), seen_at: at(seen), users: users.collect::<HashMap<_, _>>() }
}

#[tokio::test]
async fn what_was_seen_is_kept_whole_and_only_what_is_newest() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        let north = tenant("north", "main");
        store.add_tenant(&north, &change()).await.unwrap();
        let id = &north.id;
        assert_eq!(store.stays(id).await.unwrap(), None);
        let first = stays(1, &[("ann", 0), ("ben", 1)]);
        assert!(store.keep_stays(id, &first, None).await.unwrap());
        assert_eq!(store.stays(id).await.unwrap(), Some(first.clone()));
        assert!(!store.keep_stays(id, &stays(9, &[]), None).await.unwrap(), "there is something already");
        // The same users, seen again.
        let again = Stays { seen_at: at(2), ..first.clone() };
        assert!(store.keep_stays(id, &again, Some(&first)).await.unwrap());
        assert_eq!(store.stays(id).await.unwrap(), Some(again.clone()));
        let late = stays(3, &[("ann", 0)]);
        assert!(!store.keep_stays(id, &late, Some(&first)).await.unwrap(), "another look was kept meanwhile");
        assert_eq!(store.stays(id).await.unwrap(), Some(again.clone()));
        assert!(store.keep_stays(id, &late, Some(&again)).await.unwrap());
        assert_eq!(store.stays(id).await.unwrap(), Some(late));
    }
}
