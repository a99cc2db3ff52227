//! A person out of Clever's record of them: of any version, and of any role.
//!
//! A record is read tolerantly. What it does not say is absent; what it says and can't be read is counted by kind
//! ([`Unread`]) and is never taken for an absent value of consequence: a record without a readable id, or with a
//! district that can't be read, gives no person.

use std::collections::BTreeMap;
use std::fmt;

use clever_linkage::{Kind, is_placeholder};
use clever_model::{DistrictId, Role, UserId, read_date};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::scoped::{Scoped, SisId, StudentNumber};
use crate::subject::{Person, PersonName};

/// What is known of a record from where it was read. All of it may stay empty for a record of v3 and later that a
/// district shares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordSource {
    /// The role of the collection that the record was read from. Records before v3 don't name their role: give
    /// it here, unless the record comes in its envelope, whose `uri` names the collection.
    pub role: Option<Role>,
    /// The teacher in whose Library class the person is. A Library teacher vouches for herself and needs none; of
    /// a person whom a district shares it says nothing.
    pub shared_by: Option<UserId>,
}

/// A part of a record that says something of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordPart {
    /// A role that is unknown, or whose details can't be read.
    Role,
    /// An id from before v3.
    LegacyId,
    /// An id in the district's system, or one without a district that it could belong to.
    SisId,
    /// The student's number.
    StudentNumber,
    /// The state's id.
    StateId,
    /// A part of the name.
    Name,
    /// The date of birth.
    Birth,
    /// The address.
    Email,
}

impl RecordPart {
    /// The part as messages name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::LegacyId => "legacy id",
            Self::SisId => "SIS id",
            Self::StudentNumber => "student number",
            Self::StateId => "state id",
            Self::Name => "name",
            Self::Birth => "date of birth",
            Self::Email => "email address",
        }
    }
}

impl fmt::Display for RecordPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many values of each part said something and could not be read. No value is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Unread(BTreeMap<RecordPart, u64>);

impl Unread {
    /// Whether all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts with values that were not read, and how many.
    pub fn parts(&self) -> impl Iterator<Item = (RecordPart, u64)> {
        self.0.iter().map(|(part, count)| (*part, *count))
    }

    /// Adds what was not read of another record.
    pub fn add(&mut self, other: &Self) {
        for (part, count) in other.parts() {
            *self.0.entry(part).or_default() += count;
        }
    }

    fn count(&mut self, part: RecordPart) {
        *self.0.entry(part).or_default() += 1;
    }
}

/// A person, and what of the record could not be read.
#[derive(Debug, Clone)]
pub struct PersonRead {
    /// The person.
    pub person: Person,
    /// What the record said and nobody could read.
    pub unread: Unread,
}

/// A record that gives no person. The error holds no value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is no JSON object, and its envelope holds none.
    #[error("the record is no JSON object: give it the record of a person, as Clever answers it")]
    NoObject,
    /// It has no id, or one that is none.
    #[error(
        "the record has no readable id, so it can't be assigned to a person: read /users/{{id}} again"
    )]
    NoId,
    /// It names a district that can't be read. Without it the person would pass for one whom no district shares.
    #[error("the record's district can't be read, so nobody is known to share it: read it again")]
    District,
}

impl Person {
    /// Reads Clever's record of a person: an answer of `/users/{id}`, a record of a list with its envelope or
    /// without, the object of an event, or a record of `/students`, `/teachers` and their like before v3.
    ///
    /// The person's id is the record's. Before v3 that is the id of one role; from v3 on, the ids that the roles
    /// had before are [`Person::legacy_ids`].
    ///
    /// ```
    /// use clever_provision::person::RecordSource;
    /// use clever_provision::Person;
    ///
    /// let record = serde_json::json!({
    ///     "id": "5a25ffb0c1bc2a0036000001", "district": "5a0c91b95c7cc000010d417c",
    ///     "name": { "first": "Ana", "last": "Núñez" },
    ///     "roles": { "teacher": { "sis_id": "T-7", "legacy_id": "58da8c5da7a7e5a647000094" } },
    /// });
    /// let read = Person::from_record(&record, &RecordSource::default())?;
    /// assert_eq!(read.person.legacy_ids.len(), 1);
    /// assert!(read.unread.is_empty());
    /// # Ok::<(), clever_provision::person::RecordError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecordError`] when nobody can say whose record it is, or who shares it.
    pub fn from_record(record: &Value, source: &RecordSource) -> Result<PersonRead, RecordError> {
        let mut record = record.as_object().ok_or(RecordError::NoObject)?;
        let mut role = source.role;
        // An envelope has no id of its own, and names the collection that its record is of.
        while let (Some(inner), None) = (record.get("data"), record.get("id")) {
            role = role.or_else(|| collection_of(record));
            record = inner.as_object().ok_or(RecordError::NoObject)?;
        }
        let role = role.or_else(|| record.get("type")?.as_str().and_then(older_role));
        let id = record.get("id").and_then(Value::as_str);
        let id = id.and_then(|id| UserId::new(id.trim()).ok());
        let mut reader = Reader {
            district: district(record)?,
            unread: Unread::default(),
        };
        let mut person = Person::new(id.ok_or(RecordError::NoId)?, reader.district.clone(), []);
        reader.name(record.get("name"), &mut person.name);
        person.email = reader.text(record.get("email"), RecordPart::Email);
        match record.get("roles") {
            Some(Value::Object(roles)) => {
                for (name, details) in roles.iter().filter(|(_, details)| !details.is_null()) {
                    match name.parse() {
                        Ok(role) => reader.role(role, details, &mut person),
                        Err(_) => reader.unread.count(RecordPart::Role),
                    }
                }
            }
            // Before v3 a record is of one role, whose fields stand at the top.
            None | Some(Value::Null) => {
                if let Some(role) = role {
                    person.roles.insert(role);
                    reader.details(role, record, &mut person);
                }
            }
            Some(_) => reader.unread.count(RecordPart::Role),
        }
        person.legacy_ids.remove(&person.id);
        if person.district.is_none() {
            person.shared_by.clone_from(&source.shared_by);
        }
        Ok(PersonRead {
            person,
            unread: reader.unread,
        })
    }
}

/// The district that a record names, if it names one.
fn district(record: &Map<String, Value>) -> Result<Option<DistrictId>, RecordError> {
    match record.get("district") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => DistrictId::new(text.trim())
            .map(Some)
            .map_err(|_| RecordError::District),
        Some(_) => Err(RecordError::District),
    }
}

/// The role that an envelope's address names: `/v2.1/students/58da…`.
fn collection_of(envelope: &Map<String, Value>) -> Option<Role> {
    let links = envelope.get("links").and_then(Value::as_array);
    let links = links
        .into_iter()
        .flatten()
        .filter_map(|link| link.get("uri"));
    let uris = envelope.get("uri").into_iter().chain(links);
    uris.filter_map(Value::as_str)
        .find_map(|uri| {
            let path = uri.split(['?', '#']).next().unwrap_or_default();
            let mut parts = path.trim_end_matches('/').rsplit('/');
            parts.nth(1)?.strip_suffix('s').and_then(older_role)
        })
        .or_else(|| envelope.get("type")?.as_str().and_then(older_role))
}

/// A role by its word before v3, or by today's.
fn older_role(word: &str) -> Option<Role> {
    match word {
        "school_admin" => Some(Role::Staff),
        word => word.parse().ok(),
    }
}

/// Reads the parts of one record.
struct Reader {
    district: Option<DistrictId>,
    unread: Unread,
}

impl Reader {
    fn role(&mut self, role: Role, details: &Value, person: &mut Person) {
        // The key alone says that the person has the role.
        person.roles.insert(role);
        let Some(details) = details.as_object() else {
            self.unread.count(RecordPart::Role);
            return;
        };
        self.details(role, details, person);
        // Some records have name and address beside the role alone.
        if person.name == PersonName::default() {
            self.name(details.get("name"), &mut person.name);
        }
        if person.email.is_none() {
            person.email = self.text(details.get("email"), RecordPart::Email);
        }
    }

    fn details(&mut self, role: Role, details: &Map<String, Value>, person: &mut Person) {
        if let Some(id) = self.text(details.get("legacy_id"), RecordPart::LegacyId) {
            match UserId::new(id) {
                Ok(id) => drop(person.legacy_ids.insert(id)),
                Err(_) => self.unread.count(RecordPart::LegacyId),
            }
        }
        for key in ["sis_id", "staff_id"] {
            if let Some(text) = self.text(details.get(key), RecordPart::SisId)
                && let Some(id) = SisId::new(&text)
            {
                match &self.district {
                    Some(district) => {
                        let id = Scoped::new(district.clone(), id);
                        if !person.sis_ids.contains(&id) {
                            person.sis_ids.push(id);
                        }
                    }
                    None => self.unread.count(RecordPart::SisId),
                }
            }
        }
        if role == Role::Student {
            if let Some(text) = self.text(details.get("student_number"), RecordPart::StudentNumber)
                && let Some(number) = StudentNumber::new(&text)
            {
                match &self.district {
                    Some(district) => {
                        person.student_number = Some(Scoped::new(district.clone(), number));
                    }
                    None => self.unread.count(RecordPart::StudentNumber),
                }
            }
            if let Some(text) = self.text(details.get("dob"), RecordPart::Birth) {
                person.birth = birth(&text);
                if person.birth.is_none() && !is_placeholder(Kind::Date, &text) {
                    self.unread.count(RecordPart::Birth);
                }
            }
        }
        let state_id = self.text(details.get("state_id"), RecordPart::StateId);
        person.state_id = person.state_id.take().or(state_id);
    }

    /// A name in parts; a contact's before v3 is one text.
    fn name(&mut self, name: Option<&Value>, into: &mut PersonName) {
        match name {
            Some(Value::Object(parts)) => {
                into.first = self.text(parts.get("first"), RecordPart::Name);
                into.last = self.text(parts.get("last"), RecordPart::Name);
            }
            other => into.last = self.text(other, RecordPart::Name),
        }
    }

    /// A text; a whole number counts as its digits.
    fn text(&mut self, value: Option<&Value>, part: RecordPart) -> Option<String> {
        match value? {
            Value::Null => None,
            Value::String(text) => {
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_owned())
            }
            Value::Number(number) if number.is_u64() => Some(number.to_string()),
            _ => {
                self.unread.count(part);
                None
            }
        }
    }
}

/// A date of birth as Clever and most databases write it: the month before the day, four digits for the year.
pub(crate) fn birth(text: &str) -> Option<(i16, u8, u8)> {
    let day = read_date(text)?;
    let small = |part: i8| u8::try_from(part).ok();
    Some((day.year(), small(day.month())?, small(day.day())?))
}
