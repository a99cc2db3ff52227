//! What is known of a person: reading Clever's records, ids that mean something in one district only, prefilled answers, and
//! a sign-in that waits for its person's word.

pub use crate::kept::KeptError;
pub use crate::prefill::{Prefill, Question, Source, prefill, questions};
pub use crate::record::{PersonRead, RecordError, RecordPart, RecordSource, Unread};
pub use crate::scoped::{Scoped, SisId, StudentNumber};
pub use crate::subject::{Classes, PersonName, Purpose, RefusedSubject};
