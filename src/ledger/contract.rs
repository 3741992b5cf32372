//! What any ledger must do, run over every ledger there is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use callgate_rig::Redis;
use proptest::prelude::*;
use rstest::rstest;
use uuid::Uuid;

use super::*;
use crate::domain::admission::{Holder, Rejection, Request, Verdict};
use crate::domain::call::Slot;
use crate::domain::ids::{CallId, PoolId};
use crate::domain::pool::Pool;
use crate::sources::new_uuid;
use crate::store::{Epoch, Sequence};

type Ledger = Box<dyn SlotLedger>;

fn memory() -> Ledger {
    Box::new(MemoryLedger::new())
}

/// A ledger of its own in the Redis of all tests of this process.
fn redis() -> Ledger {
    static REDIS: LazyLock<Redis> = LazyLock::new(Redis::start);
    let prefix = new_uuid().to_string();
    let pool = PoolId::default_pool();
    let target = RedisTarget { url: &REDIS.url(), certificate_authority: None, prefix: &prefix, pool: &pool };
    Box::new(RedisLedger::new(&target, new_uuid()).unwrap())
}

/// For tests that make their ledgers themselves.
const EVERY_LEDGER: &[fn() -> Ledger] = &[memory, redis];

fn pool(cap: u32) -> Pool {
    Pool { id: PoolId::default_pool(), cap, paused: false, reserves: BTreeMap::new() }
}

fn call(n: u128) -> CallId {
    CallId::new(Uuid::from_u128(n + 1))
}

fn ask(n: u128, business: &str, plan: &str, limit: u32) -> Instruction {
    ask_under(LeaseId(0), n, business, plan, limit)
}

fn ask_under(lease: LeaseId, n: u128, business: &str, plan: &str, limit: u32) -> Instruction {
    let request = Request {
        call_id: call(n),
        business_id: business.parse().unwrap(),
        plan: plan.parse().unwrap(),
        business_limit: limit,
    };
    Instruction::Acquire(request, lease)
}

fn verdicts(answers: &[Answer]) -> Vec<Verdict> {
    answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Acquired(verdict, _) => Some(*verdict),
            _ => None,
        })
        .collect()
}

fn granted(answers: &[Answer]) -> usize {
    verdicts(answers).into_iter().filter(|verdict| *verdict == Verdict::Granted).count()
}

/// The epoch of every ledger here.
const EPOCH: Epoch = Epoch(7);
/// The one after it.
const EPOCH_AFTER: Epoch = Epoch(8);

async fn loaded(mut ledger: Ledger, cap: u32) -> Ledger {
    ledger.load(EPOCH, pool(cap), Vec::new()).await.unwrap();
    ledger
}

fn release(n: u128) -> Instruction {
    Instruction::Release { call_id: call(n), as_of: Sequence(9) }
}

/// The counts and the holders say the same, of the whole, of each plan and of each business.
async fn assert_sums(ledger: &mut Ledger) {
    let (occupied, holders) = (ledger.occupied().await.unwrap(), ledger.holders().await.unwrap());
    let held = |slot| u32::try_from(holders.iter().filter(|holder| holder.slot == slot).count()).unwrap();
    assert_eq!(occupied.total, Counts { held: held(Slot::Held), overflow: held(Slot::Overflow) });
    for counts in [occupied.plans.values().collect::<Vec<_>>(), occupied.businesses.values().collect()] {
        assert_eq!(counts.iter().map(|counts| counts.held).sum::<u32>(), occupied.total.held);
        assert_eq!(counts.iter().map(|counts| counts.overflow).sum::<u32>(), occupied.total.overflow);
    }
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn a_ledger_grants_nothing_before_it_is_loaded(#[case] mut ledger: Ledger) {
    let refused = ledger.apply(EPOCH, &[ask(1, "a", "PRO", 9)]).await.unwrap_err();
    assert_eq!(refused, LedgerError::NotReady { holds: None });
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn i1_200_acquires_of_distinct_ids_at_cap_5_give_5(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    let batch: Vec<_> = (0..200).map(|n| ask(n, &format!("b{}", n % 20), "PRO", 200)).collect();
    let mut answers = Vec::new();
    for some in batch.chunks(7) {
        answers.extend(ledger.apply(EPOCH, some).await.unwrap());
    }
    assert_eq!(granted(&answers), 5);
    assert_sums(&mut ledger).await;
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn i4_200_acquires_of_one_id_are_one_and_one_release_gives_it_back(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    let asks: Vec<_> = (0..200).map(|lease| ask_under(LeaseId(lease), 1, "a", "PRO", 200)).collect();
    let answers = ledger.apply(EPOCH, &asks).await.unwrap();
    assert_eq!(granted(&answers), 1);
    assert!(verdicts(&answers)[1..].iter().all(|verdict| *verdict == Verdict::Held));
    assert_eq!(ledger.occupied().await.unwrap().total.held, 1);
    assert_eq!(ledger.apply(EPOCH, &[release(1)]).await.unwrap(), [Answer::Released(true)]);
    assert_eq!(ledger.occupied().await.unwrap().total.held, 0);
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn i4_one_of_three_released_50_times_leaves_two(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    let holders: Vec<_> = (0..3).map(|n| ask(n, &format!("b{n}"), "PRO", 3)).collect();
    ledger.apply(EPOCH, &holders).await.unwrap();
    let released = ledger.apply(EPOCH, &vec![release(0); 50]).await.unwrap();
    assert_eq!(released.iter().filter(|answer| **answer == Answer::Released(true)).count(), 1);
    let occupied = ledger.occupied().await.unwrap();
    assert_eq!(occupied.total.held, 2);
    assert_eq!(occupied.plans[&"PRO".parse().unwrap()].held, 2);
    assert!(!occupied.businesses.contains_key(&"b0".parse().unwrap()));
    assert_sums(&mut ledger).await;
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn terms_change_while_slots_are_held(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 3).await;
    let three: Vec<_> = (0..3).map(|n| ask(n, "a", "PAYG", 9)).collect();
    assert_eq!(granted(&ledger.apply(EPOCH, &three).await.unwrap()), 3);

    ledger.apply(EPOCH, &[Instruction::Configure(pool(2))]).await.unwrap();
    assert_eq!(ledger.occupied().await.unwrap().total.held, 3, "a lower cap cuts no call");
    let full = ledger.apply(EPOCH, &[ask(10, "b", "PAYG", 9)]).await.unwrap();
    assert_eq!(verdicts(&full), [Verdict::Rejected(Rejection::GlobalCapacity)]);

    let mut reserved = pool(5);
    reserved.reserves.insert("PRO".parse().unwrap(), 2);
    ledger.apply(EPOCH, &[Instruction::Configure(reserved)]).await.unwrap();
    let answers =
        ledger.apply(EPOCH, &[ask(11, "b", "PAYG", 9), ask(12, "c", "PRO", 9), ask(13, "c", "PRO", 1)]).await.unwrap();
    assert_eq!(
        verdicts(&answers),
        [Verdict::Rejected(Rejection::PlanReserved), Verdict::Granted, Verdict::Rejected(Rejection::BusinessLimit)]
    );

    let mut paused = pool(9);
    paused.paused = true;
    let answers = ledger.apply(EPOCH, &[Instruction::Configure(paused), ask(14, "d", "PRO", 9)]).await.unwrap();
    assert_eq!(verdicts(&answers), [Verdict::Rejected(Rejection::PoolPaused)]);
    assert_sums(&mut ledger).await;
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn an_answer_carries_the_counts_after_it(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    let answers =
        ledger.apply(EPOCH, &[ask(1, "a", "PRO", 3), ask(2, "a", "PRO", 3), ask(3, "b", "PRO", 3)]).await.unwrap();
    let Answer::Acquired(_, standing) = answers[1] else { panic!("an acquire is answered as one") };
    assert_eq!(standing, Standing { business: 2, business_limit: 3, global: 2, global_limit: 5 });
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn a_load_replaces_everything(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    ledger.apply(EPOCH, &[ask(1, "a", "PRO", 3)]).await.unwrap();
    let put =
        |n, slot| Holder { call_id: call(n), business_id: "z".parse().unwrap(), plan: "PRO".parse().unwrap(), slot };
    let holders = vec![(put(7, Slot::Held), Sequence(2)), (put(8, Slot::Overflow), Sequence(2))];
    ledger.load(EPOCH_AFTER, pool(2), holders).await.unwrap();
    let occupied = ledger.occupied().await.unwrap();
    assert_eq!(occupied.total, Counts { held: 1, overflow: 1 });
    assert_sums(&mut ledger).await;
    let full = ledger.apply(EPOCH_AFTER, &[ask(9, "b", "PRO", 9)]).await.unwrap();
    assert_eq!(verdicts(&full), [Verdict::Rejected(Rejection::GlobalCapacity)]);
}

fn instructions() -> impl Strategy<Value = Instruction> {
    let (n, who) = (0u128..12, 0u8..4);
    prop_oneof![
        4 => (n.clone(), who.clone(), 1u32..4)
            .prop_map(|(n, who, limit)| ask(n, &format!("b{who}"), &format!("P{}", who % 2), limit)),
        3 => n.clone().prop_map(release),
        1 => (n, who, any::<bool>()).prop_map(|(n, who, overflow)| Instruction::Put {
            holder: Holder {
                call_id: call(n),
                business_id: format!("b{who}").parse().unwrap(),
                plan: format!("P{}", who % 2).parse().unwrap(),
                slot: if overflow { Slot::Overflow } else { Slot::Held },
            },
            as_of: Sequence(2),
        }),
        1 => (0u32..8, 0u32..3, any::<bool>()).prop_map(|(cap, reserve, paused)| Instruction::Configure(Pool {
            paused,
            reserves: [("P0".parse().unwrap(), reserve)].into(),
            ..pool(cap)
        })),
    ]
}

proptest! {
    #[test]
    fn sums_hold_after_any_instructions(batches in prop::collection::vec(prop::collection::vec(instructions(), 1..6), 0..30)) {
        for make in EVERY_LEDGER {
            actix::System::new().block_on(async {
                let mut ledger = loaded(make(), 4).await;
                for batch in &batches {
                    ledger.apply(EPOCH, batch).await.unwrap();
                    assert_sums(&mut ledger).await;
                }
            });
        }
    }
}
