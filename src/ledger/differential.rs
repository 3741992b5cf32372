//! The rule lives in two homes, Rust and Lua: the same random operations must give the same there, step by step.

use proptest::prelude::*;

use super::contract::{EPOCH, Ledger, ask_under, call, holder, memory, pool, redis};
use super::*;
use crate::domain::admission::Holder;
use crate::domain::call::Slot;
use crate::domain::pool::Pool;
use crate::store::{Epoch, Sequence};

/// Neighbours in Lua's doubles, and in how fields and holders are packed.
const LEASES: [u64; 3] = [7, u64::MAX - 1, u64::MAX];
const BUSINESSES: [&str; 4] = ["a", "T", "PA: é", "{}'\"%s"];
const PLANS: [&str; 3] = ["A", "PA", "é 1"];

/// What is done to both.
#[derive(Clone, Debug)]
enum Step {
    Batch(Vec<Instruction>),
    UnderAnotherEpoch(Vec<Instruction>),
    Reload(Pool, Vec<(Holder, Sequence)>),
    LoadAgain(Pool),
}

fn a_pool() -> impl Strategy<Value = Pool> {
    (0u32..10, prop::bool::weighted(0.1), prop::collection::btree_map(0usize..3, 0u32..4, 0..3)).prop_map(
        |(cap, paused, reserves)| Pool {
            paused,
            reserves: reserves.into_iter().map(|(plan, n)| (PLANS[plan].parse().unwrap(), n)).collect(),
            ..pool(cap)
        },
    )
}

fn a_holder() -> impl Strategy<Value = (Holder, Sequence)> {
    let slot = prop_oneof![Just(Slot::Held), Just(Slot::Overflow)];
    (0u128..12, 0usize..4, 0usize..3, slot, 0u64..12)
        .prop_map(|(n, b, p, slot, as_of)| (holder(n, BUSINESSES[b], PLANS[p], slot), Sequence(as_of)))
}

fn an_instruction() -> impl Strategy<Value = Instruction> {
    let limit = prop_oneof![3 => 0u32..5, 1 => Just(u32::MAX)];
    prop_oneof![
        8 => (0usize..3, 0u128..12, 0usize..4, 0usize..3, limit)
            .prop_map(|(l, n, b, p, limit)| ask_under(LeaseId(LEASES[l]), n, BUSINESSES[b], PLANS[p], limit)),
        2 => (0u128..12, 0usize..3).prop_map(|(n, l)| Instruction::GiveBack(call(n), LeaseId(LEASES[l]))),
        3 => (0u128..12, 0u64..12).prop_map(|(n, as_of)| Instruction::Release { call_id: call(n), as_of: Sequence(as_of) }),
        2 => a_holder().prop_map(|(holder, as_of)| Instruction::Put { holder, as_of }),
        1 => a_pool().prop_map(Instruction::Configure),
    ]
}

fn a_batch() -> impl Strategy<Value = Vec<Instruction>> {
    prop_oneof![
        6 => prop::collection::vec(an_instruction(), 1..16),
        // The same again, as after an answer that was lost.
        1 => an_instruction().prop_map(|one| vec![one; 3]),
    ]
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => a_batch().prop_map(Step::Batch),
        1 => a_batch().prop_map(Step::UnderAnotherEpoch),
        2 => (a_pool(), prop::collection::vec(a_holder(), 0..12)).prop_map(|(pool, rows)| Step::Reload(pool, rows)),
        1 => a_pool().prop_map(Step::LoadAgain),
    ]
}

/// One ledger, and the epoch that it was loaded under.
struct Side(Ledger, Epoch);

impl Side {
    async fn take(&mut self, step: &Step) -> Result<Vec<Answer>, LedgerError> {
        let Self(ledger, epoch) = self;
        match step {
            Step::Batch(batch) => ledger.apply(*epoch, batch).await,
            Step::UnderAnotherEpoch(batch) => ledger.apply(Epoch(epoch.0 + 1), batch).await,
            Step::Reload(pool, rows) => {
                epoch.0 += 1;
                ledger.load(*epoch, pool.clone(), rows.clone()).await.map(|()| Vec::new())
            }
            Step::LoadAgain(pool) => ledger.load(*epoch, pool.clone(), Vec::new()).await.map(|()| Vec::new()),
        }
    }

    async fn picture(&mut self) -> (Occupied, Vec<Holder>, Option<Epoch>) {
        let mut holders = self.0.holders().await.unwrap();
        holders.sort_by_key(|holder| holder.call_id);
        (self.0.occupied().await.unwrap(), holders, self.0.look().await.unwrap())
    }
}

proptest! {
    // Some 10 steps of some 7 instructions each: several thousand operations.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn memory_and_redis_answer_count_and_hold_alike(terms in a_pool(), steps in prop::collection::vec(a_step(), 1..20)) {
        actix::System::new().block_on(async {
            let (mut one, mut other) = (Side(memory(), EPOCH), Side(redis(), EPOCH));
            for side in [&mut one, &mut other] {
                side.0.load(EPOCH, terms.clone(), Vec::new()).await.unwrap();
            }
            for step in &steps {
                assert_eq!(one.take(step).await, other.take(step).await, "{step:?}");
                assert_eq!(one.picture().await, other.picture().await, "after {step:?}");
            }
        });
    }
}
