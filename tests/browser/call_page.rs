//! The page of one call.

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::wait::settles;

#[actix::test]
async fn given_the_page_of_a_live_call_when_it_ends_then_its_timeline_grows() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let call = gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;
    page.click(".calls-table tbody a").await;
    page.shows(".call-id .mono", &call).await;
    page.mentions(".call-title", "Active").await;
    settles(
        vec!["Call requested", "Slot taken", "Call placed"].into_iter().map(str::to_owned).collect::<Vec<_>>(),
        async || page.texts(".moment h3").await,
    )
    .await;
    page.mentions(".facts-list", "+1206•••0123").await;
    page.click(".moment details summary").await;
    page.mentions(".moment pre", "CallRequested").await;

    gate.provider.hang_up_all().await;
    page.mentions(".moment:last-child", "Call ended").await;
    page.mentions(".call-title", "Ended").await;
    page.hides(".call-actions").await;
    assert_eq!(page.texts(".moment").await.len(), 4);
    page.mentions(".moment pre", "CallRequested").await;

    page.click(".back").await;
    page.shows("#held", "0").await;
}

#[actix::test]
async fn given_a_call_that_nobody_knows_then_its_page_says_so() {
    let gate = Gate::start().await;
    let page = Browser::open(gate.address()).await;
    page.goto(&format!("{}/#/calls/0198a0f4-7f0e-7000-8000-000000000001", gate.address())).await;
    page.mentions(".call [role=alert]", "There is no call with this id").await;
}

#[actix::test]
async fn given_an_address_that_cannot_be_decoded_then_the_page_says_so_and_is_live() {
    let gate = Gate::start().await;
    let page = Browser::open(gate.address()).await;
    page.goto(&format!("{}/#/calls/%", gate.address())).await;
    page.reload().await;
    page.shows("#connection", "Live").await;
    page.mentions(".call [role=alert]", "call").await;
    page.click(".back").await;
    page.shows("#held", "0").await;
}
