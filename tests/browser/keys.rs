//! API keys: asked for, tried, kept in the tab alone; and what they do not open.

use serde_json::json;

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::http::Ask;

const ADMIN: &str = "the-admins-key-of-the-tests";
const FIELD: &str = "dialog input";
const USE: &str = "dialog button[type=submit]";

async fn a_gate_with_keys() -> Gate {
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", ADMIN).start().await;
    let business = json!({"name": "42", "plan": "PRO", "status": "ACTIVE"});
    gate.ask(Ask::put("/api/businesses/42").key(ADMIN).json(&business)).await.success();
    let call = crate::support::gate::a_call("42");
    gate.ask(Ask::post("/api/calls").key(ADMIN).json(&call)).await.expect(201);
    gate
}

async fn a_page_with_the_key(gate: &Gate, key: &str) -> Browser {
    let page = Browser::open(gate.address()).await;
    page.mentions("dialog", "API key").await;
    page.fill(FIELD, key).await;
    page.click(USE).await;
    page.shows("#connection", "Live").await;
    page
}

#[actix::test]
async fn given_a_gate_with_keys_then_a_wrong_one_is_refused_and_a_right_one_lasts_as_long_as_the_tab() {
    let gate = a_gate_with_keys().await;
    let page = Browser::open(gate.address()).await;
    page.mentions("dialog", "API key").await;
    page.shows("#connection", "Key needed").await;
    assert_eq!(page.text("#held").await.as_deref(), Some("–"));

    page.fill(FIELD, "a-wrong-key").await;
    page.click(USE).await;
    page.mentions("dialog .trouble", "does not know this key").await;
    page.fill(FIELD, ADMIN).await;
    page.click(USE).await;
    page.hides("dialog").await;
    page.shows("#held", "1").await;

    page.reload().await;
    page.shows("#held", "1").await;
    let kept =
        page.script("return [Object.values(sessionStorage), Object.values(localStorage), document.cookie]").await;
    assert_eq!(kept, json!([[ADMIN], [], ""]));

    page.open_tab(&format!("{}/", gate.address())).await;
    page.mentions("dialog", "API key").await;
    assert_eq!(page.text("#held").await.as_deref(), Some("–"));
}

#[actix::test]
async fn given_a_page_at_work_when_another_key_is_tried_in_vain_then_it_goes_on_with_the_one_it_has() {
    let gate = a_gate_with_keys().await;
    let page = a_page_with_the_key(&gate, ADMIN).await;
    page.shows("#held", "1").await;
    page.click("[aria-label='API key']").await;
    page.fill(FIELD, "a-wrong-key").await;
    page.click(USE).await;
    page.mentions("dialog .trouble", "does not know this key").await;
    page.press("Cancel").await;
    page.hides("dialog").await;

    page.shows("#connection", "Live").await;
    page.hides("[data-notice=locked]").await;
    let disabled = "return document.querySelectorAll('main button[aria-disabled], main button:disabled').length";
    assert_eq!(page.script(disabled).await, 0);
    assert_eq!(page.script("return Object.values(sessionStorage)").await, json!([ADMIN]));
    let call = crate::support::gate::a_call("42");
    gate.ask(Ask::post("/api/calls").key(ADMIN).json(&call)).await.expect(201);
    page.shows("#held", "2").await;
}

#[actix::test]
async fn given_a_key_when_it_is_forgotten_then_the_page_asks_again() {
    let gate = a_gate_with_keys().await;
    let page = a_page_with_the_key(&gate, ADMIN).await;
    page.click("[aria-label='API key']").await;
    page.press("Forget key").await;
    page.shows("#connection", "Key needed").await;
    assert_eq!(page.script("return sessionStorage.length").await, 0);
    page.mentions("dialog", "API key").await;
}

#[actix::test]
async fn given_a_key_that_only_reads_then_what_it_does_not_open_is_explained_and_disabled() {
    let gate = a_gate_with_keys().await;
    let made = gate.run(&["keys", "create", "--name", "reader", "--scope", "read"]);
    let key = String::from_utf8(made.stdout).unwrap().lines().last().unwrap().trim().to_owned();
    let page = a_page_with_the_key(&gate, &key).await;
    page.shows("#held", "1").await;

    page.press("End").await;
    page.click(USE).await;
    page.mentions("dialog .trouble", "call is needed").await;
    page.press("Keep it").await;
    let disabled = "return document.querySelector('.calls-table tbody button').getAttribute('aria-disabled')";
    assert_eq!(page.script(disabled).await, "true");
    page.press("End").await;
    page.mentions("#toasts", "does not have the scope “call”").await;
    page.press("Run a sweep").await;
    page.mentions("#toasts .toast:last-child", "does not have the scope “admin”").await;
    page.hides("dialog").await;
    assert_eq!(gate.provider.live().await, 1);
}
