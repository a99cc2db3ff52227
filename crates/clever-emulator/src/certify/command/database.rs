//! The accounts of the app under test in its own database, which is only read.

use std::error::Error;
use std::pin::Pin;

use clever_sql::{Address, Backend as _, Database, DatabaseError, Kind, Open, Transaction};

use crate::certify::accounts::ReadAccounts;

/// What is asked of a database if nothing else is said.
const QUERY: &str = "SELECT * FROM users";

/// What a row may say of an account: as in JSON.
const COLUMNS: [&str; 7] = [
    "clever_id",
    "sis_id",
    "account_id",
    "status",
    "is_active",
    "is_archived",
    "deleted_at",
];

/// The app's accounts can't be read from its database.
#[derive(Debug, thiserror::Error)]
#[error("{says}")]
pub struct Unread {
    says: String,
    hint: String,
}

impl Unread {
    /// What has to be done.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// A query over the app's database, whose rows are its accounts.
#[derive(Debug)]
pub(super) struct InDatabase {
    address: Address,
    query: String,
}

impl InDatabase {
    /// Where the accounts are, and how they are asked for.
    pub(super) fn new(store: &Address, query: Option<&str>) -> Self {
        let query = query.unwrap_or(QUERY).trim().trim_end_matches(';');
        Self {
            address: store.clone(),
            query: query.to_owned(),
        }
    }

    /// Reads the accounts once, so that a wrong address or query is said before anybody is signed in.
    ///
    /// # Errors
    ///
    /// What is wrong, and what a query has to give.
    pub(super) async fn tried(&self) -> Result<(), Unread> {
        let Err(error) = self.json().await else {
            return Ok(());
        };
        let says = format!(
            "could not read the app's accounts from {}: {}",
            self.address,
            whole(&error)
        );
        let columns = format!(
            "--users-query is a SELECT that gives a row for each account, with the column clever_id and what there is of {}",
            COLUMNS[1..].join(", ")
        );
        let hint = match &error {
            // It is only read, whatever it is: so much for a query that writes.
            DatabaseError::ReadOnly => columns,
            DatabaseError::Missing { .. } => "name the database that the app uses".to_owned(),
            other => other.hint().unwrap_or(columns),
        };
        Err(Unread { says, hint })
    }

    /// The accounts as JSON of the form that exports have.
    async fn json(&self) -> Result<String, DatabaseError> {
        let mut db = Database::open(&self.address, Open::Look).await?;
        let mut reading = Transaction::read(&mut db).await?;
        let query = &self.query;
        // With its table before it, a name that is missing is never taken for a text.
        let has = |column: &str| format!("SELECT app.{column} FROM ({query}) AS app LIMIT 0");
        drop(reading.query(&has(COLUMNS[0]), &[]).await?);
        let rows = match reading.kind() {
            Kind::Postgres => {
                format!("SELECT coalesce(json_agg(app), '[]')::text FROM ({query}) AS app")
            }
            Kind::Sqlite => {
                let mut pairs = Vec::new();
                for column in COLUMNS {
                    if reading.query(&has(column), &[]).await.is_ok() {
                        pairs.push(format!("'{column}', app.{column}"));
                    }
                }
                let object = pairs.join(", ");
                format!("SELECT json_group_array(json_object({object})) FROM ({query}) AS app")
            }
        };
        let rows = reading.one(&rows, &[]).await?.text(0)?;
        Ok(format!("{{\"users\":{rows}}}"))
    }
}

impl ReadAccounts for InDatabase {
    fn name(&self) -> String {
        self.address.to_string()
    }

    fn read(&self) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>> {
        Box::pin(async { self.json().await.map_err(|error| whole(&error)) })
    }
}

/// What an error says, with its causes.
fn whole(error: &dyn Error) -> String {
    let mut says = error.to_string();
    let mut cause = error.source();
    while let Some(because) = cause {
        says.push_str(": ");
        says.push_str(&because.to_string());
        cause = because.source();
    }
    says
}

#[cfg(test)]
mod tests {
    use clever_sql::Sqlite;
    use serde_json::{Value, json};

    use super::*;

    /// A database of an app, in a file, with what these statements make.
    fn made(statements: &str) -> (tempfile::TempDir, Address) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let mut db = Sqlite::open(&path, Open::Create).unwrap();
        db.run(statements).unwrap();
        let url = format!("sqlite:{}", path.display()).parse().unwrap();
        (folder, url)
    }

    const PEOPLE: &str =
        "CREATE TABLE people (id INTEGER, clever_id TEXT, sis_id TEXT, open INTEGER);
        INSERT INTO people VALUES (1, 'a', '007', 1), (2, 'b', NULL, 0), (3, NULL, 'x', 1);
        CREATE VIEW users AS SELECT clever_id, sis_id, id AS account_id FROM people;";

    #[tokio::test]
    async fn rows_become_the_json_of_an_export() {
        let (_folder, url) = made(PEOPLE);
        let read = |query: Option<&'static str>| {
            let database = InDatabase::new(&url, query);
            async move { serde_json::from_str::<Value>(&database.json().await.unwrap()).unwrap() }
        };
        let users = read(None).await;
        let first = json!({ "clever_id": "a", "sis_id": "007", "account_id": 1 });
        assert_eq!(users["users"][0], first);
        assert_eq!(users["users"].as_array().unwrap().len(), 3);
        let query = "SELECT clever_id, open AS is_active FROM people WHERE clever_id IS NOT NULL; ";
        let second = json!({ "clever_id": "b", "is_active": 0 });
        assert_eq!(read(Some(query)).await["users"][1], second);
        let none = "SELECT clever_id FROM people WHERE id > 9";
        assert_eq!(read(Some(none)).await, json!({ "users": [] }));
    }

    #[tokio::test]
    async fn a_query_without_the_clever_id_is_no_empty_list_and_nothing_is_written() {
        let (_folder, url) = made(PEOPLE);
        for query in [
            "SELECT id FROM people",
            "SELECT * FROM nobody",
            "DELETE FROM people RETURNING clever_id",
        ] {
            let database = InDatabase::new(&url, Some(query));
            let error = database.tried().await.unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("could not read the app's accounts"),
                "{error}"
            );
        }
        let left = InDatabase::new(&url, Some("SELECT clever_id FROM people"));
        assert_eq!(left.json().await.unwrap().matches("clever_id").count(), 3);
    }

    #[cfg(feature = "postgres")]
    #[tokio::test]
    async fn postgresql_is_asked_in_a_transaction_that_only_reads() {
        let Ok(url) = std::env::var("CLEVER_TEST_POSTGRES") else {
            return;
        };
        let url: Address = url.parse().unwrap();
        let query = "SELECT * FROM (VALUES ('a', '007', true), ('b', NULL, false)) AS t (clever_id, sis_id, is_active)";
        let users = InDatabase::new(&url, Some(query)).json().await.unwrap();
        let users: Value = serde_json::from_str(&users).unwrap();
        let second = json!({ "clever_id": "b", "sis_id": null, "is_active": false });
        assert_eq!(users["users"][1], second);
        assert_eq!(users["users"][0]["sis_id"], "007");
        let reading = "SELECT current_setting('transaction_read_only') AS clever_id";
        let reading = InDatabase::new(&url, Some(reading)).json().await.unwrap();
        assert!(reading.contains("\"on\""), "{reading}");
        let nothing = InDatabase::new(&url, Some("SELECT 1 AS id"));
        assert!(nothing.tried().await.is_err());
    }
}
