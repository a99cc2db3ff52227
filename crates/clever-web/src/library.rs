//! What a Library teacher's token opens, read at the sign-in: Library apps have no rosters.

use std::fmt;

use clever_client::{ClientError, LibraryTeacher, RawPage};
use clever_model::{SectionId, UserId};
use clever_sql::{Backend, Connected, Type};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::WebError;
use crate::pool::AccountPool;

/// A class that a teacher shares through Clever Library. `Debug` hides who is in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryClass {
    /// Clever's id of the section.
    pub id: String,
    /// The section's record.
    pub section: Value,
    /// The records of its students: first names, and initials of last names.
    pub students: Vec<Value>,
}

impl fmt::Debug for LibraryClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibraryClass")
            .field("id", &self.id)
            .field("students", &self.students.len())
            .finish_non_exhaustive()
    }
}

/// Reads a teacher's classes.
pub(crate) async fn classes(
    teacher: &LibraryTeacher,
    own: &UserId,
) -> Result<Vec<LibraryClass>, ClientError> {
    let pages: Vec<RawPage> = teacher.sections(own).try_collect().await?;
    let mut classes = Vec::new();
    for record in pages.iter().flat_map(RawPage::records) {
        let Ok(id) = SectionId::new(record.id) else {
            continue;
        };
        let students: Vec<RawPage> = teacher.students(&id).try_collect().await?;
        let students = students.iter().flat_map(RawPage::records);
        classes.push(LibraryClass {
            id: id.to_string(),
            section: value(record.json),
            students: students.map(|record| value(record.json)).collect(),
        });
    }
    Ok(classes)
}

/// A record as a value; what is no value is nothing that a page could show.
pub(crate) fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// Notes in whose class students are, so that their own sign-ins are vouched for.
pub(crate) async fn note(
    pool: &AccountPool,
    teacher: &UserId,
    classes: &[LibraryClass],
) -> Result<(), WebError> {
    let mut students: Vec<&str> = classes
        .iter()
        .flat_map(|class| &class.students)
        .filter_map(|student| student["id"].as_str())
        .collect();
    students.sort_unstable();
    students.dedup();
    let mut store = pool.get().await?;
    let columns = [("student", Type::Text), ("teacher", Type::Text)];
    let conflict = "ON CONFLICT (student) DO UPDATE SET teacher = excluded.teacher";
    for some in students.chunks(200) {
        let rows: Vec<_> = some
            .iter()
            .flat_map(|student| [(*student).into(), teacher.as_str().into()])
            .collect();
        let db = store.db();
        db.insert("main.web_library", &columns, &rows, conflict)
            .await?;
    }
    Ok(())
}

/// The teacher in whose class a student is, as far as one has signed in.
pub(crate) async fn teacher_of(
    pool: &AccountPool,
    student: &UserId,
) -> Result<Option<UserId>, WebError> {
    let mut store = pool.get().await?;
    let sql = "SELECT teacher FROM main.web_library WHERE student = ?1";
    let row = store.db().maybe(sql, &[student.as_str().into()]).await?;
    let teacher = row.map(|mut row| row.text(0)).transpose()?;
    let teacher = teacher.map(UserId::new).transpose();
    teacher.map_err(|_| WebError::Content("an identity"))
}
