//! What a person or a district is recognised by in a file.

use std::collections::{HashMap, HashSet};

use clever_linkage::{Kind, is_placeholder};
use clever_model::RecordKind;
use serde_json::Value;

/// From so many letters on, a number of the district's is no other person's by chance.
const TELLING: usize = 6;

/// So many people of the district say together whose a file is; fewer may be the parents whom two districts share.
const MANY: u64 = 10;

/// Whether a text is of whom is looked for. More is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    /// Nothing in it is theirs.
    Nothing,
    /// Something in it may be another district's as well: a number, a name, an address of mail.
    Perhaps,
    /// Half of those in it are the district's people: it is theirs, if they are not another district's people, too.
    People,
    /// It is theirs.
    Theirs,
}

/// What is looked for. All of it in small letters.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// One person is proven by less than a district: other districts have people of the same names and numbers.
    of_district: bool,
    /// Texts by their first word.
    texts: HashMap<String, Vec<(String, Means)>>,
    /// Names that were numbered.
    names: HashMap<String, usize>,
    /// First and last names that one person has.
    pairs: HashSet<(usize, usize)>,
    /// Ids and numbers of the district's own, which say it in a column of ids.
    numbers: HashSet<String>,
}

/// What a text in a line means.
#[derive(Debug, Clone, Copy)]
enum Means {
    /// An id of Clever's: nobody else has it.
    Id,
    /// Of one person, if no other district has the person too.
    Person,
    /// A part of a name.
    Name(usize),
}

/// What a line has.
#[derive(Default)]
struct Line {
    id: bool,
    person: bool,
    names: Vec<usize>,
}

impl Marks {
    pub(super) fn of_person() -> Self {
        Self::default()
    }

    pub(super) fn of_district() -> Self {
        Self {
            of_district: true,
            ..Self::default()
        }
    }

    fn text(&mut self, text: String, means: Means) {
        let begins = words(&text).next();
        if let Some(begins) = begins {
            let all = self.texts.entry(word(&text, begins)).or_default();
            all.push((text, means));
        }
    }

    /// Adds an id of Clever's.
    pub(super) fn id(&mut self, id: &str) {
        self.text(id.to_lowercase(), Means::Id);
    }

    fn name(&mut self, name: String) -> usize {
        if let Some(known) = self.names.get(&name) {
            return *known;
        }
        let number = self.names.len();
        self.text(name.clone(), Means::Name(number));
        self.names.insert(name, number);
        number
    }

    fn number(&mut self, value: &Value) {
        let Some(number) = said(value).filter(|one| !is_placeholder(Kind::SisId, one)) else {
            return;
        };
        if !self.of_district && number.len() >= TELLING {
            self.text(number.clone(), Means::Person);
        }
        self.numbers.insert(number);
    }

    /// Adds what a record says of itself.
    pub(super) fn record(&mut self, kind: RecordKind, json: &str) {
        let record: Value = serde_json::from_str(json).unwrap_or_default();
        if kind != RecordKind::Users {
            for number in ["sis_id", "school_number", "section_number", "number"] {
                self.number(&record[number]);
            }
            return;
        }
        if let Some(mail) = said(&record["email"]) {
            self.text(mail, Means::Person);
        }
        let name = &record["name"];
        if let (Some(first), Some(last)) = (said(&name["first"]), said(&name["last"])) {
            let pair = (self.name(first), self.name(last));
            self.pairs.insert(pair);
        }
        let roles = record["roles"].as_object();
        for role in roles.into_iter().flat_map(|all| all.values()) {
            if let Some(id) = role["legacy_id"].as_str() {
                self.id(id);
            }
            for number in [
                "sis_id",
                "staff_id",
                "student_number",
                "teacher_number",
                "state_id",
            ] {
                self.number(&role[number]);
            }
        }
    }

    fn line(&self, line: &str) -> Line {
        let mut found = Line::default();
        for at in words(line) {
            let known = self.texts.get(&word(line, at));
            for (text, means) in known.into_iter().flatten() {
                // A mark may begin with a sign before its first word.
                let begins = words(text).next().unwrap_or_default();
                let is_there = at
                    .checked_sub(begins)
                    .and_then(|start| line.get(start..))
                    .and_then(|rest| rest.strip_prefix(text.as_str()))
                    .is_some_and(|after| !after.starts_with(char::is_alphanumeric));
                if is_there {
                    match means {
                        Means::Id => found.id = true,
                        Means::Person => found.person = true,
                        Means::Name(name) => found.names.push(*name),
                    }
                }
            }
        }
        let both = |first| {
            let lasts = found.names.iter();
            lasts.map(move |last| (first, *last))
        };
        found.person |= found
            .names
            .iter()
            .flat_map(|first| both(*first))
            .any(|pair| self.pairs.contains(&pair));
        found
    }

    /// Says whether a text is theirs.
    pub(super) fn are_in(&self, text: &[u8], is_table: bool) -> Holds {
        let small = String::from_utf8_lossy(text).to_lowercase();
        let (mut lines, mut people) = (0_u64, 0_u64);
        for line in small.lines().filter(|line| !line.trim().is_empty()) {
            let found = self.line(line);
            if found.id || found.person && !self.of_district {
                return Holds::Theirs;
            }
            lines += 1;
            people += u64::from(found.person);
        }
        if people >= MANY && people * 2 >= lines {
            return Holds::People;
        }
        let numbered = is_table && self.are_in_table(small.as_bytes());
        match (numbered, self.of_district) {
            (true, false) => Holds::Theirs,
            (true, true) => Holds::Perhaps,
            (false, _) if people > 0 => Holds::Perhaps,
            (false, _) => Holds::Nothing,
        }
    }

    /// Says whether a table has one of the district's own numbers in a column of ids or numbers.
    fn are_in_table(&self, text: &[u8]) -> bool {
        let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let of_ids: Vec<usize> = match table.headers() {
            Ok(headers) => {
                let of_id = |name: &str| {
                    ["id", "number", "identifier"]
                        .iter()
                        .any(|end| name.ends_with(end))
                };
                let named = headers.iter().enumerate();
                named
                    .filter(|(_, name)| of_id(name))
                    .map(|(at, _)| at)
                    .collect()
            }
            Err(_) => return false,
        };
        table.records().filter_map(Result::ok).any(|row| {
            let cells = of_ids.iter().filter_map(|at| row.get(*at));
            cells.map(str::trim).any(|cell| self.numbers.contains(cell))
        })
    }
}

/// A value that says something, in small letters.
fn said(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim().to_lowercase();
    (!text.is_empty()).then_some(text)
}

/// The word that begins there.
fn word(text: &str, at: usize) -> String {
    let letters = text[at..].chars();
    letters.take_while(|c| c.is_alphanumeric()).collect()
}

/// Where the words of a text begin: letters and digits without a break.
fn words(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut inside = false;
    text.char_indices().filter_map(move |(at, c)| {
        let begins = c.is_alphanumeric() && !inside;
        inside = c.is_alphanumeric();
        begins.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"name":{"first":"Zebediah","last":"O'Quill"},"email":"z.q@x.example.org",
        "roles":{"student":{"sis_id":"12","student_number":"STU-900"}}}"#;

    #[test]
    fn a_short_number_says_it_in_a_column_of_ids_alone() {
        let mut marks = Marks::of_person();
        marks.record(RecordKind::Users, ONE);
        let table = |text: &str| marks.are_in(text.as_bytes(), true);
        assert_eq!(table("Section_id,Student_id\nS1,12\n"), Holds::Theirs);
        assert_eq!(table("Section_id,Grade\nS1,12\n"), Holds::Nothing);
        assert_eq!(table("Student_id\n123\n"), Holds::Nothing);
        let text = |text: &str| marks.are_in(text.as_bytes(), false);
        assert_eq!(text("12 pupils"), Holds::Nothing);
        assert_eq!(text("one,stu-900,two"), Holds::Theirs);
        assert_eq!(text("one,stu-9001,two"), Holds::Nothing);
        assert_eq!(text("x O'QUILL, Zebediah x"), Holds::Theirs);
        assert_eq!(text("O'Quill\nZebediah"), Holds::Nothing);
        assert_eq!(text("<z.q@x.example.org>"), Holds::Theirs);
        assert_eq!(text("z.q@x.example.organ"), Holds::Nothing);
    }

    #[test]
    fn a_district_is_not_proven_by_what_another_may_have_too() {
        let mut marks = Marks::of_district();
        marks.id("5f00aa");
        marks.record(RecordKind::Users, ONE);
        let table = |text: &str| marks.are_in(text.as_bytes(), true);
        assert_eq!(table("Student_id\n12\n"), Holds::Perhaps);
        assert_eq!(
            table("Contact_email\nz.q@x.example.org\na@b\nc@d\n"),
            Holds::Perhaps
        );
        // A file of one parent whom two districts share.
        assert_eq!(table("Contact_email\nz.q@x.example.org\n"), Holds::Perhaps);
        let many = "z.q@x.example.org\n".repeat(10);
        assert_eq!(table(&format!("Contact_email\n{many}")), Holds::People);
        let few = "a@b.example.org\n".repeat(11);
        assert_eq!(
            table(&format!("Contact_email\n{many}{few}")),
            Holds::Perhaps
        );
        assert_eq!(table("District\n5F00aa\n"), Holds::Theirs);
        assert_eq!(table("District\n5f00aab\n"), Holds::Nothing);
    }
}
