//! Applies an Overlay 1.0 file: our words, what the wire has and the files have not, and corrections.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

/// An overlay, read and checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overlay {
    overlay: String,
    #[expect(dead_code, reason = "the format asks for it")]
    info: Value,
    actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    target: JsonPath,
    /// Why, with the evidence.
    description: Option<String>,
    update: Option<Value>,
    #[serde(default)]
    remove: bool,
}

impl Overlay {
    /// Reads an overlay's YAML.
    pub(super) fn read(text: &str) -> Result<Self> {
        let overlay: Self = serde_saphyr::from_str(text).context("not an overlay")?;
        ensure!(
            overlay.overlay == "1.0.0",
            "overlay version {} is not known",
            overlay.overlay
        );
        for action in &overlay.actions {
            match (&action.update, action.remove) {
                (Some(_), false) => {}
                (None, true) => ensure!(
                    action.description.is_some(),
                    "action on {}: a removal needs its reason",
                    action.target
                ),
                _ => bail!("action on {}: either updates or removes", action.target),
            }
        }
        Ok(overlay)
    }

    /// Applies every action in order. Returns how many places each matched.
    pub(super) fn apply(&self, document: &mut Value) -> Vec<usize> {
        self.actions
            .iter()
            .map(|action| {
                let places: Vec<String> = action
                    .target
                    .query_located(document)
                    .iter()
                    .map(|node| node.location().to_json_pointer())
                    .collect();
                // From the last, so that removals from a list move nothing that is still to come.
                for place in places.iter().rev() {
                    match &action.update {
                        Some(update) => {
                            if let Some(target) = document.pointer_mut(place) {
                                merge(target, update);
                            }
                        }
                        None => remove(document, place),
                    }
                }
                places.len()
            })
            .collect()
    }

    /// The targets of actions that `matched` nowhere.
    pub(super) fn unmatched(&self, matched: &[usize]) -> Vec<String> {
        self.actions
            .iter()
            .zip(matched)
            .filter(|(_, count)| **count == 0)
            .map(|(action, _)| action.target.to_string())
            .collect()
    }
}

/// The update rules of the format: objects merge, lists grow, the rest is replaced.
fn merge(target: &mut Value, update: &Value) {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => {
            for (key, value) in update {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(target), Value::Array(update)) => target.extend(update.iter().cloned()),
        (target, update) => *target = update.clone(),
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else {
        return;
    };
    match document.pointer_mut(parent) {
        Some(Value::Object(parent)) => {
            parent.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(parent)) => {
            if let Some(at) = key.parse().ok().filter(|at| *at < parent.len()) {
                parent.remove(at);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn overlay(actions: &str) -> Result<Overlay> {
        Overlay::read(&format!(
            "overlay: 1.0.0\ninfo: {{ title: t, version: '1' }}\nactions:\n{actions}"
        ))
    }

    #[test]
    fn updates_merge_and_removals_remove_wherever_they_match() {
        let mut document =
            json!({ "a": { "b": 1, "/x": 2 }, "l": [{ "n": 1 }, { "n": 2 }, { "n": 1 }] });
        let overlay = overlay(
            "  - { target: $.a, update: { c: words } }\n  - { target: \"$.a['/x']\", remove: true, description: why }\n  \
             - { target: \"$.l[?@.n == 1]\", remove: true, description: why }\n  - { target: $.l.*, update: { m: 3 } }\n",
        )
        .unwrap();
        assert_eq!(overlay.apply(&mut document), [1, 1, 2, 1]);
        assert_eq!(
            document,
            json!({ "a": { "b": 1, "c": "words" }, "l": [{ "n": 2, "m": 3 }] })
        );
    }

    #[test]
    fn what_matches_nothing_is_named_and_what_makes_no_sense_is_refused() {
        let nowhere = overlay("  - { target: $.b.c, update: {} }\n").unwrap();
        let matched = nowhere.apply(&mut json!({ "a": {} }));
        assert_eq!(nowhere.unmatched(&matched), ["$.b.c"]);
        for (actions, reason) in [
            ("  - { target: $.a, remove: true }\n", "needs its reason"),
            ("  - { target: $.a }\n", "either updates or removes"),
            ("  - { target: 'a', update: {} }\n", "not an overlay"),
        ] {
            let error = format!("{:#}", overlay(actions).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
