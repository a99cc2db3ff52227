//! What made-up people have in common, as Clever's user records have it.
//!
//! What a person is follows from dice alone. The throws are made in the order of the record's keys, so that a record
//! is thrown and written in one go; another order would give every seed other people. That some keys are missing,
//! some empty and some malformed is what real rosters are like.

use clever_model::Timestamp;
use serde::Serialize;

use super::dice::Dice;
use super::names::{STREETS, SURNAMES};
use super::stamp::stamp;

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

/// Appends a record's JSON to a page.
pub(super) fn write(record: &impl Serialize, out: &mut Vec<u8>) {
    // Texts and lists of texts can always be written, and so can memory.
    drop(serde_json::to_writer(out, record));
}

/// The letters of a name that a mail address or a user name has.
pub(super) fn plain(name: &str) -> String {
    let letters = name.bytes().filter(u8::is_ascii_alphabetic);
    letters
        .map(|letter| char::from(letter.to_ascii_lowercase()))
        .collect()
}

/// What a family has in common.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    last: &'static str,
    /// The mark between the first surname and the second, and the second, if there are two.
    second: Option<(&'static str, &'static str)>,
    pub(super) number: u32,
    pub(super) street: &'static str,
    pub(super) zip: u32,
    pub(super) has_mailbox: bool,
}

impl Family {
    /// Makes a family: its name, which may be two; its address; its mailbox, which some don't have.
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let last = dice.pick(SURNAMES);
        let second = match dice.below(20) {
            0 => Some((" ", dice.pick(SURNAMES))),
            1 => Some(("-", dice.pick(SURNAMES))),
            _ => None,
        };
        Self {
            last,
            second,
            number: 1 + dice.below(2400),
            street: dice.pick(STREETS),
            zip: 60_000 + dice.below(400),
            has_mailbox: dice.chance(800),
        }
    }

    /// The surname: one name, or two with a space or hyphen between.
    pub(crate) fn name(&self) -> String {
        let (between, second) = self.second.unwrap_or_default();
        [self.last, between, second].concat()
    }

    pub(super) fn mailbox(&self) -> String {
        format!("{}.family{}@example.net", plain(self.last), self.number)
    }
}

/// What every record of a world has the same.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// The district's id.
    pub(crate) district: Box<str>,
    /// When the records were made and last changed.
    pub(crate) made: Box<str>,
    /// A day before: some records say that they were changed before they were made.
    pub(super) before: Box<str>,
}

impl Common {
    pub(crate) fn at(district: &str, made: Timestamp) -> Self {
        let before = Timestamp::from_second(made.as_second() - 86_400).unwrap_or(made);
        Self {
            district: district.into(),
            made: stamp(made).into(),
            before: stamp(before).into(),
        }
    }
}

/// A user's record, with its roles.
#[derive(Serialize)]
pub(super) struct User<'a, R> {
    pub(super) created: &'a str,
    pub(super) district: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'a str>,
    pub(super) id: &'a str,
    pub(super) last_modified: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lms_status: Option<LmsStatus>,
    pub(super) name: Name<'a>,
    pub(super) roles: R,
}

#[derive(Serialize)]
pub(super) struct Name<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<&'a str>,
    pub(super) last: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) middle: Option<&'a str>,
}

/// Whether a learning management system has the record.
#[derive(Serialize)]
pub(super) struct LmsStatus {
    pub(super) synced_in_lms: bool,
}

#[derive(Serialize)]
pub(super) struct Credentials {
    pub(super) district_username: String,
}

/// Of users, one in five has a status, which mostly is good.
pub(super) fn lms_status(dice: &mut Dice) -> Option<LmsStatus> {
    dice.chance(200).then(|| LmsStatus {
        synced_in_lms: dice.chance(800),
    })
}
