//! The outer object of an answer, read by the parser: which list it has, where it leads, and whether it failed.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::count::Count;
use super::fault::PageError;
use super::links::Links;

/// The outer object of an answer, its data read as `D`. Any key may be missing, any other may be there.
pub(crate) struct Answer<D> {
    data: Vec<D>,
    pub(crate) links: Links,
    pub(crate) count: Count,
    failed: bool,
}

impl<D: Clone> Answer<D> {
    /// The answer's one list; what is `empty` gives way to what is not.
    pub(crate) fn records(&self, empty: impl Fn(&D) -> bool) -> Result<D, PageError> {
        if self.failed {
            return Err(PageError::Failed);
        }
        let mut full = self.data.iter().filter(|data| !empty(data));
        let found = full.next().or(self.data.first());
        if full.next().is_some() {
            return Err(PageError::TwoLists);
        }
        found.cloned().ok_or(PageError::NoData)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Keys<T> {
            type Value = Answer<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `data`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut answer = Answer {
                    data: Vec::new(),
                    links: Links::default(),
                    count: Count::Absent,
                    failed: false,
                };
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "data" | "resources" => answer.data.push(map.next_value()?),
                        "links" => {
                            let raw: &RawValue = map.next_value()?;
                            answer.links.add(raw.get());
                        }
                        "count" => {
                            let raw: &RawValue = map.next_value()?;
                            answer.count = answer.count.and(Count::read(raw.get()));
                        }
                        "error" | "errors" => {
                            let raw: &RawValue = map.next_value()?;
                            let none = ["null", "false", "\"\"", "[]", "{}"];
                            answer.failed |= !none.contains(&raw.get());
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(answer)
            }
        }
        deserializer.deserialize_map(Keys(PhantomData))
    }
}
