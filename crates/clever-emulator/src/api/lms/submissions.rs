//! Submissions: what students hand in follows from the world's seed and the days since the assignment was made;
//! what an app writes goes over it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::assignments::attachment;
use super::{
    Assignment, Book, Call, LmsType, Scene, allowed, bad, not_found, object, one, time_of,
};
use crate::reply::Reply;
use crate::world::lot;
use crate::world::stamp::stamp;

/// Most submissions a page, and how many when none are asked for.
const MAX_LIMIT: usize = 100;
/// How long the link to the next page is good, in seconds.
const CURSOR_SECONDS: i64 = 2 * 3600;
/// Of a hundred students, how many more hand in with each day.
const DAILY_PERCENT: i64 = 30;
/// Of a hundred students, how many never opened the app in Schoology.
const NOT_LAUNCHED_PERCENT: u64 = 10;

/// What an app may write to a submission.
const FIELDS: [&str; 6] = [
    "extra_attempts",
    "flags",
    "grade",
    "grade_comment",
    "grade_points",
    "grader_id",
];

/// Where a page begins. To clients it is any text.
struct Cursor {
    made: i64,
    after: String,
}

impl Cursor {
    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}/{}", self.made, self.after))
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (made, after) = text.split_once('/')?;
        Some(Self {
            made: made.parse().ok()?,
            after: after.to_owned(),
        })
    }
}

impl Book {
    /// `GET …/submissions`: forwards only, by cursors that end.
    pub(super) fn submissions(
        &self,
        scene: &Scene<'_>,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Reply, Reply> {
        let assignment = self.find(scene, id)?;
        let (mut limit, mut cursor) = (MAX_LIMIT, None);
        for (name, value) in url::form_urlencoded::parse(call.query.as_bytes()) {
            match &*name {
                "limit" => {
                    let asked = value
                        .parse()
                        .ok()
                        .filter(|asked| (1..=MAX_LIMIT).contains(asked));
                    limit = asked.ok_or_else(|| bad("limit must be from 1 to 100"))?;
                }
                "cursor" => {
                    let read = Cursor::read(&value).ok_or_else(|| bad("cursor is not valid"))?;
                    if call.expired || call.now.as_second() - read.made > CURSOR_SECONDS {
                        return Err(bad("cursor has expired"));
                    }
                    cursor = Some(read.after);
                }
                _ => {}
            }
        }
        let students = scene.students(assignment);
        let mut left = students
            .iter()
            .filter(|student| cursor.as_ref().is_none_or(|after| *student > after));
        let page: Vec<&String> = left.by_ref().take(limit).collect();
        let data: Vec<Value> = page
            .iter()
            .map(|student| show(scene, id, assignment, student))
            .collect();
        let next = page.last().filter(|_| left.next().is_some()).map(|last| {
            let cursor = Cursor {
                made: call.now.as_second(),
                after: (*last).clone(),
            };
            let uri = format!("{}?cursor={}&limit={limit}", call.path, cursor.write());
            json!({ "rel": "next", "uri": uri })
        });
        let links: Vec<Value> = next.into_iter().collect();
        Ok(Reply::json(
            json!({ "data": data, "links": links }).to_string(),
        ))
    }

    pub(super) fn submission(
        &self,
        scene: &Scene<'_>,
        id: &str,
        user: &str,
    ) -> Result<Reply, Reply> {
        let assignment = self.find(scene, id)?;
        if !scene.students(assignment).contains(user) {
            return Err(not_found());
        }
        Ok(one(&show(scene, id, assignment, user)))
    }

    /// `PATCH …/submissions/{user}`: a grade, a comment, a state, attachments.
    pub(super) fn grade(
        &mut self,
        scene: &Scene<'_>,
        id: &str,
        user: &str,
        body: &[u8],
    ) -> Result<Reply, Reply> {
        self.submission(scene, id, user)?;
        let given = object(body)?;
        allowed(&given, "flags", &["excused", "late", "missing"])?;
        allowed(
            &given,
            "state",
            &["created", "submitted", "returned", "reclaimed"],
        )?;
        time_of(&given, "override_due_date")?;
        if given
            .get("grade_points")
            .is_some_and(|points| !points.is_number())
        {
            return Err(bad("grade_points must be a number"));
        }
        let files = given.get("attachments").and_then(Value::as_array);
        if let Some(files) = files.filter(|_| scene.kind == LmsType::Schoology) {
            if files.iter().any(|file| file["type"] == "link") {
                return Err(bad("Schoology does not support submission type of link"));
            }
            // Whoever never opened the app from Schoology has nothing there to write to.
            if lot::falls(scene.world.seed, NOT_LAUNCHED_PERCENT, &["launch", user]) {
                return Err(Reply::message(500, "Error updating submission"));
            }
        }
        let key = (scene.section_id().to_owned(), id.to_owned());
        let assignment = self.assignments.get_mut(&key).ok_or_else(not_found)?;
        let written = assignment.written.entry(user.to_owned()).or_default();
        let state = (scene.kind != LmsType::Canvas).then_some("state");
        for name in FIELDS.into_iter().chain(["override_due_date"]).chain(state) {
            if let Some(value) = given.get(name) {
                written.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(files) = files {
            let files = files.iter().map(attachment).collect();
            written.insert("attachments".to_owned(), files);
        }
        let now = stamp(scene.now()).into();
        written.insert("last_modified".to_owned(), now);
        Ok(one(&show(scene, id, assignment, user)))
    }
}

/// A student's submission on the world's day.
fn show(scene: &Scene<'_>, id: &str, assignment: &Assignment, user: &str) -> Value {
    let days = (scene.now().as_second() - assignment.made.as_second()) / 86_400;
    let seed = scene.world.seed;
    let place = i64::try_from(lot::draw(seed, &["submission", id, user]) % 100).unwrap_or(0);
    let submitted = place < days * DAILY_PERCENT;
    let due = time_of(&assignment.fields, "due_date").ok().flatten();
    let missing = !submitted && due.is_some_and(|due| due <= scene.now());
    let made = stamp(assignment.made);
    let mut shown: Map<String, Value> = Map::new();
    let number = match scene.kind {
        // Empty there, and to be removed elsewhere.
        LmsType::GoogleClassroom => String::new(),
        _ => format!("{id}-{place}-{}", &user[user.len().saturating_sub(6)..]),
    };
    let own = json!({
        "id": number, "assignment_id": id, "user_id": user, "created": made, "last_modified": made,
        "state": if submitted { "submitted" } else { "created" },
        "flags": if missing { json!(["missing"]) } else { json!([]) },
        "attachments": if submitted {
            json!([{ "type": "text", "title": "Answer", "description": format!("Answer of day {}", place / DAILY_PERCENT + 1) }])
        } else {
            json!([])
        },
    });
    if let Value::Object(own) = own {
        shown.extend(own);
    }
    if let Some(written) = assignment.written.get(user) {
        shown.extend(written.clone());
    }
    shown.into()
}
