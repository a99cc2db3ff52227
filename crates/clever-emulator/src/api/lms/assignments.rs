//! Assignments: made, read, changed, removed.

use clever_model::Timestamp;
use serde_json::{Map, Value, json};

use super::{Assignment, Book, LmsType, Scene, allowed, bad, not_found, object, one, time_of};
use crate::reply::Reply;
use crate::world::stamp::stamp;

/// The fields that an assignment must have, in the order in which Clever checks them.
const REQUIRED: [&str; 3] = ["title", "description", "due_date"];

/// What an app may say of an assignment.
const FIELDS: [&str; 14] = [
    "assignee_ids",
    "assignee_mode",
    "description",
    "description_plaintext",
    "display_date",
    "due_date",
    "end_date",
    "grading_type",
    "max_attempts",
    "points_possible",
    "start_date",
    "submission_types",
    "term_id",
    "title",
];

/// What Canvas does not know of; it is left out without a word.
const NOT_IN_CANVAS: [&str; 2] = ["start_date", "term_id"];

/// The first number that a system gives an assignment.
const FIRST_NUMBER: u64 = 100_000;

impl Book {
    pub(super) fn find(&self, scene: &Scene<'_>, id: &str) -> Result<&Assignment, Reply> {
        let key = (scene.section_id().to_owned(), id.to_owned());
        self.assignments.get(&key).ok_or_else(not_found)
    }

    /// `POST …/assignments`. Sent twice, it makes two.
    pub(super) fn create(&mut self, scene: &Scene<'_>, body: &[u8]) -> Result<Reply, Reply> {
        let given = object(body)?;
        let missing: Vec<&str> = REQUIRED
            .into_iter()
            .filter(|name| {
                given
                    .get(*name)
                    .and_then(Value::as_str)
                    .is_none_or(str::is_empty)
            })
            .collect();
        if !missing.is_empty() {
            let message = format!("missing required field(s): {}", missing.join(", "));
            return Err(bad(&message));
        }
        let fields = read(scene, &given)?;
        self.made += 1;
        let id = (FIRST_NUMBER + self.made).to_string();
        let mut assignment = Assignment {
            fields,
            made: scene.now(),
            written: Default::default(),
        };
        let made = stamp(scene.now()).into();
        assignment.fields.insert("created".to_owned(), made);
        touch(&mut assignment, scene.now());
        let shown = show(scene, &id, &assignment);
        let key = (scene.section_id().to_owned(), id);
        self.assignments.insert(key, assignment);
        Ok(one(&shown))
    }

    pub(super) fn read(&self, scene: &Scene<'_>, id: &str) -> Result<Reply, Reply> {
        Ok(one(&show(scene, id, self.find(scene, id)?)))
    }

    /// `PATCH …/assignments/{id}`: what is named is changed, the rest stays.
    pub(super) fn change(
        &mut self,
        scene: &Scene<'_>,
        id: &str,
        body: &[u8],
    ) -> Result<Reply, Reply> {
        self.find(scene, id)?;
        let fields = read(scene, &object(body)?)?;
        let key = (scene.section_id().to_owned(), id.to_owned());
        let assignment = self.assignments.get_mut(&key).ok_or_else(not_found)?;
        assignment.fields.extend(fields);
        touch(assignment, scene.now());
        Ok(one(&show(scene, id, assignment)))
    }

    pub(super) fn delete(&mut self, scene: &Scene<'_>, id: &str) -> Result<Reply, Reply> {
        let key = (scene.section_id().to_owned(), id.to_owned());
        self.assignments.remove(&key).ok_or_else(not_found)?;
        Ok(Reply::json(String::new()))
    }
}

fn touch(assignment: &mut Assignment, now: Timestamp) {
    let now = stamp(now).into();
    assignment.fields.insert("last_modified".to_owned(), now);
}

/// Reads what an app says of an assignment, and keeps what the system knows of.
fn read(scene: &Scene<'_>, given: &Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    allowed(
        given,
        "submission_types",
        &["link", "file", "text", "discussion"],
    )?;
    allowed(
        given,
        "grading_type",
        &["points", "percent", "pass_fail", "letter_grade"],
    )?;
    allowed(given, "assignee_mode", &["all", "individuals"])?;
    for name in ["display_date", "start_date", "end_date"] {
        time_of(given, name)?;
    }
    if time_of(given, "due_date")?.is_some_and(|due| due <= scene.now()) {
        return Err(bad("due_date must be in the future"));
    }
    let known = FIELDS
        .into_iter()
        .filter(|name| scene.kind != LmsType::Canvas || !NOT_IN_CANVAS.contains(name));
    let mut fields: Map<String, Value> = known
        .filter_map(|name| Some((name.to_owned(), given.get(name)?.clone())))
        .collect();
    if let Some(Value::Array(files)) = given.get("attachments") {
        fields.insert(
            "attachments".to_owned(),
            files.iter().map(attachment).collect(),
        );
    }
    Ok(fields)
}

/// What an app attaches, as the system shows it.
pub(super) fn attachment(given: &Value) -> Value {
    let mut shown = json!({ "type": given["type"].as_str().unwrap_or("file") });
    for name in ["title", "description", "url"] {
        if given[name].is_string() {
            shown[name] = given[name].clone();
        }
    }
    shown
}

/// The assignment as it is answered: its state follows from its dates.
fn show(scene: &Scene<'_>, id: &str, assignment: &Assignment) -> Value {
    let now = scene.now();
    let passed = |name: &str| {
        let time = time_of(&assignment.fields, name).ok().flatten();
        time.map(|time| time <= now)
    };
    let begins = passed("start_date").or(passed("display_date"));
    let state = match (begins, passed("end_date")) {
        (_, Some(true)) => "locked",
        (Some(false), _) => "scheduled",
        _ => "open",
    };
    let mut shown = json!({
        "id": id, "state": state, "grading_type": "points", "assignee_mode": "all", "assignee_ids": [],
        "attachments": [], "submission_types": [], "grading_scale": [],
    });
    for (name, value) in &assignment.fields {
        shown[name] = value.clone();
    }
    shown
}
