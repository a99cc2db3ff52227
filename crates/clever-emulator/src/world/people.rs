//! Made-up people, written as Clever's user records.
//!
//! What a person is follows from dice alone, in the order of the throws; the record is then written in the order of
//! its keys. That some keys are missing, some empty, some malformed is what real rosters are like.

use clever_model::Timestamp;

use super::dice::Dice;
use super::json::{self, Object, Pen, Text, key};
use super::names::{DISABILITIES, GIVEN_NAMES, Given, LANGUAGES, STREETS, SURNAMES, Surname};
use super::words::{Digits, Id, Word, choices};

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

/// What a contact is to the children, and the kind of contact: two for the first, two for the second, then the others'.
static RELATIONS: [(Word<16>, Word<16>); 9] = {
    let texts = [
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
    let mut words = [(Word::NONE, Word::NONE); 9];
    let mut at = 0;
    while at < texts.len() {
        words[at] = (Word::of(&[texts[at].0]), Word::of(&[texts[at].1]));
        at += 1;
    }
    words
};

/// Room for a user's record, in bytes.
const ROOM: usize = 1536;

/// The grades as they are written.
pub(super) static GRADE_WORDS: [Word<24>; GRADES.len()] = Word::table(&GRADES);
static STREET_WORDS: [Word<16>; STREETS.len()] = Word::table(STREETS);

/// The members that tell the language spoken at home.
static SPOKEN: [Word<80>; LANGUAGES.len()] = {
    let (name, code) = (key!("home_language"), key!("home_language_code"));
    let mut words = [Word::NONE; LANGUAGES.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Word::of(&[name, LANGUAGES[at].0, "\"", code, LANGUAGES[at].1, "\""]);
        at += 1;
    }
    words
};

/// The member that tells how it went with the learning management system: well, badly, or nothing of it.
pub(super) static LMS_STATUS: [Word<48>; 3] = Word::table(&[
    r#","lms_status":{"synced_in_lms":true}"#,
    r#","lms_status":{"synced_in_lms":false}"#,
    "",
]);

/// What a family has in common.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    last: &'static Surname,
    /// What is between it and a second one, or nothing, and the second one, or nothing.
    second: (Word<1>, Word<16>),
    street: &'static Word<16>,
    number: u32,
    zip: u32,
    has_mailbox: bool,
}

impl Family {
    /// Makes a family: its name, which may be two; its address; its mailbox, which some have not.
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let last = &SURNAMES[dice.place(SURNAMES.len())];
        let second = match dice.below(20) {
            0 => (const { Word::of(&[" "]) }, dice.pick(&SURNAMES).name),
            1 => (const { Word::of(&["-"]) }, dice.pick(&SURNAMES).name),
            _ => (Word::NONE, Word::NONE),
        };
        Self {
            last,
            second,
            number: 1 + dice.below(2400),
            street: &STREET_WORDS[dice.place(STREETS.len())],
            zip: 60_000 + dice.below(400),
            has_mailbox: dice.chance(800),
        }
    }

    /// The surname: one name, or two with a space or hyphen between.
    pub(crate) fn name(&self) -> String {
        let (between, second) = &self.second;
        [self.last.name.as_str(), between.as_str(), second.as_str()].concat()
    }

    /// The surname, to be written.
    #[inline(always)]
    fn surname(&self) -> impl Text {
        (self.last.name, self.second.0, self.second.1)
    }

    /// The mailbox's address, to be written.
    #[inline(always)]
    fn mailbox(&self) -> impl Text {
        let number = Digits::new(u64::from(self.number));
        (self.last.plain, ".family", number, "@example.net")
    }
}

/// What every record of a world has the same.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// The district's id.
    pub(crate) district: Box<str>,
    /// When the records were made and last changed.
    pub(crate) made: Word<32>,
    /// A day before: some records say that they were changed before they were made.
    before: Word<32>,
    /// Two members of most records: when it was made, and the district.
    pub(crate) head: Box<str>,
}

impl Common {
    pub(crate) fn at(district: &str, made: Timestamp) -> Self {
        let before = Timestamp::from_second(made.as_second() - 86_400).unwrap_or(made);
        let (made, before) = (stamp(made), stamp(before));
        Self {
            district: district.into(),
            made: Word::of(&[&made]),
            before: Word::of(&[&before]),
            head: format!(r#","created":"{made}","district":"{district}""#).into(),
        }
    }
}

/// A student to be written.
#[derive(Debug)]
pub(crate) struct Student<'a, I> {
    pub(crate) id: I,
    pub(crate) number: u64,
    pub(crate) family: &'a Family,
    /// Index into [`GRADES`].
    pub(crate) grade: usize,
    pub(crate) school: I,
    /// A second school, as for the few who take a class elsewhere.
    pub(crate) also: Option<I>,
    /// The year in which the school year began.
    pub(crate) year: i16,
    /// Twins have these alike.
    pub(crate) birthday: Dice,
    /// How many bytes the ids take, where they may not be Clever's.
    pub(crate) room: usize,
}

/// Which of `Y`, `N`, the empty text and no member a flag is that is `Y` for so many of a thousand.
#[inline(always)]
fn flag<'w, const N: usize>(
    dice: &mut Dice,
    of_thousand: u32,
    members: &'w [Word<N>; 4],
) -> &'w Word<N> {
    let lot = dice.below(1000);
    let ends = [of_thousand, 700, 850];
    // Added up rather than asked one by one: nobody can guess the answers, and so the processor would guess wrong.
    let at: usize = ends.iter().map(|end| usize::from(lot >= *end)).sum();
    &members[at]
}

/// The grade as the record has it: a few children are in none of the thirteen.
#[inline(always)]
fn grade_word(dice: &mut Dice, grade: usize) -> Word<24> {
    let word = match (grade, dice.below(1000)) {
        (_, 0..=3) => "Ungraded",
        (_, 4..=6) => "",
        (_, 7..=8) => "Other",
        (0, 9..=68) => "PreKindergarten",
        (0, 69..=88) => "TransitionalKindergarten",
        (12, 9..=18) => "PostGraduate",
        _ => return GRADE_WORDS[grade],
    };
    Word::of(&[word])
}

/// A student's address.
#[derive(Clone, Copy)]
enum Email<'a> {
    Own(&'a Given, Digits),
    Familys(&'a Family),
}

impl Text for Email<'_> {
    #[inline(always)]
    fn write(&self, pen: &mut Pen<'_>) {
        match self {
            Self::Own(first, number) => {
                (first.plain, ".", number, "@students.example.org").write(pen);
            }
            Self::Familys(family) => family.mailbox().write(pen),
        }
    }
}

impl<I: Text + Copy> Student<'_, I> {
    /// Appends the student's record.
    pub(crate) fn write(&self, thrown: &mut Dice, common: &Common, out: &mut Vec<u8>) {
        let mut dice = thrown.clone();
        json::write(out, ROOM + common.head.len() + self.room, |mut pen| {
            self.write_user(&mut dice, common, &mut pen);
            pen
        });
        *thrown = dice;
    }

    #[inline(always)]
    fn write_user(&self, dice: &mut Dice, common: &Common, pen: &mut Pen<'_>) {
        let first = &GIVEN_NAMES[dice.place(GIVEN_NAMES.len())];
        let middle = dice.chance(500).then(|| dice.pick(&GIVEN_NAMES).name);
        // Absent is written in two ways.
        let middle = middle.or_else(|| dice.chance(500).then_some(Word::NONE));
        let mut user = Object::new(pen);
        user.ready(&common.head);
        let email = self.email(dice, first);
        user.maybe(key!("email"), email);
        user.text(key!("id"), self.id);
        let stale = dice.chance(20);
        user.text(
            key!("last_modified"),
            if stale { common.before } else { common.made },
        );
        user.member(lms_status(dice));
        let mut name = user.object(key!("name"));
        name.text(key!("first"), first.name);
        name.text(key!("last"), self.family.surname());
        name.maybe(key!("middle"), middle);
        name.end();
        let mut roles = user.object(key!("roles"));
        let student = roles.object(key!("student"));
        self.write_role(dice, student, first, email);
        roles.end();
        user.end();
    }

    /// The youngest have no address; a few share the family's.
    #[inline(always)]
    fn email(&self, dice: &mut Dice, first: &'static Given) -> Option<Email<'_>> {
        match (self.grade, dice.below(100)) {
            (0..=2, _) => None,
            (_, 0..=2) if self.family.has_mailbox => Some(Email::Familys(self.family)),
            _ => Some(Email::Own(first, Digits::new(self.number))),
        }
    }

    #[inline(always)]
    fn write_role(
        &self,
        dice: &mut Dice,
        mut student: Object<'_, '_>,
        first: &'static Given,
        email: Option<Email<'_>>,
    ) {
        let number = Digits::new(self.number);
        let mut credentials = student.object(key!("credentials"));
        credentials.text(key!("district_username"), (first.plain, number));
        credentials.end();
        write_disability(dice, &mut student);
        student.text(key!("dob"), self.birthday());
        student.member(flag(dice, 100, choices!("ell_status": "Y", "N", "", _)));
        student.maybe(key!("email"), email);
        student.ready(r#","enrollments":[]"#);
        if dice.chance(300) {
            let mut ext = student.object(key!("ext"));
            ext.text(key!("gifted_status"), dice.pick(&["", "", "Y", "N"]));
            ext.text(key!("locker"), Digits::new(u64::from(dice.below(900))));
            ext.end();
        }
        if dice.chance(800) {
            let lunch = choices!("frl_status": "Free", "Reduced", "Paid", "Paid", "Other", "");
            student.member(&lunch[dice.place(lunch.len())]);
        }
        let genders = choices!("gender": "M", "F", "M", "F", "M", "F", "M", "F", "X", "");
        student.member(&genders[dice.place(genders.len())]);
        student.member(flag(dice, 60, choices!("gifted_status": "Y", "N", "", _)));
        student.text(key!("grade"), grade_word(dice, self.grade));
        let to_go = 13 - i64::try_from(self.grade).unwrap_or(0);
        let graduates = u64::try_from(i64::from(self.year) + to_go).unwrap_or(0);
        let year = if self.grade >= 9 {
            Digits::new(graduates)
        } else {
            Word::NONE
        };
        student.text(key!("graduation_year"), year);
        let origins = choices!("hispanic_ethnicity": "Y", "N", "N", "");
        student.member(&origins[dice.place(origins.len())]);
        if dice.chance(600) {
            let at = if dice.chance(750) {
                0
            } else {
                dice.place(LANGUAGES.len())
            };
            student.member(&SPOKEN[at]);
        }
        student.member(flag(dice, 130, choices!("iep_status": "Y", "N", "", _)));
        self.write_location(dice, &mut student);
        if !first.short.is_empty() && dice.chance(150) {
            let mut name = student.object(key!("preferred_name"));
            name.text(key!("first"), first.short);
            name.end();
        }
        let races = choices!(
            "race":
            "Caucasian",
            "Caucasian",
            "Asian",
            "Black or African American",
            "American Indian",
            "Hawaiian or Other Pacific Islander",
            "Two or More Races",
            "Unknown",
            "",
        );
        student.member(&races[dice.place(races.len())]);
        student.text(key!("school"), self.school);
        student.list(key!("schools"), [self.school].into_iter().chain(self.also));
        student.member(flag(
            dice,
            30,
            choices!("section_504_status": "Y", "N", "", _),
        ));
        // Certification districts have them: one digit, or more than a float can hold.
        let padded = Digits::padded(self.number, 8);
        let sis_id: (Word<16>, Digits) = match self.number {
            0..=9 => (Word::NONE, number),
            _ if dice.chance(5) => (const { Word::of(&["90071992547409"]) }, padded),
            _ => (const { Word::of(&["1"]) }, padded),
        };
        student.text(key!("sis_id"), sis_id);
        if dice.chance(900) {
            student.text(key!("state_id"), ("2", padded));
        }
        student.text(key!("student_number"), sis_id);
        student.end();
    }

    #[inline(always)]
    fn birthday(&self) -> impl Text {
        let mut dice = self.birthday.clone();
        // Kindergarten at five; some a year older.
        let age = i16::try_from(self.grade).unwrap_or(0) + 5 + i16::from(dice.chance(200));
        let born = u64::try_from(self.year - age).unwrap_or(0);
        // Month, day, year, without padding: as the wire has it.
        let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
        let (month, day) = (Digits::new(month.into()), Digits::new(day.into()));
        (month, "/", day, "/", Digits::new(born))
    }

    #[inline(always)]
    fn write_location(&self, dice: &mut Dice, student: &mut Object<'_, '_>) {
        let bare = dice.chance(50);
        let (zip, number) = (u64::from(self.family.zip), u64::from(self.family.number));
        let mut location = student.object(key!("location"));
        if bare {
            location.text(key!("address"), "");
            location.text(key!("city"), "");
            location.text(key!("state"), "");
        } else {
            location.text(
                key!("address"),
                (Digits::new(number), " ", self.family.street, " St"),
            );
            location.text(key!("city"), "Springfield");
            location.text(key!("state"), "IL");
        }
        location.text(key!("zip"), Digits::padded(zip, 5));
        location.end();
    }
}

#[inline(always)]
fn write_disability(dice: &mut Dice, student: &mut Object<'_, '_>) {
    match dice.below(1000) {
        0..=129 => {
            let (code, kind) = dice.pick(DISABILITIES);
            let mut disability = student.object(key!("disability"));
            disability.text(key!("disability_code"), code);
            disability.text(key!("disability_status"), "Y");
            disability.text(key!("disability_type"), kind);
            disability.end();
        }
        130..=399 => {
            let mut disability = student.object(key!("disability"));
            disability.text(
                key!("disability_status"),
                if dice.chance(500) { "N" } else { "" },
            );
            disability.end();
        }
        _ => {}
    }
}

/// The member of [`LMS_STATUS`] that a user has.
#[inline(always)]
fn lms_status(dice: &mut Dice) -> &'static Word<48> {
    let told = dice.chance(200);
    &LMS_STATUS[if told {
        usize::from(!dice.chance(800))
    } else {
        2
    }]
}

/// An employee's name and address, which a section and a parent's record have too.
#[derive(Debug, Clone)]
pub(crate) struct Employee {
    first: &'static Given,
    pub(super) last: &'static Surname,
    number: u64,
    address: Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Address {
    None,
    Malformed,
    Fine,
}

impl Employee {
    #[inline(always)]
    pub(crate) fn of(dice: &mut Dice, number: u64) -> Self {
        Self {
            first: &GIVEN_NAMES[dice.place(GIVEN_NAMES.len())],
            last: &SURNAMES[dice.place(SURNAMES.len())],
            number,
            // Clever does not check addresses.
            address: match dice.below(60) {
                0 => Address::None,
                1 => Address::Malformed,
                _ => Address::Fine,
            },
        }
    }

    /// The address, to be written.
    #[inline(always)]
    fn email(&self) -> Option<impl Text> {
        let (between, number, host): (_, Digits, Word<24>) = match self.address {
            Address::None => return None,
            Address::Malformed => ("_", Word::NONE, const { Word::of(&[".example.org"]) }),
            Address::Fine => (
                ".",
                Digits::new(self.number),
                const { Word::of(&["@schools.example.org"]) },
            ),
        };
        Some((self.first.plain, between, self.last.plain, number, host))
    }
}

/// The parts that an employee plays; each has an id of its own from before API v3.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Roles {
    pub(crate) teacher: Option<Id>,
    pub(crate) staff: Option<Id>,
    pub(crate) admin: Option<Id>,
    /// Whether the person is the school's technician.
    pub(crate) technician: bool,
}

/// Appends an employee's record.
pub(crate) fn write_employee(
    employee: &Employee,
    (id, schools): (Id, [Option<Id>; 2]),
    parts: Roles,
    mut dice: Dice,
    common: &Common,
    out: &mut Vec<u8>,
) {
    json::write(out, ROOM + common.head.len(), |mut pen| {
        let mut user = Object::new(&mut pen);
        user.ready(&common.head);
        user.maybe(key!("email"), employee.email());
        user.text(key!("id"), id);
        user.text(key!("last_modified"), common.made);
        user.member(lms_status(&mut dice));
        let mut name = user.object(key!("name"));
        name.text(key!("first"), employee.first.name);
        name.text(key!("last"), employee.last.name);
        name.text(key!("middle"), "");
        name.end();
        let mut roles = user.object(key!("roles"));
        if let Some(legacy) = parts.admin {
            let mut admin = roles.object(key!("district_admin"));
            admin.text(key!("legacy_id"), legacy);
            admin.text(
                key!("title"),
                dice.pick(&["Data Manager", "Superintendent", ""]),
            );
            admin.end();
        }
        let number = Digits::new(employee.number);
        if let Some(legacy) = parts.staff {
            let mut staff = roles.object(key!("staff"));
            staff.text(
                key!("department"),
                dice.pick(&["Administration", "Counseling", ""]),
            );
            staff.text(key!("legacy_id"), legacy);
            let special = match (parts.technician, dice.below(20)) {
                (true, _) => Some("SchoolTechLead"),
                (false, 0 | 1) => Some("PortalOnly"),
                _ => None,
            };
            staff.list(key!("roles"), special);
            staff.list(key!("schools"), schools.into_iter().flatten());
            staff.text(key!("staff_id"), ("S", number));
            staff.text(
                key!("title"),
                dice.pick(&["Principal", "Secretary", "Counselor", "Tech Lead"]),
            );
            staff.end();
        }
        if let Some(legacy) = parts.teacher {
            let mut teacher = roles.object(key!("teacher"));
            let mut credentials = teacher.object(key!("credentials"));
            credentials.text(key!("district_username"), (employee.last.plain, number));
            credentials.end();
            if dice.chance(200) {
                let mut ext = teacher.object(key!("ext"));
                ext.text(key!("admin_permissions"), dice.pick(&["", "Y", "N"]));
                ext.end();
            }
            teacher.text(key!("legacy_id"), legacy);
            teacher.maybe(key!("school"), schools[0]);
            teacher.list(key!("schools"), schools.into_iter().flatten());
            teacher.text(key!("sis_id"), ("T", number));
            if dice.chance(600) {
                let padded = Digits::padded(employee.number, 8);
                teacher.text(key!("state_id"), ("3", padded));
            }
            teacher.text(key!("teacher_number"), number);
            if dice.chance(800) {
                let titles = choices!("title": "Teacher", "Lead Teacher", "");
                teacher.member(&titles[dice.place(titles.len())]);
            }
            teacher.end();
        }
        roles.end();
        user.end();
        pen
    });
}

/// An adult of a family.
#[derive(Debug)]
pub(crate) struct Contact<'a> {
    pub(crate) id: Id,
    pub(crate) legacy: Id,
    pub(crate) number: u64,
    pub(crate) family: &'a Family,
    /// Who the contact is as well: a teacher who is a parent is two users.
    pub(crate) teacher: Option<Employee>,
    /// The how manieth of the family.
    pub(crate) nth: u32,
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
        json::write(out, ROOM + common.head.len(), |mut pen| {
            self.write_user(children, &mut dice, common, &mut pen);
            pen
        });
    }

    #[inline(always)]
    fn write_user(
        &self,
        children: impl Iterator<Item = Id>,
        dice: &mut Dice,
        common: &Common,
        pen: &mut Pen<'_>,
    ) {
        let (mut first, mut last) = (&GIVEN_NAMES[dice.place(GIVEN_NAMES.len())], None);
        if let Some(teacher) = &self.teacher {
            (first, last) = (teacher.first, Some(teacher.last.name));
        }
        let mut user = Object::new(pen);
        user.ready(&common.head);
        match &self.teacher {
            Some(teacher) => user.maybe(key!("email"), teacher.email()),
            None if self.family.has_mailbox && self.nth < 2 => {
                user.text(key!("email"), self.family.mailbox());
            }
            None => {}
        }
        user.text(key!("id"), self.id);
        user.text(key!("last_modified"), common.made);
        let mut name = user.object(key!("name"));
        let alone = dice.chance(100);
        if alone {
            name.text(key!("first"), first.name);
        }
        let before: (Word<16>, Word<1>) = if alone {
            (Word::NONE, Word::NONE)
        } else {
            (first.name, const { Word::of(&[" "]) })
        };
        match last {
            Some(last) => name.text(key!("last"), (before, last)),
            None => name.text(key!("last"), (before, self.family.surname())),
        }
        name.end();
        let mut roles = user.object(key!("roles"));
        let mut contact = roles.object(key!("contact"));
        contact.text(key!("legacy_id"), self.legacy);
        let phone = Digits::padded(u64::from(dice.below(10_000)), 4);
        contact.text(key!("phone"), ("(217) 555-", phone));
        let kinds = choices!("phone_type": "Cell", "Cell", "Home", "Work", "Other", "");
        contact.member(&kinds[dice.place(kinds.len())]);
        if dice.chance(700) {
            contact.text(key!("sis_id"), ("C", Digits::new(self.number)));
        }
        let (relation, kind) = &RELATIONS[match self.nth {
            0 => dice.place(2),
            1 => 2 + dice.place(2),
            _ => 4 + dice.place(RELATIONS.len() - 4),
        }];
        let list = contact.key(key!("student_relationships"));
        list.put("[");
        for (at, child) in children.enumerate() {
            if at > 0 {
                list.put(",");
            }
            let mut one = Object::new(list);
            one.text(key!("relationship"), relation);
            one.text(key!("student"), child);
            one.text(key!("type"), kind);
            one.end();
        }
        list.put("]");
        contact.end();
        roles.end();
        user.end();
    }
}

/// Writes an instant as Clever does: `2023-04-23T16:07:28.860Z`.
pub(crate) fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}
