//! A batch on its way to the script, and the script's answers on their way back.

use redis::ScriptInvocation;

use super::super::port::{Answer, Instruction, LedgerError, Standing};
use super::holder;
use crate::domain::admission::{Rejection, Verdict};
use crate::domain::pool::Pool;

/// Adds the instructions, each a letter and its fields.
pub(super) fn tell(script: &mut ScriptInvocation<'_>, batch: &[Instruction]) {
    for instruction in batch {
        match instruction {
            Instruction::Acquire(request, lease) => {
                script.arg("A").arg(request.call_id.to_string()).arg(request.business_id.as_str());
                script.arg(request.plan.as_str()).arg(request.business_limit).arg(holder::of_lease(*lease));
            }
            Instruction::GiveBack(call_id, lease) => {
                script.arg("G").arg(call_id.to_string()).arg(holder::of_lease(*lease));
            }
            Instruction::Release { call_id, as_of } => {
                script.arg("R").arg(call_id.to_string()).arg(as_of.0);
            }
            Instruction::Put { holder, as_of } => {
                script.arg("P");
                holder::tell(script, holder, *as_of);
            }
            Instruction::Configure(pool) => {
                script.arg("C");
                tell_terms(script, pool);
            }
        }
    }
}

/// Adds `cap paused reserves`.
pub(super) fn tell_terms(script: &mut ScriptInvocation<'_>, pool: &Pool) {
    let reserves = serde_json::to_string(&pool.reserves).expect("a map with text keys is JSON");
    script.arg(pool.cap).arg(u8::from(pool.paused)).arg(reserves);
}

/// The answers to a batch, from the numbers that the script gave.
pub(super) fn answers(batch: &[Instruction], numbers: &[u32]) -> Result<Vec<Answer>, LedgerError> {
    let mut numbers = numbers.iter().copied();
    let answers = batch.iter().map(|instruction| answer(instruction, &mut numbers)).collect::<Option<_>>();
    // The batch was carried out, but what came of it cannot be told: as if the answer had been lost.
    answers.ok_or_else(|| LedgerError::Away("the script's answers do not fit the batch".to_owned()))
}

fn answer(instruction: &Instruction, numbers: &mut impl Iterator<Item = u32>) -> Option<Answer> {
    let first = numbers.next()?;
    Some(match instruction {
        Instruction::Acquire(request, _) => {
            let (business, global, cap) = (numbers.next()?, numbers.next()?, numbers.next()?);
            let business_limit = if request.business_limit == u32::MAX { cap } else { request.business_limit };
            Answer::Acquired(verdict(first)?, Standing { business, business_limit, global, global_limit: cap })
        }
        Instruction::GiveBack(..) | Instruction::Release { .. } => Answer::Released(first == 1),
        Instruction::Put { .. } => Answer::Put(first == 1),
        Instruction::Configure(_) => Answer::Configured,
    })
}

fn verdict(code: u32) -> Option<Verdict> {
    Some(match code {
        0 => Verdict::Held,
        1 => Verdict::Granted,
        2 => Verdict::Rejected(Rejection::PoolPaused),
        3 => Verdict::Rejected(Rejection::GlobalCapacity),
        4 => Verdict::Rejected(Rejection::BusinessLimit),
        5 => Verdict::Rejected(Rejection::PlanReserved),
        _ => return None,
    })
}
