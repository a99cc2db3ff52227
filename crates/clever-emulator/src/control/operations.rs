//! The operations of the control API, by name, and its own description of them.

use serde_json::{Map, Value, json};

use super::faults::Fault;
use crate::life::happenings::Happening;

/// An operation of the control API.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    summary: &'static str,
    /// The property that its body must have; none where it takes no body.
    pub(super) needs: Option<&'static str>,
    /// The body's properties.
    properties: fn() -> Value,
}

/// Longest day of a clock that runs by itself, in seconds.
pub(super) const LONGEST_DAY: u64 = 86_400;

/// The operations. Routes and document are both made from this.
pub(super) const OPERATIONS: [Operation; 12] = [
    Operation {
        method: "GET",
        path: "/_emulator/state",
        summary: "The districts, the clock, tokens and ids for a client, and the rules in force",
        needs: None,
        properties: || json!({}),
    },
    Operation {
        method: "GET",
        path: "/_emulator/requests",
        summary: "The last hundred requests, newest first",
        needs: None,
        properties: || json!({}),
    },
    Operation {
        method: "GET",
        path: "/_emulator/faults",
        summary: "Every fault by name, and the rules in force",
        needs: None,
        properties: || json!({}),
    },
    Operation {
        method: "POST",
        path: "/_emulator/faults",
        summary: "Adds a rule: trouble for requests to come",
        needs: Some("fault"),
        properties: || {
            let names: Vec<Value> = Fault::every().map(|fault| json!(fault)).collect();
            json!({
                "fault": { "type": "string", "enum": names },
                "path": { "type": "string", "description": "only requests whose path and query contain this" },
                "nth": { "type": "integer", "minimum": 1, "description": "only the nth of them" },
                "times": { "type": "integer", "minimum": 1, "description": "at most so many of them" },
                "seconds": { "type": "integer", "minimum": 1, "description": "for so long, from the first of them" },
                "percent": { "type": "integer", "minimum": 1, "maximum": 100, "description": "so many of a hundred" },
                "seed": { "type": "integer", "minimum": 0, "description": "which of a hundred" },
            })
        },
    },
    Operation {
        method: "DELETE",
        path: "/_emulator/faults",
        summary: "Takes all rules away",
        needs: None,
        properties: || json!({}),
    },
    Operation {
        method: "POST",
        path: "/_emulator/faults/remove",
        summary: "Takes one rule away, or all of them",
        needs: Some("id"),
        properties: || json!({ "id": { "type": "integer", "minimum": 0, "description": "the rule's number; 0 is all" } }),
    },
    Operation {
        method: "POST",
        path: "/_emulator/days",
        summary: "Lets days of school life pass, in every district",
        needs: Some("days"),
        properties: || json!({ "days": { "type": "integer", "minimum": 1, "maximum": 400 } }),
    },
    Operation {
        method: "POST",
        path: "/_emulator/clock",
        summary: "Lets a day pass by itself every so often, or stops that",
        needs: Some("day_every_seconds"),
        properties: || {
            let about = "how long a day takes; 0 stops the clock";
            json!({ "day_every_seconds": { "type": "integer", "minimum": 0, "maximum": LONGEST_DAY, "description": about } })
        },
    },
    Operation {
        method: "GET",
        path: "/_emulator/happenings",
        summary: "Every happening by name",
        needs: None,
        properties: || json!({}),
    },
    Operation {
        method: "POST",
        path: "/_emulator/happenings",
        summary: "Lets something happen to a district, or to the issuer of identities",
        needs: Some("name"),
        properties: || {
            let names: Vec<&str> = Happening::every().map(Happening::name).collect();
            json!({
                "name": { "type": "string", "enum": names },
                "district": { "type": "string", "description": "the district's id; the first one when not given" },
            })
        },
    },
    Operation {
        method: "POST",
        path: "/_emulator/events",
        summary: "Switches the events feed of every district on or off",
        needs: Some("on"),
        properties: || json!({ "on": { "type": "boolean" } }),
    },
    Operation {
        method: "GET",
        path: "/_emulator/openapi.json",
        summary: "This document",
        needs: None,
        properties: || json!({}),
    },
];

/// The control API's own description.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for known in OPERATIONS {
        let Operation {
            method,
            path,
            summary,
            needs,
            properties,
        } = known;
        let mut operation = json!({
            "summary": summary,
            "responses": {
                "200": { "description": "Done", "content": { "application/json": { "schema": {} } } },
                "400": { "description": "The body is not what the operation takes" },
                "401": { "description": "The emulator listens beyond loopback, and its token is missing" },
                "403": { "description": "For a host name that is not allowed, or from another site's page" },
                "405": { "description": "The path takes other methods, which `Allow` names" },
            },
        });
        if let Some(needed) = needs {
            let schema = json!({
                "type": "object", "properties": properties(), "required": [needed], "additionalProperties": false,
            });
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method.to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Clever emulator: control", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_in_the_document_with_its_body() {
        let document = document();
        for known in OPERATIONS {
            let operation = &document["paths"][known.path][known.method.to_lowercase()];
            assert_eq!(operation["summary"], known.summary);
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(
                schema["required"][0].as_str(),
                known.needs,
                "{}",
                known.path
            );
            let needed = known
                .needs
                .is_none_or(|name| schema["properties"][name].is_object());
            assert!(needed, "{}", known.path);
        }
        let faults = &document["paths"]["/_emulator/faults"]["post"]["requestBody"]["content"]["application/json"]
            ["schema"];
        assert_eq!(
            faults["properties"]["fault"]["enum"]
                .as_array()
                .unwrap()
                .len(),
            Fault::every().count()
        );
    }
}
