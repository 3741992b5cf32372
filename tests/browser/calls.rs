//! The table of live calls.

use serde_json::json;

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::wait::settles;

const ESCAPE: char = '\u{e00c}';
const ROWS: &str = ".calls-table tbody tr";

async fn a_gate_with_calls_of_two() -> Gate {
    let gate = Gate::builder().cap(9).start().await;
    gate.change_business("42", &json!({"name": "Acme", "plan": "PRO", "status": "ACTIVE"})).await;
    gate.change_business("43", &json!({"name": "Bolt", "plan": "STARTER", "status": "ACTIVE"})).await;
    gate.start_calls("42", 2).await;
    gate.start_call("43").await;
    gate.put_agent("42", "agent_1").await;
    gate
}

#[actix::test]
async fn given_a_live_call_when_it_is_ended_and_confirmed_then_it_is_hung_up() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let call = gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;

    page.press("End").await;
    page.mentions("dialog", "End this call?").await;
    page.press("Keep it").await;
    page.hides("dialog").await;
    assert_eq!(gate.get_call(&call).await["status"], "active");

    page.press("End").await;
    page.click("dialog button[type=submit]").await;
    page.mentions("#toasts", "is being hung up").await;
    gate.call_becomes(&call, "ended").await;
    page.shows("#held", "0").await;
    page.mentions(".feed", "Hanging up").await;
    assert_eq!(gate.provider.live().await, 0);
}

#[actix::test]
async fn given_an_end_that_the_gate_has_not_answered_when_escape_is_pressed_then_its_outcome_is_waited_for() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let call = gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;
    page.press("End").await;
    gate.pause();
    page.click("dialog button[type=submit]").await;
    page.key(ESCAPE).await;
    page.press("Keep it").await;
    page.mentions("dialog", "End this call?").await;
    assert_eq!(page.script("return document.querySelector('dialog').open").await, true);

    gate.resume();
    page.mentions("#toasts", "is being hung up").await;
    page.hides("dialog").await;
    gate.call_becomes(&call, "ended").await;
}

#[actix::test]
async fn given_calls_of_many_when_searched_and_filtered_then_only_those_are_shown() {
    let gate = a_gate_with_calls_of_two().await;
    let inbound = gate.provider.start_inbound("agent_1").await;
    gate.call_of(&inbound).await;
    let page = Browser::open(gate.address()).await;
    let rows = async || page.texts(ROWS).await.len();
    settles(4, rows).await;

    page.fill("input[type=search]", "bolt").await;
    settles(1, rows).await;
    page.mentions(ROWS, "Bolt").await;
    page.fill("input[type=search]", "nobody at all").await;
    page.mentions(".calls .empty", "No live call matches").await;
    page.fill("input[type=search]", &inbound).await;
    settles(1, rows).await;
    page.mentions(ROWS, "Inbound").await;
    page.script("const search = document.querySelector('input[type=search]'); search.value = ''; search.dispatchEvent(new Event('input'));").await;
    settles(4, rows).await;

    page.choose(".filters .inline:nth-of-type(2) select", "terminating").await;
    page.mentions(".calls .empty", "No live call matches").await;
    page.choose(".filters .inline:nth-of-type(2) select", "active").await;
    settles(4, rows).await;
    page.choose(".filters .inline:nth-of-type(3) select", "inbound").await;
    settles(1, rows).await;
    page.choose(".filters .inline:nth-of-type(3) select", "outbound").await;
    page.choose(".filters .inline:nth-of-type(4) select", "STARTER").await;
    settles(1, rows).await;
    page.mentions(ROWS, "Bolt").await;
}

#[actix::test]
async fn given_a_hang_up_that_is_refused_then_the_call_is_shown_as_being_hung_up() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let call = gate.start_call("42").await;
    gate.provider.behave(json!({"terminate": "refuse"})).await;
    let page = Browser::open(gate.address()).await;
    gate.delete_call(&call).await.expect(202);
    page.mentions(ROWS, "Hanging up").await;
    page.mentions("[aria-labelledby=tile-being-hung-up]", "1").await;

    page.click(&format!("{ROWS} a")).await;
    page.mentions(".call-hang-up", "Attempts").await;
    page.press("Force end").await;
    page.fill("dialog input", "the provider says that it is over").await;
    page.click("dialog button[type=submit]").await;
    gate.call_becomes(&call, "ended").await;
    page.mentions(".call-title", "Ended").await;
    page.mentions(".timeline", "the provider says that it is over").await;
}

#[actix::test]
async fn given_more_calls_than_a_page_then_the_rest_is_loaded_on_request() {
    let gate = Gate::builder().cap(300).start().await;
    gate.put_business("42", "ENTERPRISE").await;
    gate.start_calls("42", 203).await;
    let page = Browser::open(gate.address()).await;
    let rows = async || page.texts(ROWS).await.len();
    settles(200, rows).await;
    page.mentions(".table-foot", "200 of the 200 calls that are loaded").await;
    page.mentions(".calls .card-side", "203 live calls").await;
    page.press("Load more").await;
    settles(203, rows).await;
    page.hides(".table-foot button").await;
    assert_eq!(page.script("return document.querySelector('.cells').dataset.kind").await, "bar");
    gate.provider.hang_up_all().await;
    page.shows("#held", "0").await;
    settles(0, rows).await;
}

#[actix::test]
async fn given_a_tab_that_nobody_looks_at_then_its_table_is_read_again_when_somebody_does() {
    let gate = Gate::builder().cap(9).start().await;
    gate.put_business("42", "PRO").await;
    gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;
    let rows = async || page.texts(ROWS).await.len();
    settles(1, rows).await;
    let hidden_is = async |hidden: &str| {
        let property = format!("Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});");
        page.script(&format!("{property} document.dispatchEvent(new Event('visibilitychange'));")).await;
    };
    hidden_is("true").await;
    for held in ["2", "3"] {
        gate.start_call("42").await;
        page.shows("#held", held).await;
    }
    assert!(rows().await < 3, "nobody looks");

    hidden_is("false").await;
    settles(3, rows).await;
}
