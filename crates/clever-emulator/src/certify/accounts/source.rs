//! Where the app's accounts are read: a file, an address, a command or whatever a program has, read again each time.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::process::Command;
use url::Url;

/// Largest export that is read, in bytes.
const MAX_BYTES: usize = 50 * 1024 * 1024;
/// How long an export or a sync may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A command line, run by the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell(pub String);

/// Where the accounts can be read: JSON of the form
/// `{"users":[{"clever_id","sis_id","status" or "is_active" or "is_archived" or "deleted_at","account_id"}]}`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AccountSource {
    /// A file that the app, or a job of its own, writes again and again.
    File(PathBuf),
    /// An address that answers with the JSON.
    Url(Url),
    /// A command that prints the JSON.
    Command(Shell),
    /// What the program that rehearses reads itself: a database, say.
    Elsewhere(Arc<dyn ReadAccounts>),
}

/// Reads the accounts of an app under test.
pub trait ReadAccounts: fmt::Debug + Send + Sync {
    /// What it reads, in words for people; without a password.
    fn name(&self) -> String;

    /// The accounts as they are now, as JSON of the form that [`AccountSource`] names; else why they can't be read.
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>>;
}

/// The app's accounts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Accounts {
    /// Where they can be read.
    pub source: AccountSource,
    /// Whether accounts are made at the first sign-in; else the roster makes them.
    pub made_at_sign_in: bool,
    /// What makes the app read the roster now; without it, the app is waited for.
    pub sync: Option<Shell>,
    /// How long a change of the roster is waited for.
    pub patience: Duration,
}

impl Accounts {
    /// Accounts that the roster makes, and that follow it within two minutes.
    #[must_use]
    pub fn new(source: AccountSource) -> Self {
        Self {
            source,
            made_at_sign_in: false,
            sync: None,
            patience: Duration::from_secs(120),
        }
    }
}

/// Why the accounts can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountsError {
    /// Nothing can be read there.
    #[error("could not read the accounts from {from}: {why}")]
    Unreadable {
        /// The file, the address or the command.
        from: String,
        /// What was wrong.
        why: String,
    },
    /// A command failed.
    #[error("`{command}` failed: {why}")]
    Command {
        /// The command.
        command: String,
        /// What was wrong.
        why: String,
    },
    /// What was read is not such a list.
    #[error("{from} is no list of users such as {{\"users\":[{{\"clever_id\":\"…\"}}]}}: {why}")]
    NotAList {
        /// The file, the address or the command.
        from: String,
        /// Where reading stopped; no value of it.
        why: String,
    },
}

/// An account of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) clever_id: String,
    /// As the export has it: a number has lost its digits already.
    pub(crate) sis_id: Option<Value>,
    /// The app's own id of the account, where the export has one.
    pub(crate) account: Option<String>,
    pub(crate) is_active: bool,
}

#[derive(Deserialize)]
struct Export {
    users: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    clever_id: Option<String>,
    sis_id: Option<Value>,
    account_id: Option<Value>,
    status: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    is_active: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    is_archived: Option<bool>,
    deleted_at: Option<Value>,
}

/// Yes or no; where there is no such type, as in SQLite, it is 1 or 0.
fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::Number(number) if number.as_u64() == Some(1) => Ok(Some(true)),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(Some(false)),
        _ => Err(D::Error::custom("neither true nor false")),
    }
}

/// Words of a status that mean that an account is closed.
const CLOSED: [&str; 6] = [
    "archived",
    "inactive",
    "deleted",
    "disabled",
    "suspended",
    "deactivated",
];

impl Row {
    fn account(self) -> Option<Account> {
        let says =
            |value: Option<Value>| value.is_some_and(|value| !value.is_null() && value != "");
        let closed = self
            .status
            .is_some_and(|status| CLOSED.contains(&status.to_lowercase().as_str()));
        Some(Account {
            clever_id: self.clever_id.filter(|id| !id.is_empty())?,
            sis_id: self.sis_id.filter(|value| !value.is_null()),
            account: self
                .account_id
                .filter(|value| !value.is_null())
                .map(|value| match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                }),
            is_active: self.is_active.unwrap_or(true)
                && !self.is_archived.unwrap_or(false)
                && !closed
                && !says(self.deleted_at),
        })
    }
}

/// Reads an export; accounts without a Clever id are none of Clever's.
fn parse(text: &str, from: &str) -> Result<Vec<Account>, AccountsError> {
    let export: Export = serde_json::from_str(text).map_err(|error| AccountsError::NotAList {
        from: from.to_owned(),
        why: format!("line {}, column {}", error.line(), error.column()),
    })?;
    Ok(export.users.into_iter().filter_map(Row::account).collect())
}

impl Shell {
    /// Runs it to its end; what it prints.
    async fn run(&self) -> Result<String, AccountsError> {
        let failed = |why: String| AccountsError::Command {
            command: self.0.clone(),
            why,
        };
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.0).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output.map_err(|_| failed("it took longer than five minutes".to_owned()))?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(output.status.to_string()));
        }
        String::from_utf8(output.stdout).map_err(|_| failed("it prints no UTF-8".to_owned()))
    }
}

impl AccountSource {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url(url) => url.to_string(),
            Self::Command(shell) => format!("`{}`", shell.0),
            Self::Elsewhere(reader) => reader.name(),
        }
    }

    async fn text(&self) -> Result<String, AccountsError> {
        let unreadable = |why: String| AccountsError::Unreadable {
            from: self.name(),
            why,
        };
        match self {
            Self::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                read.map_err(|error| unreadable(error.to_string()))
            }
            Self::Url(url) => {
                let http = Client::builder().no_proxy().timeout(PATIENCE).build();
                let failed = |error: reqwest::Error| unreadable(error.without_url().to_string());
                let answer = http.map_err(failed)?.get(url.clone()).send().await;
                let answer = answer.and_then(reqwest::Response::error_for_status);
                answer.map_err(failed)?.text().await.map_err(failed)
            }
            Self::Command(shell) => shell.run().await,
            Self::Elsewhere(reader) => reader.read().await.map_err(unreadable),
        }
    }
}

impl Accounts {
    /// Reads all accounts as they are now.
    pub(crate) async fn read(&self) -> Result<Vec<Account>, AccountsError> {
        let text = self.source.text().await?;
        if text.len() > MAX_BYTES {
            return Err(AccountsError::Unreadable {
                from: self.source.name(),
                why: "it is larger than 50 MB".to_owned(),
            });
        }
        parse(&text, &self.source.name())
    }

    /// Lets the app read the roster, and reads the accounts until they are as `wanted`, or the patience is over.
    pub(crate) async fn after_sync(
        &self,
        wanted: impl Fn(&[Account]) -> bool,
    ) -> Result<Vec<Account>, AccountsError> {
        if let Some(sync) = &self.sync {
            sync.run().await?;
        }
        let begun = std::time::Instant::now();
        loop {
            // A file that is just being written is no fault.
            let read = self.read().await;
            let is_over = begun.elapsed() >= self.patience;
            match read {
                Ok(all) if is_over || wanted(&all) => return Ok(all),
                Err(error) if is_over => return Err(error),
                _ => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_say_that_an_account_is_closed() {
        for (row, is_active) in [
            ("{}", true),
            (r#"{"status":"Archived"}"#, false),
            (r#"{"status":"active"}"#, true),
            (r#"{"is_active":false}"#, false),
            (r#"{"is_archived":true}"#, false),
            (r#"{"is_active":0}"#, false),
            (r#"{"is_active":1,"is_archived":0}"#, true),
            (r#"{"deleted_at":null}"#, true),
            (r#"{"deleted_at":"2026-11-01"}"#, false),
        ] {
            let mut row: Value = serde_json::from_str(row).unwrap();
            row["clever_id"] = "a".into();
            let all = parse(&serde_json::json!({ "users": [row] }).to_string(), "x").unwrap();
            assert_eq!(all[0].is_active, is_active, "{all:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_export_is_said_without_its_values() {
        let error = parse("{\"users\":[{\"clever_id\":\"Maria\"},7]}", "users.json").unwrap_err();
        let said = error.to_string();
        assert!(said.contains("users.json") && said.contains("line 1") && !said.contains("Maria"));
        assert!(
            parse(r#"{"users":[{"clever_id":null},{}]}"#, "x")
                .unwrap()
                .is_empty()
        );
    }
}
