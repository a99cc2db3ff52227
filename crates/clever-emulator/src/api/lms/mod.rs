//! LMS Connect (v3.1): assignments that an app makes in a district's learning management system, and what the
//! students hand in. The only place where anything is written to Clever.

mod assignments;
mod submissions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clever_model::{RecordKind, Timestamp};
use serde_json::{Map, Value, json};

use crate::reply::Reply;
use crate::world::stamp::stamp;
use crate::world::{World, lot};

/// Sections that are matched with the system's at most.
const MATCHED_SECTIONS: usize = 2_000;
/// Of a hundred sections, how many the system has.
const SYNCED_PERCENT: u64 = 90;

/// A learning management system that a district may have connected to Clever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LmsType {
    /// Canvas, by Instructure.
    Canvas,
    /// Schoology, by PowerSchool.
    Schoology,
    /// Google Classroom.
    GoogleClassroom,
}

impl LmsType {
    /// Every system.
    pub const ALL: [Self; 3] = [Self::Canvas, Self::Schoology, Self::GoogleClassroom];

    /// Its name, as `lms_type` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canvas => "canvas",
            Self::Schoology => "schoology",
            Self::GoogleClassroom => "google_classroom",
        }
    }
}

/// What a request of LMS Connect is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    section: String,
    of: Of,
}

/// What of a section's assignments it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    /// All of them; they can be added to, not listed.
    Assignments,
    /// The one with an id.
    Assignment(String),
    /// What the students handed in for the one with an id.
    Submissions(String),
    /// What one student handed in: the assignment's id, the student's.
    Submission(String, String),
}

impl Target {
    /// Reads what follows the version in a path; `None` if it is not LMS Connect's.
    pub(super) fn of(parts: &[&str]) -> Option<Self> {
        let ["sections", section, "assignments", rest @ ..] = parts else {
            return None;
        };
        let of = match *rest {
            [] => Of::Assignments,
            [id] => Of::Assignment(id.to_owned()),
            [id, "submissions"] => Of::Submissions(id.to_owned()),
            [id, "submissions", user] => Of::Submission(id.to_owned(), user.to_owned()),
            _ => return None,
        };
        let section = (*section).to_owned();
        Some(Self { section, of })
    }

    /// Whether it takes requests of this method.
    pub(crate) fn takes(&self, method: &str) -> bool {
        match self.of {
            Of::Assignments => method == "POST",
            Of::Assignment(_) => matches!(method, "GET" | "PATCH" | "DELETE"),
            Of::Submissions(_) => method == "GET",
            Of::Submission(..) => matches!(method, "GET" | "PATCH"),
        }
    }
}

/// A request of LMS Connect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) target: &'a Target,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
    /// The clock of cursors.
    pub(crate) now: Timestamp,
    /// Cursors are too old, whatever their age.
    pub(crate) expired: bool,
}

/// A district's learning management system, as far as Clever reaches into it.
#[derive(Debug)]
pub(crate) struct Lms {
    kind: LmsType,
    book: Mutex<Book>,
}

/// The assignments by section and id.
#[derive(Debug, Default)]
struct Book {
    made: u64,
    assignments: BTreeMap<(String, String), Assignment>,
}

/// An assignment, and what was written to its submissions.
#[derive(Debug, Clone)]
struct Assignment {
    fields: Map<String, Value>,
    /// When it was made.
    made: Timestamp,
    written: BTreeMap<String, Map<String, Value>>,
}

impl Lms {
    pub(crate) fn new(kind: LmsType) -> Self {
        Self {
            kind,
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects the system: the district says so, and sections and people are matched. What is beyond
    /// [`MATCHED_SECTIONS`] waits, and the district says that too.
    pub(crate) fn connect(&self, world: &mut World) {
        let ids: Vec<String> = world.list(RecordKind::Sections).keys().collect();
        let waiting = ids.len() > MATCHED_SECTIONS;
        let mut people: BTreeMap<String, bool> = BTreeMap::new();
        for id in ids.into_iter().take(MATCHED_SECTIONS) {
            let synced = lot::falls(world.seed, SYNCED_PERCENT, &["lms", &id]);
            let section = world.value(RecordKind::Sections, &id).unwrap_or_default();
            let named = ["students", "teachers"].map(|list| section[list].as_array().cloned());
            for person in named.into_iter().flatten().flatten() {
                let person = person.as_str().unwrap_or_default().to_owned();
                *people.entry(person).or_default() |= synced;
            }
            world.edit(RecordKind::Sections, &id, |section| {
                section["lms_status"] = json!({ "synced_in_lms": synced });
            });
        }
        for (person, synced) in people {
            world.edit(RecordKind::Users, &person, |user| {
                user["lms_status"] = json!({ "synced_in_lms": synced });
            });
        }
        let now = stamp(world.now());
        let district = world.district_id().to_owned();
        world.edit(RecordKind::Districts, &district, |record| {
            record["lms_type"] = self.kind.as_str().into();
            record["lms_state"] = if waiting {
                "matching_in_progress".into()
            } else {
                "success".into()
            };
            record["last_lms_sync"] = now.into();
        });
    }

    /// Answers a request with the district's token.
    pub(crate) fn answer(&self, world: &World, call: &Call<'_>) -> Reply {
        let section = world.value(RecordKind::Sections, &call.target.section);
        let Some(section) = section else {
            return Reply::message(404, "Resource not found");
        };
        if section["lms_status"]["synced_in_lms"] != true {
            return Reply::message(404, "the section is not synced in the LMS");
        }
        let scene = Scene {
            world,
            section,
            kind: self.kind,
        };
        let mut book = self.book();
        let answered = match (&call.target.of, call.method) {
            (Of::Assignments, _) => book.create(&scene, call.body),
            (Of::Assignment(id), "PATCH") => book.change(&scene, id, call.body),
            (Of::Assignment(id), "DELETE") => book.delete(&scene, id),
            (Of::Assignment(id), _) => book.read(&scene, id),
            (Of::Submissions(id), _) => book.submissions(&scene, id, call),
            (Of::Submission(id, user), "PATCH") => book.grade(&scene, id, user, call.body),
            (Of::Submission(id, user), _) => book.submission(&scene, id, user),
        };
        answered.unwrap_or_else(|problem| problem)
    }
}

/// What a request is answered from.
struct Scene<'a> {
    world: &'a World,
    section: Value,
    kind: LmsType,
}

impl Scene<'_> {
    fn section_id(&self) -> &str {
        self.section["id"].as_str().unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The students to whom an assignment is given, ascending.
    fn students(&self, assignment: &Assignment) -> BTreeSet<String> {
        let ids = |value: &Value| -> BTreeSet<String> {
            let all = value.as_array().into_iter().flatten();
            all.filter_map(|id| id.as_str().map(str::to_owned))
                .collect()
        };
        let all = ids(&self.section["students"]);
        let chosen = assignment.fields.get("assignee_ids").map(ids);
        let some = assignment
            .fields
            .get("assignee_mode")
            .is_some_and(|mode| mode == "individuals");
        match chosen {
            Some(chosen) if some => all.intersection(&chosen).cloned().collect(),
            _ => all,
        }
    }
}

/// The answer where there is no such assignment or submission.
fn not_found() -> Reply {
    Reply::message(404, "Resource not found")
}

fn bad(message: &str) -> Reply {
    Reply::message(400, message)
}

fn one(data: &Value) -> Reply {
    Reply::json(json!({ "data": data }).to_string())
}

/// Reads a body as an object.
fn object(body: &[u8]) -> Result<Map<String, Value>, Reply> {
    if body.trim_ascii().is_empty() {
        return Err(bad("request body is required, but was empty"));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(bad("request body must be a JSON object")),
        // What the reader says names a place, and nothing of the content.
        Err(error) => Err(bad(&error.to_string())),
    }
}

/// Refuses a field that is there and has none of the allowed values.
fn allowed(fields: &Map<String, Value>, name: &str, values: &[&str]) -> Result<(), Reply> {
    let given = match fields.get(name) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
    };
    let known = |one: &&Value| one.as_str().is_some_and(|one| values.contains(&one));
    if given.iter().all(known) {
        return Ok(());
    }
    let message = format!("{name} must be one of: {}", values.join(" "));
    Err(bad(&message))
}

/// A field that is a time; `None` where it is not there.
fn time_of(fields: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Reply> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| bad(&format!("{name} must be a date and time"))),
    }
}

#[cfg(test)]
mod tests;
