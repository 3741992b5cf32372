//! The figures at a glance.

use serde_json::json;

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::wait::settles;

#[actix::test]
async fn given_an_open_page_when_calls_start_and_end_then_its_figures_follow() {
    let gate = Gate::builder().cap(4).start().await;
    gate.change_business("42", &json!({"name": "Acme Dental", "plan": "PRO", "status": "ACTIVE"})).await;
    let page = Browser::open(gate.address()).await;
    page.shows("#connection", "Live").await;
    page.shows("#held", "0").await;
    page.mentions(".calls .empty", "No live calls").await;

    gate.start_calls("42", 3).await;
    page.shows("#held", "3").await;
    page.shows(".big-of", "of 4 slots").await;
    settles(3, async || page.texts(".calls-table tbody tr").await.len()).await;
    page.mentions(".calls-table tbody tr", "Acme Dental").await;
    page.mentions(".businesses .meter", "Acme Dental3 of 3PRO · at its limit").await;
    page.mentions(".plans", "PRO3").await;
    page.mentions(".feed", "Call placed").await;

    gate.post_call("42").await.capacity_problem("BUSINESS_LIMIT");
    page.mentions(".reasons .meter", "Business at its limit1").await;
    page.mentions(".feed", "RefusedAcme Dental").await;

    gate.provider.hang_up_all().await;
    page.shows("#held", "0").await;
    page.mentions(".calls .empty", "No live calls").await;
    page.mentions(".feed", "Call ended").await;
}

#[actix::test]
async fn given_a_call_without_a_slot_then_it_is_told_apart_from_those_that_have_one() {
    let gate = Gate::builder().cap(1).env("CALLGATE__INBOUND__ON_FULL", "admit").start().await;
    gate.put_business("42", "PRO").await;
    gate.put_agent("42", "agent_1").await;
    gate.start_call("42").await;
    let conversation = gate.provider.start_inbound("agent_1").await;
    gate.call_of(&conversation).await;

    let page = Browser::open(gate.address()).await;
    page.shows("#held", "1").await;
    page.shows(".fact[data-tone=warn] dd", "1").await;
    page.mentions(".feed", "Live without a slot").await;
    assert_eq!(page.script("return document.querySelectorAll('.cells .overflow').length").await, 1);
}

#[actix::test]
async fn given_names_with_markup_then_they_are_shown_as_text() {
    let gate = Gate::start().await;
    let name = "<img src=x onerror=document.title='no'>";
    gate.change_business("42", &json!({"name": name, "plan": "PRO", "status": "ACTIVE"})).await;
    gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;
    page.mentions(".calls-table tbody th", name).await;
    page.mentions(".feed", name).await;
    assert_eq!(page.script("return document.querySelectorAll('main img').length").await, 0);
}
