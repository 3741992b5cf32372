//! The group commit: many items of every kind, each with its own fate, in the order given.

use rstest::rstest;

use super::support::*;
use crate::domain::call::Direction;
use crate::store::{Bulletin, Conflict, DeliveryState, Epoch, EventStore, Sequence, Write};

#[rstest]
#[tokio::test]
async fn a_batch_of_nothing_is_stored(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.commit(&[]).await.unwrap(), Vec::new());
}

#[rstest]
#[tokio::test]
async fn three_hundred_items_of_every_kind_win_or_lose_one_by_one(#[values(Sqlite, Postgres)] on: Database) {
    const ROUNDS: usize = 50;
    let store = fresh(on).await;
    let epoch = next_epoch(&store).await;
    let rejected = Bulletin::AdmissionRejected {
        business_id: "42".parse().unwrap(),
        plan: "PRO".parse().unwrap(),
        direction: Direction::Outbound,
        reason: "GLOBAL_CAPACITY".to_owned(),
    };

    let mut batch: Vec<Write> = Vec::new();
    let mut live = Vec::new();
    for round in 0..ROUNDS {
        let name = conversations(&[&format!("conv_{round}")]);
        let parked = delivery(&format!("parked_{round}"), &name, DeliveryState::Parked);
        let mut session = Session::new();
        let mut admitted = session.append(request());
        admitted.epoch = Some(epoch);
        session.adopt(&admitted);
        let again = admitted.clone();
        let placed = session.append(placed(&name));
        session.adopt(&placed);
        live.push(session);
        let items: [Write; 6] = [
            parked.into(),
            admitted.into(),
            again.into(),
            placed.into(),
            admission(Epoch(epoch.0 + 1)).into(),
            Write::Note(rejected.clone()),
        ];
        batch.extend(items);
    }
    assert_eq!(batch.len(), 300);

    let results = store.commit(&batch).await.unwrap();
    for (round, fates) in results.chunks(6).enumerate() {
        assert!(
            matches!(
                fates,
                [Ok(_), Ok(_), Err(Conflict::SequenceMoved), Ok(placed), Err(Conflict::StaleEpoch), Ok(_)]
                    if placed.parked.len() == 1
            ),
            "round {round}: {fates:?}"
        );
    }
    let after = footprint(&store).await;
    assert_eq!(after.sessions.len(), ROUNDS);
    assert_eq!(after.references.len(), ROUNDS);
    assert_eq!(after.inbox.len(), ROUNDS);
    assert_eq!(after.events.len(), ROUNDS * (3 + 1), "three events of each call, and one bulletin");
    for session in live {
        let stream = store.load(session.id).await.unwrap();
        assert_eq!((stream.sequence(), stream.replay()), (Sequence(3), session.call));
    }
}
