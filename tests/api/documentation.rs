//! The document of the API and the page that shows it: open to everybody, complete, and from nobody but the gate.

use serde_json::Value;

use crate::support::gate::Gate;
use crate::support::http::Ask;

#[actix::test]
async fn the_document_is_open_and_names_the_address_of_the_gate() {
    let gate = Gate::builder()
        .env("CALLGATE__AUTH__ADMIN_KEY", "key-of-the-admin")
        .env("CALLGATE__SERVER__PUBLIC_URL", "https://calls.example/gate")
        .start()
        .await;

    let document: Value = gate.ask(Ask::get("/openapi.json")).await.expect(200);

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "callgate");
    assert_eq!(document["servers"][0]["url"], "https://calls.example/gate");
    assert!(document["paths"]["/api/calls"]["post"].is_object());
    assert!(!document.to_string().contains("key-of-the-admin"));
}

#[actix::test]
async fn the_page_and_its_parts_are_open_and_come_from_the_gate_alone() {
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", "key-of-the-admin").start().await;

    let page = gate.ask(Ask::get("/docs")).await;
    assert_eq!(page.code(), 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains("script-src 'self' 'unsafe"), "{policy}");
    let text = page.text();
    assert!(!text.contains("://"), "the page leads away: {text}");

    let links = text.split(['"']).filter(|link| link.starts_with("docs/"));
    let mut parts = 0;
    for link in links {
        assert_eq!(gate.ask(Ask::get(&format!("/{link}"))).await.code(), 200, "{link}");
        parts += 1;
    }
    assert_eq!(parts, 4);
    gate.ask(Ask::get("/docs/nothing.js")).await.problem(404, "NOT_FOUND");
    gate.ask(Ask::post("/docs")).await.problem(405, "METHOD_NOT_ALLOWED");
}
