//! Made-up contacts of students.

use serde::Serialize;

use super::dice::Dice;
use super::employees::Employee;
use super::names::GIVEN_NAMES;
use super::people::{Common, Family, Name, User, write};
use super::stamp::Id;

/// What a contact is to the children, and the kind of contact: two pairs for the first contact of a family, two for
/// the second, then those of the others.
const RELATIONS: [(&str, &str); 9] = [
    ("Parent", "Parent/Guardian"),
    ("Parent", "Primary"),
    ("Parent", "Parent/Guardian"),
    ("Parent", "Secondary"),
    ("Grandparent", "Emergency"),
    ("Aunt/Uncle", "Emergency"),
    ("Sibling", "Family"),
    ("Other", "Other"),
    ("", ""),
];

/// An adult of a family.
#[derive(Debug)]
pub(crate) struct Contact<'a> {
    pub(crate) id: Id,
    pub(crate) legacy: Id,
    pub(crate) number: u64,
    pub(crate) family: &'a Family,
    /// Who the contact is as well: a teacher who is a parent is two users.
    pub(crate) teacher: Option<Employee>,
    /// The place in the family, from 0.
    pub(crate) nth: u32,
}

#[derive(Serialize)]
struct ContactRoles {
    contact: ContactRole,
}

#[derive(Serialize)]
struct ContactRole {
    legacy_id: Id,
    phone: String,
    phone_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sis_id: Option<String>,
    student_relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct Relationship {
    relationship: &'static str,
    student: Id,
    r#type: &'static str,
}

impl Contact<'_> {
    /// Appends the contact's record. Most contacts have their whole name in `name.last`.
    pub(crate) fn write(
        &self,
        children: impl Iterator<Item = Id>,
        mut dice: Dice,
        common: &Common,
        out: &mut Vec<u8>,
    ) {
        let dice = &mut dice;
        let given = dice.pick(GIVEN_NAMES).0;
        let (first, last) = match &self.teacher {
            Some(teacher) => (teacher.first, teacher.last.to_owned()),
            None => (given, self.family.name()),
        };
        let email = match &self.teacher {
            Some(teacher) => teacher.email(),
            None if self.family.has_mailbox && self.nth < 2 => Some(self.family.mailbox()),
            None => None,
        };
        let in_two = dice.chance(100);
        let whole = format!("{first} {last}");
        let user = User {
            created: &common.made,
            district: &common.district,
            email: email.as_deref(),
            id: self.id.as_str(),
            last_modified: &common.made,
            lms_status: None,
            name: Name {
                first: in_two.then_some(first),
                last: if in_two { &last } else { &whole },
                middle: None,
            },
            roles: ContactRoles {
                contact: self.role(children, dice),
            },
        };
        write(&user, out);
    }

    fn role(&self, children: impl Iterator<Item = Id>, dice: &mut Dice) -> ContactRole {
        let phone = format!("(217) 555-{:04}", dice.below(10_000));
        let phone_type = dice.pick(&["Cell", "Cell", "Home", "Work", "Other", ""]);
        let sis_id = dice.chance(700).then(|| format!("C{}", self.number));
        let (relationship, kind) = RELATIONS[match self.nth {
            0 => dice.place(2),
            1 => 2 + dice.place(2),
            _ => 4 + dice.place(RELATIONS.len() - 4),
        }];
        ContactRole {
            legacy_id: self.legacy,
            phone,
            phone_type,
            sis_id,
            student_relationships: children
                .map(|student| Relationship {
                    relationship,
                    student,
                    r#type: kind,
                })
                .collect(),
        }
    }
}
