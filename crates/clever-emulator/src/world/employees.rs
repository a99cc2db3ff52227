//! Made-up teachers, staff and district admins.

use serde::Serialize;

use super::dice::Dice;
use super::names::{GIVEN_NAMES, SURNAMES};
use super::people::{Common, Credentials, Name, User, lms_status, plain, write};
use super::stamp::Id;

/// An employee's name and address, which a section and a parent's record have too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Employee {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    number: u64,
    /// Of sixty employees, one has no address and one a malformed one.
    address: u32,
}

impl Employee {
    pub(crate) fn of(dice: &mut Dice, number: u64) -> Self {
        Self {
            first: dice.pick(GIVEN_NAMES).0,
            last: dice.pick(SURNAMES),
            number,
            address: dice.below(60),
        }
    }

    /// The address. Clever does not check addresses.
    pub(super) fn email(&self) -> Option<String> {
        let (first, last, number) = (plain(self.first), plain(self.last), self.number);
        match self.address {
            0 => None,
            1 => Some(format!("{first}_{last}.example.org")),
            _ => Some(format!("{first}.{last}{number}@schools.example.org")),
        }
    }
}

/// The parts that an employee plays; each has an id of its own from before API v3.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Parts {
    pub(crate) teacher: Option<Id>,
    pub(crate) staff: Option<Id>,
    pub(crate) admin: Option<Id>,
    /// Whether the person is the school's technician.
    pub(crate) technician: bool,
}

#[derive(Serialize)]
struct EmployeeRoles {
    #[serde(skip_serializing_if = "Option::is_none")]
    district_admin: Option<AdminRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    staff: Option<StaffRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    teacher: Option<TeacherRole>,
}

#[derive(Serialize)]
struct AdminRole {
    legacy_id: Id,
    title: &'static str,
}

#[derive(Serialize)]
struct StaffRole {
    department: &'static str,
    legacy_id: Id,
    roles: Vec<&'static str>,
    schools: Vec<Id>,
    staff_id: String,
    title: &'static str,
}

#[derive(Serialize)]
struct TeacherRole {
    credentials: Credentials,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<TeacherExt>,
    legacy_id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    school: Option<Id>,
    schools: Vec<Id>,
    sis_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_id: Option<String>,
    teacher_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'static str>,
}

#[derive(Serialize)]
struct TeacherExt {
    admin_permissions: &'static str,
}

/// Appends an employee's record.
pub(crate) fn write_employee(
    employee: &Employee,
    (id, schools): (Id, &[Id]),
    parts: Parts,
    mut dice: Dice,
    common: &Common,
    out: &mut Vec<u8>,
) {
    let (number, email, dice) = (employee.number, employee.email(), &mut dice);
    let user = User {
        created: &common.made,
        district: &common.district,
        email: email.as_deref(),
        id: id.as_str(),
        last_modified: &common.made,
        lms_status: lms_status(dice),
        name: Name {
            first: Some(employee.first),
            last: employee.last,
            middle: Some(""),
        },
        roles: EmployeeRoles {
            district_admin: parts.admin.map(|legacy_id| AdminRole {
                legacy_id,
                title: dice.pick(&["Data Manager", "Superintendent", ""]),
            }),
            staff: parts.staff.map(|legacy_id| StaffRole {
                department: dice.pick(&["Administration", "Counseling", ""]),
                legacy_id,
                roles: match (parts.technician, dice.below(20)) {
                    (true, _) => vec!["SchoolTechLead"],
                    (false, 0 | 1) => vec!["PortalOnly"],
                    _ => Vec::new(),
                },
                schools: schools.to_vec(),
                staff_id: format!("S{number}"),
                title: dice.pick(&["Principal", "Secretary", "Counselor", "Tech Lead"]),
            }),
            teacher: parts.teacher.map(|legacy_id| TeacherRole {
                credentials: Credentials {
                    district_username: format!("{}{number}", plain(employee.last)),
                },
                ext: dice.chance(200).then(|| TeacherExt {
                    admin_permissions: dice.pick(&["", "Y", "N"]),
                }),
                legacy_id,
                school: schools.first().copied(),
                schools: schools.to_vec(),
                sis_id: format!("T{number}"),
                state_id: dice.chance(600).then(|| format!("3{number:08}")),
                teacher_number: number.to_string(),
                title: dice
                    .chance(800)
                    .then(|| dice.pick(&["Teacher", "Lead Teacher", ""])),
            }),
        },
    };
    write(&user, out);
}
