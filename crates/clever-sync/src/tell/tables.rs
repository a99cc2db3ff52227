//! What the tables and columns of a roster store are, for whoever reads them without this crate.
//!
//! What each holds is said once, in `store/schema/comments.sql`, which PostgreSQL keeps too. The columns are those of a store that is made
//! for the question.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::store::StoreError;
use crate::store::sql::{Backend, TABLES};
use crate::store::sqlite;

/// The comments, as PostgreSQL reads them.
const COMMENTS: &str = include_str!("../store/schema/comments.sql");

/// The tables of records, which share columns.
const RECORDS: [&str; 7] = [
    "districts",
    "schools",
    "terms",
    "courses",
    "users",
    "sections",
    "resources",
];

/// Which column of a table or view names a row of which other.
const NAMES: &[(&str, &str, &str)] = &[
    ("sections", "school_id", "schools"),
    ("sections", "course_id", "courses"),
    ("sections", "term_id", "terms"),
    ("sections", "teacher_id", "users"),
    ("user_roles", "user_id", "users"),
    ("user_roles", "school_id", "schools"),
    ("user_schools", "user_id", "users"),
    ("user_schools", "school_id", "schools"),
    ("contacts", "contact_id", "users"),
    ("contacts", "student_id", "users"),
    ("enrollments", "section_id", "sections"),
    ("enrollments", "user_id", "users"),
    ("changes", "run", "runs"),
    ("forgotten", "run", "runs"),
];

/// How a schema is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaForm {
    /// Statements for SQLite, with what each column holds in comments.
    Sqlite,
    /// Statements for PostgreSQL, with comments that it keeps.
    Postgres,
    /// A diagram of the tables that others may read, in Mermaid's words.
    Diagram,
}

/// A table or view that others may read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Whether it is a view.
    pub is_view: bool,
    /// What it holds.
    pub holds: String,
    /// Its columns.
    pub columns: Vec<DescribedColumn>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// Its type in SQLite; nothing for what a view works out.
    #[serde(rename = "type")]
    pub of_type: String,
    /// What it holds, if its name does not say it.
    pub holds: Option<String>,
}

/// What is said of tables and columns: `users`, or `users.email`.
fn said() -> BTreeMap<String, String> {
    let lines = COMMENTS
        .lines()
        .filter_map(|line| line.strip_prefix("COMMENT ON "));
    let read = lines.filter_map(|line| {
        let (what, text) = line.split_once(" IS '")?;
        let (_, name) = what.split_once(' ')?;
        Some((name.to_owned(), text.strip_suffix("';")?.replace("''", "'")))
    });
    read.collect()
}

/// The tables and views that others may read, in the order of the schema.
///
/// # Errors
///
/// [`StoreError`] if SQLite can't make a store in memory.
pub async fn described() -> Result<Vec<Described>, StoreError> {
    let mut db = sqlite::in_memory()?;
    let said = said();
    let mut all = Vec::new();
    let sql = "SELECT name, type = 'view' FROM sqlite_master WHERE type IN ('table', 'view')
         AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY rowid";
    for mut row in db.query(sql, &[]).await? {
        let (name, is_view) = (row.text(0)?, row.int(1)? != 0);
        let mut columns = Vec::new();
        let sql = "SELECT name, type FROM pragma_table_info(?1)";
        for mut row in db.query(sql, &[name.as_str().into()]).await? {
            let (column, of_type) = (row.text(0)?, row.text(1)?);
            let own = said.get(&format!("{name}.{column}"));
            // What all records have is said of people alone.
            let of_records = RECORDS.contains(&name.as_str());
            let shared = said.get(&format!("users.{column}")).filter(|_| of_records);
            columns.push(DescribedColumn {
                holds: own.or(shared).cloned(),
                name: column,
                of_type,
            });
        }
        all.push(Described {
            holds: said.get(&name).cloned().unwrap_or_default(),
            name,
            is_view,
            columns,
        });
    }
    Ok(all)
}

/// The schema of a roster store as a text.
///
/// # Errors
///
/// [`StoreError`] if SQLite can't make a store in memory.
pub async fn schema(form: SchemaForm) -> Result<String, StoreError> {
    let mut text = String::new();
    match form {
        SchemaForm::Sqlite => {
            for version in TABLES.versions {
                text += version.sqlite;
            }
            text += "\n-- What each table and column holds.\n";
            for table in described().await? {
                // Writing to a String can't fail.
                let _ = writeln!(text, "-- {}: {}", table.name, table.holds);
                for column in table.columns {
                    if let Some(holds) = column.holds {
                        let _ = writeln!(text, "-- {}.{}: {holds}", table.name, column.name);
                    }
                }
            }
        }
        SchemaForm::Postgres => {
            for version in TABLES.versions {
                text += version.postgres;
            }
        }
        SchemaForm::Diagram => {
            text += "erDiagram\n";
            let tables = described().await?;
            for table in &tables {
                let _ = writeln!(text, "  {} {{", table.name);
                for column in &table.columns {
                    let of_type = match column.of_type.as_str() {
                        "" => "TEXT",
                        other => other,
                    };
                    let _ = writeln!(text, "    {of_type} {}", column.name);
                }
                text += "  }\n";
            }
            for (from, column, to) in NAMES {
                let _ = writeln!(text, "  {to} ||--o{{ {from} : {column}");
            }
        }
    }
    Ok(text)
}
