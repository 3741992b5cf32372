//! Fresh figures, and figures that are old.

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::wait::eventually;

const STALE: &str = "[data-notice=stale]";

async fn a_gate_with_a_call() -> Gate {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.start_call("42").await;
    gate
}

#[actix::test]
async fn given_a_live_page_when_the_gate_dies_then_it_says_since_when_it_is_stale_and_recovers_when_it_is_back() {
    let mut gate = a_gate_with_a_call().await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "1").await;
    page.hides(STALE).await;

    gate.kill_9();
    page.shows("#connection", "Stale").await;
    page.mentions(STALE, "Connection lost").await;
    page.mentions(STALE, "The figures are from").await;
    page.mentions("#announcements", "Connection lost").await;
    page.shows("#held", "1").await;
    let filter = page.script("return getComputedStyle(document.querySelector('main')).filter").await;
    assert_eq!(filter, "grayscale(1)");

    gate.start_again_there().await;
    page.shows("#connection", "Live").await;
    page.hides(STALE).await;
    page.mentions("#announcements", "Connected again").await;
    gate.start_call("42").await;
    page.shows("#held", "2").await;
    page.mentions(".feed", "Call placed").await;
}

#[actix::test]
async fn given_a_gate_that_falls_silent_then_the_page_is_stale_although_the_connection_stands() {
    let gate = a_gate_with_a_call().await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "1").await;
    gate.pause();
    page.mentions(STALE, "silent for 20 s").await;
    gate.resume();
    page.shows("#connection", "Live").await;
}

#[actix::test]
async fn given_a_card_that_fails_over_each_overview_then_the_connection_stands_and_the_rest_goes_on() {
    let gate = a_gate_with_a_call().await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "1").await;
    page.script("document.querySelector('.cells').querySelector = () => { throw new Error('broken by the test'); };")
        .await;
    gate.start_call("42").await;
    page.shows("#held", "2").await;
    eventually("two calls are placed", async || {
        let feed = page.text(".feed").await?;
        (feed.matches("Call placed").count() == 2).then_some(())
    })
    .await;
    eventually("the failure is in the console", async || {
        page.complaints().await.iter().any(|line| line.contains("broken by the test")).then_some(())
    })
    .await;
    assert_eq!(page.text("#connection").await.as_deref(), Some("Live"));
    assert_eq!(page.text("#announcements").await.as_deref(), Some(""));
}
