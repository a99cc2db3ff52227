//! What happens to districts and to the issuer of identities, by name: things that integrations meet once a year and
//! are not ready for.

use clever_model::RecordKind;
use serde::{Deserialize, Serialize};

use super::upheaval;
use crate::world::World;

/// Something that happens to a district, or to the issuer, at once. The world alone decides whom it befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happening {
    /// A new school year: everybody moves up a grade, the oldest leave and as many begin; terms and sections are new.
    Rollover,
    /// The district takes a school out of the sharing: its sections go, and its people unless another school
    /// has them.
    UnshareSchool,
    /// The district shares contacts no longer.
    RoleOff,
    /// The district's system gives every student another number, and Clever every student another id.
    SisRekey,
    /// A student moves to another school of the district.
    Transfer,
    /// One employee becomes two people: a second record with the same name, which takes a role along.
    UserSplit,
    /// The second record of such an employee goes, and the first has its role and its sections.
    UserMerge,
    /// Clever pauses the district.
    Pause,
    /// Clever resumes a paused district.
    Resume,
    /// The district takes the app away: its token is gone from the list and opens nothing.
    Disconnect,
    /// The district connects the app again: a new token, and events from here on only. It is no longer paused.
    Reconnect,
    /// The district's token is changed for another.
    TokenRotate,
    /// The district connects the app, and shares those who came through the Library: they keep their ids, and
    /// from their next sign-in they are the district's users.
    LibraryToDistrict,
    /// The issuer signs with a new key; the last one stays published.
    KeyRotate,
    /// The issuer signs with a new key, and those before it are gone at once.
    KeyReplace,
    /// The issuer puts another key in the last one's place, under the same id.
    KeyReuse,
    /// The issuer's discovery and keys answer late.
    IssuerSlow,
    /// The issuer's discovery and keys answer 503.
    IssuerDown,
    /// The issuer's discovery and keys answer well again.
    IssuerUp,
}

impl Happening {
    /// Every happening to a district.
    pub const ALL: [Self; 13] = [
        Self::Rollover,
        Self::UnshareSchool,
        Self::RoleOff,
        Self::SisRekey,
        Self::Transfer,
        Self::UserSplit,
        Self::UserMerge,
        Self::Pause,
        Self::Resume,
        Self::Disconnect,
        Self::Reconnect,
        Self::TokenRotate,
        Self::LibraryToDistrict,
    ];

    /// Every happening to the issuer of identities, whichever districts there are.
    pub const OF_ISSUER: [Self; 6] = [
        Self::KeyRotate,
        Self::KeyReplace,
        Self::KeyReuse,
        Self::IssuerSlow,
        Self::IssuerDown,
        Self::IssuerUp,
    ];

    /// Every happening there is.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::OF_ISSUER)
    }

    /// Its name, as on command lines and in the control API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollover => "rollover",
            Self::UnshareSchool => "unshare-school",
            Self::RoleOff => "role-off",
            Self::SisRekey => "sis-rekey",
            Self::Transfer => "transfer",
            Self::UserSplit => "user-split",
            Self::UserMerge => "user-merge",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Disconnect => "disconnect",
            Self::Reconnect => "reconnect",
            Self::TokenRotate => "token-rotate",
            Self::LibraryToDistrict => "library-to-district",
            Self::KeyRotate => "key-rotate",
            Self::KeyReplace => "key-replace",
            Self::KeyReuse => "key-reuse",
            Self::IssuerSlow => "issuer-slow",
            Self::IssuerDown => "issuer-down",
            Self::IssuerUp => "issuer-up",
        }
    }

    /// What it is, in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Rollover => {
                "A new school year: everybody moves up, the oldest leave, terms and sections are new."
            }
            Self::UnshareSchool => {
                "A school is taken out of the sharing, with its sections and people."
            }
            Self::RoleOff => "Contacts are shared no longer.",
            Self::SisRekey => "Every student has another number, and another Clever id.",
            Self::Transfer => "A student moves to another school.",
            Self::UserSplit => "One employee becomes two people.",
            Self::UserMerge => "The two are one again.",
            Self::Pause => "Clever pauses the district.",
            Self::Resume => "Clever resumes a paused district.",
            Self::Disconnect => "The district takes the app away: its token opens nothing.",
            Self::Reconnect => {
                "The district connects the app again: a new token, and events from here on."
            }
            Self::TokenRotate => "The district's token is changed for another.",
            Self::LibraryToDistrict => {
                "The district connects the app and shares those who came through the Library."
            }
            Self::KeyRotate => {
                "Identities are signed with a new key; the last one stays published."
            }
            Self::KeyReplace => "Identities are signed with a new key; those before it are gone.",
            Self::KeyReuse => "Another key signs identities, under the id of the last one.",
            Self::IssuerSlow => "Discovery and keys answer late.",
            Self::IssuerDown => "Discovery and keys answer 503.",
            Self::IssuerUp => "Discovery and keys answer well again.",
        }
    }

    /// Lets it happen to a world; what it does to the connection is the district's affair. Tells how many records are other than before.
    pub(crate) fn befall(self, world: &mut World) -> usize {
        match self {
            Self::Rollover => upheaval::rollover(world),
            Self::UnshareSchool => upheaval::unshare_school(world),
            Self::RoleOff => upheaval::role_off(world),
            Self::SisRekey => upheaval::sis_rekey(world),
            Self::Transfer => upheaval::transfer(world),
            Self::UserSplit => upheaval::user_split(world),
            Self::UserMerge => upheaval::user_merge(world),
            Self::Pause => pause(world),
            Self::Resume => resume(world),
            Self::Reconnect => {
                let changed = resume(world);
                world.forget_events();
                changed
            }
            Self::Disconnect | Self::TokenRotate | Self::LibraryToDistrict => 0,
            Self::KeyRotate
            | Self::KeyReplace
            | Self::KeyReuse
            | Self::IssuerSlow
            | Self::IssuerDown
            | Self::IssuerUp => 0,
        }
    }
}

/// Clever's pause: what the district sends meanwhile is not processed.
fn pause(world: &mut World) -> usize {
    let id = world.district_id().to_owned();
    let today = world.now().to_string().chars().take(10).collect::<String>();
    world.edit(RecordKind::Districts, &id, |district| {
        district["state"] = "paused".into();
        district["pause_start"] = today.into();
    });
    1
}

fn resume(world: &mut World) -> usize {
    let id = world.district_id().to_owned();
    let paused = world
        .value(RecordKind::Districts, &id)
        .is_some_and(|district| district["state"] == "paused");
    if paused {
        world.edit(RecordKind::Districts, &id, |district| {
            district["state"] = "running".into();
            if let Some(fields) = district.as_object_mut() {
                fields.remove("pause_start");
            }
        });
    }
    usize::from(paused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::generate;
    use clever_model::{Role, Timestamp};
    use serde_json::{Value, json};

    fn world() -> World {
        let mut world = generate(3, 120, Timestamp::from_second(1_789_387_200).unwrap());
        world.set_events(true);
        drop(world.publish());
        world
    }

    /// The types of the events that a happening yields.
    fn told(world: &mut World, happening: Happening) -> std::collections::BTreeMap<String, usize> {
        let before = world.events().len();
        assert!(happening.befall(world) > 0, "{happening:?}");
        drop(world.publish());
        let mut types = std::collections::BTreeMap::new();
        for (_, event) in world.events().iter().skip(before) {
            let event = event.value();
            *types
                .entry(event["type"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        types
    }

    #[test]
    fn names_are_those_of_the_control_api() {
        for happening in Happening::every() {
            assert_eq!(json!(happening), happening.name());
            assert!(happening.description().len() > 10);
        }
    }

    #[test]
    fn each_happening_is_told_as_its_events() {
        for (happening, wanted) in [
            (
                Happening::Rollover,
                &[
                    "sections.created",
                    "sections.deleted",
                    "users.deleted",
                    "users.updated",
                ][..],
            ),
            (
                Happening::UnshareSchool,
                &["schools.deleted", "sections.deleted"],
            ),
            (Happening::RoleOff, &["users.deleted"]),
            (
                Happening::SisRekey,
                &[
                    "sections.updated",
                    "users.created",
                    "users.deleted",
                    "users.updated",
                ],
            ),
            (Happening::Transfer, &["sections.updated", "users.updated"]),
            (Happening::UserSplit, &["users.created"]),
            (Happening::Pause, &["districts.updated"]),
        ] {
            let mut world = world();
            let types = told(&mut world, happening);
            for kind in wanted {
                assert!(
                    types.contains_key(*kind),
                    "{happening:?}: {kind} in {types:?}"
                );
            }
        }
        let mut world = world();
        told(&mut world, Happening::UserSplit);
        assert_eq!(told(&mut world, Happening::UserMerge)["users.deleted"], 1);
        // No two are alike any more.
        assert_eq!(Happening::UserMerge.befall(&mut world), 0);
    }

    #[test]
    fn no_section_names_somebody_who_left() {
        for happening in Happening::ALL {
            let mut world = world();
            happening.befall(&mut world);
            let users = world.list(RecordKind::Users);
            let known = |id: &Value| users.contains_key(id.as_str().unwrap());
            for section in world.list(RecordKind::Sections).values() {
                let section = section.value();
                for list in ["students", "teachers"] {
                    let all = section[list].as_array().unwrap();
                    assert!(all.iter().all(known), "{happening:?}: {}", section["id"]);
                }
                assert!(section["teacher"].is_null() || known(&section["teacher"]));
                assert!(!section["students"].as_array().unwrap().is_empty());
                let school = section["school"].as_str().unwrap();
                assert!(world.list(RecordKind::Schools).contains_key(school));
            }
            for contact in world.with_role(Role::Contact).values() {
                let contact = contact.value();
                let students = &contact["roles"]["contact"]["student_relationships"];
                let all = students.as_array().unwrap();
                assert!(
                    all.iter().all(|one| known(&one["student"])),
                    "{happening:?}"
                );
            }
        }
    }
}
