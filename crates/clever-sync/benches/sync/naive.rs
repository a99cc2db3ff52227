//! The yardstick: what most loaders do. Each record of every page is decoded into its model and upserted, with its
//! roles, relations and places, into tables with the columns and indices that ours have. One transaction a run.
//!
//! It keeps no feed of changes, no state, no findings and no way back, and never removes anything: a place in a
//! section that is gone stays.

use std::fmt::Write as _;

use clever_raw::page::RawPage;
use clever_raw::v3_1::types::{Section, User};
use futures_util::StreamExt;
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::district::District;

/// A value of a row.
type Cell = Option<String>;

/// A table: its name, how many columns are its key, its columns.
struct Table {
    name: &'static str,
    key: usize,
    columns: &'static [&'static str],
}

const TABLES: [Table; 7] = [
    Table {
        name: "users",
        key: 1,
        columns: &[
            "id",
            "first_name",
            "middle_name",
            "last_name",
            "email",
            "created",
            "last_modified",
            "record",
            "seen_at",
        ],
    },
    Table {
        name: "user_roles",
        key: 2,
        columns: &[
            "user_id",
            "role",
            "legacy_id",
            "school_id",
            "sis_id",
            "number",
            "state_id",
            "username",
            "grade",
            "title",
        ],
    },
    Table {
        name: "contacts",
        key: 2,
        columns: &[
            "contact_id",
            "student_id",
            "relationship",
            "type",
            "phone",
            "phone_type",
        ],
    },
    Table {
        name: "sections",
        key: 1,
        columns: &[
            "id",
            "name",
            "school_id",
            "course_id",
            "term_id",
            "teacher_id",
            "subject",
            "grade",
            "period",
            "section_number",
            "sis_id",
            "record",
            "seen_at",
        ],
    },
    Table {
        name: "places",
        key: 3,
        columns: &["section_id", "user_id", "role", "is_primary"],
    },
    Table {
        name: "schools",
        key: 1,
        columns: &["id", "record", "seen_at"],
    },
    Table {
        name: "courses",
        key: 1,
        columns: &["id", "record", "seen_at"],
    },
];

const INDICES: &str = "CREATE INDEX IF NOT EXISTS contacts_by_student ON contacts (student_id);
    CREATE INDEX IF NOT EXISTS places_by_user ON places (user_id);";

impl Table {
    fn create(&self, sqlite: bool) -> String {
        let mut sql = format!("CREATE TABLE IF NOT EXISTS {} (", self.name);
        if sqlite && self.key == 1 {
            sql.push_str("key INTEGER PRIMARY KEY, ");
        }
        for column in self.columns {
            let _ = write!(sql, "{column} TEXT, ");
        }
        let key = self.columns[..self.key].join(", ");
        let end = match (sqlite, self.key) {
            (true, 1) => format!("UNIQUE ({key}))"),
            (true, _) => format!("PRIMARY KEY ({key})) WITHOUT ROWID"),
            _ => format!("PRIMARY KEY ({key}))"),
        };
        sql + &end + ";"
    }

    fn upsert(&self, values: &str) -> String {
        let sets: Vec<String> = self.columns[self.key..]
            .iter()
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        format!(
            "INSERT INTO {} ({}) {values} ON CONFLICT ({}) DO UPDATE SET {}",
            self.name,
            self.columns.join(", "),
            self.columns[..self.key].join(", "),
            sets.join(", ")
        )
    }
}

/// Rows by table, in the order of [`TABLES`].
type Rows = [Vec<Vec<Cell>>; 7];

fn users(page: &RawPage, rows: &mut Rows) {
    let text = |value: Option<&str>| value.map(ToOwned::to_owned);
    for record in page.records() {
        let user: User = serde_json::from_str(record.json).unwrap();
        let name = user.name.unwrap_or_default();
        rows[0].push(vec![
            user.id.clone(),
            name.first,
            name.middle,
            name.last,
            user.email,
            user.created.map(|at| at.to_string()),
            user.last_modified.map(|at| at.to_string()),
            Some(record.json.to_owned()),
            text(Some("2026-09-14T12:00:00Z")),
        ]);
        let roles = user.roles.unwrap_or_default();
        if let Some(student) = roles.student {
            rows[1].push(vec![
                user.id.clone(),
                text(Some("student")),
                student.legacy_id,
                student.school,
                student.sis_id,
                student.student_number,
                student.state_id,
                student.credentials.and_then(|all| all.district_username),
                student.grade.map(|grade| grade.as_str().to_owned()),
                None,
            ]);
        }
        if let Some(teacher) = roles.teacher {
            rows[1].push(vec![
                user.id.clone(),
                text(Some("teacher")),
                teacher.legacy_id,
                teacher.school,
                teacher.sis_id,
                teacher.teacher_number,
                teacher.state_id,
                teacher.credentials.and_then(|all| all.district_username),
                None,
                teacher.title,
            ]);
        }
        if let Some(contact) = roles.contact {
            rows[1].push(vec![
                user.id.clone(),
                text(Some("contact")),
                contact.legacy_id,
                None,
                contact.sis_id,
                None,
                None,
                None,
                None,
                None,
            ]);
            for relation in contact.student_relationships.into_iter().flatten() {
                rows[2].push(vec![
                    user.id.clone(),
                    relation.student,
                    relation.relationship.map(|word| word.as_str().to_owned()),
                    relation.type_.map(|word| word.as_str().to_owned()),
                    contact.phone.clone(),
                    contact
                        .phone_type
                        .as_ref()
                        .map(|word| word.as_str().to_owned()),
                ]);
            }
        }
    }
}

fn sections(page: &RawPage, rows: &mut Rows) {
    for record in page.records() {
        let section: Section = serde_json::from_str(record.json).unwrap();
        let place = |id: String, role: &str, primary: bool| {
            vec![
                section.id.clone(),
                Some(id),
                Some(role.to_owned()),
                Some(u8::from(primary).to_string()),
            ]
        };
        for student in section.students.iter().flatten() {
            rows[4].push(place(student.clone(), "student", false));
        }
        for teacher in section.teachers.iter().flatten() {
            let primary = section.teacher.as_ref() == Some(teacher);
            rows[4].push(place(teacher.clone(), "teacher", primary));
        }
        rows[3].push(vec![
            section.id,
            section.name,
            section.school,
            section.course,
            section.term_id,
            section.teacher,
            section.subject.map(|word| word.as_str().to_owned()),
            section.grade.map(|word| word.as_str().to_owned()),
            section.period,
            section.section_number,
            section.sis_id,
            Some(record.json.to_owned()),
            Some("2026-09-14T12:00:00Z".to_owned()),
        ]);
    }
}

/// The rows of a page.
fn rows(list: &str, page: &RawPage) -> Rows {
    let mut rows = Rows::default();
    let table = match list {
        "users" => {
            users(page, &mut rows);
            return rows;
        }
        "sections" => {
            sections(page, &mut rows);
            return rows;
        }
        "schools" => 5,
        _ => 6,
    };
    for record in page.records() {
        rows[table].push(vec![
            Some(record.id.to_owned()),
            Some(record.json.to_owned()),
            Some("2026-09-14T12:00:00Z".to_owned()),
        ]);
    }
    rows
}

const LISTS: [&str; 4] = ["schools", "courses", "users", "sections"];

/// Loads the district into a SQLite file.
pub(crate) async fn sqlite(district: &District, path: &str) {
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;",
        )
        .unwrap();
    for table in &TABLES {
        connection.execute_batch(&table.create(true)).unwrap();
    }
    connection.execute_batch(INDICES).unwrap();
    let transaction = connection.transaction().unwrap();
    for list in LISTS {
        let mut pages = std::pin::pin!(district.read(list));
        while let Some(page) = pages.next().await {
            for (table, rows) in TABLES.iter().zip(rows(list, &page.unwrap())) {
                let marks = vec!["?"; table.columns.len()].join(", ");
                let sql = table.upsert(&format!("VALUES ({marks})"));
                let mut upsert = transaction.prepare_cached(&sql).unwrap();
                for row in &rows {
                    upsert.execute(params_from_iter(row)).unwrap();
                }
            }
        }
    }
    transaction.commit().unwrap();
}

/// Loads the district into a PostgreSQL database, 1,000 rows a statement.
pub(crate) async fn postgres(district: &District, client: &mut Client) {
    for table in &TABLES {
        client.batch_execute(&table.create(false)).await.unwrap();
    }
    client.batch_execute(INDICES).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    for list in LISTS {
        let mut pages = std::pin::pin!(district.read(list));
        while let Some(page) = pages.next().await {
            for (table, rows) in TABLES.iter().zip(rows(list, &page.unwrap())) {
                if rows.is_empty() {
                    continue;
                }
                let arrays: Vec<String> = (1..=table.columns.len())
                    .map(|at| format!("${at}::text[]"))
                    .collect();
                let sql = table.upsert(&format!("SELECT * FROM unnest({})", arrays.join(", ")));
                let statement = transaction.prepare(&sql).await.unwrap();
                for rows in rows.chunks(1000) {
                    let columns: Vec<Vec<&Cell>> = (0..table.columns.len())
                        .map(|at| rows.iter().map(|row| &row[at]).collect())
                        .collect();
                    let values: Vec<&(dyn ToSql + Sync)> = columns
                        .iter()
                        .map(|column| column as &(dyn ToSql + Sync))
                        .collect();
                    transaction.execute(&statement, &values).await.unwrap();
                }
            }
        }
    }
    transaction.commit().await.unwrap();
}
