//! What an operator does from the page besides ending calls: sweep, pause, resume, change the cap.

use serde_json::json;

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::wait::settles;

#[actix::test]
async fn given_a_call_whose_end_nobody_told_when_a_sweep_is_run_from_the_page_then_it_is_corrected() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let call = gate.start_call("42").await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.provider.hang_up_all().await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "1").await;

    // An absence counts from the second look, so one sweep may not do.
    crate::support::wait::eventually("sweeps from the page correct the call", async || {
        page.press("Run a sweep").await;
        page.mentions("#toasts", "Sweep done").await;
        (gate.get_call(&call).await["status"] == "ended").then_some(())
    })
    .await;
    page.shows("#held", "0").await;
    page.mentions(".sweep", "on request").await;
}

#[actix::test]
async fn given_the_pool_when_it_is_paused_and_resumed_from_the_page_then_calls_are_refused_and_admitted() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let page = Browser::open(gate.address()).await;
    page.shows("#connection", "Live").await;

    page.press("Pause").await;
    page.mentions("dialog", "Pause new calls?").await;
    page.press("Cancel").await;
    page.hides("dialog").await;
    assert_eq!(gate.get("/api/pools/default").await.expect(200)["paused"], false);

    page.press("Pause").await;
    page.click("dialog button[type=submit]").await;
    page.mentions("[data-notice=paused]", "New calls are paused").await;
    settles(json!(true), async || gate.get("/api/pools/default").await.expect(200)["paused"].clone()).await;
    page.mentions(".capacity .chip", "Paused").await;

    page.click("[data-notice=paused] button").await;
    page.hides("[data-notice=paused]").await;
    page.mentions(".capacity .chip", "Open").await;
    gate.admits().await;
}

#[actix::test]
async fn given_another_cap_from_the_page_then_it_is_taken_and_nonsense_is_not() {
    let gate = Gate::builder().cap(3).start().await;
    let page = Browser::open(gate.address()).await;
    page.shows(".big-of", "of 3 slots").await;
    page.press("Change cap").await;
    page.fill("dialog input", "0").await;
    page.click("dialog button[type=submit]").await;
    page.mentions("dialog .trouble", "whole number").await;
    page.fill("dialog input", "2").await;
    page.click("dialog button[type=submit]").await;
    page.shows(".big-of", "of 2 slots").await;
    page.mentions(".feed", "Pool changed").await;
}
