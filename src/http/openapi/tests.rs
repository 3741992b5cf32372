//! The document is true: it names the routes that there are and every error, and each operation says what it must.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use serde_json::Value;

use super::document;
use crate::http::problem::CODES;
use crate::http::routes;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn as_json() -> Value {
    serde_json::to_value(document()).unwrap()
}

/// Every operation: its path, its method, what is said of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                found.push((path.clone(), method.clone(), operation.clone()));
            }
        }
    }
    found
}

/// Every text that is an error code wherever a problem is narrowed or shown.
fn codes_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), &member["enum"], member.as_str()) {
                    ("error", Value::Array(codes), _) => {
                        found.extend(codes.iter().map(|code| code.as_str().unwrap().to_owned()));
                    }
                    ("error", _, Some(code)) => _ = found.insert(code.to_owned()),
                    _ => {}
                }
                codes_in(member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| codes_in(item, found)),
        _ => {}
    }
}

/// Every `$ref`.
fn references_in<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references_in(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references_in(item, found)),
        _ => {}
    }
}

/// A path without the patterns of its variables: `{path:.*}` is `{path}` in a document.
fn as_described(path: &str) -> String {
    path.replace(":.*}", "}")
}

#[test]
fn the_document_names_the_routes_that_there_are_and_no_others() {
    let mut routes = BTreeMap::new();
    // HEAD asks for the same as GET (RFC 9110, 9.3.2), and is not said again.
    for (path, method) in routes::operations().into_iter().filter(|(_, method)| *method != Method::HEAD) {
        let methods = routes.entry(as_described(path)).or_insert_with(BTreeSet::new);
        assert!(methods.insert(method.as_str().to_lowercase()), "{method} {path} is there twice");
    }
    let document = as_json();
    let mut described = BTreeMap::new();
    for (path, method, _) in operations(&document) {
        described.entry(path).or_insert_with(BTreeSet::new).insert(method);
    }
    assert_eq!(described, routes);
}

#[test]
fn every_operation_says_its_name_its_purpose_its_room_and_who_may() {
    let document = as_json();
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone().to_string()).collect();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let at = format!("{method} {path}");
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no operationId"));
        assert!(
            name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric()),
            "{at}: {name} is not camelCase"
        );
        assert!(names.insert(name.to_owned()), "{at}: {name} is the name of another operation too");
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{at} has no summary");
        let tag = operation["tags"][0].to_string();
        assert!(tags.contains(&tag), "{at}: the tag {tag} is not described");
        let security = operation["security"].as_array().unwrap_or_else(|| panic!("{at} does not say who may"));
        for name in security.iter().flat_map(|way| way.as_object().unwrap().keys()) {
            assert!(schemes.contains_key(name), "{at}: there is no security scheme {name}");
        }
        assert!(!security.is_empty(), "{at} does not say who may");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                response["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{at}: {status} says nothing"
            );
            assert!(response["headers"]["X-Request-Id"].is_object(), "{at}: {status} has no X-Request-Id");
        }
    }
}

#[test]
fn every_error_code_is_in_the_document_and_no_other() {
    let document = as_json();
    let mut found = BTreeSet::new();
    codes_in(&document["paths"], &mut found);
    codes_in(&document["components"]["responses"], &mut found);
    let codes: BTreeSet<_> = CODES.iter().map(|(code, _, _)| (*code).to_owned()).collect();
    assert_eq!(found, codes);
    let listed = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    let listed: BTreeSet<_> = listed.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, codes);
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
    let document = as_json();
    let mut references = BTreeSet::new();
    references_in(&document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(references.contains(format!("#/components/schemas/{name}").as_str()), "nothing refers to {name}");
    }
}

/// Whether a schema, or what it refers to, shows an example.
fn shows_an_example(document: &Value, schema: &Value) -> bool {
    let refers = |reference: &str| shows_an_example(document, document.pointer(&reference[1..]).unwrap());
    schema.get("examples").is_some() || schema.get("example").is_some() || schema["$ref"].as_str().is_some_and(refers)
}

#[test]
fn every_body_shows_an_example() {
    let document = as_json();
    for (path, method, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        for (of, message) in responses.iter().chain([(&"request".to_owned(), &operation["requestBody"])]) {
            for (media_type, content) in message["content"].as_object().into_iter().flatten() {
                let shown = content.get("example").is_some()
                    || content.get("examples").is_some()
                    || shows_an_example(&document, &content["schema"]);
                let is_json = media_type.ends_with("json") || media_type.ends_with("urlencoded");
                assert!(shown || !is_json, "{method} {path}: {of} as {media_type} shows no example");
            }
        }
    }
}

#[test]
fn the_document_in_the_repository_is_the_one_that_is_served() {
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap_or_default();
    let served = document().to_pretty_json().unwrap();
    assert!(
        kept.trim_end() == served,
        "docs/openapi.json is old; run: cargo run --example openapi > docs/openapi.json"
    );
}
