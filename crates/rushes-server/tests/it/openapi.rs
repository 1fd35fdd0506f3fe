//! The OpenAPI document: valid where it matters, and complete.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::library::Library;
use crate::server::Server;

/// The routes that the document must describe.
const ROUTES: [&str; 28] = [
    "delete /v1/videos/{id}",
    "get /healthz",
    "get /metrics",
    "get /readyz",
    "get /v1/cache",
    "get /v1/cache/curve",
    "get /v1/cache/top",
    "get /v1/cache/value",
    "get /v1/cite",
    "get /v1/cite/{ref}",
    "get /v1/search",
    "get /v1/sql/advice",
    "get /v1/stats",
    "get /v1/videos",
    "get /v1/videos/{id}",
    "get /v1/videos/{id}/burst",
    "get /v1/videos/{id}/clip",
    "get /v1/videos/{id}/context",
    "get /v1/videos/{id}/entries",
    "get /v1/videos/{id}/frame",
    "get /v1/videos/{id}/frames/{n}/image",
    "get /v1/videos/{id}/sheet",
    "post /v1/sql",
    "post /v1/cache/invalidate",
    "post /v1/cache/warm",
    "post /v1/videos",
    "post /v1/videos/{id}/entries",
    "post /v1/videos/{id}/memory",
];

fn document() -> Value {
    let library = Library::new();
    Server::start(&library).get("/v1/openapi.json").json()
}

/// Each operation as `method path`, with its description.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((format!("{method} {path}"), operation));
        }
    }
    found
}

#[test]
fn it_describes_every_route_of_version_3_1() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let described: BTreeSet<_> =
        operations(&document).into_iter().map(|(route, _)| route).collect();
    for route in ROUTES {
        assert!(described.contains(route), "{route} is missing: {described:?}");
    }
}

#[test]
fn every_operation_has_a_summary_responses_and_its_path_parameters() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (route, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{route}");
        assert!(operation["responses"].as_object().is_some_and(|r| !r.is_empty()), "{route}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{route}: id used twice");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let wanted: BTreeSet<_> = route
            .split('{')
            .skip(1)
            .map(|part| part.split('}').next().unwrap().to_owned())
            .collect();
        assert_eq!(in_path, wanted, "{route}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut open = vec![&document];
    let mut followed = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    followed += 1;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(followed > 20, "only {followed} references");
}

#[test]
fn every_response_says_what_it_means_and_failures_are_problems() {
    let document = document();
    for (route, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let said = response["description"].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{status} of {route}");
            if status.starts_with(['4', '5']) {
                let content = response["content"].as_object();
                let kinds: Vec<_> = content.into_iter().flatten().map(|(kind, _)| kind).collect();
                assert!(kinds.is_empty() || kinds == ["application/problem+json"], "{route}");
            }
        }
    }
}
