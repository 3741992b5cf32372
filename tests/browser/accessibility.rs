//! What axe finds serious, in every view and theme; and that a phone needs no sideways scrolling.

use serde_json::json;

use crate::browser::Browser;
use crate::support::gate::Gate;

async fn a_page_with_everything() -> (Gate, Browser) {
    let gate = Gate::builder().cap(2).env("CALLGATE__INBOUND__ON_FULL", "admit").start().await;
    gate.change_business(
        "42",
        &json!({"name": "A business with quite a long name", "plan": "PRO", "status": "ACTIVE"}),
    )
    .await;
    gate.put_agent("42", "agent_1").await;
    gate.start_calls("42", 2).await;
    gate.post_call("42").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    let conversation = gate.provider.start_inbound("agent_1").await;
    gate.call_of(&conversation).await;
    gate.post_reconciliation().await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "2").await;
    page.mentions(".calls-table", "A business with quite a long name").await;
    (gate, page)
}

async fn assert_nothing_serious(page: &Browser, where_: &str) {
    let findings = page.serious_findings().await;
    assert!(findings.is_empty(), "{where_}: {findings:#?}");
}

#[actix::test]
async fn given_either_theme_then_axe_finds_nothing_serious_in_any_view() {
    let (gate, page) = a_page_with_everything().await;
    for theme in ["light", "dark"] {
        page.prefer(theme).await;
        page.resize(1440, 1000).await;
        page.goto(&format!("{}/#/", gate.address())).await;
        page.shows("#held", "2").await;
        assert_nothing_serious(&page, &format!("the overview, {theme}")).await;
        page.press("Pause").await;
        assert_nothing_serious(&page, &format!("a dialog, {theme}")).await;
        page.press("Cancel").await;
        page.resize(390, 844).await;
        assert_nothing_serious(&page, &format!("a phone, {theme}")).await;
        page.click(".calls-table tbody a").await;
        page.mentions(".moment", "Call").await;
        assert_nothing_serious(&page, &format!("a call on a phone, {theme}")).await;
        page.resize(1440, 1000).await;
        assert_nothing_serious(&page, &format!("a call, {theme}")).await;
    }
}

#[actix::test]
async fn given_a_stale_page_then_axe_finds_nothing_serious() {
    let (mut gate, page) = a_page_with_everything().await;
    gate.kill_9();
    page.mentions("[data-notice=stale]", "Connection lost").await;
    for theme in ["light", "dark"] {
        page.prefer(theme).await;
        assert_nothing_serious(&page, theme).await;
    }
}

#[actix::test]
async fn given_a_narrow_phone_then_nothing_is_wider_than_its_screen() {
    let (_gate, page) = a_page_with_everything().await;
    let width = "return document.documentElement.scrollWidth";
    for phone in [320, 390, 480] {
        page.resize(phone, 844).await;
        assert!(page.script(width).await.as_u64().unwrap() <= u64::from(phone), "the overview at {phone}");
    }
    page.click(".calls-table tbody a").await;
    page.mentions(".moment", "Call").await;
    for phone in [320, 390, 480] {
        page.resize(phone, 844).await;
        assert!(page.script(width).await.as_u64().unwrap() <= u64::from(phone), "a call at {phone}");
    }
}
