//! A holder as the scripts write it, and as they are told of it.

use redis::ScriptInvocation;

use super::super::port::LeaseId;
use crate::domain::admission::Holder;
use crate::domain::call::Slot;
use crate::domain::ids::CallId;
use crate::store::Sequence;

/// A lease as a claim. In hex: a number in Lua is exact to 2^53 only.
pub(super) fn of_lease(lease: LeaseId) -> String {
    format!("L{:016x}", lease.0)
}

/// A sequence of the log as a claim.
pub(super) fn of_log(as_of: Sequence) -> String {
    format!("S{}", as_of.0)
}

fn letter(slot: Slot) -> &'static str {
    match slot {
        Slot::Held => "H",
        Slot::Overflow => "O",
    }
}

/// Adds the fields `call slot claim business plan`.
pub(super) fn tell(script: &mut ScriptInvocation<'_>, holder: &Holder, as_of: Sequence) {
    script.arg(holder.call_id.to_string()).arg(letter(holder.slot)).arg(of_log(as_of));
    script.arg(holder.business_id.as_str()).arg(holder.plan.as_str());
}

/// Reads `SLOT CLAIM LENGTH PLANBUSINESS`; none where it is not that.
pub(super) fn unpacked(call: &str, text: &str) -> Option<Holder> {
    let mut fields = text.splitn(4, ' ');
    let slot = match fields.next()? {
        "H" => Slot::Held,
        "O" => Slot::Overflow,
        _ => return None,
    };
    let (_claim, length, names) = (fields.next()?, fields.next()?, fields.next()?);
    let (plan, business) = names.split_at_checked(length.parse().ok()?)?;
    let call_id: CallId = call.parse().ok()?;
    Some(Holder { call_id, business_id: business.parse().ok()?, plan: plan.parse().ok()?, slot })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CALL: &str = "00000000-0000-0000-0000-000000000001";

    #[rstest]
    #[case("H L00000000000000ff 3 PRO42", "PRO", "42", Slot::Held)]
    #[case("O S9 5 A 1é: 7 x", "A 1é", ": 7 x", Slot::Overflow)]
    fn a_packed_holder_is_read(#[case] text: &str, #[case] plan: &str, #[case] business: &str, #[case] slot: Slot) {
        let holder = unpacked(CALL, text).unwrap();
        assert_eq!((holder.plan.as_str(), holder.business_id.as_str(), holder.slot), (plan, business, slot));
    }

    #[rstest]
    #[case("")]
    #[case("X S9 3 PRO42")]
    #[case("H S9 30 PRO42")]
    #[case("H S9 1 é42")]
    #[case("H S9 3 PRO")]
    fn what_is_no_packed_holder_is_told(#[case] text: &str) {
        assert_eq!(unpacked(CALL, text), None);
    }
}
