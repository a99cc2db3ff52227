//! A teacher's classes, read again at each sign-in: a class that was made since the last sync is there at once.
//!
//! Decision: a user's own token opens no section of a district, so the district's is used, for the person alone who has just
//! signed in. A sign-in waits for it only a little: Clever may be slow or down, and the roster of the last sync is there.

use std::time::Duration;

use clever_client::raw::v3_1::operations::{GetSectionsForUser, GetUsersForSection};
use clever_client::{ClientOptions, District, RawPage};
use clever_model::{Clock as _, DistrictId, Role, SystemClock, Timestamp, UserId};
use clever_sql::{Backend, Connected};
use clever_web::{AccountPool, LibraryClass, WebError};
use futures_util::TryStreamExt as _;
use tracing::warn;

use crate::sync::Tokens;

/// How long a sign-in waits for the classes. What comes later is there for the next page.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long they are read at most.
const ENOUGH: Duration = Duration::from_secs(20);

/// Teachers' classes as their sign-ins found them. Clones share everything.
#[derive(Clone)]
pub(crate) struct Fresh {
    options: ClientOptions,
    tokens: Tokens,
    pool: AccountPool,
}

impl Fresh {
    pub(crate) fn new(options: ClientOptions, tokens: Tokens, pool: AccountPool) -> Self {
        Self {
            options,
            tokens,
            pool,
        }
    }

    /// Reads a teacher's classes and keeps them. It returns as soon as they are kept, or after [`PATIENCE`].
    pub(crate) async fn bring(&self, district: &DistrictId, teacher: &UserId) {
        let (this, district, teacher) = (self.clone(), district.clone(), teacher.clone());
        let reading = tokio::spawn(async move {
            let at = SystemClock.now();
            let kept = match tokio::time::timeout(ENOUGH, this.read(&district, &teacher)).await {
                Ok(Ok(classes)) => this.keep(&teacher, &classes, at).await,
                Ok(Err(error)) => {
                    let error = format!("{error:#}");
                    warn!(user = %teacher, error, "a teacher's classes could not be read");
                    return;
                }
                Err(_) => {
                    warn!(user = %teacher, "a teacher's classes were too slow to come");
                    return;
                }
            };
            if let Err(error) = kept {
                warn!(user = %teacher, %error, "a teacher's classes could not be kept");
            }
        });
        // Whether it came in time or not, the person goes in.
        drop(tokio::time::timeout(PATIENCE, reading).await);
    }

    /// Keeps the classes that a teacher has, as a reading that began `at` found them.
    pub(crate) async fn keep(
        &self,
        teacher: &UserId,
        classes: &[LibraryClass],
        at: Timestamp,
    ) -> Result<(), WebError> {
        let sql = "INSERT INTO main.classes (teacher, read_at, classes) VALUES (?1, ?2, ?3)
                   ON CONFLICT (teacher) DO UPDATE SET read_at = excluded.read_at, classes = excluded.classes";
        let text = serde_json::to_string(classes).map_err(|_| WebError::Content("classes"))?;
        let values = [teacher.as_str().into(), at.to_string().into(), text.into()];
        self.pool.get().await?.db().execute(sql, &values).await?;
        Ok(())
    }

    /// A teacher's classes as of the last sign-in that gave them, if their reading began after `since`.
    pub(crate) async fn of(
        &self,
        teacher: &UserId,
        since: Option<Timestamp>,
    ) -> Result<Option<Vec<LibraryClass>>, WebError> {
        let sql = "SELECT read_at, classes FROM main.classes WHERE teacher = ?1";
        let mut store = self.pool.get().await?;
        let row = store.db().maybe(sql, &[teacher.as_str().into()]).await?;
        let Some(mut row) = row else { return Ok(None) };
        let at: Timestamp = row
            .text(0)?
            .parse()
            .map_err(|_| WebError::Content("an instant"))?;
        if since.is_some_and(|since| at <= since) {
            return Ok(None);
        }
        let classes = serde_json::from_str(&row.text(1)?);
        Ok(Some(classes.map_err(|_| WebError::Content("classes"))?))
    }

    async fn read(
        &self,
        district: &DistrictId,
        teacher: &UserId,
    ) -> anyhow::Result<Vec<LibraryClass>> {
        let clever = self.tokens.district(&self.options, district).await?;
        let sections = records(&clever, &GetSectionsForUser::new(teacher.as_str())).await?;
        let mut classes = Vec::new();
        for (id, section) in sections {
            let list = GetUsersForSection {
                role: Some(Role::Student.as_str()),
                ..GetUsersForSection::new(&id)
            };
            let students = records(&clever, &list).await?.into_iter();
            let students = students.map(|(_, student)| student).collect();
            classes.push(LibraryClass {
                id,
                section,
                students,
            });
        }
        Ok(classes)
    }
}

/// The records of a list, with their ids.
async fn records<O: clever_client::raw::operation::List>(
    clever: &District,
    list: &O,
) -> anyhow::Result<Vec<(String, serde_json::Value)>> {
    let pages: Vec<RawPage> = clever.pages(list).pages().try_collect().await?;
    let all = pages.iter().flat_map(RawPage::records);
    all.map(|record| Ok((record.id.to_owned(), serde_json::from_str(record.json)?)))
        .collect()
}
