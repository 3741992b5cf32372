//! The page's files: how they are served, and what the page asks for.

use actix_web::http::Method;
use serde_json::Value;

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::http::Ask;
use crate::support::wait::settles;

#[actix::test]
async fn given_a_gate_with_keys_then_the_page_is_served_to_anybody_under_a_strict_policy() {
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", "the-admins-key-of-the-tests").start().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/styles/tokens.css", "text/css; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let answer = gate.get(path).await;
        assert_eq!(answer.code(), 200, "{answer}");
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let policy = answer.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");

        let tag = answer.header("etag").unwrap();
        let again = gate.ask(Ask::get(path).header("If-None-Match", tag)).await;
        assert_eq!((again.code(), again.text().as_str(), again.header("etag")), (304, "", Some(tag)));
        let other = gate.ask(Ask::get(path).header("If-None-Match", "\"another\"")).await;
        assert_eq!(other.text(), answer.text());
        assert_eq!(gate.ask(Ask::new(Method::HEAD, path)).await.code(), 200);
        gate.ask(Ask::post(path)).await.problem(405, "METHOD_NOT_ALLOWED");
    }
    for path in ["/assets/nothing.js", "/assets/", "/assets/../mod.rs", "/assets/%2e%2e/mod.rs"] {
        gate.get(path).await.problem(404, "NOT_FOUND");
    }
}

#[actix::test]
async fn given_the_page_at_work_then_nothing_breaks_its_policy_and_nobody_else_is_asked() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.start_call("42").await;
    let page = Browser::open(gate.address()).await;
    page.shows("#held", "1").await;
    let drawn = "return [...document.querySelectorAll('.chart canvas')].some((canvas) => canvas.clientWidth > 0)";
    settles(Value::from(true), async || page.script(drawn).await).await;
    page.click(".bar-tools button").await;
    page.click(".calls-table tbody a").await;
    page.mentions(".moment:last-child", "Call placed").await;
    page.press("End call").await;
    page.press("Keep it").await;

    let complaints = page.complaints().await;
    assert_eq!(complaints, Vec::<String>::new());
    let requests = page.requests().await;
    assert!(requests.iter().any(|request| request.ends_with("/assets/app.js")), "{requests:?}");
    let elsewhere = requests.iter().find(|request| !request.starts_with(gate.address()));
    assert_eq!(elsewhere, None);
}
