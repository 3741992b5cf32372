//! The directory: what is put is read back, and what is deleted takes its dependents with it.

use rstest::rstest;

use super::support::*;
use crate::domain::business::{Business, Subscription};
use crate::domain::ids::BusinessId;
use crate::domain::oversubscription::Sale;
use crate::domain::phone::E164;
use crate::store::{Agent, PhoneNumber, Store};

fn business(id: &str) -> Business {
    Business {
        id: id.parse().unwrap(),
        name: "Söhne & Co".to_owned(),
        plan: "PRO".parse().unwrap(),
        subscription: Subscription::Trial,
        concurrent_limit: Some(4),
        inbound_enabled: true,
        country: Some("DE".to_owned()),
    }
}

fn agent(id: &str, business: &str) -> Agent {
    Agent { agent_id: id.parse().unwrap(), business_id: business.parse().unwrap() }
}

fn number(id: &str, business: &str, agent: Option<&str>) -> PhoneNumber {
    PhoneNumber {
        phone_number_id: id.parse().unwrap(),
        business_id: business.parse().unwrap(),
        number: "+14155550123".to_owned(),
        agent_id: agent.map(|id| id.parse().unwrap()),
    }
}

fn dialled() -> E164 {
    E164::parse("+14155550123", None).unwrap()
}

async fn register(store: &Store, id: &str) {
    store.put_business(&business(id)).await.unwrap();
    store.put_agent(&agent(&format!("agent_{id}"), id)).await.unwrap();
    store.put_phone_number(&number(&format!("phone_{id}"), id, None)).await.unwrap();
    store.put_do_not_call(&id.parse().unwrap(), &dialled()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_business_is_read_back_as_it_was_put_and_changed(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let first = business("42");
    assert_eq!(store.business(&first.id).await.unwrap(), None);
    assert!(store.put_business(&first).await.unwrap(), "it is new");
    assert_eq!(store.business(&first.id).await.unwrap(), Some(first.clone()));

    let second = Business {
        name: "Co".to_owned(),
        plan: "STARTER".parse().unwrap(),
        subscription: Subscription::Suspended,
        concurrent_limit: None,
        inbound_enabled: false,
        country: None,
        ..first
    };
    assert!(!store.put_business(&second).await.unwrap(), "it is changed");
    assert_eq!(store.business(&second.id).await.unwrap(), Some(second));
}

#[rstest]
#[tokio::test]
async fn a_limit_of_zero_is_not_the_absence_of_a_limit(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let off = Business { concurrent_limit: Some(0), ..business("42") };
    store.put_business(&off).await.unwrap();
    assert_eq!(store.business(&off.id).await.unwrap().unwrap().concurrent_limit, Some(0));
}

#[rstest]
#[tokio::test]
async fn businesses_come_in_pages_by_name(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    for id in ["c", "a", "d", "b", "e"] {
        store.put_business(&business(id)).await.unwrap();
    }
    let mut seen: Vec<Business> = Vec::new();
    loop {
        let page = store.businesses(seen.last().map(|last| &last.id), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"].map(business));
}

#[rstest]
#[tokio::test]
async fn a_deleted_business_takes_its_agents_numbers_and_list_with_it_and_nothing_else(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    register(&store, "42").await;
    register(&store, "7").await;
    let (gone, other) = (business("42").id, business("7").id);

    assert!(store.delete_business(&gone).await.unwrap());
    assert!(!store.delete_business(&gone).await.unwrap(), "there is none any more");
    assert_eq!(store.business(&gone).await.unwrap(), None);
    assert_eq!(store.agent(&agent("agent_42", "42").agent_id).await.unwrap(), None);
    assert_eq!(store.phone_numbers_of(&gone).await.unwrap(), []);
    assert!(!store.is_do_not_call(&gone, &dialled()).await.unwrap());

    assert_eq!(store.business(&other).await.unwrap(), Some(business("7")));
    assert_eq!(store.agents_of(&other).await.unwrap(), [agent("agent_7", "7")]);
    assert_eq!(store.phone_numbers_of(&other).await.unwrap(), [number("phone_7", "7", None)]);
    assert!(store.is_do_not_call(&other, &dialled()).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn several_businesses_are_read_at_once_and_unknown_names_are_nobodys(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    for id in ["a", "b", "c"] {
        store.put_business(&business(id)).await.unwrap();
    }
    assert_eq!(store.businesses_of(&[]).await.unwrap(), []);
    // More names than one statement takes.
    let mut names: Vec<BusinessId> = (0..2_500).map(|number| format!("nobody-{number}").parse().unwrap()).collect();
    names.insert(0, business("c").id);
    names.push(business("a").id);
    let mut found = store.businesses_of(&names).await.unwrap();
    found.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(found, [business("a"), business("c")]);
}

#[rstest]
#[tokio::test]
async fn what_was_sold_is_told_by_plan_and_own_limit_of_those_who_may_call(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.sales().await.unwrap(), []);
    let terms = [
        ("a", "PRO", Subscription::Active, None),
        ("b", "PRO", Subscription::Trial, None),
        ("c", "PRO", Subscription::Active, Some(7)),
        ("d", "PRO", Subscription::Active, Some(0)),
        ("e", "PRO", Subscription::Suspended, None),
        ("f", "PRO", Subscription::Cancelled, Some(7)),
        ("g", "PAYG", Subscription::Active, None),
    ];
    for (id, plan, subscription, concurrent_limit) in terms {
        let plan = plan.parse().unwrap();
        store.put_business(&Business { plan, subscription, concurrent_limit, ..business(id) }).await.unwrap();
    }

    let sold =
        |plan: &str, concurrent_limit, businesses| Sale { plan: plan.parse().unwrap(), concurrent_limit, businesses };
    let mut sales = store.sales().await.unwrap();
    sales.sort_by(|one, other| (&one.plan, one.concurrent_limit).cmp(&(&other.plan, other.concurrent_limit)));
    let expected = [sold("PAYG", None, 1), sold("PRO", None, 2), sold("PRO", Some(0), 1), sold("PRO", Some(7), 1)];
    assert_eq!(sales, expected);
}

#[rstest]
#[tokio::test]
async fn an_agent_is_put_moved_listed_and_deleted(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let (first, second) = (business("42").id, business("7").id);
    for id in ["b", "a"] {
        store.put_agent(&agent(id, "42")).await.unwrap();
    }
    assert_eq!(store.agents_of(&first).await.unwrap(), [agent("a", "42"), agent("b", "42")]);

    store.put_agent(&agent("a", "7")).await.unwrap();
    let moved = agent("a", "7");
    assert_eq!(store.agent(&moved.agent_id).await.unwrap(), Some(moved.clone()));
    assert_eq!(store.agents_of(&first).await.unwrap(), [agent("b", "42")]);

    assert!(!store.delete_agent(&first, &moved.agent_id).await.unwrap(), "it is another business's by now");
    assert!(store.delete_agent(&second, &moved.agent_id).await.unwrap());
    assert_eq!(store.agent(&moved.agent_id).await.unwrap(), None);
    assert_eq!(store.agents_of(&first).await.unwrap(), [agent("b", "42")]);
}

#[rstest]
#[tokio::test]
async fn a_number_is_put_changed_listed_and_deleted(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let (first, second) = (business("42").id, business("7").id);
    let plain = number("phone_1", "42", None);
    store.put_phone_number(&plain).await.unwrap();
    assert_eq!(store.phone_number(&plain.phone_number_id).await.unwrap(), Some(plain.clone()));

    let answered = PhoneNumber { number: "+442079460958".to_owned(), ..number("phone_1", "7", Some("a")) };
    store.put_phone_number(&answered).await.unwrap();
    assert_eq!(store.phone_numbers_of(&second).await.unwrap(), std::slice::from_ref(&answered));
    assert_eq!(store.phone_numbers_of(&first).await.unwrap(), []);

    assert!(!store.delete_phone_number(&first, &answered.phone_number_id).await.unwrap());
    assert!(store.delete_phone_number(&second, &answered.phone_number_id).await.unwrap());
    assert_eq!(store.phone_number(&answered.phone_number_id).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn a_number_is_on_the_list_of_one_business_however_often_it_is_put(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let (first, second) = (business("42").id, business("7").id);
    for _ in 0..2 {
        store.put_do_not_call(&first, &dialled()).await.unwrap();
    }
    assert!(store.is_do_not_call(&first, &dialled()).await.unwrap());
    assert!(!store.is_do_not_call(&second, &dialled()).await.unwrap());
    assert!(!store.delete_do_not_call(&second, &dialled()).await.unwrap());
    assert!(store.delete_do_not_call(&first, &dialled()).await.unwrap());
    assert!(!store.is_do_not_call(&first, &dialled()).await.unwrap());
}
