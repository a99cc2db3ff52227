//! Applies an Overlay 1.0 file: our words, what the wire has and the files have not, and corrections.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlay {
    overlay: String,
    #[expect(dead_code, reason = "the format asks for it")]
    info: Value,
    actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    target: String,
    /// Why, with the evidence.
    description: Option<String>,
    update: Option<Value>,
    #[serde(default)]
    remove: bool,
}

/// Applies the overlay in `text` to `document`. Returns how many actions there were.
pub(super) fn apply(document: &mut Value, text: &str) -> Result<usize> {
    let overlay: Overlay = serde_saphyr::from_str(text).context("not an overlay")?;
    ensure!(
        overlay.overlay == "1.0.0",
        "overlay version {} is not known",
        overlay.overlay
    );
    for action in &overlay.actions {
        let context = || format!("action on {}", action.target);
        let path = pointer(&action.target).with_context(context)?;
        match (&action.update, action.remove) {
            (Some(update), false) => {
                let target = document
                    .pointer_mut(&path)
                    .with_context(|| format!("{}: matches nothing", context()))?;
                merge(target, update);
            }
            (None, true) => {
                ensure!(
                    action.description.is_some(),
                    "{}: a removal needs its reason",
                    context()
                );
                let (parent, key) = path.rsplit_once('/').with_context(context)?;
                let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
                let key = key.replace("~1", "/").replace("~0", "~");
                parent
                    .and_then(|parent| parent.remove(&key))
                    .with_context(|| format!("{}: matches nothing", context()))?;
            }
            _ => bail!("{}: either updates or removes", context()),
        }
    }
    Ok(overlay.actions.len())
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

/// A JSONPath that names one place (`$.a.b['c/d']`) as a JSON pointer.
fn pointer(path: &str) -> Result<String> {
    let mut rest = path.strip_prefix('$').context("a target begins with $")?;
    let mut pointer = String::new();
    while !rest.is_empty() {
        let (name, after) = if let Some(quoted) = rest.strip_prefix("['") {
            quoted
                .split_once("']")
                .context("a quoted name has no end")?
        } else {
            let plain = rest.strip_prefix('.').context("a name begins with a dot")?;
            plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()))
        };
        ensure!(
            !name.is_empty() && !name.contains('*'),
            "{path} does not name one place"
        );
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        rest = after;
    }
    Ok(pointer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn overlay(actions: &str) -> String {
        format!("overlay: 1.0.0\ninfo: {{ title: t, version: '1' }}\nactions:\n{actions}")
    }

    #[test]
    fn updates_merge_and_removals_remove() {
        let mut document = json!({ "a": { "b": 1, "/x": 2 } });
        let actions = "  - { target: $.a, update: { c: words } }\n  - { target: \"$.a['/x']\", remove: true, description: why }\n";
        assert_eq!(apply(&mut document, &overlay(actions)).unwrap(), 2);
        assert_eq!(document, json!({ "a": { "b": 1, "c": "words" } }));
    }

    #[test]
    fn what_matches_nothing_is_an_error_with_its_target() {
        let error = |actions: &str| {
            format!(
                "{:#}",
                apply(&mut json!({ "a": {} }), &overlay(actions)).unwrap_err()
            )
        };
        assert!(error("  - { target: $.b.c, update: {} }\n").contains("$.b.c: matches nothing"));
        assert!(
            error("  - { target: $.a.x, remove: true, description: why }\n")
                .contains("matches nothing")
        );
        assert!(
            error("  - { target: $.a.*, remove: true, description: why }\n").contains("one place")
        );
    }
}
