//! Writes the rows of a district into the store that it comes to, and takes them out of one that it left.

use std::collections::BTreeMap;

use clever_sql::Type;

use crate::act::write::places::PLACE_COLUMNS;
use crate::carry::parts::{By, Of, Page, Part, Rows};
use crate::store::sql::{Backend, Sql, pairs, texts};
use crate::store::{StoreError, odd_row};

/// Finds a district in a store; none if the store does not have it.
pub(super) async fn find<B: Backend>(db: &mut B, id: &str) -> Result<Option<Of>, StoreError> {
    let sql = "SELECT district FROM main._districts WHERE district_id = ?1";
    let row = db.maybe(sql, &[id.into()]).await?;
    let number = row.map(|mut row| row.int(0)).transpose()?;
    Ok(number.map(|number| Of {
        id: id.to_owned(),
        number,
    }))
}

/// Writes rows of a part. What they name is written before.
pub(super) async fn write<B: Backend>(
    db: &mut B,
    part: &Part,
    of: &Of,
    page: Page,
) -> Result<(), StoreError> {
    match part {
        Part::Rows(rows) => rows_of(db, rows, of, page).await,
        Part::Places => places(db, of, page).await,
        Part::OfDeed { table, columns } => of_deed(db, table, columns, of, page).await,
    }
}

async fn rows_of<B: Backend>(
    db: &mut B,
    rows: &Rows,
    of: &Of,
    page: Page,
) -> Result<(), StoreError> {
    let mut columns: Vec<(&str, Type)> = Vec::new();
    let mut first = None;
    if rows.by == By::Number {
        columns.push(("district", Type::Int));
        first = Some(Sql::from(of.number));
    }
    columns.extend(rows.columns.iter().map(|(name, of)| (name.as_str(), *of)));
    let mut values = Vec::with_capacity(page.len() * columns.len());
    for row in page {
        values.extend(first.clone());
        values.extend(row);
    }
    let table = format!("main.{}", rows.table);
    Ok(db.insert(&table, &columns, &values, "").await?)
}

async fn places<B: Backend>(db: &mut B, of: &Of, page: Page) -> Result<(), StoreError> {
    let named = |at: usize| page.iter().filter_map(move |row| text(row, at));
    let among = db.kind().among(2);
    let sql = format!("SELECT id, key FROM main.sections WHERE district_id = ?1 AND id {among}");
    let params = [of.id.as_str().into(), texts(named(0))];
    let sections = pairs(db.query(&sql, &params).await?)?;
    let sql = format!("SELECT id, key FROM main._people WHERE district = ?1 AND id {among}");
    let params = [of.number.into(), texts(named(2))];
    let people = pairs(db.query(&sql, &params).await?)?;
    let number = |of: &BTreeMap<String, i64>, row: &[Sql<'_>], at: usize| {
        let number = text(row, at).and_then(|id| of.get(id));
        number.copied().ok_or_else(|| odd_row(at))
    };
    let mut values = Vec::with_capacity(page.len() * 5);
    for row in &page {
        let (section, person) = (number(&sections, row, 0)?, number(&people, row, 2)?);
        let [_, role, _, first] = row.as_slice() else {
            return Err(odd_row(4));
        };
        values.extend([
            of.number.into(),
            section.into(),
            role.clone(),
            person.into(),
            first.clone(),
        ]);
    }
    Ok(db
        .insert("main._enrollments", &PLACE_COLUMNS, &values, "")
        .await?)
}

fn text<'a>(row: &'a [Sql<'_>], at: usize) -> Option<&'a str> {
    match row.get(at) {
        Some(Sql::Text(text)) => Some(text),
        _ => None,
    }
}

async fn of_deed<B: Backend>(
    db: &mut B,
    table: &str,
    columns: &[&str],
    of: &Of,
    page: Page,
) -> Result<(), StoreError> {
    for mut row in page {
        let Some(Sql::Int(place)) = row.pop() else {
            return Err(odd_row(columns.len()));
        };
        let sql =
            "SELECT key FROM main.audit WHERE district_id = ?1 ORDER BY key LIMIT 1 OFFSET ?2";
        let params = [of.id.as_str().into(), (place - 1).into()];
        let deed = db.one(sql, &params).await?.int(0)?;
        let names: String = columns.iter().map(|name| format!("{name}, ")).collect();
        let marks: Vec<String> = (1..)
            .take(row.len() + 2)
            .map(|at| format!("?{at}"))
            .collect();
        let sql = format!(
            "INSERT INTO main.{table} ({names}district_id, audit) VALUES ({})",
            marks.join(", ")
        );
        row.extend([of.id.clone().into(), deed.into()]);
        db.execute(&sql, &row).await?;
    }
    Ok(())
}

/// Takes all rows of a district out of a store; what says where it is stays.
pub(super) async fn erase<B: Backend>(
    db: &mut B,
    parts: &[Part],
    of: &Of,
) -> Result<(), StoreError> {
    let number = |part: &&Part| match part {
        Part::Rows(rows) => rows.by == By::Number,
        Part::Places => true,
        Part::OfDeed { .. } => false,
    };
    // Those by number first: without its state, no record that goes is kept for the feed, which goes too.
    let (by_number, by_id): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(number);
    for (parts, column, district) in [
        (by_number, "district", Sql::from(of.number)),
        (by_id, "district_id", of.id.as_str().into()),
    ] {
        for part in parts.into_iter().rev() {
            let sql = format!("DELETE FROM main.{} WHERE {column} = ?1", part.table());
            db.execute(&sql, std::slice::from_ref(&district)).await?;
        }
    }
    Ok(())
}
