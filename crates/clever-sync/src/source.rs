//! Where a roster comes from.

use std::error::Error;

use clever_client::{ClientError, District};
use clever_model::RecordKind;
use clever_raw::page::RawPage;
use futures_core::Stream;

/// A district that can be read page by page.
///
/// A stream of pages ends without an error only when the list was read to its end.
pub trait RosterSource {
    /// Why a read failed.
    type Error: Error + Send + Sync + 'static;

    /// Reads the district's own record, as a page of one.
    fn district(&self) -> impl Future<Output = Result<RawPage, Self::Error>>;

    /// Reads all records of a kind, in ascending order of their ids.
    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Self::Error>>;
}

impl RosterSource for District {
    type Error = ClientError;

    async fn district(&self) -> Result<RawPage, ClientError> {
        Self::district(self).await
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, ClientError>> {
        self.list(kind).count().pages()
    }
}
