//! What comes from Clever, and the files that a person may have touched: whatever the bytes are, they are read or
//! refused, and never half of each.

use std::fs;
use std::path::PathBuf;

use clever_raw::event::Event;
use clever_raw::page::{PageError, RawPage};
use clever_raw::v3_1::types;
use clever_sync::{Plan, SyncPolicies};
use serde_json::Value;
use serde_json::value::RawValue;

/// A page's body. What the splitter makes of it is what `serde_json` makes of it.
pub fn page(data: &[u8]) -> bool {
    let page = RawPage::split(data.to_vec().into());
    let value: Option<Value> = serde_json::from_slice(data).ok();
    if let Err(PageError::TwoLists | PageError::Failed) = page {
        return false;
    }
    let Ok(page) = page else {
        // Any whole JSON object with a list is a page.
        if let Some(Value::Object(map)) = &value {
            let list = map.get("data").or_else(|| map.get("resources"));
            assert!(!list.is_some_and(Value::is_array), "a list was refused");
        }
        return false;
    };
    // What is no UTF-8 costs its record; a mark of byte order costs nothing.
    let text = String::from_utf8_lossy(data);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str::<&RawValue>(text).expect("a page is JSON");
    for record in page.records() {
        assert!(!record.id.is_empty());
        serde_json::from_str::<&RawValue>(record.json).expect("a record is JSON");
        if let Ok(value) = serde_json::from_str::<Value>(record.json) {
            assert_eq!(value["id"].as_str(), Some(record.id), "the record's own id");
        }
    }
    if let Some(value) = &value {
        let list = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_array)
                .map_or(0, Vec::len)
        };
        // Of a key that is repeated, a value has the last; the page has the one that is not empty.
        assert!(
            page.len() + page.refused().len() >= list("data").max(list("resources")),
            "each element once"
        );
        let next = value["links"].as_array().into_iter().flatten();
        let next = next
            .filter(|link| link["rel"] == "next")
            .find_map(|link| link["uri"].as_str());
        if next.is_some_and(|next| !next.trim().is_empty()) {
            assert_ne!(page.next(), Ok(None), "a link that is there is no end");
        }
    }
    true
}

/// A record, decoded with each model of the current version: a wrong part costs itself.
pub fn record(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    fn read<T: serde::de::DeserializeOwned>(text: &str) -> bool {
        serde_json::from_str::<T>(text).is_ok()
    }
    fn all(text: &str) -> [bool; 7] {
        [
            read::<types::District>(text),
            read::<types::School>(text),
            read::<types::Term>(text),
            read::<types::Course>(text),
            read::<types::User>(text),
            read::<types::Section>(text),
            read::<types::Resource>(text),
        ]
    }
    if let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        // Written anew, no key stands in it twice, which no model takes.
        let once = value.to_string();
        assert_eq!(all(&once), [true; 7], "an object fits every model");
    }
    all(text).contains(&true)
}

/// An event, as the feed sends it.
pub fn event(data: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        return false;
    };
    // Whatever the record is, it is no part of what is shown.
    let (bare, whole) = (&event.id, format!("{event:?}").len());
    let kind = event
        .event_type
        .as_ref()
        .map_or(0, |kind| kind.as_str().len());
    let shown = bare.as_ref().map_or(0, String::len) + kind;
    assert!(
        whole <= 100 + 12 * shown,
        "an event's debug holds no record"
    );
    event.subject().is_some()
}

/// A file that stays for one target's run.
fn file(name: &str, data: &[u8]) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let name = format!("clever-fuzz-{}-{thread}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, data).expect("a temporary file");
    path
}

/// A plan's file. What is read and written again by an approval is the same plan.
pub fn plan(data: &[u8]) -> bool {
    let path = file("plan", data);
    let read = Plan::read(&path);
    let good = read.is_ok();
    if let Ok(plan) = read {
        let approved = Plan::approve(&path).expect("a plan that reads can be approved");
        assert_eq!(approved.hash, plan.hash);
        let again = Plan::read(&path).expect("an approved plan reads");
        assert!(again.approved && again.hash == plan.hash);
    }
    drop(fs::remove_file(&path));
    good
}

/// A policy's text.
pub fn policy(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(|text| SyncPolicies::read(text).is_ok())
}
