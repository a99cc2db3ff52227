//! The events feed as each version reads it: which events it has, which a query asks for, and pages of them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use clever_model::{RecordKind, Role};
use serde_json::Value;

use super::listing::{Listing, Source};
use super::problem::unknown;
use super::related::names;
use super::relations::USER_SCHOOLS;
use crate::reply::Reply;
use crate::versions::events::{Told, common, origin, span, told};
use crate::versions::ids::world_id;
use crate::versions::shape::{Look, old_id};
use crate::versions::{Collection, Version};
use crate::world::{Record, World};

/// A request for events.
pub(crate) struct Request<'a> {
    pub(crate) world: &'a World,
    pub(crate) version: Version,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

impl<'a> Request<'a> {
    /// Answers with a page of the feed; of one record's events alone where `of` says which, as only v1 has it.
    pub(crate) fn list(&self, of: Option<(Collection, &str)>) -> Reply {
        let mut wanted = Wanted::read(self.version, self.query);
        if let Some((collection, id)) = of {
            let noun = collection.event_noun(self.version);
            wanted.kinds = noun.map(ToOwned::to_owned).into_iter().collect();
            wanted.object = Some(id.to_owned());
        }
        let reader = Reader::new(self.world, self.version);
        let feed = Feed { reader, wanted };
        // Whoever left meanwhile still has a feed; whoever never was has none.
        let known = of.is_none_or(|(collection, id)| {
            world_id(self.world, self.version, collection, id).is_some()
                || feed.up(None).next().is_some()
        });
        if !known {
            return unknown(self.version);
        }
        let listing = Listing {
            version: self.version,
            noun: "events",
            path: self.path,
            query: self.query,
            flat: false,
        };
        listing.answer(|_| feed)
    }

    /// Answers with one event.
    pub(crate) fn single(&self, id: &str) -> Reply {
        let event = origin(self.version, id).and_then(|own| self.world.events().get(&own));
        let reader = Reader::new(self.world, self.version);
        let parts = event.into_iter().flat_map(|event| reader.told(&event));
        let Some(found) = parts.into_iter().find(|part| part.id == id) else {
            return unknown(self.version);
        };
        let version = self.version.as_str();
        Reply::json(format!(
            r#"{{"data":{},"links":[{{"rel":"self","uri":"/{version}/events/{id}"}}]}}"#,
            found.json
        ))
    }
}

/// Reads the world's events as a version tells them.
struct Reader<'a> {
    world: &'a World,
    version: Version,
    /// People whom events name and who are not there any more, as their last event had them.
    gone: RefCell<BTreeMap<String, Option<Value>>>,
}

impl<'a> Reader<'a> {
    fn new(world: &'a World, version: Version) -> Self {
        Self {
            world,
            version,
            gone: RefCell::default(),
        }
    }

    fn told(&self, event: &Record<'a>) -> Vec<Told<'a>> {
        told(self.version, event.id(), event.json(), self)
    }

    /// Somebody who is gone, as the feed last told it.
    fn gone(&self, id: &str) -> Option<Value> {
        let mut gone = self.gone.borrow_mut();
        let found = gone.entry(id.to_owned()).or_insert_with(|| {
            let events = self.world.events().values().rev();
            let mut objects = events
                .filter(|event| event.json().contains(id))
                .map(|event| event.value())
                .filter(|event| {
                    event["type"]
                        .as_str()
                        .is_some_and(|of| of.starts_with("users."))
                })
                .map(|event| event["data"]["object"].clone());
            objects.find(|object| object["id"] == *id)
        });
        found.clone()
    }
}

impl Look for Reader<'_> {
    fn value(&self, kind: RecordKind, id: &str) -> Option<Value> {
        self.world.value(kind, id)
    }

    /// A section's event may name somebody who left meanwhile.
    fn old_id(&self, user: &str, role: Role) -> Option<String> {
        self.world.old_id(user, role).or_else(|| {
            let gone = Some(user).filter(|user| !user.is_empty());
            Some(old_id(&self.gone(gone?)?, role).to_owned())
        })
    }
}

/// Which events a query asks for.
struct Wanted {
    kinds: Vec<String>,
    school: Option<String>,
    object: Option<String>,
}

impl Wanted {
    /// Reads `record_type`, which may be repeated or have commas, and `school`: both since v2.0.
    fn read(version: Version, query: &str) -> Self {
        let of = |wanted: &'static str| {
            url::form_urlencoded::parse(query.as_bytes())
                .filter(move |(name, _)| name == wanted && !version.is_first())
                .map(|(_, value)| value.into_owned())
        };
        let kinds = of("record_type").flat_map(|kinds| {
            let kinds = kinds.split(',').map(ToOwned::to_owned);
            kinds.collect::<Vec<_>>()
        });
        Self {
            kinds: kinds.filter(|kind| !kind.is_empty()).collect(),
            school: of("school").find(|school| !school.is_empty()),
            object: None,
        }
    }

    fn has(&self, event: &str) -> bool {
        // Most readers ask for everything, and then nothing is read.
        if self.kinds.is_empty() && self.school.is_none() && self.object.is_none() {
            return true;
        }
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let kind = event["type"].as_str().unwrap_or_default();
        let kind = kind.split('.').next().unwrap_or_default();
        let object = &event["data"]["object"];
        let of_kind = self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind);
        let of_school = self.school.as_ref().is_none_or(|school| {
            (kind == "schools" && object["id"] == **school)
                || names(object, &["/school", "/schools"], school)
                || names(object, USER_SCHOOLS, school)
        });
        of_kind && of_school && self.object.as_ref().is_none_or(|id| object["id"] == **id)
    }
}

/// The feed of a version.
struct Feed<'a> {
    reader: Reader<'a>,
    wanted: Wanted,
}

impl<'a> Feed<'a> {
    /// What the version tells of one event of the world, between two ids.
    fn parts(
        &self,
        event: &Record<'a>,
        after: Option<&str>,
        before: Option<&str>,
    ) -> std::vec::IntoIter<Told<'a>> {
        let inside = |id: &str| {
            after.is_none_or(|after| id > after) && before.is_none_or(|before| id < before)
        };
        let id = event.id();
        // An event whose every part is outside need not be read.
        let outside = span(self.reader.version, &id).is_none_or(|(low, high)| {
            after.is_some_and(|after| *high <= *after)
                || before.is_some_and(|before| *low >= *before)
        });
        let told = if outside {
            Vec::new()
        } else {
            self.reader.told(event)
        };
        let told: Vec<_> = told
            .into_iter()
            .filter(|part| inside(&part.id) && self.wanted.has(&part.json))
            .collect();
        told.into_iter()
    }
}

impl<'a> Source for Feed<'a> {
    type Item = Told<'a>;

    fn up<'s>(&'s self, after: Option<&'s str>) -> impl Iterator<Item = Told<'a>> {
        let events = self.reader.world.events().range(after.map(common), None);
        events.flat_map(move |event| self.parts(&event, after, None))
    }

    fn down<'s>(&'s self, before: Option<&'s str>) -> impl Iterator<Item = Told<'a>> {
        // Above everything that begins like the cursor.
        let end = before.map(|before| format!("{}~", common(before)));
        let events = self.reader.world.events().range(None, end.as_deref()).rev();
        events.flat_map(move |event| self.parts(&event, None, before).rev())
    }

    fn id<'i>(&self, item: &'i Told<'a>) -> Cow<'i, str> {
        Cow::Borrowed(&item.id)
    }

    fn write(&self, item: &Told<'a>, out: &mut Vec<u8>) {
        out.extend_from_slice(item.json.as_bytes());
    }
}
