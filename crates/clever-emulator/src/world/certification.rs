//! The district of a rehearsal of Clever's certification: a small made-up district, with the people in it whom apps
//! stumble over.
//!
//! Their ids come before all others, so that a page of people to pick from begins with them.

use clever_model::{RecordKind, Role, Timestamp};
use serde_json::{Value, json};

use super::generate::generate;
use super::people::Common;
use super::state::World;

/// The seed of the people around them.
const SEED: u64 = 2606;
/// So many that neither students nor contacts fit on a page of the API's usual size.
const STUDENTS: u32 = 120;

/// Somebody of the certification district whom an app is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CertificationUser {
    /// A student whose `sis_id` has more digits than any number type keeps, with accents in the name.
    LongSisId,
    /// A student whose `sis_id` is one digit.
    ShortSisId,
    /// A student of whom only the name and the school are known: no address, no grade, no number.
    Sparse,
    /// A student whose name is written from right to left.
    RightToLeft,
    /// A teacher with an apostrophe in the name.
    Teacher,
    /// A teacher who is staff, too.
    TwoRoles,
    /// Somebody of the staff who teaches nobody.
    Staff,
    /// An admin of the district.
    DistrictAdmin,
    /// The parent of a student.
    Contact,
    /// A teacher for whom nothing but the Library is tried.
    LibraryTeacher,
    /// A student who goes from one hand to the next: at shared computers, in many tabs.
    Neighbour,
}

impl CertificationUser {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LongSisId,
        Self::ShortSisId,
        Self::Sparse,
        Self::RightToLeft,
        Self::Teacher,
        Self::TwoRoles,
        Self::Staff,
        Self::DistrictAdmin,
        Self::Contact,
        Self::LibraryTeacher,
        Self::Neighbour,
    ];

    /// The person's Clever id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::LongSisId => "58da8c63d7dc0ca068000001",
            Self::ShortSisId => "58da8c63d7dc0ca068000002",
            Self::Sparse => "58da8c63d7dc0ca068000003",
            Self::RightToLeft => "58da8c63d7dc0ca068000004",
            Self::Neighbour => "58da8c63d7dc0ca068000005",
            Self::Teacher => "58da8c6ad7dc0ca068000001",
            Self::TwoRoles => "58da8c6ad7dc0ca068000002",
            Self::LibraryTeacher => "58da8c6ad7dc0ca068000003",
            Self::Staff => "58da8c6ad7dc0ca068000011",
            Self::DistrictAdmin => "58da8c6ad7dc0ca068000021",
            Self::Contact => "58da8c70d7dc0ca068000001",
        }
    }

    /// The person's given name and surname, as the record has them.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::LongSisId => ("Zoë", "Núñez-Ångström"),
            Self::ShortSisId => ("Al", "Ng"),
            Self::Sparse => ("Noor", "Silva"),
            Self::RightToLeft => ("ليلى", "حدّاد"),
            Self::Neighbour => ("Ibrahim", "Møller"),
            Self::Teacher => ("Siobhán", "O'Connor"),
            Self::TwoRoles => ("Renée", "D'Amico-Ruiz"),
            Self::LibraryTeacher => ("Jürgen", "Þórsson"),
            Self::Staff => ("Françoise", "L'Écuyer"),
            Self::DistrictAdmin => ("Beatriz", "Conceição"),
            Self::Contact => ("Mary-Jane", "O’Núñez"),
        }
    }

    /// The person's name as a page would show it.
    #[must_use]
    pub fn full_name(self) -> String {
        let (first, last) = self.name();
        format!("{first} {last}")
    }

    /// The person's roles; the first one is what the person is for the checks.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::LongSisId
            | Self::ShortSisId
            | Self::Sparse
            | Self::RightToLeft
            | Self::Neighbour => &[Role::Student],
            Self::Teacher | Self::LibraryTeacher => &[Role::Teacher],
            Self::TwoRoles => &[Role::Teacher, Role::Staff],
            Self::Staff => &[Role::Staff],
            Self::DistrictAdmin => &[Role::DistrictAdmin],
            Self::Contact => &[Role::Contact],
        }
    }

    /// The number that the district's own system has for the person, if it has one.
    #[must_use]
    pub const fn sis_id(self) -> Option<&'static str> {
        match self {
            Self::LongSisId => Some("900719925474099300000000000000000000000000000017"),
            Self::ShortSisId => Some("7"),
            Self::Sparse => Some("100003"),
            Self::RightToLeft => Some("100004"),
            Self::Neighbour => Some("100005"),
            Self::Teacher => Some("T900001"),
            Self::TwoRoles => Some("T900002"),
            Self::LibraryTeacher => Some("T900003"),
            Self::Staff | Self::DistrictAdmin | Self::Contact => None,
        }
    }

    fn record(self, common: &Common, school: &str) -> Value {
        let (first, last) = self.name();
        let roles = self
            .roles()
            .iter()
            .map(|role| (role.to_string(), self.role(*role, school)));
        let roles: serde_json::Map<String, Value> = roles.collect();
        let mut record = json!({
            "created": common.made, "district": common.district, "id": self.id(), "last_modified": common.made,
            "name": { "first": first, "last": last }, "roles": roles,
        });
        // Neither the youngest nor the contact has an address, and the sparse one has nothing.
        if !matches!(self, Self::ShortSisId | Self::Sparse | Self::Contact) {
            record["email"] = format!("user{}@schools.example.org", self.id()).into();
            record["name"]["middle"] = "".into();
        }
        record
    }

    /// What a record says of one role.
    fn role(self, role: Role, school: &str) -> Value {
        let schools = json!([school]);
        let (sis_id, legacy) = (
            self.sis_id().unwrap_or_default(),
            self.id().replace("58da8c", "4f1d7a"),
        );
        match role {
            Role::Student if self == Self::Sparse => {
                json!({ "school": school, "schools": schools, "sis_id": sis_id })
            }
            Role::Student => json!({
                "credentials": { "district_username": format!("u{}", &self.id()[20..]) }, "dob": "3/9/2014",
                "enrollments": [], "gender": "F", "grade": "6", "graduation_year": "2033",
                "location": { "address": "1 Ölmühle Rd", "city": "Springfield", "state": "IL", "zip": "60001" },
                "school": school, "schools": schools, "sis_id": sis_id, "student_number": sis_id,
            }),
            Role::Teacher => json!({
                "legacy_id": legacy, "school": school, "schools": schools, "sis_id": sis_id,
                "teacher_number": sis_id, "title": "Teacher",
            }),
            Role::Staff => json!({
                "department": "Administration", "legacy_id": legacy.replace("4f1d7a", "4f1d7b"), "roles": [],
                "schools": schools, "staff_id": format!("S{}", &self.id()[18..]), "title": "Principal",
            }),
            Role::DistrictAdmin => json!({ "legacy_id": legacy, "title": "Superintendent" }),
            Role::Contact => json!({
                "legacy_id": legacy, "phone": "(217) 555-0100", "phone_type": "Cell", "student_relationships": [
                    { "relationship": "Parent", "student": Self::LongSisId.id(), "type": "Parent/Guardian" },
                ],
            }),
        }
    }
}

/// Makes the certification district as it is at `now`.
pub(crate) fn certification(now: Timestamp) -> World {
    let mut world = generate(SEED, STUDENTS, now);
    let district = world.district_id().to_owned();
    world.edit(RecordKind::Districts, &district, |record| {
        record["name"] = "#DEMO Certification ISD (emulated)".into();
        record["portal_url"] = "https://clever.com/in/certification".into();
    });
    let first = |kind| world.list(kind).keys().next().unwrap_or_default();
    let (school, section) = (first(RecordKind::Schools), first(RecordKind::Sections));
    let made: Timestamp = "2026-08-03T06:00:00Z".parse().unwrap_or(now);
    let common = Common::at(&district, made);
    for user in CertificationUser::ALL {
        let record = user.record(&common, &school);
        world.put(RecordKind::Users, user.id(), record.to_string());
    }
    // One class has them all: two teachers beside its own, and every one of the students.
    let with = |role| {
        let all = CertificationUser::ALL.into_iter();
        let of_role = all.filter(move |user| user.roles().contains(&role));
        of_role.map(|user| Value::from(user.id()))
    };
    world.edit(RecordKind::Sections, &section, |record| {
        for (list, role) in [("students", Role::Student), ("teachers", Role::Teacher)] {
            if let Some(all) = record[list].as_array_mut() {
                all.extend(with(role));
            }
        }
    });
    drop(world.publish());
    world
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_there_once_with_the_roles_and_the_number() {
        let world = certification("2026-09-14T12:00:00Z".parse().unwrap());
        for user in CertificationUser::ALL {
            let record = world.value(RecordKind::Users, user.id()).unwrap();
            let roles = record["roles"].as_object().unwrap();
            assert_eq!(roles.len(), user.roles().len(), "{user:?}");
            for role in user.roles() {
                assert!(world.with_role(*role).contains_key(user.id()), "{user:?}");
                if let Some(sis_id) = user.sis_id().filter(|_| *role != Role::Staff) {
                    assert_eq!(roles[&role.to_string()]["sis_id"], sis_id);
                }
            }
        }
        let sparse = world
            .value(RecordKind::Users, CertificationUser::Sparse.id())
            .unwrap();
        assert!(sparse["email"].is_null() && sparse["roles"]["student"]["location"].is_null());
        let mut ids: Vec<_> = CertificationUser::ALL
            .map(CertificationUser::id)
            .into_iter()
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CertificationUser::ALL.len());
        // Picked from a page, they come first; read by pages of the usual size, not all students are on one.
        let first = world.with_role(Role::Student).keys().next().unwrap();
        assert_eq!(first, CertificationUser::LongSisId.id());
        assert!(world.with_role(Role::Student).len() > 100);
    }

    #[test]
    fn their_class_names_them_and_nobody_who_is_not_there() {
        let world = certification("2026-09-14T12:00:00Z".parse().unwrap());
        let section = world.sections_of(CertificationUser::Sparse.id());
        assert_eq!(section, world.sections_of(CertificationUser::TwoRoles.id()));
        let section = world.value(RecordKind::Sections, &section[0]).unwrap();
        let users = world.list(RecordKind::Users);
        for list in ["students", "teachers"] {
            let all = section[list].as_array().unwrap();
            assert!(
                all.iter()
                    .all(|id| users.contains_key(id.as_str().unwrap()))
            );
        }
    }
}
