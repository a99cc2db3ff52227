//! Made-up students.

use serde::Serialize;

use super::dice::Dice;
use super::names::{DISABILITIES, GIVEN_NAMES, LANGUAGES};
use super::people::{Common, Credentials, Family, GRADES, Name, User, lms_status, plain, write};

/// A flag that is `Y` for so many of a thousand, else `N`, empty or absent.
fn flag(dice: &mut Dice, of_thousand: u32) -> Option<&'static str> {
    match dice.below(1000) {
        lot if lot < of_thousand => Some("Y"),
        0..700 => Some("N"),
        700..850 => Some(""),
        _ => None,
    }
}

/// A student to be written.
#[derive(Debug)]
pub(crate) struct Student<'a> {
    pub(crate) id: &'a str,
    pub(crate) number: u64,
    pub(crate) family: &'a Family,
    /// Index into [`GRADES`].
    pub(crate) grade: usize,
    pub(crate) school: &'a str,
    /// A second school, as the few have who take a class elsewhere.
    pub(crate) also: Option<&'a str>,
    /// The year in which the school year began.
    pub(crate) year: i16,
    /// Twins have these alike.
    pub(crate) birthday: Dice,
}

#[derive(Serialize)]
struct StudentRoles<'a> {
    student: StudentRole<'a>,
}

#[derive(Serialize)]
struct StudentRole<'a> {
    credentials: Credentials,
    #[serde(skip_serializing_if = "Option::is_none")]
    disability: Option<Disability>,
    dob: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ell_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    enrollments: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<StudentExt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frl_status: Option<&'static str>,
    gender: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gifted_status: Option<&'static str>,
    grade: &'static str,
    graduation_year: String,
    hispanic_ethnicity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    home_language: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    home_language_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iep_status: Option<&'static str>,
    location: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_name: Option<PreferredName>,
    race: &'static str,
    school: &'a str,
    schools: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_504_status: Option<&'static str>,
    sis_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_id: Option<String>,
    student_number: String,
}

#[derive(Serialize)]
struct Disability {
    #[serde(skip_serializing_if = "Option::is_none")]
    disability_code: Option<&'static str>,
    disability_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disability_type: Option<&'static str>,
}

impl Disability {
    fn of(dice: &mut Dice) -> Option<Self> {
        match dice.below(1000) {
            0..=129 => {
                let (code, kind) = dice.pick(DISABILITIES);
                Some(Self {
                    disability_code: Some(code),
                    disability_status: "Y",
                    disability_type: Some(kind),
                })
            }
            130..=399 => Some(Self {
                disability_code: None,
                disability_status: if dice.chance(500) { "N" } else { "" },
                disability_type: None,
            }),
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct StudentExt {
    gifted_status: &'static str,
    locker: String,
}

#[derive(Serialize)]
struct Location {
    address: String,
    city: &'static str,
    state: &'static str,
    zip: String,
}

#[derive(Serialize)]
struct PreferredName {
    first: &'static str,
}

/// The grade as the record has it: a few children are in none of the thirteen.
fn grade_word(dice: &mut Dice, grade: usize) -> &'static str {
    match (grade, dice.below(1000)) {
        (_, 0..=3) => "Ungraded",
        (_, 4..=6) => "",
        (_, 7..=8) => "Other",
        (0, 9..=68) => "PreKindergarten",
        (0, 69..=88) => "TransitionalKindergarten",
        (12, 9..=18) => "PostGraduate",
        _ => GRADES[grade],
    }
}

impl Student<'_> {
    /// Appends the student's record.
    pub(crate) fn write(&self, dice: &mut Dice, common: &Common, out: &mut Vec<u8>) {
        let given = dice.pick(GIVEN_NAMES);
        let middle = dice.chance(500).then(|| dice.pick(GIVEN_NAMES).0);
        // Absent is written in two ways.
        let middle = middle.or_else(|| dice.chance(500).then_some(""));
        let email = self.email(dice, given.0);
        let stale = dice.chance(20);
        let lms_status = lms_status(dice);
        let user = User {
            created: &common.made,
            district: &common.district,
            email: email.as_deref(),
            id: self.id,
            last_modified: if stale { &common.before } else { &common.made },
            lms_status,
            name: Name {
                first: Some(given.0),
                last: &self.family.name(),
                middle,
            },
            roles: StudentRoles {
                student: self.role(dice, given, email.as_deref()),
            },
        };
        write(&user, out);
    }

    /// The youngest have no address; a few share the family's.
    fn email(&self, dice: &mut Dice, given: &str) -> Option<String> {
        match (self.grade, dice.below(100)) {
            (0..=2, _) => None,
            (_, 0..=2) if self.family.has_mailbox => Some(self.family.mailbox()),
            _ => {
                let number = self.number;
                Some(format!("{}.{number}@students.example.org", plain(given)))
            }
        }
    }

    fn role<'r>(
        &'r self,
        dice: &mut Dice,
        (given, short): (&'static str, &'static str),
        email: Option<&'r str>,
    ) -> StudentRole<'r> {
        let number = self.number;
        // Both are thrown in the middle of the record, and stand in it twice.
        let (language, sis_id);
        StudentRole {
            credentials: Credentials {
                district_username: format!("{}{number}", plain(given)),
            },
            disability: Disability::of(dice),
            dob: self.birthday(),
            ell_status: flag(dice, 100),
            email,
            enrollments: [],
            ext: dice.chance(300).then(|| StudentExt {
                gifted_status: dice.pick(&["", "", "Y", "N"]),
                locker: dice.below(900).to_string(),
            }),
            frl_status: dice
                .chance(800)
                .then(|| dice.pick(&["Free", "Reduced", "Paid", "Paid", "Other", ""])),
            gender: dice.pick(&["M", "F", "M", "F", "M", "F", "M", "F", "X", ""]),
            gifted_status: flag(dice, 60),
            grade: grade_word(dice, self.grade),
            graduation_year: self.graduation_year(),
            hispanic_ethnicity: dice.pick(&["Y", "N", "N", ""]),
            home_language: {
                language = spoken_at_home(dice);
                language.map(|(name, _)| name)
            },
            home_language_code: language.map(|(_, code)| code),
            iep_status: flag(dice, 130),
            location: self.location(dice),
            preferred_name: (!short.is_empty() && dice.chance(150))
                .then_some(PreferredName { first: short }),
            race: dice.pick(&[
                "Caucasian",
                "Caucasian",
                "Asian",
                "Black or African American",
                "American Indian",
                "Hawaiian or Other Pacific Islander",
                "Two or More Races",
                "Unknown",
                "",
            ]),
            school: self.school,
            schools: [self.school].into_iter().chain(self.also).collect(),
            section_504_status: flag(dice, 30),
            sis_id: {
                sis_id = self.sis_id(dice);
                sis_id.clone()
            },
            state_id: dice.chance(900).then(|| format!("2{number:08}")),
            student_number: sis_id,
        }
    }

    /// Certification districts have ids of one digit, and some with more digits than a float can hold.
    fn sis_id(&self, dice: &mut Dice) -> String {
        match self.number {
            number @ 0..=9 => number.to_string(),
            number if dice.chance(5) => format!("90071992547409{number:08}"),
            number => format!("1{number:08}"),
        }
    }

    /// Only high schools say when somebody will graduate.
    fn graduation_year(&self) -> String {
        match i16::try_from(self.grade) {
            Ok(grade) if grade >= 9 => (self.year + 13 - grade).to_string(),
            _ => String::new(),
        }
    }

    fn birthday(&self) -> String {
        let mut dice = self.birthday.clone();
        // Kindergarten at five; some a year older.
        let age = i16::try_from(self.grade).unwrap_or(0) + 5 + i16::from(dice.chance(200));
        // Month, day, year, without padding: as the wire has it.
        let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
        format!("{month}/{day}/{}", self.year - age)
    }

    fn location(&self, dice: &mut Dice) -> Location {
        let family = self.family;
        let zip = format!("{:05}", family.zip);
        if dice.chance(50) {
            return Location {
                address: String::new(),
                city: "",
                state: "",
                zip,
            };
        }
        Location {
            address: format!("{} {} St", family.number, family.street),
            city: "Springfield",
            state: "IL",
            zip,
        }
    }
}

/// The language spoken at home and its code, if it is known.
fn spoken_at_home(dice: &mut Dice) -> Option<(&'static str, &'static str)> {
    if !dice.chance(600) {
        return None;
    }
    Some(if dice.chance(750) {
        LANGUAGES[0]
    } else {
        dice.pick(LANGUAGES)
    })
}
