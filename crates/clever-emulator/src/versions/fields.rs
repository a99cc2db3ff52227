//! Which fields each version before v3.1 has, and where they stand in the world's records.

use clever_model::RecordKind;

use super::Version;

/// Where a field of an older record stands in the world's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// At the top, under its own name.
    Top,
    /// In the role.
    Role,
    /// Nowhere as such: it is made of others.
    Made,
}

/// A field, where it stands, and the first version that has it.
pub(super) type Field = (&'static str, At, Version);

use At::{Made, Role as InRole, Top};
use Version::{V1_1, V1_2, V2_0, V2_1};

/// Fields stand in the order of their names, in which they are written.
pub(super) const STUDENT: &[Field] = &[
    ("created", Top, V1_1),
    ("credentials", InRole, V1_1),
    ("district", Top, V1_1),
    ("dob", InRole, V1_1),
    ("ell_status", InRole, V1_1),
    ("email", Top, V1_1),
    ("enrollments", InRole, V2_1),
    ("ext", InRole, V2_1),
    ("gender", InRole, V1_1),
    ("grade", InRole, V1_1),
    ("graduation_year", InRole, V1_2),
    ("hispanic_ethnicity", InRole, V1_1),
    ("home_language", InRole, V1_1),
    ("id", Made, V1_1),
    ("iep_status", InRole, V1_1),
    ("last_modified", Top, V1_1),
    ("location", InRole, V1_1),
    ("name", Top, V1_1),
    ("race", InRole, V1_1),
    ("school", InRole, V1_1),
    ("schools", InRole, V1_2),
    ("sis_id", InRole, V1_1),
    ("state_id", InRole, V1_1),
    ("student_number", InRole, V1_1),
    ("unweighted_gpa", InRole, V1_1),
    ("weighted_gpa", InRole, V1_1),
];

pub(super) const TEACHER: &[Field] = &[
    ("created", Top, V1_1),
    ("credentials", InRole, V1_1),
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("ext", InRole, V2_1),
    ("id", Made, V1_1),
    ("last_modified", Top, V1_1),
    ("name", Top, V1_1),
    ("school", InRole, V1_1),
    ("schools", InRole, V1_2),
    ("sis_id", InRole, V1_1),
    ("state_id", InRole, V1_1),
    ("teacher_number", InRole, V1_1),
    ("title", InRole, V1_1),
];

pub(super) const SCHOOL_ADMIN: &[Field] = &[
    ("credentials", InRole, V1_1),
    ("department", InRole, V2_1),
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("ext", InRole, V2_1),
    ("id", Made, V1_1),
    ("name", Top, V1_1),
    ("schools", InRole, V1_1),
    ("staff_id", InRole, V1_1),
    ("title", InRole, V1_1),
];

pub(super) const DISTRICT_ADMIN: &[Field] = &[
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("id", Made, V1_1),
    ("name", Top, V1_1),
    ("title", InRole, V1_1),
];

pub(super) const CONTACT: &[Field] = &[
    ("district", Top, V1_1),
    ("email", Top, V1_1),
    ("id", Made, V1_1),
    ("name", Made, V1_1),
    ("phone", InRole, V1_1),
    ("phone_type", InRole, V1_1),
    ("relationship", Made, V1_1),
    ("sis_id", InRole, V1_2),
    ("student", Made, V1_1),
    ("students", Made, V2_0),
    ("type", Made, V1_1),
];

pub(super) const DISTRICT: &[Field] = &[
    ("district_contact", Made, V2_1),
    ("error", Top, V2_0),
    ("id", Made, V1_1),
    ("last_sync", Top, V2_0),
    ("launch_date", Top, V2_0),
    ("login_methods", Top, V2_1),
    ("mdr_number", Top, V1_1),
    ("name", Top, V1_1),
    ("nces_id", Top, V2_0),
    ("pause_end", Top, V2_0),
    ("pause_start", Top, V2_0),
    ("portal_url", Top, V2_1),
    ("sis_type", Top, V2_0),
    ("state", Top, V2_0),
];

/// What v1 has of a district under a path of its own.
pub(super) const STATUS: &[Field] = &[
    ("error", Top, V1_1),
    ("id", Made, V1_1),
    ("instant_login", Made, V1_1),
    ("last_sync", Top, V1_1),
    ("launch_date", Top, V1_2),
    ("pause_end", Top, V1_2),
    ("pause_start", Top, V1_2),
    ("sis_type", Top, V1_1),
    ("state", Top, V1_1),
];

pub(super) const SCHOOL: &[Field] = &[
    ("created", Top, V1_1),
    ("district", Top, V1_1),
    ("ext", Top, V2_1),
    ("high_grade", Top, V1_1),
    ("id", Made, V1_1),
    ("last_modified", Top, V1_1),
    ("location", Top, V1_1),
    ("low_grade", Top, V1_1),
    ("mdr_number", Top, V1_1),
    ("name", Top, V1_1),
    ("nces_id", Top, V1_1),
    ("phone", Top, V1_1),
    ("principal", Top, V1_1),
    ("school_number", Top, V1_1),
    ("sis_id", Top, V1_1),
    ("state_id", Top, V1_1),
];

pub(super) const SECTION: &[Field] = &[
    ("course", Top, V2_0),
    ("course_name", Made, V1_1),
    ("course_number", Made, V1_1),
    ("created", Top, V1_1),
    ("district", Top, V1_1),
    ("ext", Top, V2_1),
    ("grade", Top, V1_1),
    ("id", Made, V1_1),
    ("last_modified", Top, V1_1),
    ("name", Top, V1_1),
    ("period", Top, V1_1),
    ("school", Top, V1_1),
    ("section_number", Top, V1_1),
    ("sis_id", Top, V1_1),
    ("students", Top, V1_1),
    ("subject", Top, V1_1),
    ("teacher", Made, V1_1),
    ("teachers", Made, V1_1),
    ("term", Made, V1_1),
    ("term_id", Top, V2_0),
];

pub(super) const TERM: &[Field] = &[
    ("district", Top, V2_0),
    ("end_date", Top, V2_0),
    ("id", Made, V2_0),
    ("name", Top, V2_0),
    ("start_date", Top, V2_0),
];

pub(super) const COURSE: &[Field] = &[
    ("district", Top, V2_0),
    ("id", Made, V2_0),
    ("name", Top, V2_0),
    ("number", Top, V2_0),
];

/// Grades before v2.1; a grade that is none of them is `Other` there.
pub(super) const OLD_GRADES: [&str; 16] = [
    "PreKindergarten",
    "Kindergarten",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "11",
    "12",
    "PostGraduate",
    "Other",
];

/// Languages before v3.1; another one is omitted there.
pub(super) const OLD_LANGUAGES: [&str; 47] = [
    "Albanian",
    "Amharic",
    "Arabic",
    "Bengali",
    "Bosnian",
    "Burmese",
    "Cantonese",
    "Chinese",
    "Dutch",
    "English",
    "Farsi",
    "French",
    "German",
    "Hebrew",
    "Hindi",
    "Hmong",
    "Ilocano",
    "Japanese",
    "Javanese",
    "Karen",
    "Khmer",
    "Korean",
    "Laotian",
    "Latvian",
    "Malay",
    "Mandarin",
    "Nepali",
    "Oromo",
    "Polish",
    "Portuguese",
    "Punjabi",
    "Romanian",
    "Russian",
    "Samoan",
    "Serbian",
    "Somali",
    "Spanish",
    "Swahili",
    "Tagalog",
    "Tamil",
    "Telugu",
    "Thai",
    "Tigrinya",
    "Turkish",
    "Ukrainian",
    "Urdu",
    "Vietnamese",
];

/// What v3.1 added, as places in the kind's record.
pub(super) const ADDED: [(RecordKind, &[&str]); 3] = [
    (
        RecordKind::Districts,
        &[
            "lms_state",
            "lms_type",
            "last_attendance_sync",
            "last_lms_sync",
            "lms_matched_percentage",
        ],
    ),
    (RecordKind::Sections, &["lms_status"]),
    (RecordKind::Users, &["lms_status"]),
];

/// What v3.1 added to students.
pub(super) const ADDED_TO_STUDENTS: [&str; 6] = [
    "disability",
    "frl_status",
    "gifted_status",
    "home_language_code",
    "preferred_name",
    "section_504_status",
];
