//! Every further read that API v3 offers to a district-app token: single records, and the lists below
//! a record.
//!
//! Ids are typed, so that they can neither be confused nor change a path.

use std::sync::Arc;

use clever_model::{
    CourseId, DistrictId, EventId, ResourceId, SchoolId, SectionId, TermId, UserId,
};
use clever_raw::page::RawPage;

use crate::district::District;
use crate::error::ClientError;
use crate::list::ListRequest;

/// Methods that read one record, as a page of one.
macro_rules! records {
    ($($(#[$doc:meta])* $name:ident($id:ty, $from:literal $(, $to:literal)?);)+) => {
        impl District {$(
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// [`ClientError`]; of kind `NotShared` when the record is gone or not shared.
            pub async fn $name(&self, id: &$id) -> Result<RawPage, ClientError> {
                let path = format!(concat!($from, "/{}" $(, "/", $to)?), id);
                ListRequest::new(Arc::clone(&self.0), path, false).first_page().await
            }
        )+}
    };
}

/// Methods that give the list below a record.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident($id:ty, $from:literal, $to:literal);)+) => {
        impl District {$(
            $(#[$doc])*
            pub fn $name(&self, id: &$id) -> ListRequest {
                let path = format!(concat!($from, "/{}/", $to), id);
                ListRequest::new(Arc::clone(&self.0), path, true)
            }
        )+}
    };
}

records! {
    /// Reads a course.
    course(CourseId, "courses");
    /// Reads a course's district.
    course_district(CourseId, "courses", "district");
    /// Reads a district by its id; there is only the token's own.
    district_by_id(DistrictId, "districts");
    /// Reads an event.
    event(EventId, "events");
    /// Reads a resource.
    resource(ResourceId, "resources");
    /// Reads a school.
    school(SchoolId, "schools");
    /// Reads a school's district.
    school_district(SchoolId, "schools", "district");
    /// Reads a section.
    section(SectionId, "sections");
    /// Reads a section's course.
    section_course(SectionId, "sections", "course");
    /// Reads a section's district.
    section_district(SectionId, "sections", "district");
    /// Reads a section's school.
    section_school(SectionId, "sections", "school");
    /// Reads a section's term.
    section_term(SectionId, "sections", "term");
    /// Reads a term.
    term(TermId, "terms");
    /// Reads a term's district.
    term_district(TermId, "terms", "district");
    /// Reads a user.
    user(UserId, "users");
    /// Reads a user's district.
    user_district(UserId, "users", "district");
}

lists! {
    /// The resources of a course.
    course_resources(CourseId, "courses", "resources");
    /// The schools of a course.
    course_schools(CourseId, "courses", "schools");
    /// The sections of a course.
    course_sections(CourseId, "courses", "sections");
    /// The courses of a resource.
    resource_courses(ResourceId, "resources", "courses");
    /// The sections of a resource.
    resource_sections(ResourceId, "resources", "sections");
    /// The users of a resource; takes a role of student or teacher.
    resource_users(ResourceId, "resources", "users");
    /// The courses of a school.
    school_courses(SchoolId, "schools", "courses");
    /// The sections of a school.
    school_sections(SchoolId, "schools", "sections");
    /// The terms of a school.
    school_terms(SchoolId, "schools", "terms");
    /// Everyone attached to a school, also those whose main school is another.
    school_users(SchoolId, "schools", "users");
    /// The resources of a section.
    section_resources(SectionId, "sections", "resources");
    /// The students and teachers of a section.
    section_users(SectionId, "sections", "users");
    /// The schools of a term.
    term_schools(TermId, "terms", "schools");
    /// The sections of a term.
    term_sections(TermId, "terms", "sections");
    /// The contacts of a student.
    user_contacts(UserId, "users", "mycontacts");
    /// The students of a teacher or a contact.
    user_students(UserId, "users", "mystudents");
    /// The teachers of a student.
    user_teachers(UserId, "users", "myteachers");
    /// The resources of a user.
    user_resources(UserId, "users", "resources");
    /// The schools of a user.
    user_schools(UserId, "users", "schools");
    /// The sections of a user.
    user_sections(UserId, "users", "sections");
}
