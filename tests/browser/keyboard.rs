//! The page without a mouse.

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::wait::{eventually, settles};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';
/// More stops than a page with one call has.
const STOPS: usize = 60;

#[actix::test]
async fn given_only_a_keyboard_then_everything_is_reached_in_order_and_a_call_is_ended() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let call = gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;
    page.mentions(".calls-table tbody tr", "42").await;

    let mut stops = Vec::new();
    while !stops.last().is_some_and(|stop: &String| stop.starts_with("End the call")) {
        assert!(stops.len() < STOPS, "{stops:?}");
        page.key(TAB).await;
        stops.push(page.focus().await);
        let ring = page.script("return getComputedStyle(document.activeElement).boxShadow").await;
        assert_ne!(ring, "none", "the focus on {:?} is not to be seen", stops.last());
    }
    let expected = [
        "Skip to the figures",
        "callgate, overview",
        "Theme: as the system",
        "API key",
        "Change cap",
        "Pause",
        "Run a sweep",
        "Search",
        "State",
        "Direction",
        "Plan",
        "42",
    ];
    let reached: Vec<_> = stops.iter().filter(|stop| expected.contains(&stop.as_str())).collect();
    assert_eq!(reached, expected, "{stops:?}");

    page.key(ENTER).await;
    page.mentions("dialog", "End this call?").await;
    settles("Keep it".to_owned(), async || page.focus().await).await;
    page.key(ESCAPE).await;
    page.hides("dialog").await;
    assert!(page.focus().await.starts_with("End the call"), "the focus is back");
    assert_eq!(gate.get_call(&call).await["status"], "active");

    page.key(ENTER).await;
    page.mentions("dialog", "End this call?").await;
    page.key(TAB).await;
    page.key(ENTER).await;
    gate.call_becomes(&call, "ended").await;
    page.shows("#held", "0").await;
}

#[actix::test]
async fn given_the_link_that_skips_then_it_leads_past_the_bar_and_the_page_stays() {
    let gate = Gate::start().await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "0").await;
    page.key(TAB).await;
    page.key(ENTER).await;
    assert_eq!(page.script("return document.activeElement.id").await, "main");
    page.key(TAB).await;
    eventually("the next stop is in the figures", async || (page.focus().await == "Change cap").then_some(())).await;
}
