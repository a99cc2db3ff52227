//! Classes, students and schools, as the background sync has them.

use std::sync::Arc;

use clever_model::{DistrictId, Timestamp, UserId};
use clever_sql::{Address, Backend, Database, DatabaseError, Open, Value};

/// The synced roster. Clones share everything.
#[derive(Clone)]
pub(crate) struct Roster(Arc<Address>);

/// A class.
pub(crate) struct Class {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) subject: Option<String>,
    pub(crate) teachers: String,
    pub(crate) students: i64,
}

/// A school.
pub(crate) struct School {
    pub(crate) name: String,
    pub(crate) students: i64,
}

fn values_of<'a>(district: &'a DistrictId, id: &'a str) -> [Value<'a>; 2] {
    [district.as_str().into(), id.into()]
}

impl Roster {
    pub(crate) fn new(address: Address) -> Self {
        Self(address.into())
    }

    /// The rows of a query.
    async fn rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<clever_sql::Row>, DatabaseError> {
        let mut db = Database::open(&self.0, Open::Look).await?;
        db.query(sql, values).await
    }

    /// Whether a sync has read the district.
    pub(crate) async fn knows(&self, district: &DistrictId) -> Result<bool, DatabaseError> {
        let sql = "SELECT id FROM main.districts WHERE id = ?1";
        let rows = self.rows(sql, &[district.as_str().into()]).await?;
        Ok(!rows.is_empty())
    }

    /// When the reading began that the roster of a district is from.
    pub(crate) async fn read_at(
        &self,
        district: &DistrictId,
    ) -> Result<Option<Timestamp>, DatabaseError> {
        let sql = "SELECT started_at FROM main.runs WHERE district_id = ?1 AND outcome = 'done'
            ORDER BY run DESC LIMIT 1";
        let rows = self.rows(sql, &[district.as_str().into()]).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        Ok(row.text(0)?.parse().ok())
    }

    /// The classes that a person teaches, or takes.
    pub(crate) async fn classes(
        &self,
        district: &DistrictId,
        user: &UserId,
        role: &str,
    ) -> Result<Vec<Class>, DatabaseError> {
        let sql = "SELECT s.id, coalesce(s.name, 'A class'), s.subject,
            (SELECT coalesce(string_agg(trim(coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, '')), ', '), '')
             FROM main.enrollments t JOIN main.users u ON u.district_id = t.district_id AND u.id = t.user_id
             WHERE t.district_id = s.district_id AND t.section_id = s.id AND t.role = 'teacher'),
            (SELECT count(*) FROM main.enrollments m WHERE m.district_id = s.district_id AND m.section_id = s.id
             AND m.role = 'student')
            FROM main.enrollments e JOIN main.sections s ON s.district_id = e.district_id AND s.id = e.section_id
            WHERE e.district_id = ?1 AND e.user_id = ?2 AND e.role = ?3 ORDER BY 2, 1";
        let values = [district.as_str().into(), user.as_str().into(), role.into()];
        let rows = self.rows(sql, &values).await?.into_iter();
        let classes = rows.map(|mut row| {
            Ok(Class {
                id: row.text(0)?,
                name: row.text(1)?,
                subject: row.maybe_text(2)?,
                teachers: row.text(3)?,
                students: row.int(4)?,
            })
        });
        classes.collect()
    }

    /// The names of a class's students, if the teacher teaches it.
    pub(crate) async fn students(
        &self,
        district: &DistrictId,
        teacher: &UserId,
        section: &str,
    ) -> Result<Option<(String, Vec<String>)>, DatabaseError> {
        let sql = "SELECT coalesce(s.name, 'A class') FROM main.enrollments e
            JOIN main.sections s ON s.district_id = e.district_id AND s.id = e.section_id
            WHERE e.district_id = ?1 AND e.user_id = ?2 AND e.role = 'teacher' AND e.section_id = ?3";
        let values = [
            district.as_str().into(),
            teacher.as_str().into(),
            section.into(),
        ];
        let Some(mut row) = self.rows(sql, &values).await?.into_iter().next() else {
            return Ok(None);
        };
        let name = row.text(0)?;
        let sql = "SELECT trim(coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, ''))
            FROM main.enrollments e JOIN main.users u ON u.district_id = e.district_id AND u.id = e.user_id
            WHERE e.district_id = ?1 AND e.section_id = ?2 AND e.role = 'student'
            ORDER BY u.last_name, u.first_name, u.id";
        let rows = self.rows(sql, &values_of(district, section)).await?;
        let names = rows.into_iter().map(|mut row| row.text(0));
        Ok(Some((name, names.collect::<Result<_, _>>()?)))
    }

    /// The schools where a person works; all of the district's without a person.
    pub(crate) async fn schools(
        &self,
        district: &DistrictId,
        user: Option<&UserId>,
    ) -> Result<Vec<School>, DatabaseError> {
        let sql = "SELECT coalesce(s.name, 'A school'),
            (SELECT count(*) FROM main.user_schools p WHERE p.district_id = s.district_id AND p.school_id = s.id
             AND p.role = 'student')
            FROM main.schools s WHERE s.district_id = ?1 AND s.archived_at IS NULL AND (CAST(?2 AS TEXT) IS NULL OR EXISTS (
             SELECT 1 FROM main.user_schools u WHERE u.district_id = s.district_id AND u.school_id = s.id
             AND u.user_id = ?2 AND u.role <> 'student')) ORDER BY 1";
        let values = [district.as_str().into(), user.map(UserId::as_str).into()];
        let rows = self.rows(sql, &values).await?.into_iter();
        let schools = rows.map(|mut row| {
            Ok(School {
                name: row.text(0)?,
                students: row.int(1)?,
            })
        });
        schools.collect()
    }

    /// A person's name, for the people who look after the app.
    pub(crate) async fn name(
        &self,
        district: &DistrictId,
        user: &UserId,
    ) -> Result<Option<String>, DatabaseError> {
        let sql = "SELECT trim(coalesce(first_name, '') || ' ' || coalesce(last_name, ''))
            FROM main.users WHERE district_id = ?1 AND id = ?2";
        let values = values_of(district, user.as_str());
        let row = self.rows(sql, &values).await?.into_iter().next();
        row.map(|mut row| row.text(0)).transpose()
    }
}
