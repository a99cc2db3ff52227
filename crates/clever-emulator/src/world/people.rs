//! Made-up people, as Clever's user records.

use clever_model::Timestamp;
use rand::{Rng, RngExt};
use serde_json::{Map, Value, json};

use super::names::{FIRST, LAST, STREETS};

/// Clever's grades, youngest first.
pub(crate) const GRADES: [&str; 13] = [
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
];

/// What a family has in common.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) last: String,
    street: String,
    zip: String,
    mailbox: Option<String>,
}

/// Takes one of a non-empty list.
pub(crate) fn pick<'a, T, R: Rng>(rng: &mut R, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

/// Makes a family: its name, which may be two; its address; its mailbox, which some have not.
pub(crate) fn family<R: Rng>(rng: &mut R) -> Family {
    let first = pick(rng, LAST);
    let last = match rng.random_range(0..20) {
        0 => format!("{first} {}", pick(rng, LAST)),
        1 => format!("{first}-{}", pick(rng, LAST)),
        _ => (*first).to_owned(),
    };
    let number = rng.random_range(1..2400);
    let mailbox = rng
        .random_bool(0.8)
        .then(|| format!("{}.family{number}@example.net", ascii(first)));
    Family {
        street: format!("{number} {} St", pick(rng, STREETS)),
        zip: format!("{:05}", rng.random_range(60_000..60_400)),
        last,
        mailbox,
    }
}

/// Keeps the letters that a mail address or a user name has.
fn ascii(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Where a student is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Index into [`GRADES`].
    pub(crate) grade: usize,
    pub(crate) school: String,
    /// A second school, as for the few who take a class elsewhere.
    pub(crate) also: Option<String>,
    /// The year in which the school year began.
    pub(crate) year: i16,
}

/// Makes a student's record.
pub(crate) fn student<R: Rng>(
    rng: &mut R,
    id: &str,
    district: &str,
    number: u32,
    family: &Family,
    place: &Place,
    now: Timestamp,
) -> Value {
    let (first, short) = pick(rng, FIRST);
    let grade = place.grade;
    // Kindergarten at five; some a year older.
    let age = i16::try_from(grade).unwrap_or(0) + 5 + i16::from(rng.random_bool(0.2));
    let sis_id = match rng.random_range(0..200) {
        // Certification districts have them: one digit, or more than a float can hold.
        0 => format!("{}", number % 10),
        1 => format!("90071992547409{number:08}"),
        _ => format!("{}", 100_000 + number),
    };
    let middle = if rng.random_bool(0.5) {
        pick(rng, FIRST).0
    } else {
        ""
    };
    let mut student = json!({
        "credentials": { "district_username": format!("{}{number}", ascii(first)) },
        // Month, day, year, without padding: as the wire has it.
        "dob": format!("{}/{}/{}", rng.random_range(1..=12), rng.random_range(1..=28), place.year - age),
        "enrollments": [],
        "gender": *pick(rng, &["M", "F", "M", "F", "M", "F", "M", "F", "X", ""]),
        "grade": GRADES[grade],
        "graduation_year": if grade >= 9 { (place.year + 13 - i16::try_from(grade).unwrap_or(0)).to_string() } else { String::new() },
        "hispanic_ethnicity": *pick(rng, &["Y", "N", ""]),
        "location": { "address": family.street, "city": "Springfield", "state": "IL", "zip": family.zip },
        "race": *pick(rng, &["Caucasian", "Asian", "Black or African American", "Two or More Races", "Unknown", ""]),
        "school": place.school,
        "schools": [place.school],
        "sis_id": sis_id,
        "student_number": sis_id,
    });
    if let Some(also) = &place.also {
        student["schools"] = json!([place.school, also]);
    }
    if rng.random_bool(0.9) {
        student["state_id"] = json!(format!("{}", 200_000_000 + number));
    }
    if rng.random_bool(0.1) {
        student["ell_status"] = json!("Y");
    }
    if !short.is_empty() && rng.random_bool(0.15) {
        student["preferred_name"] = json!({ "first": short });
    }
    let mut user = base(id, district, now);
    let mut name = json!({ "first": first, "last": family.last });
    // Absent is written in two ways.
    if !middle.is_empty() || rng.random_bool(0.5) {
        name["middle"] = json!(middle);
    }
    user.insert("name".to_owned(), name);
    // The youngest have no address; a few share the family's.
    let email = match (grade, &family.mailbox, rng.random_range(0..100)) {
        (0..=2, _, _) => None,
        (_, Some(mailbox), 0..=2) => Some(mailbox.clone()),
        _ => Some(format!("{}.{number}@students.example.org", ascii(first))),
    };
    if let Some(email) = email {
        user.insert("email".to_owned(), json!(email));
        student["email"] = json!(email);
    }
    user.insert("roles".to_owned(), json!({ "student": student }));
    Value::Object(user)
}

/// Makes an employee's record: a teacher of `schools`, and staff too where `staff` says so.
pub(crate) fn employee<R: Rng>(
    rng: &mut R,
    id: &str,
    district: &str,
    number: u32,
    schools: &[String],
    roles: (bool, bool, bool),
    now: Timestamp,
) -> Value {
    let (teacher, staff, admin) = roles;
    let (first, last) = (pick(rng, FIRST).0, *pick(rng, LAST));
    // Of an earlier year, and as unique as the id.
    let legacy = format!("5{}", &id[1..]);
    let mut user = base(id, district, now);
    user.insert(
        "name".to_owned(),
        json!({ "first": first, "last": last, "middle": "" }),
    );
    let email = match rng.random_range(0..60) {
        0 => None,
        // Clever does not check addresses.
        1 => Some(format!("{}_{}.example.org", ascii(first), ascii(last))),
        _ => Some(format!(
            "{}.{}{number}@schools.example.org",
            ascii(first),
            ascii(last)
        )),
    };
    if let Some(email) = email {
        user.insert("email".to_owned(), json!(email));
    }
    let mut held = Map::new();
    if teacher {
        held.insert(
            "teacher".to_owned(),
            json!({
                "credentials": { "district_username": format!("{}{number}", ascii(last)) },
                "legacy_id": legacy, "school": schools.first(), "schools": schools,
                "sis_id": format!("T{number}"), "teacher_number": format!("{number}"),
                "title": *pick(rng, &["Teacher", "Teacher", "Lead Teacher", ""]),
            }),
        );
    }
    if staff {
        held.insert(
            "staff".to_owned(),
            json!({
                "legacy_id": legacy, "schools": schools, "staff_id": format!("S{number}"),
                "department": *pick(rng, &["Administration", "Counseling", ""]),
                "roles": [], "title": *pick(rng, &["Principal", "Secretary", "Counselor", "Tech Lead"]),
            }),
        );
    }
    if admin {
        held.insert(
            "district_admin".to_owned(),
            json!({ "legacy_id": legacy, "title": "Data Manager" }),
        );
    }
    user.insert("roles".to_owned(), Value::Object(held));
    Value::Object(user)
}

/// Makes the record of an adult of `students`. Contacts keep their whole name in `name.last`.
pub(crate) fn contact<R: Rng>(
    rng: &mut R,
    id: &str,
    district: &str,
    number: u32,
    family: &Family,
    students: &[String],
    now: Timestamp,
) -> Value {
    let mut user = base(id, district, now);
    user.insert(
        "name".to_owned(),
        json!({ "last": format!("{} {}", pick(rng, FIRST).0, family.last) }),
    );
    if let Some(mailbox) = &family.mailbox {
        user.insert("email".to_owned(), json!(mailbox));
    }
    let relationships: Vec<Value> = students
        .iter()
        .map(|student| json!({ "relationship": "Parent", "student": student, "type": "Parent/Guardian" }))
        .collect();
    let mut contact = json!({
        "phone": format!("(217) 555-{:04}", rng.random_range(0..10_000)),
        "phone_type": *pick(rng, &["Cell", "Home", "Work", ""]),
        "student_relationships": relationships,
    });
    if rng.random_bool(0.7) {
        contact["sis_id"] = json!(format!("C{number}"));
    }
    user.insert("roles".to_owned(), json!({ "contact": contact }));
    Value::Object(user)
}

/// What every user record has.
fn base(id: &str, district: &str, now: Timestamp) -> Map<String, Value> {
    let mut user = Map::new();
    user.insert("id".to_owned(), json!(id));
    user.insert("district".to_owned(), json!(district));
    user.insert("created".to_owned(), json!(stamp(now)));
    user.insert("last_modified".to_owned(), json!(stamp(now)));
    user
}

/// Writes an instant as Clever does: `2023-04-23T16:07:28.860Z`.
pub(crate) fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}
