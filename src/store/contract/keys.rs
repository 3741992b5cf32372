//! API keys: shown once, kept as a hash, gone when revoked.

use entity::api_key;
use rstest::rstest;
use sea_orm::EntityTrait;

use super::support::*;
use crate::store::Scope;

#[rstest]
#[tokio::test]
async fn a_key_opens_its_scope_until_it_is_revoked(
    #[values(Scope::Read, Scope::Call, Scope::Admin)] scope: Scope,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    assert!(!store.has_keys().await.unwrap());
    let (listed, key) = store.create_key("dashboard", scope).await.unwrap();
    assert_eq!(store.scope_of(&key).await.unwrap(), Some(scope));
    assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&listed));
    assert!(store.has_keys().await.unwrap());

    assert!(store.revoke_key(&listed.key_id).await.unwrap());
    assert!(!store.revoke_key(&listed.key_id).await.unwrap(), "it was revoked before");
    assert_eq!(store.scope_of(&key).await.unwrap(), None);
    assert!(!store.has_keys().await.unwrap());
    let [revoked] = &store.keys().await.unwrap()[..] else { panic!("a revoked key is still listed") };
    assert!(revoked.revoked_at.is_some());
}

#[rstest]
#[tokio::test]
async fn only_the_key_itself_opens_anything(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let (listed, key) = store.create_key("dashboard", Scope::Admin).await.unwrap();
    let hash = api_key::Entity::find().one(store.reader()).await.unwrap().unwrap().hash;
    for wrong in ["", &listed.key_id, &hash, &key[1..], &key.to_uppercase()] {
        assert_eq!(store.scope_of(wrong).await.unwrap(), None, "{wrong:?}");
    }
}

#[rstest]
#[tokio::test]
async fn revoking_one_key_leaves_the_others(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let (first, _) = store.create_key("first", Scope::Admin).await.unwrap();
    let (_, second) = store.create_key("second", Scope::Read).await.unwrap();
    assert!(!store.revoke_key("nobody").await.unwrap());
    assert!(store.revoke_key(&first.key_id).await.unwrap());
    assert_eq!(store.scope_of(&second).await.unwrap(), Some(Scope::Read));
    assert!(store.has_keys().await.unwrap());
}
