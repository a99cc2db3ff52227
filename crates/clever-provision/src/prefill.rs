//! What a new account is filled with, where it came from, and what an app may still ask. Never ask again
//! what Clever gave; never let a login wait for what it did not.

use clever_model::Role;
use serde::Serialize;

use crate::subject::{Class, Classes, Person, SharedBy};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Source {
    /// Clever, from the district.
    District,
    /// Clever, from a teacher's Library class.
    Teacher,
}

/// A field of a new account.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Prefill {
    /// Which: `first_name`, `last_name`, `email`, `roles`.
    pub field: &'static str,
    /// The value.
    pub value: String,
    /// Where it came from.
    pub source: Source,
    /// Whether the person may change it. What a district keeps is changed there.
    pub editable: bool,
}

impl std::fmt::Debug for Prefill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prefill")
            .field("field", &self.field)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Something that an app may ask at the first login; never a condition for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Question {
    /// An employee, whom Clever gave no address.
    Email,
    /// A Library teacher: the Library says nothing of schools.
    School,
    /// A Library teacher: the Library says nothing of districts.
    District,
    /// An employee: the name as shown to students, where Clever gave none.
    DisplayName,
}

/// What Clever gave for a new account. A student's address is left out: it is not the student's to keep
/// here, and nothing needs it.
#[must_use]
pub fn prefill(person: &Person, authority: &SharedBy) -> Vec<Prefill> {
    let source = match authority {
        SharedBy::District(_) => Source::District,
        SharedBy::Teacher(_) => Source::Teacher,
    };
    let class = Classes::of(&person.roles);
    let employee = class == Classes::One(Class::Employee);
    let email = person.email.clone().filter(|_| employee);
    let roles: Vec<&str> = person.roles.iter().copied().map(Role::as_str).collect();
    let given = [
        ("first_name", person.name.first.clone(), false),
        ("last_name", person.name.last.clone(), false),
        // To write to, never to log in with: nobody has verified it.
        ("email", email, true),
        (
            "roles",
            Some(roles.join(", ")).filter(|roles| !roles.is_empty()),
            false,
        ),
    ];
    given
        .into_iter()
        .filter_map(|(field, value, editable)| {
            let value = value.filter(|value| !value.trim().is_empty())?;
            // What a teacher typed into the Library is hers to change here.
            let editable = editable || (source == Source::Teacher && employee && field != "roles");
            Some(Prefill {
                field,
                value,
                source,
                editable,
            })
        })
        .collect()
}

/// What may be asked of a person at the first login. Of a student or a contact: nothing.
#[must_use]
pub fn questions(person: &Person, authority: &SharedBy) -> Vec<Question> {
    if Classes::of(&person.roles) != Classes::One(Class::Employee) {
        return Vec::new();
    }
    let absent = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    let mut asked = Vec::new();
    if absent(&person.name.first) && absent(&person.name.last) {
        asked.push(Question::DisplayName);
    }
    if absent(&person.email) {
        asked.push(Question::Email);
    }
    if matches!(authority, SharedBy::Teacher(_)) {
        asked.extend([Question::School, Question::District]);
    }
    asked
}
