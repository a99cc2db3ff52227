//! LMS Connect and attendance: what API v3.1 offers beyond the roster, for district-app tokens.
//!
//! LMS Connect is the only place where anything is written to Clever. No write says whether it can be
//! repeated, so none is, unless it certainly had no effect; what ends in doubt is
//! [`ClientError::Unsure`].

use std::fmt::{self, Write as _};
use std::sync::Arc;

use clever_model::{SchoolId, SectionId, UserId};
use clever_raw::v3_1::types::{
    Assignment, AssignmentRequest, Attendance, Submission, SubmissionRequest,
};
use futures_core::Stream;
use jiff::civil::Date;
use reqwest::Method;
use serde::Serialize;
use url::Url;

use crate::district::District;
use crate::error::ClientError;
use crate::list::ListRequest;
use crate::paged::read_one;
use crate::transport::{Transport, Tries};
use crate::typed::Element;

/// The version that has LMS Connect and attendance.
const VERSION: &str = "v3.1";
/// Most submissions a page.
const MAX_SUBMISSIONS: u32 = 100;
/// Most attendance marks a page.
const MAX_MARKS: u32 = 1000;
/// Longest assignment id, in bytes.
const MAX_ID: usize = 256;

/// An assignment's id in the district's learning management system: any text, sent encoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssignmentId(Box<str>);

/// A text can't be an assignment's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an assignment's id has 1 to {MAX_ID} bytes, and is not `.` or `..`")]
pub struct NotAnAssignmentId;

impl AssignmentId {
    /// Takes an id as Clever gave it.
    ///
    /// # Errors
    ///
    /// [`NotAnAssignmentId`].
    pub fn new(text: &str) -> Result<Self, NotAnAssignmentId> {
        if text.is_empty() || text.len() > MAX_ID || matches!(text, "." | "..") {
            return Err(NotAnAssignmentId);
        }
        Ok(Self(text.into()))
    }

    /// Returns the id as Clever gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AssignmentId {
    /// Writes it as it stands in a path: whatever is not plain is encoded (RFC 3986).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// The assignments of one section in the district's learning management system.
///
/// Look first whether the section is there: `lms_status.synced_in_lms` of its record.
#[derive(Debug, Clone)]
pub struct Assignments {
    transport: Arc<Transport>,
    section: SectionId,
}

impl District {
    /// The assignments of a section.
    #[must_use]
    pub fn assignments(&self, section: &SectionId) -> Assignments {
        Assignments {
            transport: Arc::clone(&self.0),
            section: section.clone(),
        }
    }

    /// The attendance marks of a school.
    pub fn school_attendance(&self, school: &SchoolId) -> AttendanceList {
        self.attendance(format!("attendance/schools/{school}"))
    }

    /// The attendance marks of a section.
    pub fn section_attendance(&self, section: &SectionId) -> AttendanceList {
        self.attendance(format!("attendance/sections/{section}"))
    }

    fn attendance(&self, path: String) -> AttendanceList {
        let request = ListRequest::new(Arc::clone(&self.0), path, true);
        AttendanceList(request.in_version(VERSION, MAX_MARKS))
    }
}

/// A list of attendance marks to read.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until its marks are read"]
pub struct AttendanceList(ListRequest);

impl AttendanceList {
    /// Keeps marks from `first` to `last`, both included.
    pub fn between(self, first: Date, last: Date) -> Self {
        let from = self.0.with("date_range_start", first.to_string());
        Self(from.with("date_range_end", last.to_string()))
    }

    /// Keeps marks of this status: `present`, `absent`, `tardy`.
    pub fn status(self, status: &str) -> Self {
        Self(self.0.with("attendance_status", status))
    }

    /// Asks for `marks` a page; Clever allows 1 to 1,000.
    pub fn limit(self, marks: u32) -> Self {
        Self(self.0.limit(marks))
    }

    /// Reads the marks, to their end or to an error.
    pub fn marks(
        self,
    ) -> impl Stream<Item = Result<Element<Attendance>, ClientError>> + Send + 'static {
        self.0.bare_records()
    }
}

impl Assignments {
    fn address(&self, below: fmt::Arguments<'_>) -> Url {
        let path = format!("sections/{}/assignments{below}", self.section);
        self.transport.address_in(VERSION, &path, &[])
    }

    /// Makes an assignment. Clever wants `title`, `description` and a `due_date` to come.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unsure`] when it may have been made: there is no list of assignments to look in, so
    /// keep your intent and let a person look. Others as everywhere.
    pub async fn create(&self, assignment: &AssignmentRequest) -> Result<Assignment, ClientError> {
        let url = self.address(format_args!(""));
        let body = json(&url, assignment)?;
        self.transport
            .write(Method::POST, &url, Some(body), read_one)
            .await
    }

    /// Reads an assignment.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn get(&self, id: &AssignmentId) -> Result<Assignment, ClientError> {
        let url = self.address(format_args!("/{id}"));
        self.transport.get(&url, Tries::default(), read_one).await
    }

    /// Changes what `change` names of an assignment.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; after [`ClientError::Unsure`], read the assignment.
    pub async fn update(
        &self,
        id: &AssignmentId,
        change: &AssignmentRequest,
    ) -> Result<Assignment, ClientError> {
        let url = self.address(format_args!("/{id}"));
        let body = json(&url, change)?;
        self.transport
            .write(Method::PATCH, &url, Some(body), read_one)
            .await
    }

    /// Removes an assignment.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; after [`ClientError::Unsure`], read the assignment: it may be gone.
    pub async fn delete(&self, id: &AssignmentId) -> Result<(), ClientError> {
        let url = self.address(format_args!("/{id}"));
        self.transport
            .write(Method::DELETE, &url, None, |_| Ok(()))
            .await
    }

    /// Reads the submissions of an assignment, to their end or to an error.
    ///
    /// Key them by section, assignment and user: their `id` is empty in some systems. The links between
    /// pages live for two hours.
    pub fn submissions(
        &self,
        id: &AssignmentId,
    ) -> impl Stream<Item = Result<Element<Submission>, ClientError>> + Send + 'static + use<> {
        let path = format!("sections/{}/assignments/{id}/submissions", self.section);
        ListRequest::new(Arc::clone(&self.transport), path, true)
            .in_version(VERSION, MAX_SUBMISSIONS)
            .bare_records()
    }

    /// Reads one student's submission.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn submission(
        &self,
        id: &AssignmentId,
        user: &UserId,
    ) -> Result<Submission, ClientError> {
        let url = self.address(format_args!("/{id}/submissions/{user}"));
        self.transport.get(&url, Tries::default(), read_one).await
    }

    /// Changes what `change` names of a student's submission: a grade, a comment, a state.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; after [`ClientError::Unsure`], read the submission.
    pub async fn update_submission(
        &self,
        id: &AssignmentId,
        user: &UserId,
        change: &SubmissionRequest,
    ) -> Result<Submission, ClientError> {
        let url = self.address(format_args!("/{id}/submissions/{user}"));
        let body = json(&url, change)?;
        self.transport
            .write(Method::PATCH, &url, Some(body), read_one)
            .await
    }
}

fn json(url: &Url, body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|_| ClientError::Unwritable {
        path: url.path().to_owned(),
    })
}
