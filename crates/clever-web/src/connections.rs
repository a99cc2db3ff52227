//! What a person sees and does about their own account: sessions, Clever identities, merges.

use clever_client::web::Reason;
use clever_model::{Timestamp, UserId};
use clever_provision::ledger::{Actor, Draft, Event, MergeId, ProofClass, UnlinkReason};
use clever_provision::merge::Undo;
use clever_provision::store::{AccountsError, Refusal};
use clever_provision::{AccountId, AccountProof, LiveLink, LoginMethod, Proof};

use crate::accounts::Accounts;
use crate::app::App;
use crate::error::WebError;
use crate::session::{SessionKey, SessionStore, SignedIn};

/// An open session of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// What it is named by, to end it.
    pub key: SessionKey,
    /// When it began.
    pub began: Timestamp,
    /// When it is over by itself.
    pub expires: Timestamp,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// An account that was merged into one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedAccount {
    /// The merge, to take it back.
    pub merge: MergeId,
    /// The account that is entered no longer.
    pub account: AccountId,
    /// When it was merged.
    pub at: Timestamp,
}

/// What opens one's account, and what was merged into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// The Clever identities that open it.
    pub links: Vec<LiveLink>,
    /// The other ways in.
    pub methods: Vec<LoginMethod>,
    /// Merges in force, newest first.
    pub merges: Vec<MergedAccount>,
}

impl<A: App, S: SessionStore> Accounts<A, S> {
    /// One's open sessions, newest first.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn open_sessions(&self, me: &SignedIn) -> Result<Vec<OpenSession>, WebError> {
        let found = self.0.sessions.of(&me.account).await;
        let now = self.now();
        let mut store = self.0.pool.get().await?;
        let mut open = Vec::new();
        for session in found.map_err(WebError::Sessions)? {
            if now < session.expires && store.session_is_good(&me.account, session.began).await? {
                open.push(OpenSession {
                    is_this: session.key == me.session,
                    key: session.key,
                    began: session.began,
                    expires: session.expires,
                });
            }
        }
        open.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| a.key.cmp(&b.key)));
        Ok(open)
    }

    /// Ends a session of one's own account; another account's goes on.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn end_session(&self, me: &SignedIn, key: &SessionKey) -> Result<(), WebError> {
        let found = self.0.sessions.get(key).await.map_err(WebError::Sessions)?;
        if found.is_some_and(|session| session.account.as_ref() == Some(&me.account)) {
            let ended = self.0.sessions.end(key).await;
            ended.map_err(WebError::Sessions)?;
        }
        Ok(())
    }

    /// What opens one's account.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn connections(&self, me: &SignedIn) -> Result<Connections, WebError> {
        let mut store = self.0.pool.get().await?;
        let Some(account) = store.account(&me.account).await? else {
            return Ok(Connections::default());
        };
        let merges = store.merges_into(&me.account).await?.into_iter();
        Ok(Connections {
            links: account.links,
            methods: account.methods,
            merges: merges
                .map(|(merge, record)| MergedAccount {
                    merge,
                    account: record.absorbed,
                    at: record.at,
                })
                .collect(),
        })
    }

    /// Disconnects a Clever identity from one's own account and ends all of the account's sessions. Refused if nothing
    /// else would open the account: nobody locks themselves out.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn unlink(
        &self,
        me: &SignedIn,
        user: &UserId,
    ) -> Result<Result<(), Reason>, WebError> {
        let mut store = self.0.pool.get().await?;
        let account = store.account(&me.account).await?;
        let Some(account) = account.filter(|one| one.links.iter().any(|link| link.id == *user))
        else {
            // It is disconnected already.
            return Ok(Ok(()));
        };
        if account.links.len() < 2 && account.methods.is_empty() {
            return Ok(Err(Reason::OnlyWayIn));
        }
        // A merged account keeps its own links; the event names the account that has it.
        let mut home = me.account.clone();
        for (_, record) in store.merges_into(&me.account).await? {
            let absorbed = store.account(&record.absorbed).await?;
            if absorbed.is_some_and(|one| one.links.iter().any(|link| link.id == *user)) {
                home = record.absorbed;
            }
        }
        let draft = Draft {
            at: self.now(),
            actor: Actor::Holder(me.account.clone()),
            authority: None,
            proof: ProofClass::Login,
            explanation: None,
            event: Event::Unlinked {
                account: home,
                id: user.clone(),
                reason: UnlinkReason::Decided,
            },
        };
        store.record(&[draft]).await?;
        drop(store);
        let ended = self.0.sessions.end_all(&me.account).await;
        ended.map_err(WebError::Sessions)?;
        Ok(Ok(()))
    }

    /// Takes a merge into one's own account back, on the proof of one of both accounts: the app has just looked at
    /// its password. All sessions of the account end, since nobody knows whose they are now; sign in again.
    ///
    /// # Errors
    ///
    /// [`WebError::Store`] says what stands against it.
    pub async fn unmerge(
        &self,
        me: &SignedIn,
        merge: MergeId,
        proof: AccountProof,
    ) -> Result<Result<(), Reason>, WebError> {
        let now = self.now();
        let mut store = self.0.pool.get().await?;
        let merges = store.merges_into(&me.account).await?;
        let Some((_, record)) = merges.into_iter().find(|(id, _)| *id == merge) else {
            // It was taken back already, or is somebody else's.
            return Ok(Ok(()));
        };
        let proof = Proof::Holder(proof);
        let of_it = [&record.survivor, &record.absorbed].contains(&proof.account());
        if !of_it || !proof.is_fresh(now) {
            return Ok(Err(Reason::OfSomebodyElse));
        }
        let undo = Undo {
            actor: Actor::Holder(me.account.clone()),
            proof: ProofClass::Holder,
            at: now,
        };
        let tables = self.0.app.tables();
        match store.undo(merge, &undo, tables).await {
            Ok(_) => {}
            Err(AccountsError::Refused(Refusal::Undo(error))) => {
                tracing::info!(%error, "a merge can't be taken back");
                return Ok(Err(Reason::Undecided));
            }
            Err(error) => return Err(error.into()),
        }
        drop(store);
        let ended = self.0.sessions.end_all(&me.account).await;
        ended.map_err(WebError::Sessions)?;
        Ok(Ok(()))
    }
}
