//! Reading what Clever sends, whatever it sends.
//!
//! Absence comes as a missing key, `null` or `""`; numbers come where text is declared; an optional field
//! of a wrong type costs that field, not its record. [`crate::drift`] counts what was dropped here.
//!
//! Decision: a tolerant field reads its own JSON text, so that a wrong type costs one field. The price is that models can be
//! read from JSON text only, and not from a `serde_json::Value`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// Reads one optional field of a model. The models read from JSON text, not from other formats.
///
/// # Errors
///
/// Only if the JSON itself is broken.
pub fn tolerant<'de, D: Deserializer<'de>, T: Tolerant>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(T::read(raw.get()))
}

/// Gives models the reading from any JSON value, and a `Debug` that shows the type alone: what is in a
/// model may be personal.
#[doc(hidden)]
#[macro_export]
macro_rules! models {
    ($($model:ident),+ $(,)?) => {$(
        impl std::fmt::Debug for $model {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($model)).finish_non_exhaustive()
            }
        }

        impl $crate::de::Tolerant for $model {
            fn read(json: &str) -> Option<Self> {
                $crate::de::object(json)
            }
        }
    )+};
}
/// A type that reads from any JSON value, or finds nothing in it.
pub trait Tolerant: Sized {
    /// Reads `json`; `None` where it is absent or of another type.
    fn read(json: &str) -> Option<Self>;
}

/// Reads a model from a JSON object; `None` for anything else, a list of its fields' values among them.
#[must_use]
pub fn object<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
    json.trim_start()
        .starts_with('{')
        .then(|| serde_json::from_str(json).ok())
        .flatten()
}

/// A JSON scalar as text; `None` for null, lists and objects.
#[must_use]
pub fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let json = json.trim();
    match json.as_bytes().first()? {
        b'"' => {
            let inner = json.strip_prefix('"')?.strip_suffix('"')?;
            if inner.contains('\\') {
                return serde_json::from_str::<String>(json).ok().map(Cow::Owned);
            }
            Some(Cow::Borrowed(inner))
        }
        b'n' | b'[' | b'{' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Reads any scalar as text.
///
/// # Errors
///
/// For null, lists and objects.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text, a number or a boolean")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }

        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
            Ok(Cow::Owned(truth.to_string()))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(number.to_string()))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(number.to_string()))
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
            Ok(Cow::Owned(number.to_string()))
        }
    }
    deserializer.deserialize_any(Text)
}

impl Tolerant for String {
    fn read(json: &str) -> Option<Self> {
        text_of(json)
            .filter(|text| !text.is_empty())
            .map(Cow::into_owned)
    }
}

impl Tolerant for bool {
    /// Clever's own are `true`; districts' are `"Y"`.
    fn read(json: &str) -> Option<Self> {
        match &*text_of(json)? {
            "true" | "Y" => Some(true),
            "false" | "N" => Some(false),
            _ => None,
        }
    }
}

impl Tolerant for i64 {
    fn read(json: &str) -> Option<Self> {
        text_of(json)?.trim().parse().ok()
    }
}

impl Tolerant for f64 {
    fn read(json: &str) -> Option<Self> {
        text_of(json)?
            .trim()
            .parse()
            .ok()
            .filter(|number: &Self| number.is_finite())
    }
}

impl Tolerant for serde_json::Map<String, serde_json::Value> {
    fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

impl<T: Tolerant> Tolerant for Box<T> {
    fn read(json: &str) -> Option<Self> {
        T::read(json).map(Self::new)
    }
}

impl<T: Tolerant> Tolerant for Vec<T> {
    /// What can't be read in a list is left out.
    fn read(json: &str) -> Option<Self> {
        let all: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        Some(
            all.into_iter()
                .filter_map(|raw| T::read(raw.get()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_values_is_no_object() {
        #[derive(serde::Deserialize)]
        struct Pair {
            a: Option<u8>,
        }
        assert_eq!(
            object::<Pair>(r#" {"a":1}"#).and_then(|pair| pair.a),
            Some(1)
        );
        assert!(serde_json::from_str::<Pair>("[1]").is_ok());
        assert!(object::<Pair>("[1]").is_none());
    }

    #[test]
    fn any_json_reads_as_a_value_or_as_none() {
        assert_eq!(String::read("\"a\\u00e9\""), Some("aé".to_owned()));
        assert_eq!(String::read("7"), Some("7".to_owned()));
        for absent in ["null", "\"\"", "[]", "{}"] {
            assert_eq!(String::read(absent), None, "{absent}");
        }
        assert_eq!(
            Vec::<String>::read(r#"["a",null,{},"b"]"#),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(Vec::<String>::read("\"\""), None);
        assert_eq!(bool::read("\"Y\""), Some(true));
        assert_eq!(i64::read("\"12\""), Some(12));
        assert_eq!(i64::read("{}"), None);
    }
}
