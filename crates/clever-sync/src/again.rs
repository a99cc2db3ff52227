//! Whether a run that failed is worth another one, and when: for a program that tries again by itself.

use std::error::Error;

use clever_client::ClientError;

use crate::error::{PlanError, SyncError};
use crate::store::StoreError;

/// When a run that failed may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Now: another run was first, and the next one starts from what it wrote.
    AtOnce,
    /// After a pause: it may pass.
    Later,
    /// Not before somebody has changed something.
    Never,
}

impl SyncError {
    /// Says when to try again.
    #[must_use]
    pub fn again(&self) -> Again {
        match self {
            Self::Fetch { source, .. } | Self::Events { source } => of_source(source.as_ref()),
            // What Clever sends may be whole the next time.
            Self::District(_) | Self::DistrictRecord { .. } | Self::EndedEarly { .. } => {
                Again::Later
            }
            Self::EventsAlone { .. }
            | Self::NotOneDistrict { .. }
            | Self::OtherDistrict { .. }
            | Self::NewDistrict { .. }
            | Self::Paused { .. }
            | Self::OtherPlan { .. } => Again::Never,
            Self::Plan(error) => match error {
                PlanError::File { .. } => Again::Later,
                PlanError::NotAPlan { .. }
                | PlanError::Tampered { .. }
                | PlanError::Stale { .. } => Again::Never,
            },
            Self::Store(error) => error.again(),
        }
    }
}

impl StoreError {
    /// Says when to try again.
    #[must_use]
    pub fn again(&self) -> Again {
        match self {
            Self::Moved => Again::AtOnce,
            Self::Forgotten(_) => Again::Never,
            // The next try finds the store that it is in.
            Self::Elsewhere(_) => Again::Later,
            Self::Database(error) if error.may_pass() => Again::Later,
            Self::Database(_) => Again::Never,
        }
    }
}

/// A source may be anybody's; of Clever's client it is known what a later call can't mend.
fn of_source(source: &(dyn Error + Send + Sync + 'static)) -> Again {
    match source.downcast_ref::<ClientError>() {
        Some(error) if error.is_refusal() => Again::Never,
        _ => Again::Later,
    }
}

#[cfg(test)]
mod tests {
    use clever_client::ErrorKind;
    use clever_model::RecordKind;
    use clever_sql::DatabaseError;

    use super::*;

    fn answer(confirmed: bool) -> SyncError {
        SyncError::Fetch {
            kind: RecordKind::Users,
            source: Box::new(ClientError::Answer {
                path: "/v3.1/users".to_owned(),
                status: 401,
                content_type: None,
                request_id: None,
                message: None,
                attempts: 1,
                kind: ErrorKind::Unauthorized,
                confirmed,
            }),
        }
    }

    #[test]
    fn only_what_somebody_must_change_is_never_tried_again() {
        assert_eq!(answer(true).again(), Again::Never);
        assert_eq!(answer(false).again(), Again::Later, "it may be in passing");
        let store = |error: DatabaseError| SyncError::Store(error.into()).again();
        assert_eq!(SyncError::Store(StoreError::Moved).again(), Again::AtOnce);
        assert_eq!(store(DatabaseError::Conflict), Again::AtOnce);
        assert_eq!(store(DatabaseError::Locked), Again::Later);
        assert_eq!(store(DatabaseError::Full), Again::Later);
        let foreign = DatabaseError::Foreign {
            place: "x.db".to_owned(),
        };
        assert_eq!(store(foreign), Again::Never);
    }
}
