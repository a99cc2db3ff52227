//! JSON as a tree that borrows from its text: for reading a few places of a record that is thrown away again.
//!
//! It is several times cheaper than [`serde_json::Value`], which copies every text and sorts every object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

/// JSON that was read, in whatever shape.
pub trait Json: Sized {
    /// The value of an object's key.
    fn key(&self, key: &str) -> Option<&Self>;

    /// The text, if it is one.
    fn text(&self) -> Option<&str>;

    /// The elements, if it is a list.
    fn elements(&self) -> Option<&[Self]>;

    /// The keys and values, if it is an object.
    fn entries(&self) -> Option<impl Iterator<Item = (&str, &Self)>>;

    /// A text, number or boolean as text.
    fn scalar(&self) -> Option<Cow<'_, str>>;

    /// Says whether it is a number.
    fn is_number(&self) -> bool;

    /// Says whether it is true or false.
    fn is_boolean(&self) -> bool;

    /// Says whether it is `null`.
    fn is_null(&self) -> bool;

    /// The value at a place (RFC 6901) whose steps are plain keys of objects.
    fn at(&self, place: &str) -> Option<&Self> {
        let mut value = self;
        let mut place = place;
        // A loop over bytes: a searcher costs more to set up than these few letters take to read.
        while let Some(rest) = place.strip_prefix('/') {
            let end = rest.bytes().position(|byte| byte == b'/');
            let (key, further) = rest.split_at(end.unwrap_or(rest.len()));
            value = value.key(key)?;
            place = further;
        }
        Some(value)
    }
}

impl Json for Value {
    fn key(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn elements(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn entries(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        let fields = self.as_object()?;
        Some(fields.iter().map(|(key, value)| (key.as_str(), value)))
    }

    fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(text) => Some(text.into()),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(truth) => Some(word(*truth).into()),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

/// A JSON value. An object keeps its keys in the order and as often as they came; the last of a key counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Tree<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, without its escapes.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Tree<'a> {
    /// Reads `json`; what is no JSON reads as `null`.
    #[must_use]
    pub fn of(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}

impl From<Value> for Tree<'static> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(truth),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(all) => Self::List(all.into_iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let fields = fields.into_iter();
                Self::Object(
                    fields
                        .map(|(key, value)| (key.into(), value.into()))
                        .collect(),
                )
            }
        }
    }
}

impl Json for Tree<'_> {
    fn key(&self, key: &str) -> Option<&Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        let found = fields.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::List(all) => Some(all),
            _ => None,
        }
    }

    fn entries(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        match self {
            Self::Object(fields) => Some(fields.iter().map(|(key, value)| (&**key, value))),
            _ => None,
        }
    }

    fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(truth) => Some(word(*truth).into()),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(all) => serializer.collect_seq(all),
            Self::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree<'de>, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = access.next_element()? {
            all.push(value);
        }
        Ok(Tree::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(key)) = access.next_key()? {
            fields.push((key, access.next_value()?));
        }
        Ok(Tree::Object(fields))
    }
}

/// A key, borrowed where it is written without escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Any)? {
            Tree::Text(key) => Ok(Self(key)),
            // A key is text.
            _ => Ok(Self(Cow::Borrowed(""))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn same(tree: &Tree<'_>, value: &Value) -> bool {
        match (tree, value) {
            (Tree::Null, Value::Null) => true,
            (Tree::Bool(a), Value::Bool(b)) => a == b,
            (Tree::Number(a), Value::Number(b)) => a == b,
            (Tree::Text(a), Value::String(b)) => a == b,
            (Tree::List(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Tree::Object(_), Value::Object(b)) => b
                .iter()
                .all(|(key, value)| tree.key(key).is_some_and(|found| same(found, value))),
            _ => false,
        }
    }

    #[test]
    fn places_are_found_and_the_last_of_a_key_counts() {
        let tree = Tree::of(r#"{"a":{"b":1},"a":{"b":"x\n","c":[true,null]}}"#);
        assert_eq!(tree.at("/a/b").and_then(Json::text), Some("x\n"));
        assert_eq!(
            tree.at("/a/c").and_then(Json::elements).map(<[_]>::len),
            Some(2)
        );
        assert_eq!(tree.at("/a/d"), None);
        assert_eq!(tree.at("/a/b/c"), None);
        assert_eq!(Tree::of("{"), Tree::Null);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-999_i32..999).prop_map(|n| Value::from(f64::from(n) / 8.0)),
            "[ -~]{0,8}|[\"\\\\{}é\u{1F600}\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"é]{1,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_tree_says_what_a_value_says(value in values()) {
            let text = value.to_string();
            prop_assert!(same(&Tree::of(&text), &value), "{text}");
            prop_assert!(same(&Tree::from(value.clone()), &value));
            prop_assert_eq!(serde_json::to_string(&Tree::of(&text)).unwrap(), text);
        }
    }
}
