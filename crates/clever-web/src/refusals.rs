//! Who could not get in, and why: for the person whom they ask.

use clever_client::web::Reason;
use clever_model::{DistrictId, Timestamp, UserId};
use clever_sql::{Backend, Connected};

use crate::accounts::Accounts;
use crate::error::WebError;
use crate::session::SignedIn;

/// The word for somebody who said "this isn't me".
const NOT_ME: &str = "not_me";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The app refused the person, for the reason whose word ([`Reason::word`]) this is.
    Refused(String),
    /// Somebody was in this person's account and said that it is not theirs.
    NotMe,
}

/// Somebody who could not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Clever's id of the person.
    pub user: UserId,
    /// The person's district, if it is known.
    pub district: Option<String>,
    /// What happened, the last time.
    pub why: Why,
    /// When it happened the last time.
    pub at: Timestamp,
    /// How often it happened since the person was last let in.
    pub times: u64,
}

impl<A, S> Accounts<A, S> {
    /// Notes that somebody was refused.
    pub(crate) async fn note_refusal(
        &self,
        user: &UserId,
        district: Option<&DistrictId>,
        reason: Reason,
    ) -> Result<(), WebError> {
        self.note(user, district, reason.word()).await
    }

    async fn note(
        &self,
        user: &UserId,
        district: Option<&DistrictId>,
        why: &str,
    ) -> Result<(), WebError> {
        let sql = "INSERT INTO main.web_refused (user_id, district, why, at, times)
                   VALUES (?1, ?2, ?3, ?4, 1)
                   ON CONFLICT (user_id) DO UPDATE SET district = excluded.district,
                   why = excluded.why, at = excluded.at, times = web_refused.times + 1";
        let values = [
            user.as_str().into(),
            district.map(DistrictId::as_str).into(),
            why.into(),
            self.now().as_second().into(),
        ];
        let mut store = self.0.pool.get().await?;
        store.db().execute(sql, &values).await?;
        Ok(())
    }

    /// Forgets it: the person is in.
    pub(crate) async fn forget_refusal(&self, user: &UserId) -> Result<(), WebError> {
        let sql = "DELETE FROM main.web_refused WHERE user_id = ?1";
        let mut store = self.0.pool.get().await?;
        store.db().execute(sql, &[user.as_str().into()]).await?;
        Ok(())
    }

    /// Whoever sits at the browser says that the account is not theirs: it is noted, for the person who looks after
    /// the app. End the session with it, by sending the browser to sign out.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn says_not_me(&self, me: &SignedIn) -> Result<(), WebError> {
        self.note(&me.user, me.profile.district.as_ref(), NOT_ME)
            .await
    }

    /// The people of a district who could not get in, the latest first; at most 500.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn refused(&self, district: &DistrictId) -> Result<Vec<Refused>, WebError> {
        let sql = "SELECT user_id, district, why, at, times FROM main.web_refused
                   WHERE district = ?1 ORDER BY at DESC, user_id LIMIT 500";
        let mut store = self.0.pool.get().await?;
        let rows = store.db().query(sql, &[district.as_str().into()]).await?;
        let mut found = Vec::new();
        for mut row in rows {
            found.push(Refused {
                user: UserId::new(row.text(0)?).map_err(|_| WebError::Content("an identity"))?,
                district: row.maybe_text(1)?,
                why: match row.text(2)?.as_str() {
                    NOT_ME => Why::NotMe,
                    word => Why::Refused(word.to_owned()),
                },
                at: Timestamp::from_second(row.int(3)?)
                    .map_err(|_| WebError::Content("an instant"))?,
                times: row.count(4)?,
            });
        }
        Ok(found)
    }
}
