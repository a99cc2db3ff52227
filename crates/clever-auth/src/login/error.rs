//! Why a redeemed code gave no login.

use crate::id_token::IdTokenError;
use crate::identity::Disagreement;
use crate::message::AnswerError;

/// Why a redeemed code gave no login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Clever would not redeem the code.
    #[error("Clever would not redeem the code")]
    Redeem(#[source] AnswerError),
    /// `/me` can't be used.
    #[error("`/me` can't be used")]
    Me(#[source] AnswerError),
    /// `/userinfo` can't be used.
    #[error("`/userinfo` can't be used")]
    UserInfo(#[source] AnswerError),
    /// The id token does not stand.
    #[error("the id token does not stand")]
    IdToken(#[from] IdTokenError),
    /// An id token is required and there is none, or no keys to check it with.
    #[error("there is no id token, or no keys to check it with")]
    NoIdToken,
    /// Clever's answers contradict each other.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    /// An account link came back with another person than the one who began it.
    #[error("somebody else came back from Clever than the person who began the link")]
    OtherPerson,
}
