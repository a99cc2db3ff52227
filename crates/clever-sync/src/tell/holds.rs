//! What is held, in words that a person can act on: which schools, how much, what the app's users would notice, and
//! a text to send to the district.

use std::collections::BTreeMap;

use clever_model::RecordKind;
use serde::Deserialize;

use crate::report::{Cause, Finding, Hold, Part, SyncReport, Unit};
use crate::store::StoreError;
use crate::store::sql::{RosterDb, SqlStore};
use crate::tell::status::DistrictStatus;
use crate::tell::words::{grouped, percent};

/// The names of schools, which a district knows; it does not know Clever's ids.
#[derive(Debug, Default)]
pub struct Schools(BTreeMap<String, String>);

impl Schools {
    /// Reads the names of the schools with these ids from the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn read<B: RosterDb>(
        store: &mut SqlStore<B>,
        district: &str,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct School {
            name: Option<String>,
        }
        let mut names = BTreeMap::new();
        for id in ids {
            let row = store.record(district, RecordKind::Schools, &id).await?;
            let school = row.and_then(|json| serde_json::from_str::<School>(&json).ok());
            if let Some(name) = school.and_then(|school| school.name) {
                names.insert(id, name);
            }
        }
        Ok(Self(names))
    }

    /// Reads the names of the schools that a report names.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn of_report<B: RosterDb>(
        store: &mut SqlStore<B>,
        report: &SyncReport,
    ) -> Result<Self, StoreError> {
        let ids = named(report.holds.iter(), &report.findings);
        Self::read(store, &report.district_id, ids).await
    }

    /// Reads the names of the schools that a status names.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn of_status<B: RosterDb>(
        store: &mut SqlStore<B>,
        status: &DistrictStatus,
    ) -> Result<Self, StoreError> {
        let ids = named(status.holds.iter().map(|one| &one.hold), &status.findings);
        Self::read(store, &status.district_id, ids).await
    }

    /// Names a school by its name and id, or by the id alone if the store has no name.
    #[must_use]
    pub fn name(&self, id: &str) -> String {
        match self.0.get(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_owned(),
        }
    }

    /// Puts the name before each school's id that stands in `text`.
    #[must_use]
    pub fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, name) in &self.0 {
            text = text.replace(id.as_str(), &format!("{name} ({id})"));
        }
        text
    }
}

/// The ids of the schools that holds and findings name.
fn named<'a>(holds: impl Iterator<Item = &'a Hold>, findings: &'a [Finding]) -> Vec<String> {
    let held = holds.filter_map(|hold| hold.school.clone());
    let odd = findings.iter();
    let odd = odd.filter(|finding| finding.target == RecordKind::Schools);
    held.chain(odd.flat_map(|finding| finding.samples.clone()))
        .collect()
}

/// What a run held, with the names of its schools.
#[derive(Debug)]
pub struct Holds<'a> {
    holds: Vec<&'a Hold>,
    schools: &'a Schools,
}

impl<'a> Holds<'a> {
    /// Takes what is held, and the names that are known.
    #[must_use]
    pub fn new(holds: impl IntoIterator<Item = &'a Hold>, schools: &'a Schools) -> Self {
        Self {
            holds: holds.into_iter().collect(),
            schools,
        }
    }

    /// What each hold would do, and what the app's users would notice if it were approved.
    pub fn lines(&self) -> impl Iterator<Item = (String, String)> {
        self.holds
            .iter()
            .map(|hold| (self.what(hold), noticed(hold)))
    }

    /// What a hold would do, how much that is, and what probably caused it.
    #[must_use]
    pub fn what(&self, hold: &Hold) -> String {
        let share = format!("{} of {}", grouped(hold.count), grouped(hold.of));
        let held_for_its_kind =
            hold.part == Part::Reapply || matches!(hold.cause, Cause::StillNamed(_));
        let percent = if held_for_its_kind {
            String::new()
        } else {
            format!(
                " ({}; the limit is {} %)",
                percent(hold.count, hold.of),
                hold.limit_percent
            )
        };
        let kind = hold.kind;
        let what = match (&hold.school, hold.unit) {
            (Some(school), _) if kind == RecordKind::Schools => format!(
                "{} school {}, one of {}",
                hold.part,
                self.schools.name(school),
                grouped(hold.of)
            ),
            (Some(school), _) => format!(
                "{} {share} {kind} of school {}{percent}",
                hold.part,
                self.schools.name(school)
            ),
            (None, Unit::Places) => format!("taking away {share} places in {kind}{percent}"),
            (None, _) => format!("{} {share} {kind}{percent}", hold.part),
        };
        format!("{what}; {}", hold.cause)
    }

    /// A text for the district's administrator, ready to be sent.
    #[must_use]
    pub fn letter(&self, district: &str, since: &str) -> Vec<String> {
        let mut lines = vec![
            "Subject: Please confirm a change in your Clever data".to_owned(),
            String::new(),
            "Hello,".to_owned(),
            String::new(),
            format!(
                "our app reads the roster of {district} from Clever. Since {since} Clever reports changes that are \
                 larger than usual, so we have not applied them yet:"
            ),
            String::new(),
        ];
        lines.extend(
            self.holds
                .iter()
                .map(|hold| format!("  - {}", self.asked(hold))),
        );
        lines.extend(
            [
                "",
                "Is this what you intend? If it is, please reply \"yes\", and we will apply it.",
                "If it is not, please look at the sync of your student information system in the Clever dashboard, and \
                 at which schools and people are shared with our app. Until you answer, everyone keeps the access that \
                 they have now.",
                "",
                "Thank you!",
            ]
            .map(str::to_owned),
        );
        lines
    }

    /// A hold in words that a district's administrator knows.
    fn asked(&self, hold: &Hold) -> String {
        let (count, of) = (grouped(hold.count), grouped(hold.of));
        let share = percent(hold.count, hold.of);
        let at = match &hold.school {
            Some(school) if hold.kind == RecordKind::Schools => {
                return format!(
                    "the school {} is no longer shared",
                    self.schools.name(school)
                );
            }
            Some(school) => format!(" at {}", self.schools.name(school)),
            None => String::new(),
        };
        let things = match (hold.unit, hold.kind) {
            (Unit::Places, _) => "enrollments in classes",
            (_, RecordKind::Users) => "people",
            (_, RecordKind::Sections) => "sections",
            (_, kind) => kind.as_str(),
        };
        match hold.part {
            Part::Archive => format!("{count} of {of} {things}{at} ({share}) would be removed"),
            Part::Update if hold.unit == Unit::Places => {
                format!("{count} of {of} {things}{at} ({share}) would be removed")
            }
            Part::Update => format!("{count} of {of} {things}{at} ({share}) would change"),
            Part::Reapply => {
                format!("{count} changes of {things}{at} that we took back would be made again")
            }
        }
    }
}

/// What the app's users would notice if a hold were approved.
#[must_use]
pub fn noticed(hold: &Hold) -> String {
    let count = grouped(hold.count);
    let one = hold.count == 1;
    match (hold.part, hold.unit, hold.kind) {
        (_, Unit::Places, _) => format!(
            "{} in a class would end: the students no longer see it, and the teacher no longer sees them",
            if one {
                "1 place".to_owned()
            } else {
                format!("{count} places")
            }
        ),
        (Part::Archive, _, RecordKind::Users) => format!(
            "{} would leave the roster: an app that follows it closes their access",
            if one {
                "1 person".to_owned()
            } else {
                format!("{count} people")
            }
        ),
        (Part::Archive, _, RecordKind::Sections) => format!(
            "{} would end for students and teachers",
            if one {
                "1 class".to_owned()
            } else {
                format!("{count} classes")
            }
        ),
        (Part::Archive, _, RecordKind::Schools) => {
            "the school would disappear from the app".to_owned()
        }
        (Part::Archive, _, kind) => format!("{count} of the {kind} would disappear from the app"),
        (Part::Update, _, RecordKind::Users) => format!(
            "{} would change: names, grades, schools or addresses",
            if one {
                "1 person".to_owned()
            } else {
                format!("{count} people")
            }
        ),
        (Part::Update, _, kind) => format!("{count} of the {kind} would change"),
        (Part::Reapply, ..) => {
            "what an undo took back would be as it was before the undo".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHOOL: &str = "6a702e609e3779b90100000b";

    fn hold(kind: RecordKind, part: Part, school: Option<&str>) -> Hold {
        Hold {
            kind,
            part,
            school: school.map(str::to_owned),
            unit: Unit::Records,
            count: 1044,
            of: 1580,
            limit_percent: 5,
            cause: Cause::SchoolUnshared,
        }
    }

    fn schools() -> Schools {
        Schools([(SCHOOL.to_owned(), "Hill High".to_owned())].into())
    }

    #[test]
    fn d7_a_hold_names_its_school_and_the_share() {
        let all = [
            hold(RecordKind::Schools, Part::Archive, Some(SCHOOL)),
            hold(RecordKind::Users, Part::Archive, Some(SCHOOL)),
            hold(RecordKind::Sections, Part::Update, None),
        ];
        let schools = schools();
        let holds = Holds::new(&all, &schools);
        let said: Vec<String> = all.iter().map(|hold| holds.what(hold)).collect();
        assert_eq!(
            said,
            [
                "archiving school Hill High (6a702e609e3779b90100000b), one of 1,580; schools are gone too: a school may \
                 no longer be shared",
                "archiving 1,044 of 1,580 users of school Hill High (6a702e609e3779b90100000b) (66.1 %; the limit is \
                 5 %); schools are gone too: a school may no longer be shared",
                "updating 1,044 of 1,580 sections (66.1 %; the limit is 5 %); schools are gone too: a school may no \
                 longer be shared",
            ]
        );
    }

    #[test]
    fn the_letter_has_no_word_that_a_district_does_not_know() {
        let all = [
            hold(RecordKind::Schools, Part::Archive, Some(SCHOOL)),
            hold(RecordKind::Users, Part::Archive, None),
        ];
        let letter = Holds::new(&all, &schools())
            .letter("North District", "2 h ago")
            .join("\n");
        for part in [
            "Hill High",
            "1,044 of 1,580 people (66.1 %) would be removed",
            "North District",
        ] {
            assert!(letter.contains(part), "{part} in {letter}");
        }
        for word in ["archiv", "hash", "cleverctl", "record"] {
            assert!(!letter.contains(word), "{word} in {letter}");
        }
    }
}
