//! The rows of a district, part by part: every table that has some, in the order of its key, without the numbers that are its
//! store's own.
//!
//! Two stores that hold the same of a district read the same here, whichever databases they are. What names a row by a number of the
//! store names it otherwise here: a place in a section by the ids of both, a deed of the audit by its place among those of the district.

use std::collections::BTreeMap;

use clever_sql::{Kind, Type};

use crate::store::sql::{Backend, Sql};
use crate::store::{StoreError, sqlite};

/// Rows read at once.
const CHUNK: usize = 1000;
/// Sections whose places are read at once.
const SECTIONS: usize = 200;

/// By which column the rows of a table name their district.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// `district_id`, which is carried with them.
    Id,
    /// `district`, a number of the store's own.
    Number,
}

/// A table whose rows are carried as they are, but for some columns.
#[derive(Debug, Clone, Copy)]
struct Shape {
    table: &'static str,
    by: By,
    /// The order within the district.
    order: &'static [&'static str],
    /// The columns that are the store's own.
    own: &'static [&'static str],
}

const fn shape(table: &'static str, order: &'static [&'static str]) -> Shape {
    Shape {
        table,
        by: By::Id,
        order,
        own: &[],
    }
}

const fn keyed(table: &'static str, order: &'static [&'static str]) -> Shape {
    Shape {
        own: &["key"],
        ..shape(table, order)
    }
}

const fn numbered(table: &'static str, order: &'static [&'static str]) -> Shape {
    Shape {
        by: By::Number,
        own: &["district", "key"],
        ..shape(table, order)
    }
}

/// Every table that is carried row by row. The district's number comes first, as others need it.
const SHAPES: [Shape; 21] = [
    Shape {
        own: &["district"],
        ..shape("_districts", &["district_id"])
    },
    keyed("districts", &["id"]),
    keyed("schools", &["id"]),
    keyed("terms", &["id"]),
    keyed("courses", &["id"]),
    keyed("users", &["id"]),
    keyed("sections", &["id"]),
    keyed("resources", &["id"]),
    shape("user_roles", &["user_id", "role"]),
    shape("_user_schools", &["user_id", "role", "school_id"]),
    shape("_contacts", &["contact_id", "student_id"]),
    shape("_changes", &["seq"]),
    shape("runs", &["run"]),
    keyed("attempts", &["key"]),
    shape("findings", &["kind", "field"]),
    shape("consumers", &["consumer"]),
    shape("forgotten", &["note"]),
    shape("_forget_keys", &["district_id"]),
    shape("_alerts", &["district_id"]),
    numbered("_state", &["kind", "id"]),
    numbered("_people", &["id"]),
];

/// The deeds of the audit: others name them by their place.
const AUDIT: Shape = keyed("audit", &["key"]);

/// A part of what a store has of a district.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Rows as they are.
    Rows(Rows),
    /// Who is in which section: section, role, person, whether the section's first.
    Places,
    /// What refers to a deed of the audit: its other columns, then the place of the deed.
    OfDeed {
        /// The table.
        table: &'static str,
        /// Its other columns.
        columns: &'static [&'static str],
    },
}

/// A table whose rows are carried as they are.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) table: &'static str,
    pub(super) by: By,
    order: Vec<(String, Type)>,
    /// What is carried.
    pub(super) columns: Vec<(String, Type)>,
}

impl Part {
    /// The table.
    pub(super) const fn table(&self) -> &'static str {
        match self {
            Self::Rows(rows) => rows.table,
            Self::Places => "_enrollments",
            Self::OfDeed { table, .. } => table,
        }
    }
}

/// Which district, in one store.
#[derive(Debug, Clone)]
pub(super) struct Of {
    pub(super) id: String,
    /// Its small number there.
    pub(super) number: i64,
}

impl Of {
    fn by(&self, by: By) -> (&'static str, Sql<'_>) {
        match by {
            By::Id => ("district_id", self.id.as_str().into()),
            By::Number => ("district", self.number.into()),
        }
    }
}

/// Every part, in an order in which it can be written: what names something comes after it. The columns are those of a store that is
/// made for the question, so that none can be left behind.
pub(super) async fn parts() -> Result<Vec<Part>, StoreError> {
    let mut db = sqlite::in_memory()?;
    let mut all = Vec::new();
    for shape in SHAPES.iter().chain([&AUDIT]) {
        let mut columns = Vec::new();
        let sql = "SELECT name, type FROM pragma_table_info(?1)";
        for mut row in db.query(sql, &[shape.table.into()]).await? {
            let name = row.text(0)?;
            let of = match row.text(1)?.as_str() {
                "INTEGER" => Type::Int,
                "BLOB" => Type::Blob,
                _ => Type::Text,
            };
            columns.push((name, of));
        }
        let order = shape.order.iter().filter_map(|name| {
            let mut all = columns.iter();
            all.find(|(column, _)| column == name).cloned()
        });
        let order = order.collect();
        columns.retain(|(name, _)| !shape.own.contains(&name.as_str()));
        all.push(Part::Rows(Rows {
            table: shape.table,
            by: shape.by,
            order,
            columns,
        }));
    }
    all.push(Part::Places);
    all.push(Part::OfDeed {
        table: "_approvals",
        columns: &["hash"],
    });
    all.push(Part::OfDeed {
        table: "_pauses",
        columns: &[],
    });
    Ok(all)
}

/// How far a part has been read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    after: Option<Vec<Sql<'static>>>,
    done: bool,
}

/// Some rows of a part.
pub(super) type Page = Vec<Vec<Sql<'static>>>;

/// Reads the next rows of a part; none at its end.
pub(super) async fn next<B: Backend>(
    db: &mut B,
    part: &Part,
    of: &Of,
    reading: &mut Reading,
) -> Result<Option<Page>, StoreError> {
    while !reading.done {
        let page = match part {
            Part::Rows(rows) => rows_of(db, rows, of, reading).await?,
            Part::Places => places(db, of, reading).await?,
            Part::OfDeed { table, columns } => {
                reading.done = true;
                of_deed(db, table, columns, of).await?
            }
        };
        // Sections may have no places, and others after them some.
        if !page.is_empty() {
            return Ok(Some(page));
        }
    }
    Ok(None)
}

async fn rows_of<B: Backend>(
    db: &mut B,
    rows: &Rows,
    of: &Of,
    reading: &mut Reading,
) -> Result<Page, StoreError> {
    let (column, district) = of.by(rows.by);
    let kind = db.kind();
    // Two databases must agree on the order of texts.
    let order: Vec<String> = rows
        .order
        .iter()
        .map(|(name, of)| match (of, kind) {
            (Type::Text, Kind::Postgres) => format!("{name} COLLATE \"C\""),
            _ => name.clone(),
        })
        .collect();
    let order = order.join(", ");
    let names = |columns: &[(String, Type)]| {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    let mut params = vec![district];
    let mut after = String::new();
    if let Some(last) = &reading.after {
        let marks: Vec<String> = (2..).take(last.len()).map(|at| format!("?{at}")).collect();
        after = format!("AND ({order}) > ({})", marks.join(", "));
        params.extend(last.iter().cloned());
    }
    let sql = format!(
        "SELECT {}, {} FROM main.{} WHERE {column} = ?1 {after} ORDER BY {order} LIMIT {CHUNK}",
        names(&rows.order),
        names(&rows.columns),
        rows.table
    );
    let mut page = Page::new();
    for row in db.query(&sql, &params).await? {
        let mut key = row.0;
        let carried = key.split_off(rows.order.len());
        reading.after = Some(key);
        page.push(carried);
    }
    reading.done = page.len() < CHUNK;
    Ok(page)
}

async fn places<B: Backend>(
    db: &mut B,
    of: &Of,
    reading: &mut Reading,
) -> Result<Page, StoreError> {
    let after = reading.after.take().and_then(|mut after| after.pop());
    let sql = format!(
        "SELECT key, id FROM main.sections WHERE district_id = ?1 AND id > ?2 ORDER BY id LIMIT {SECTIONS}"
    );
    let params = [of.id.as_str().into(), after.unwrap_or_else(|| "".into())];
    let mut sections = BTreeMap::new();
    let mut last = None;
    for mut row in db.query(&sql, &params).await? {
        let (key, id) = (row.int(0)?, row.text(1)?);
        last = Some(id.clone());
        sections.insert(key, id);
    }
    reading.done = sections.len() < SECTIONS;
    reading.after = last.map(|id| vec![id.into()]);
    let sql = format!(
        "SELECT e.section, e.role, p.id, e.is_primary FROM main._enrollments e JOIN main._people p ON p.key = e.person
         WHERE e.district = ?1 AND e.section {}",
        db.kind().among(2)
    );
    let keys = Sql::Ints(sections.keys().copied().collect());
    let mut rows = Vec::new();
    for mut row in db.query(&sql, &[of.number.into(), keys]).await? {
        let section = sections.get(&row.int(0)?).cloned().unwrap_or_default();
        rows.push((section, row.int(1)?, row.text(2)?, row.int(3)?));
    }
    rows.sort();
    let values = |(section, role, person, first): (String, i64, String, i64)| {
        vec![section.into(), role.into(), person.into(), first.into()]
    };
    Ok(rows.into_iter().map(values).collect())
}

async fn of_deed<B: Backend>(
    db: &mut B,
    table: &str,
    columns: &[&str],
    of: &Of,
) -> Result<Page, StoreError> {
    let columns: String = columns.iter().map(|name| format!("t.{name}, ")).collect();
    let sql = format!(
        "SELECT {columns}(SELECT count(*) FROM main.audit a WHERE a.district_id = ?1 AND a.key <= t.audit)
         FROM main.{table} t WHERE t.district_id = ?1"
    );
    let rows = db.query(&sql, &[of.id.as_str().into()]).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is of no district, and what says where one is.
    const STAYS: [&str; 4] = ["_answers", "_clever_versions", "_moves", "_tokens"];

    #[tokio::test]
    async fn every_table_with_rows_of_a_district_is_carried() {
        let mut db = sqlite::in_memory().unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let rows = db.query(sql, &[]).await.unwrap();
        let all: BTreeSet<String> = rows
            .into_iter()
            .map(|mut row| row.text(0).unwrap())
            .collect();
        let parts = parts().await.unwrap();
        let mut carried: BTreeSet<String> =
            parts.iter().map(|part| part.table().to_owned()).collect();
        assert_eq!(carried.len(), parts.len(), "none is carried twice");
        carried.extend(STAYS.map(str::to_owned));
        assert_eq!(all, carried);
        for part in &parts {
            let Part::Rows(rows) = part else { continue };
            assert!(!rows.order.is_empty(), "{}", rows.table);
            // A number of the store's own would read otherwise in another one; the key of digests is none.
            let is_own = |(name, of): &(String, Type)| {
                ["key", "district", "audit"].contains(&name.as_str()) && *of == Type::Int
            };
            assert!(!rows.columns.iter().any(is_own), "{}", rows.table);
        }
    }
}
