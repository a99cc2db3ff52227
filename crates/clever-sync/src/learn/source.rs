//! Where a roster comes from.

use std::error::Error;

use clever_client::{ClientError, District, ErrorKind};
use clever_model::RecordKind;
use clever_raw::page::RawPage;
use futures_core::Stream;
use futures_util::future::Either;

/// What a source knows of the end of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The source knows nothing of it.
    Unknown,
    /// The list has no record.
    Empty,
    /// The list's last record has this id.
    At(String),
}

/// Where in a list a walk begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Before the first record, on to the last.
    Front,
    /// After the record with this id, on to the last.
    After(String),
    /// Behind the last record, back to the first.
    Back,
    /// Before the record with this id, back to the first.
    Before(String),
}

/// A district that can be read page by page.
///
/// A stream of pages ends without an error only when the list was read to its end. A sync reads several lists at once, and
/// asks for a page while it works on the one before.
pub trait RosterSource {
    /// Why a read failed.
    type Error: Error + Send + Sync + 'static;

    /// Reads the district's own record, as a page of one.
    fn district(&self) -> impl Future<Output = Result<RawPage, Self::Error>>;

    /// Reads all records of a kind, in ascending order of their ids.
    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Self::Error>>;

    /// Names what is read, if a walk may begin in the middle, as with [`Begin::After`]: a walk goes on
    /// only if the name is the same. The address and version of an API, say; no secret.
    fn resumes(&self) -> Option<String> {
        None
    }

    /// Says whether a list can be walked from its end too, as with [`Begin::Back`] and [`Begin::Before`].
    fn has_two_ends(&self) -> bool {
        false
    }

    /// Reads the records of a kind from a place on. Within a page their ids ascend, whichever way the walk goes.
    ///
    /// A source that neither resumes nor has two ends is asked for [`Begin::Front`] alone.
    fn pages_from(
        &self,
        kind: RecordKind,
        begin: Begin,
    ) -> impl Stream<Item = Result<RawPage, Self::Error>> {
        let _ = begin;
        self.pages(kind)
    }

    /// Reads which record of a kind is the last, by another question than the walk's: if no page counted the records,
    /// it is the proof that the walk came to the end. Without a proof nothing of the kind is archived.
    fn end(&self, kind: RecordKind) -> impl Future<Output = Result<End, Self::Error>> {
        let _ = kind;
        std::future::ready(Ok(End::Unknown))
    }

    /// Says whether an error means that the app may not read a list, whatever else it may read. A list that a policy
    /// asks for is then left out of the run, with all that the store has of it.
    fn is_closed(error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// Reads the events after the one with this id, oldest first.
    fn events(&self, after: &str) -> impl Stream<Item = Result<RawPage, Self::Error>> {
        let _ = after;
        futures_util::stream::empty()
    }

    /// Reads the id of the newest event; `None` where there are no events.
    fn newest_event(&self) -> impl Future<Output = Result<Option<String>, Self::Error>> {
        std::future::ready(Ok(None))
    }

    /// Reads the id of the oldest event still kept; `None` where there are no events.
    fn oldest_event(&self) -> impl Future<Output = Result<Option<String>, Self::Error>> {
        std::future::ready(Ok(None))
    }
}

/// An app that may not read events has none.
fn none_where_closed(
    answer: Result<Option<String>, ClientError>,
) -> Result<Option<String>, ClientError> {
    match answer {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotShared | ErrorKind::WrongTokenKind | ErrorKind::Refused
            ) =>
        {
            Ok(None)
        }
        other => other,
    }
}

impl RosterSource for District {
    type Error = ClientError;

    async fn district(&self) -> Result<RawPage, ClientError> {
        // How many the token opens is for the sync to judge.
        self.list(RecordKind::Districts).first_page().await
    }

    async fn end(&self, kind: RecordKind) -> Result<End, ClientError> {
        let last = self.list(kind).newest().await?;
        Ok(last.map_or(End::Empty, End::At))
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, ClientError>> {
        self.pages_from(kind, Begin::Front)
    }

    fn resumes(&self) -> Option<String> {
        Some(self.reads_from())
    }

    fn has_two_ends(&self) -> bool {
        true
    }

    fn pages_from(
        &self,
        kind: RecordKind,
        begin: Begin,
    ) -> impl Stream<Item = Result<RawPage, ClientError>> {
        let list = self.list(kind).count();
        match begin {
            Begin::Front => Either::Left(list.pages()),
            Begin::After(id) => Either::Left(list.starting_after(&id).pages()),
            Begin::Back => Either::Right(list.pages_backward()),
            Begin::Before(id) => Either::Right(list.ending_before(&id).pages_backward()),
        }
    }

    fn is_closed(error: &ClientError) -> bool {
        // Not 401, and not what another call is answered with too: that is of the token, and so of every list.
        matches!(
            error,
            ClientError::Answer {
                status: 403 | 404,
                confirmed: false,
                ..
            }
        )
    }

    fn events(&self, after: &str) -> impl Stream<Item = Result<RawPage, ClientError>> {
        Self::events(self).starting_after(after).pages()
    }

    async fn newest_event(&self) -> Result<Option<String>, ClientError> {
        let newest = Self::newest_event(self).await;
        none_where_closed(newest.map(|id| id.map(|id| id.to_string())))
    }

    async fn oldest_event(&self) -> Result<Option<String>, ClientError> {
        let page = Self::events(self).limit(1).first_page().await;
        none_where_closed(page.map(|page| {
            let oldest = page.records().next();
            oldest.map(|event| event.id.to_owned())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_closed_by_its_own_refusal_and_not_by_the_tokens() {
        let closed = |status, confirmed| {
            let error = ClientError::Answer {
                path: "/v3.1/resources".to_owned(),
                status,
                content_type: None,
                request_id: None,
                message: None,
                attempts: 1,
                kind: ErrorKind::Unauthorized,
                confirmed,
            };
            District::is_closed(&error)
        };
        assert_eq!(
            [401, 403, 404, 429, 500].map(|status| closed(status, false)),
            [false, true, true, false, false]
        );
        assert!(!closed(403, true) && !closed(404, true));
    }
}
