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

pub(super) type Ledger = Box<dyn SlotLedger>;

pub(super) fn memory() -> Ledger {
    Box::new(MemoryLedger::new())
}

/// A ledger of its own in the Redis of all tests of this process.
pub(super) fn redis() -> Ledger {
    static REDIS: LazyLock<Redis> = LazyLock::new(Redis::start);
    let prefix = new_uuid().to_string();
    let pool = PoolId::default_pool();
    let target = RedisTarget { url: &REDIS.url(), certificate_authority: None, prefix: &prefix, pool: &pool };
    Box::new(RedisLedger::new(&target, new_uuid()).unwrap())
}

/// For tests that make their ledgers themselves.
const EVERY_LEDGER: &[fn() -> Ledger] = &[memory, redis];

pub(super) fn pool(cap: u32) -> Pool {
    Pool { id: PoolId::default_pool(), cap, paused: false, reserves: BTreeMap::new() }
}

pub(super) fn call(n: u128) -> CallId {
    CallId::new(Uuid::from_u128(n + 1))
}

pub(super) fn ask(n: u128, business: &str, plan: &str, limit: u32) -> Instruction {
    ask_under(LeaseId(0), n, business, plan, limit)
}

pub(super) fn ask_under(lease: LeaseId, n: u128, business: &str, plan: &str, limit: u32) -> Instruction {
    let request = Request {
        call_id: call(n),
        business_id: business.parse().unwrap(),
        plan: plan.parse().unwrap(),
        business_limit: limit,
    };
    Instruction::Acquire(request, lease)
}

pub(super) fn verdicts(answers: &[Answer]) -> Vec<Verdict> {
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
pub(super) const EPOCH: Epoch = Epoch(7);
/// The one after it.
const EPOCH_AFTER: Epoch = Epoch(8);

async fn loaded(mut ledger: Ledger, cap: u32) -> Ledger {
    ledger.load(EPOCH, pool(cap), Vec::new()).await.unwrap();
    ledger
}

pub(super) fn release(n: u128) -> Instruction {
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
    let holders =
        vec![(holder(7, "z", "PRO", Slot::Held), Sequence(2)), (holder(8, "z", "PRO", Slot::Overflow), Sequence(2))];
    ledger.load(EPOCH_AFTER, pool(2), holders).await.unwrap();
    let occupied = ledger.occupied().await.unwrap();
    assert_eq!(occupied.total, Counts { held: 1, overflow: 1 });
    assert_sums(&mut ledger).await;
    let full = ledger.apply(EPOCH_AFTER, &[ask(9, "b", "PRO", 9)]).await.unwrap();
    assert_eq!(verdicts(&full), [Verdict::Rejected(Rejection::GlobalCapacity)]);
}

pub(super) fn holder(n: u128, business: &str, plan: &str, slot: Slot) -> Holder {
    Holder { call_id: call(n), business_id: business.parse().unwrap(), plan: plan.parse().unwrap(), slot }
}

fn put(holder: Holder, as_of: u64) -> Instruction {
    Instruction::Put { holder, as_of: Sequence(as_of) }
}

/// What the ledger holds and counts, to be compared.
async fn picture(ledger: &mut Ledger) -> (Occupied, Vec<Holder>) {
    let mut holders = ledger.holders().await.unwrap();
    holders.sort_by_key(|holder| holder.call_id);
    (ledger.occupied().await.unwrap(), holders)
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn i4_an_acquire_that_is_sent_again_is_granted_again_and_counts_once(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 1).await;
    // Leases that are the same number to whoever calculates in floating point.
    let (mine, other) = (LeaseId(u64::MAX), LeaseId(u64::MAX - 1));
    for _ in 0..3 {
        let answers = ledger.apply(EPOCH, &[ask_under(mine, 1, "a", "PRO", 1)]).await.unwrap();
        assert_eq!(verdicts(&answers), [Verdict::Granted]);
    }
    let answers = ledger.apply(EPOCH, &[ask_under(other, 1, "a", "PRO", 1)]).await.unwrap();
    assert_eq!(verdicts(&answers), [Verdict::Held]);
    assert_eq!(ledger.occupied().await.unwrap().total, Counts { held: 1, overflow: 0 });
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn a_lease_gives_back_only_what_is_its_own(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    let (mine, other) = (LeaseId(u64::MAX), LeaseId(u64::MAX - 1));
    let batch = [
        ask_under(mine, 1, "a", "PRO", 9),
        Instruction::GiveBack(call(1), other),
        Instruction::GiveBack(call(1), mine),
        Instruction::GiveBack(call(1), mine),
        put(holder(2, "a", "PRO", Slot::Held), 2),
        Instruction::GiveBack(call(2), mine),
    ];
    let answers = ledger.apply(EPOCH, &batch).await.unwrap();
    let released = answers.into_iter().filter(|answer| matches!(answer, Answer::Released(_)));
    assert_eq!(released.collect::<Vec<_>>(), [false, true, false, false].map(Answer::Released));
    assert_eq!(picture(&mut ledger).await.1, [holder(2, "a", "PRO", Slot::Held)]);
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn i3_what_the_log_said_later_survives_what_it_said_before(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    let release = |as_of| Instruction::Release { call_id: call(1), as_of: Sequence(as_of) };
    let held = || holder(1, "a", "PRO", Slot::Held);
    let overflow = || holder(1, "a", "PRO", Slot::Overflow);
    let steps = [
        (put(held(), 5), Answer::Put(true)),
        (put(held(), 5), Answer::Put(false)),
        (release(4), Answer::Released(false)),
        (put(overflow(), 4), Answer::Put(false)),
        (put(overflow(), 6), Answer::Put(true)),
        (release(5), Answer::Released(false)),
        (release(6), Answer::Released(true)),
        (release(6), Answer::Released(false)),
        (put(overflow(), 10), Answer::Put(true)),
        // As numbers: as text, 9 would come after 10.
        (release(9), Answer::Released(false)),
        (release(11), Answer::Released(true)),
    ];
    for (n, (instruction, answer)) in steps.into_iter().enumerate() {
        assert_eq!(ledger.apply(EPOCH, &[instruction]).await.unwrap(), [answer], "step {n}");
    }
    assert_sums(&mut ledger).await;
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn a_batch_under_another_epoch_changes_nothing(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    ledger.apply(EPOCH, &[ask(1, "a", "PRO", 9)]).await.unwrap();
    let before = picture(&mut ledger).await;
    for other in [Epoch(EPOCH.0 - 1), EPOCH_AFTER] {
        let batch = [ask(2, "a", "PRO", 9), release(1), Instruction::Configure(pool(9))];
        let refused = ledger.apply(other, &batch).await.unwrap_err();
        assert_eq!(refused, LedgerError::NotReady { holds: Some(EPOCH) });
    }
    assert_eq!(picture(&mut ledger).await, before);
    assert_eq!(ledger.look().await.unwrap(), Some(EPOCH));
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn a_load_under_an_epoch_that_is_not_newer_is_refused(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 5).await;
    ledger.apply(EPOCH, &[ask(1, "a", "PRO", 9)]).await.unwrap();
    let before = picture(&mut ledger).await;
    for other in [Epoch(EPOCH.0 - 1), EPOCH] {
        let refused = ledger.load(other, pool(9), Vec::new()).await.unwrap_err();
        assert_eq!(refused, LedgerError::NotReady { holds: Some(EPOCH) });
    }
    assert_eq!(picture(&mut ledger).await, before);
    assert_eq!(ledger.newest().await.unwrap(), Some(EPOCH));
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn i6_what_was_loaded_is_what_is_held(#[case] mut ledger: Ledger) {
    assert_eq!(ledger.newest().await.unwrap(), None);
    let slot = |n| if n % 3 == 0 { Slot::Overflow } else { Slot::Held };
    let holders: Vec<_> =
        (0..5000).map(|n| holder(n, &format!("b{}", n % 700), &format!("P{}", n % 3), slot(n))).collect();
    let rows = holders.iter().map(|holder| (holder.clone(), Sequence(3))).collect();
    ledger.load(EPOCH, pool(6000), rows).await.unwrap();
    let (occupied, held) = picture(&mut ledger).await;
    assert_eq!(held, holders);
    assert_eq!(occupied.total.taken(), 5000);
    assert_eq!(occupied.businesses.len(), 700);
    assert_sums(&mut ledger).await;
}

#[rstest]
#[case::memory(memory())]
#[case::redis(redis())]
#[actix::test]
async fn any_name_that_a_business_or_a_plan_may_have_is_kept_apart(#[case] ledger: Ledger) {
    let mut ledger = loaded(ledger, 900).await;
    let long = "ü".repeat(64);
    let names =
        ["T", "HT", "epoch", "BT", "P", "a:b", "{a}", "}:{", "\"'\\", "%d %s", "[^%w]", "H S9 3 PRO", "日本", &long];
    let plans = ["T", "epoch", "{\"a\":1}", "%1 é"];
    let pairs = || names.iter().enumerate().flat_map(|(b, name)| (0..4).map(move |p| ((b * 4 + p) as u128, *name, p)));
    let mut terms = pool(900);
    terms.reserves = plans.iter().map(|plan| (plan.parse().unwrap(), 3)).collect();
    ledger.apply(EPOCH, &[Instruction::Configure(terms.clone())]).await.unwrap();
    for (n, name, p) in pairs() {
        let answers = ledger.apply(EPOCH, &[ask(n, name, plans[p], 9)]).await.unwrap();
        assert_eq!(verdicts(&answers), [Verdict::Granted], "{name}");
    }
    let (occupied, held) = picture(&mut ledger).await;
    assert_eq!(occupied.reserves, terms.reserves);
    assert!(occupied.businesses.values().all(|counts| counts.held == 4), "{occupied:?}");
    let expected: Vec<_> = pairs().map(|(n, name, p)| holder(n, name, plans[p], Slot::Held)).collect();
    assert_eq!(held, expected);
    ledger.apply(EPOCH, &(0..100).map(release).collect::<Vec<_>>()).await.unwrap();
    let (occupied, held) = picture(&mut ledger).await;
    assert_eq!((occupied.total, occupied.businesses.len(), held.len()), (Counts::default(), 0, 0));
}

fn instructions() -> impl Strategy<Value = Instruction> {
    let (n, who) = (0u128..12, 0u8..4);
    prop_oneof![
        4 => (n.clone(), who.clone(), 1u32..4)
            .prop_map(|(n, who, limit)| ask(n, &format!("b{who}"), &format!("P{}", who % 2), limit)),
        3 => n.clone().prop_map(release),
        1 => (n, who, any::<bool>()).prop_map(|(n, who, overflow)| Instruction::Put {
            holder: holder(
                n,
                &format!("b{who}"),
                &format!("P{}", who % 2),
                if overflow { Slot::Overflow } else { Slot::Held },
            ),
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
