//! The union of several documents of one version. Clever splits a version over files (data, events,
//! LMS Connect, attendance) and publishes a `-client` file that looks like their union and is not.

use serde_json::{Map, Value};

/// Merges `other` into `union`. Returns a line for each place where they contradict each other; there,
/// `other` wins.
pub(super) fn into(union: &mut Value, other: Value, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if union.as_object().is_some_and(Map::is_empty) {
        *union = other;
    } else {
        merge(union, other, "", name, &mut lines);
    }
    lines
}

/// What of a field's or a parameter's schema is merged part by part.
const MERGED: &[&str] = &["enum", "items", "properties", "required"];

/// Says whether a place is the schema of a field or of a parameter.
fn is_leaf(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (last, before) = (parts.next(), parts.next());
    before == Some("properties") || (last == Some("schema") && before == Some("parameters"))
}

/// A schema without what is merged part by part.
fn bare(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut bare = schema.clone();
    bare.retain(|key, _| !MERGED.contains(&key.as_str()));
    bare
}

fn merge(mine: &mut Value, theirs: Value, path: &str, name: &str, lines: &mut Vec<String>) {
    match (mine, theirs) {
        (Value::Object(mine), Value::Object(theirs)) => {
            if is_leaf(path) {
                // Half of one and half of the other would be a third thing.
                let (before, after) = (bare(mine), bare(&theirs));
                if before != after {
                    lines.push(format!(
                        "{path}: {name} says {}, others {}",
                        Value::from(after),
                        Value::from(before)
                    ));
                    mine.retain(|key, _| MERGED.contains(&key.as_str()));
                }
            }
            for (key, value) in theirs {
                let path = format!("{path}/{key}");
                match mine.get_mut(&key) {
                    Some(known) => merge(known, value, &path, name, lines),
                    None => {
                        mine.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(mine), Value::Array(theirs)) if path.ends_with("/parameters") => {
            for parameter in theirs {
                let same = |known: &&mut Value| {
                    known["name"] == parameter["name"] && known["in"] == parameter["in"]
                };
                match mine.iter_mut().find(same) {
                    Some(known) => merge(known, parameter, path, name, lines),
                    None => mine.push(parameter),
                }
            }
            mine.sort_by_key(|parameter| parameter["name"].to_string());
        }
        (Value::Array(mine), Value::Array(theirs))
            if path.ends_with("/enum") || path.ends_with("/required") =>
        {
            for value in theirs {
                if !mine.contains(&value) {
                    mine.push(value);
                }
            }
            mine.sort_by_key(ToString::to_string);
        }
        (mine, theirs) => {
            if *mine != theirs {
                lines.push(format!("{path}: {name} says {theirs}, others {mine}"));
                *mine = theirs;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_of_both_survives_and_contradictions_are_told() {
        let mut union = json!({ "a": { "enum": ["x"], "type": "string" }, "properties": { "dob": { "type": "string", "format": "datetime" } }, "parameters": [{ "name": "b", "in": "query" }] });
        let other = json!({ "a": { "enum": ["w", "x"], "type": "number" }, "properties": { "dob": { "type": "string", "pattern": "p" } }, "parameters": [{ "name": "a", "in": "query" }], "c": 1 });
        let lines = into(&mut union, other, "f.yml");
        assert_eq!(union["a"]["enum"], json!(["w", "x"]));
        assert_eq!(union["parameters"][0]["name"], "a");
        assert_eq!(union["c"], 1);
        // A field is one of the two, not half of each.
        assert_eq!(
            union["properties"]["dob"],
            json!({ "type": "string", "pattern": "p" })
        );
        assert_eq!(
            lines,
            [
                "/a/type: f.yml says \"number\", others \"string\"",
                "/properties/dob: f.yml says {\"pattern\":\"p\",\"type\":\"string\"}, others {\"format\":\"datetime\",\"type\":\"string\"}",
            ]
        );
    }
}
