//! Made-up people, written as Clever's user records.
//!
//! What a person is follows from dice alone, in the order of the throws; the record is then written in the order of
//! its keys. That some keys are missing, some empty, some malformed is what real rosters are like.

use clever_model::Timestamp;

use super::dice::Dice;
use super::json::{Digits, Object, key};
use super::names::{DISABILITIES, FIRST, LANGUAGES, LAST, STREETS};

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

/// A name in parts, as a text is written without being put together.
pub(crate) type Parts = [&'static str; 3];

/// What a family has in common.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    /// The surname: one name, or two with a space or hyphen between.
    pub(crate) last: Parts,
    street: &'static str,
    number: u32,
    zip: u32,
    has_mailbox: bool,
}

impl Family {
    /// Makes a family: its name, which may be two; its address; its mailbox, which some have not.
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let first = dice.pick(LAST);
        let last = match dice.below(20) {
            0 => [first, " ", dice.pick(LAST)],
            1 => [first, "-", dice.pick(LAST)],
            _ => [first, "", ""],
        };
        Self {
            last,
            number: 1 + dice.below(2400),
            street: dice.pick(STREETS),
            zip: 60_000 + dice.below(400),
            has_mailbox: dice.chance(800),
        }
    }

    /// Writes the mailbox's address.
    fn mailbox(&self, out: &mut String) {
        push_ascii(out, self.last[0]);
        out.push_str(".family");
        out.push_str(Digits::new(u64::from(self.number)).as_str());
        out.push_str("@example.net");
    }
}

/// Appends the letters that a mail address or a user name has.
fn push_ascii(out: &mut String, name: &str) {
    let start = out.len();
    if name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        out.push_str(name);
    } else {
        out.extend(name.chars().filter(char::is_ascii_alphabetic));
    }
    out[start..].make_ascii_lowercase();
}

/// What every record of a world has the same.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// The district's id.
    pub(crate) district: Box<str>,
    /// When the records were made and last changed.
    pub(crate) made: Box<str>,
    /// A day before: some records say that they were changed before they were made.
    pub(crate) before: Box<str>,
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

/// A student to be written.
#[derive(Debug)]
pub(crate) struct Student<'a> {
    pub(crate) id: &'a str,
    pub(crate) number: u64,
    pub(crate) family: &'a Family,
    /// Index into [`GRADES`].
    pub(crate) grade: usize,
    pub(crate) school: &'a str,
    /// A second school, as for the few who take a class elsewhere.
    pub(crate) also: Option<&'a str>,
    /// The year in which the school year began.
    pub(crate) year: i16,
    /// Twins have these alike.
    pub(crate) birthday: Dice,
}

/// A flag that is `Y` for so many of a thousand; others are `N`, empty or without it.
fn flag(dice: &mut Dice, of_thousand: u32) -> Option<&'static str> {
    match dice.below(1000) {
        lot if lot < of_thousand => Some("Y"),
        lot if lot < 700 => Some("N"),
        lot if lot < 850 => Some(""),
        _ => None,
    }
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
        _ => GRADES.get(grade).copied().unwrap_or_default(),
    }
}

impl Student<'_> {
    /// Appends the student's record.
    pub(crate) fn write(&self, dice: &mut Dice, common: &Common, out: &mut String) {
        let (first, short) = dice.pick(FIRST);
        let middle = dice.chance(500).then(|| dice.pick(FIRST).0);
        // Absent is written in two ways.
        let middle = middle.or_else(|| dice.chance(500).then_some(""));
        let mut user = Object::new(out);
        user.text(key!("created"), &common.made);
        user.text(key!("district"), &common.district);
        let email = self.email(dice, first);
        user.maybe(key!("email"), email.as_deref());
        user.text(key!("id"), self.id);
        let stale = dice.chance(20);
        user.text(
            key!("last_modified"),
            if stale { &common.before } else { &common.made },
        );
        lms_status(dice, &mut user);
        let mut name = user.object(key!("name"));
        name.text(key!("first"), first);
        name.texts(key!("last"), &self.family.last);
        name.maybe(key!("middle"), middle);
        name.end();
        let mut roles = user.object(key!("roles"));
        let student = roles.object(key!("student"));
        self.write_role(dice, student, (first, short), email.as_deref());
        roles.end();
        user.end();
    }

    /// The youngest have no address; a few share the family's.
    fn email(&self, dice: &mut Dice, first: &str) -> Option<String> {
        let mut email = String::with_capacity(64);
        match (self.grade, dice.below(100)) {
            (0..=2, _) => return None,
            (_, 0..=2) if self.family.has_mailbox => self.family.mailbox(&mut email),
            _ => {
                push_ascii(&mut email, first);
                email.push('.');
                email.push_str(Digits::new(self.number).as_str());
                email.push_str("@students.example.org");
            }
        }
        Some(email)
    }

    fn write_role(
        &self,
        dice: &mut Dice,
        mut student: Object<'_>,
        (first, short): (&str, &str),
        email: Option<&str>,
    ) {
        let number = Digits::new(self.number);
        let number = number.as_str();
        let mut login = String::with_capacity(32);
        push_ascii(&mut login, first);
        let mut credentials = student.object(key!("credentials"));
        credentials.texts(key!("district_username"), &[&login, number]);
        credentials.end();
        write_disability(dice, &mut student);
        self.write_birthday(&mut student);
        student.maybe(key!("ell_status"), flag(dice, 100));
        student.maybe(key!("email"), email);
        student.list(key!("enrollments"), []);
        if dice.chance(300) {
            let mut ext = student.object(key!("ext"));
            ext.text(key!("gifted_status"), dice.pick(&["", "", "Y", "N"]));
            ext.text(
                key!("locker"),
                Digits::new(u64::from(dice.below(900))).as_str(),
            );
            ext.end();
        }
        let lunch = ["Free", "Reduced", "Paid", "Paid", "Other", ""];
        student.maybe(
            key!("frl_status"),
            dice.chance(800).then(|| dice.pick(&lunch)),
        );
        student.text(
            key!("gender"),
            dice.pick(&["M", "F", "M", "F", "M", "F", "M", "F", "X", ""]),
        );
        student.maybe(key!("gifted_status"), flag(dice, 60));
        student.text(key!("grade"), grade_word(dice, self.grade));
        let to_go = 13 - i64::try_from(self.grade).unwrap_or(0);
        let graduates = u64::try_from(i64::from(self.year) + to_go).unwrap_or(0);
        let graduates = Digits::new(graduates);
        let year = if self.grade >= 9 {
            graduates.as_str()
        } else {
            ""
        };
        student.text(key!("graduation_year"), year);
        student.text(key!("hispanic_ethnicity"), dice.pick(&["Y", "N", "N", ""]));
        if dice.chance(600) {
            let at = if dice.chance(750) {
                0
            } else {
                dice.place(LANGUAGES.len())
            };
            student.text(key!("home_language"), LANGUAGES[at].0);
            student.text(key!("home_language_code"), LANGUAGES[at].1);
        }
        student.maybe(key!("iep_status"), flag(dice, 130));
        self.write_location(dice, &mut student);
        if !short.is_empty() && dice.chance(150) {
            let mut name = student.object(key!("preferred_name"));
            name.text(key!("first"), short);
            name.end();
        }
        let races = [
            "Caucasian",
            "Caucasian",
            "Asian",
            "Black or African American",
            "American Indian",
            "Hawaiian or Other Pacific Islander",
            "Two or More Races",
            "Unknown",
            "",
        ];
        student.text(key!("race"), dice.pick(&races));
        student.text(key!("school"), self.school);
        student.list(key!("schools"), [self.school].into_iter().chain(self.also));
        student.maybe(key!("section_504_status"), flag(dice, 30));
        // Certification districts have them: one digit, or more than a float can hold.
        let padded = Digits::padded(self.number, 8);
        let sis_id: [&str; 2] = match self.number {
            0..=9 => ["", number],
            _ if dice.chance(5) => ["90071992547409", padded.as_str()],
            _ => ["1", padded.as_str()],
        };
        student.texts(key!("sis_id"), &sis_id);
        if dice.chance(900) {
            student.texts(key!("state_id"), &["2", padded.as_str()]);
        }
        student.texts(key!("student_number"), &sis_id);
        student.end();
    }

    fn write_birthday(&self, student: &mut Object<'_>) {
        let mut dice = self.birthday.clone();
        // Kindergarten at five; some a year older.
        let age = i16::try_from(self.grade).unwrap_or(0) + 5 + i16::from(dice.chance(200));
        let born = u64::try_from(self.year - age).unwrap_or(0);
        // Month, day, year, without padding: as the wire has it.
        let (month, day) = (1 + dice.below(12), 1 + dice.below(28));
        let (month, day) = (Digits::new(u64::from(month)), Digits::new(u64::from(day)));
        let born = Digits::new(born);
        student.texts(
            key!("dob"),
            &[month.as_str(), "/", day.as_str(), "/", born.as_str()],
        );
    }

    fn write_location(&self, dice: &mut Dice, student: &mut Object<'_>) {
        let bare = dice.chance(50);
        let (zip, number) = (u64::from(self.family.zip), u64::from(self.family.number));
        let mut location = student.object(key!("location"));
        if bare {
            location.text(key!("address"), "");
            location.text(key!("city"), "");
            location.text(key!("state"), "");
        } else {
            let number = Digits::new(number);
            location.texts(
                key!("address"),
                &[number.as_str(), " ", self.family.street, " St"],
            );
            location.text(key!("city"), "Springfield");
            location.text(key!("state"), "IL");
        }
        location.text(key!("zip"), Digits::padded(zip, 5).as_str());
        location.end();
    }
}

fn write_disability(dice: &mut Dice, student: &mut Object<'_>) {
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

fn lms_status(dice: &mut Dice, user: &mut Object<'_>) {
    if dice.chance(200) {
        let synced = dice.chance(800);
        let mut status = user.object(key!("lms_status"));
        status
            .key(key!("synced_in_lms"))
            .push_str(if synced { "true" } else { "false" });
        status.end();
    }
}

/// An employee's name and address, which a section and a parent's record have too.
#[derive(Debug, Clone)]
pub(crate) struct Employee {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
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
    pub(crate) fn of(dice: &mut Dice, number: u64) -> Self {
        Self {
            first: dice.pick(FIRST).0,
            last: dice.pick(LAST),
            number,
            // Clever does not check addresses.
            address: match dice.below(60) {
                0 => Address::None,
                1 => Address::Malformed,
                _ => Address::Fine,
            },
        }
    }

    fn email(&self) -> Option<String> {
        let mut email = String::with_capacity(64);
        push_ascii(&mut email, self.first);
        email.push_str(match self.address {
            Address::None => return None,
            Address::Malformed => "_",
            Address::Fine => ".",
        });
        push_ascii(&mut email, self.last);
        if self.address == Address::Fine {
            email.push_str(Digits::new(self.number).as_str());
            email.push_str("@schools");
        }
        email.push_str(".example.org");
        Some(email)
    }
}

/// The parts that an employee plays; each has an id of its own from before API v3.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Roles<'a> {
    pub(crate) teacher: Option<&'a str>,
    pub(crate) staff: Option<&'a str>,
    pub(crate) admin: Option<&'a str>,
    /// Whether the person is the school's technician.
    pub(crate) technician: bool,
}

/// Appends an employee's record.
pub(crate) fn write_employee(
    employee: &Employee,
    (id, schools): (&str, &[&str]),
    parts: Roles<'_>,
    dice: &mut Dice,
    common: &Common,
    out: &mut String,
) {
    let number = Digits::new(employee.number);
    let number = number.as_str();
    let mut login = String::with_capacity(32);
    push_ascii(&mut login, employee.last);
    let mut user = Object::new(out);
    user.text(key!("created"), &common.made);
    user.text(key!("district"), &common.district);
    user.maybe(key!("email"), employee.email().as_deref());
    user.text(key!("id"), id);
    user.text(key!("last_modified"), &common.made);
    lms_status(dice, &mut user);
    let mut name = user.object(key!("name"));
    name.text(key!("first"), employee.first);
    name.text(key!("last"), employee.last);
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
        staff.list(key!("schools"), schools.iter().copied());
        staff.texts(key!("staff_id"), &["S", number]);
        staff.text(
            key!("title"),
            dice.pick(&["Principal", "Secretary", "Counselor", "Tech Lead"]),
        );
        staff.end();
    }
    if let Some(legacy) = parts.teacher {
        let mut teacher = roles.object(key!("teacher"));
        let mut credentials = teacher.object(key!("credentials"));
        credentials.texts(key!("district_username"), &[&login, number]);
        credentials.end();
        if dice.chance(200) {
            let mut ext = teacher.object(key!("ext"));
            ext.text(key!("admin_permissions"), dice.pick(&["", "Y", "N"]));
            ext.end();
        }
        teacher.text(key!("legacy_id"), legacy);
        teacher.maybe(key!("school"), schools.first().copied());
        teacher.list(key!("schools"), schools.iter().copied());
        teacher.texts(key!("sis_id"), &["T", number]);
        if dice.chance(600) {
            teacher.texts(
                key!("state_id"),
                &["3", Digits::padded(employee.number, 8).as_str()],
            );
        }
        teacher.text(key!("teacher_number"), number);
        teacher.maybe(
            key!("title"),
            dice.chance(800)
                .then(|| dice.pick(&["Teacher", "Lead Teacher", ""])),
        );
        teacher.end();
    }
    roles.end();
    user.end();
}

/// An adult of a family.
#[derive(Debug)]
pub(crate) struct Contact<'a> {
    pub(crate) id: &'a str,
    pub(crate) legacy: &'a str,
    pub(crate) number: u64,
    pub(crate) family: &'a Family,
    /// Who the contact is as well: a teacher who is a parent is two users.
    pub(crate) teacher: Option<Employee>,
    /// The how manieth of the family.
    pub(crate) nth: u32,
}

impl Contact<'_> {
    /// Appends the contact's record. Most contacts have their whole name in `name.last`.
    pub(crate) fn write<'b>(
        &self,
        children: impl Iterator<Item = &'b str>,
        dice: &mut Dice,
        common: &Common,
        out: &mut String,
    ) {
        let first = dice.pick(FIRST).0;
        let (first, last) = match &self.teacher {
            Some(teacher) => (teacher.first, [teacher.last, "", ""]),
            None => (first, self.family.last),
        };
        let mut user = Object::new(out);
        user.text(key!("created"), &common.made);
        user.text(key!("district"), &common.district);
        match &self.teacher {
            Some(teacher) => user.maybe(key!("email"), teacher.email().as_deref()),
            None if self.family.has_mailbox && self.nth < 2 => {
                let out = user.key(key!("email"));
                out.push('"');
                self.family.mailbox(out);
                out.push('"');
            }
            None => {}
        }
        user.text(key!("id"), self.id);
        user.text(key!("last_modified"), &common.made);
        let mut name = user.object(key!("name"));
        if dice.chance(100) {
            name.text(key!("first"), first);
            name.texts(key!("last"), &last);
        } else {
            name.texts(key!("last"), &[first, " ", last[0], last[1], last[2]]);
        }
        name.end();
        let mut roles = user.object(key!("roles"));
        let mut contact = roles.object(key!("contact"));
        contact.text(key!("legacy_id"), self.legacy);
        let phone = Digits::padded(u64::from(dice.below(10_000)), 4);
        contact.texts(key!("phone"), &["(217) 555-", phone.as_str()]);
        contact.text(
            key!("phone_type"),
            dice.pick(&["Cell", "Cell", "Home", "Work", "Other", ""]),
        );
        if dice.chance(700) {
            contact.texts(key!("sis_id"), &["C", Digits::new(self.number).as_str()]);
        }
        let (relation, kind) = match self.nth {
            0 => ("Parent", dice.pick(&["Parent/Guardian", "Primary"])),
            1 => ("Parent", dice.pick(&["Parent/Guardian", "Secondary"])),
            _ => dice.pick(&[
                ("Grandparent", "Emergency"),
                ("Aunt/Uncle", "Emergency"),
                ("Sibling", "Family"),
                ("Other", "Other"),
                ("", ""),
            ]),
        };
        let list = contact.key(key!("student_relationships"));
        list.push('[');
        for (at, child) in children.enumerate() {
            if at > 0 {
                list.push(',');
            }
            let mut one = Object::new(list);
            one.text(key!("relationship"), relation);
            one.text(key!("student"), child);
            one.text(key!("type"), kind);
            one.end();
        }
        list.push(']');
        contact.end();
        roles.end();
        user.end();
    }
}

/// Writes an instant as Clever does: `2023-04-23T16:07:28.860Z`.
pub(crate) fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}
