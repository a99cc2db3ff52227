//! Every model of every version reads whatever comes: valid records made from the version's shapes, then
//! changed in every way that was seen or feared. Only the versions that are switched on are tested.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clever_raw::drift::Drift;
use clever_raw::shape::{Kind, Shape};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

type Named = fn(&str) -> Option<&'static Shape>;
type Read = fn(&str, &str) -> Option<Result<Value, serde_json::Error>>;

/// A version's models, as its `shapes` module has them.
#[derive(Clone, Copy)]
struct Version {
    shapes: &'static [Shape],
    named: Named,
    read: Read,
}

/// How deep a record goes; models refer to each other.
const DEPTH: u32 = 5;

/// A valid value of a kind.
fn value(version: Version, kind: Kind, depth: u32) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text => prop_oneof![
            "[A-Za-z0-9@. -]{1,12}",
            "[1-9]/[1-9]/2011",
            "2026-0[1-9]-1[0-9]"
        ]
        .prop_map(Value::from)
        .boxed(),
        Kind::Enum(words) => select(words).prop_map(Value::from).boxed(),
        Kind::Number => (0_i64..1000).prop_map(Value::from).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Free => prop::collection::btree_map("[a-z_]{1,8}", "[a-z]{0,5}", 0..3)
            .prop_map(|map| json!(map))
            .boxed(),
        Kind::Object(name) if depth > 0 => {
            record(version, (version.named)(name).unwrap(), depth - 1)
        }
        Kind::Object(_) => Just(json!({})).boxed(),
        Kind::List(element) => prop::collection::vec(value(version, *element, depth), 0..3)
            .prop_map(Value::from)
            .boxed(),
    }
}

/// A valid record: any of its fields may be absent, in any of the three ways.
fn record(version: Version, shape: &'static Shape, depth: u32) -> BoxedStrategy<Value> {
    shape
        .fields
        .iter()
        .map(|(name, kind)| {
            let name = (*name).to_owned();
            let absent = prop_oneof![Just(None), Just(Some(Value::Null)), Just(Some(json!("")))];
            let present = value(version, *kind, depth).prop_map(Some);
            prop_oneof![1 => absent, 4 => present]
                .prop_map(move |value| Some((name.clone(), value?)))
        })
        .collect::<Vec<_>>()
        .prop_map(|fields| Value::Object(fields.into_iter().flatten().collect()))
        .boxed()
}

/// A valid record of any model, with the model's place.
fn any_record(version: Version) -> impl Strategy<Value = (&'static Shape, Value)> {
    any::<Index>().prop_flat_map(move |which| {
        let shape = which.get(version.shapes);
        record(version, shape, DEPTH).prop_map(move |record| (shape, record))
    })
}

/// What stands in for something else.
fn oddities() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(""),
        json!("a word that nobody lists"),
        json!(7),
        json!(-1.5e300),
        json!(true),
        json!([]),
        json!({}),
        json!([null, 7, {}, "x"]),
        json!({ "a": { "b": null } }),
        json!("2012-08-01 00:00:00.000000"),
        json!("\\\"é\u{1F600}"),
    ])
}

/// A value without anything that reads as absent: nulls, empty texts, and what is empty after that.
fn present(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Object(map) => {
            let map: Map<String, Value> = map
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), present(value)?)))
                .collect();
            Some(map.into())
        }
        Value::Array(all) => Some(all.iter().filter_map(present).collect()),
        other => Some(other.clone()),
    }
}

/// Numbers as what they count; a model may hold `7` as `7.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

fn read(version: Version, shape: &Shape, json: &str) -> Result<Value, TestCaseError> {
    (version.read)(shape.name, json)
        .unwrap()
        .map_err(|error| TestCaseError::fail(format!("{}: {error}\n{json}", shape.name)))
}

/// Says nothing is lost of a valid record, and that nothing of it is drift.
fn keeps(version: Version, shape: &'static Shape, record: &Value) -> Result<(), TestCaseError> {
    let understood = read(version, shape, &record.to_string())?;
    let (expected, found) = (present(record).unwrap(), present(&understood).unwrap());
    prop_assert!(
        same(&expected, &found),
        "{}: {expected}\nread as {found}",
        shape.name
    );
    let mut drift = Drift::default();
    drift.compare("record", Some(shape), record, version.named);
    prop_assert!(drift.is_empty(), "{}: {drift:?}", shape.name);
    Ok(())
}

/// Puts `odd` into one field, an unknown field beside it, and the keys in another order: the record is read,
/// and every other field says what it said.
fn survives(
    version: Version,
    shape: &'static Shape,
    record: &Value,
    at: Index,
    odd: &Value,
) -> Result<(), TestCaseError> {
    let before = read(version, shape, &record.to_string())?;
    let mut fields = record.as_object().unwrap().clone();
    let names: Vec<&str> = shape.fields.iter().map(|(name, _)| *name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let place = *at.get(&names);
    fields.insert(place.to_owned(), odd.clone());
    fields.insert("unknown_to_all".to_owned(), odd.clone());
    let backwards: Vec<String> = fields
        .iter()
        .rev()
        .map(|(key, value)| format!("{key:?}: {value}"))
        .collect();
    let after = read(version, shape, &format!("{{ {} }}", backwards.join(" , ")))?;
    for name in names.iter().filter(|name| **name != place) {
        prop_assert_eq!(
            after.get(*name),
            before.get(*name),
            "{}.{} after {}",
            shape.name,
            name,
            place
        );
    }
    Ok(())
}

macro_rules! version {
    ($module:ident, $feature:literal) => {
        #[cfg(feature = $feature)]
        mod $module {
            use super::*;

            const VERSION: Version = Version {
                shapes: clever_raw::$module::shapes::SHAPES,
                named: clever_raw::$module::shapes::named,
                read: clever_raw::$module::shapes::read,
            };

            #[test]
            fn every_model_reads_and_shows_nothing() {
                assert!(VERSION.shapes.len() > 10);
                for shape in VERSION.shapes {
                    for json in ["{}", r#"{"id":7,"id_of_nothing":[{}]}"#] {
                        (VERSION.read)(shape.name, json).unwrap().unwrap();
                    }
                }
                assert!((VERSION.read)("Nothing", "{}").is_none());
                let shown = format!("{:?}", clever_raw::$module::types::School::default());
                assert_eq!(shown, "School { .. }");
            }

            proptest! {
                #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

                #[test]
                fn a_valid_record_keeps_everything_and_is_no_drift((shape, record) in any_record(VERSION)) {
                    keeps(VERSION, shape, &record)?;
                }

                #[test]
                fn one_odd_field_costs_itself_alone(
                    (shape, record) in any_record(VERSION), at in any::<Index>(), odd in oddities(),
                ) {
                    survives(VERSION, shape, &record, at, &odd)?;
                }
            }
        }
    };
}

version!(v1_2, "v1_2");
version!(v2_0, "v2_0");
version!(v2_1, "v2_1");
version!(v3_0, "v3_0");
version!(v3_1, "v3_1");
