//! The sub-paths of each version: where they lead, and how.

use super::related::{How, Places, STUDENTS, TEACHERS};
use crate::versions::{Collection, Version};

use Collection::{
    Contacts, Courses, DistrictAdmins, Districts, Resources, SchoolAdmins, Schools, Sections,
    Students, Teachers, Terms, Users,
};

/// What a sub-path of a record leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relation {
    pub(crate) target: Collection,
    /// One record is answered, not a list.
    pub(crate) single: bool,
    pub(crate) how: How,
}

/// Places where a user names schools.
pub(crate) const USER_SCHOOLS: Places = &[
    "/roles/student/schools",
    "/roles/teacher/schools",
    "/roles/staff/schools",
];

/// Places where a user names the primary school. Staff have none.
const PRIMARY_SCHOOL: Places = &["/roles/student/school", "/roles/teacher/school"];

/// Where a contact names students.
const RELATIONS: Places = &["/roles/contact/student_relationships"];

/// Where a sub-path of `version` leads; `None` if the version does not have it.
pub(super) fn relation(
    version: Version,
    collection: Collection,
    sub: &str,
    query: &str,
) -> Option<Relation> {
    if version.has_users() {
        since_v3(collection, sub, primary(query))
    } else {
        before_v3(version, collection, sub)
    }
}

/// Whether v1 has a feed of one record of a collection.
pub(super) fn has_feed(version: Version, collection: Collection) -> bool {
    version.is_first()
        && matches!(
            collection,
            Schools | Sections | Students | Teachers | SchoolAdmins
        )
}

/// Whether a query asks for primary schools only.
fn primary(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "primary" && value == "true")
}

/// The sub-paths of v3. Links spell three of them with a capital in the middle, and both are good.
fn since_v3(collection: Collection, sub: &str, primary: bool) -> Option<Relation> {
    use How::{All, Classes, Contacts, Mapped, NamedBy, Names, Through};
    let schools = if primary {
        PRIMARY_SCHOOL
    } else {
        USER_SCHOOLS
    };
    let list = |target, how| (target, false, how);
    let one = |target, how| (target, true, how);
    let (target, single, how) = match (collection, sub) {
        (Schools | Sections | Users | Courses | Terms, "district") => one(Districts, All),
        (Schools, "users") => list(Users, NamedBy(schools)),
        (Schools, "courses") => list(
            Courses,
            Through {
                by: &["/school"],
                to: &["/course"],
            },
        ),
        (Schools, "terms") => list(
            Terms,
            Through {
                by: &["/school"],
                to: &["/term_id"],
            },
        ),
        (Courses, "schools") => list(
            Schools,
            Through {
                by: &["/course"],
                to: &["/school"],
            },
        ),
        (Terms, "schools") => list(
            Schools,
            Through {
                by: &["/term_id"],
                to: &["/school"],
            },
        ),
        (Users, "myteachers" | "myTeachers") => list(
            Users,
            Classes {
                by: STUDENTS,
                to: TEACHERS,
                own: &[],
            },
        ),
        (Users, "mystudents" | "myStudents") => list(
            Users,
            Classes {
                by: TEACHERS,
                to: STUDENTS,
                own: RELATIONS,
            },
        ),
        (Users, "mycontacts" | "myContacts") => list(Users, Contacts),
        (Courses | Sections | Users, "resources") => list(Resources, How::Resources),
        (Resources, "courses") => list(Courses, Mapped),
        (Resources, "sections") => list(Sections, Mapped),
        (Resources, "users") => list(Users, Mapped),
        (Schools, "sections") => list(Sections, NamedBy(&["/school"])),
        (Courses, "sections") => list(Sections, NamedBy(&["/course"])),
        (Terms, "sections") => list(Sections, NamedBy(&["/term_id"])),
        (Users, "sections") => list(Sections, How::Sections(&["/students", "/teachers"])),
        (Users, "schools") => list(Schools, Names(schools)),
        (Sections, "users") => list(Users, Names(&["/students", "/teachers"])),
        (Sections, "school") => one(Schools, Names(&["/school"])),
        (Sections, "course") => one(Courses, Names(&["/course"])),
        (Sections, "term") => one(Terms, Names(&["/term_id"])),
        _ => return None,
    };
    Some(Relation {
        target,
        single,
        how,
    })
}

/// The sub-paths of versions before v3.0.
fn before_v3(version: Version, collection: Collection, sub: &str) -> Option<Relation> {
    const SCHOOL: Places = &["/school"];
    const COURSE: Places = &["/course"];
    const TERM: Places = &["/term_id"];
    let list = |target, how| (target, false, how);
    let one = |target, how| (target, true, how);
    let later = !version.is_first();
    let (target, single, how) = match (collection, sub) {
        (Districts, "schools") if !later => list(Schools, How::All),
        (Districts, "sections") if !later => list(Sections, How::All),
        (Districts, "students") if !later => list(Students, How::All),
        (Districts, "teachers") if !later => list(Teachers, How::All),
        (Districts, "admins") if !later => list(DistrictAdmins, How::All),
        (Districts, _) => return None,
        // v1 names no such path for admins.
        (SchoolAdmins | DistrictAdmins, "district") if !later => return None,
        (_, "district") => one(Districts, How::All),
        (Students, "contacts") => list(Contacts, How::Contacts),
        (Students, "school") => one(Schools, How::Names(&["/roles/student/school"])),
        (Students, "schools") if later => list(Schools, How::Names(&["/roles/student/schools"])),
        (Students, "sections") => list(Sections, How::Sections(STUDENTS)),
        (Students, "teachers") => list(
            Teachers,
            How::Classes {
                by: STUDENTS,
                to: TEACHERS,
                own: &[],
            },
        ),
        (Teachers, "school") => one(Schools, How::Names(&["/roles/teacher/school"])),
        (Teachers, "schools") if later => list(Schools, How::Names(&["/roles/teacher/schools"])),
        (Teachers, "sections") => list(Sections, How::Sections(TEACHERS)),
        (Teachers, "students") => list(
            Students,
            How::Classes {
                by: TEACHERS,
                to: STUDENTS,
                own: &[],
            },
        ),
        (SchoolAdmins, "schools") => list(Schools, How::Names(&["/roles/staff/schools"])),
        (Contacts, "students") if later => list(Students, How::Names(RELATIONS)),
        (Contacts, "student") if !later => one(Students, How::Names(RELATIONS)),
        (Sections, "school") => one(Schools, How::Names(SCHOOL)),
        (Sections, "course") if later => one(Courses, How::Names(COURSE)),
        (Sections, "term") if later => one(Terms, How::Names(TERM)),
        (Sections, "teacher") => one(Teachers, How::Names(&["/teacher"])),
        (Sections, "teachers") => list(Teachers, How::Names(TEACHERS)),
        (Sections, "students") => list(Students, How::Names(STUDENTS)),
        (Schools, "sections") => list(Sections, How::NamedBy(SCHOOL)),
        (Schools, "students") => list(Students, How::NamedBy(&["/roles/student/schools"])),
        (Schools, "teachers") => list(Teachers, How::NamedBy(&["/roles/teacher/schools"])),
        (Courses, "sections") => list(Sections, How::NamedBy(COURSE)),
        (Terms, "sections") => list(Sections, How::NamedBy(TERM)),
        _ => return None,
    };
    Some(Relation {
        target,
        single,
        how,
    })
}

/// Sub-paths of v1 that answer with something else than records.
pub(super) fn is_special(version: Version, collection: Collection, sub: &str) -> bool {
    version.is_first()
        && matches!(
            (collection, sub),
            (Districts, "status") | (Teachers, "grade_levels")
        )
}
