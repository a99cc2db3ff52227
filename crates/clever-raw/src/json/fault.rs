//! Why a body is not a page. Nothing of the body is in it.

/// Why a body is not a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The body is not JSON of a page's shape, or was cut.
    #[error("the page is not whole JSON of the expected shape (line {line}, column {column})")]
    NotJson {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// The body is not UTF-8, beyond single records.
    #[error("the page is not UTF-8 (at byte {at})")]
    NotUtf8 {
        /// The first wrong byte.
        at: usize,
    },
    /// The body was compressed, and does not unpack.
    #[error("the compressed page is damaged")]
    Damaged,
    /// The body is JSON, but has neither `data` nor `resources`.
    #[error("the answer is JSON without `data`")]
    NoData,
    /// The body has two lists: which of them is meant, nobody can say.
    #[error("the answer has two lists of records")]
    TwoLists,
    /// The body says that something failed, whatever else it says.
    #[error("the answer says that something failed")]
    Failed,
}
