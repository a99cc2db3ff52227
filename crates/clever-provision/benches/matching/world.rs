//! Districts of different size and habits, from a seed, with the truth known: the matching's second judge.
//!
//! It has nothing in common with the people of `people.rs` but the fields: other names at other shares, communities whose
//! names go together, districts that keep ids, birth dates and addresses or don't, teachers, children who leave and
//! children who come, some of them with the name of one who left, as often as names make it so.

use std::collections::BTreeMap;

use clever_linkage::Side;

use crate::names::{self, Community};
use crate::random::Random;

/// What became of a person's account since last year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// The account has what the district keeps.
    Plain,
    /// The account has both names, the school and last year's grade, and nothing else.
    SameNamesNextGrade,
    /// The same with a nickname.
    NicknameNextGrade,
    /// The same, but the child has changed the school since.
    SameNamesOtherSchool,
    /// The account has names, school, grade and birth date, and no id.
    BirthNoId,
    /// A nickname beside what the district keeps.
    Nickname,
    /// A slip of the pen in a name or in the birth date.
    Slip,
    /// Id, birth date, school and address are equal, and the given name is another one altogether.
    OtherGivenName,
    /// The same with the family name.
    OtherFamilyName,
    /// The district gave the child other numbers.
    NewNumbers,
    /// The account is another district's.
    Transfer,
    /// A teacher typed the account in.
    ClassMade,
    /// A teacher whose account has what the district keeps.
    Teacher,
    /// A teacher whose account has names and school alone.
    TeacherSameNames,
    /// A teacher who changed the family name, and whose number the account has.
    TeacherOtherName,
    /// No account; another had the id that is the child's today.
    Recycled,
    /// No account; somebody signed up with all that is known of the child.
    Squatter,
    /// No account.
    NewChild,
    /// No account, and the twin has one.
    NewTwin,
    /// No account; the twin has left, and the office gave the child the twin's number.
    TwinTookId,
    /// No account.
    NewTeacher,
}

impl Fate {
    /// Whether the person has an account that the person's own district governs.
    pub(crate) const fn is_in_reach(self) -> bool {
        self.has_account() && !matches!(self, Self::Transfer | Self::ClassMade)
    }

    pub(crate) const fn has_account(self) -> bool {
        !matches!(
            self,
            Self::Recycled
                | Self::Squatter
                | Self::NewChild
                | Self::NewTwin
                | Self::TwinTookId
                | Self::NewTeacher
        )
    }

    pub(crate) const fn is_teacher(self) -> bool {
        matches!(
            self,
            Self::Teacher | Self::TeacherSameNames | Self::TeacherOtherName | Self::NewTeacher
        )
    }

    /// Of a child that had an account last year, or came since.
    fn of_child(random: &mut Random) -> Self {
        match random.below(1000) {
            0..640 => Self::Plain,
            640..700 => Self::SameNamesNextGrade,
            700..715 => Self::NicknameNextGrade,
            715..725 => Self::SameNamesOtherSchool,
            725..765 => Self::BirthNoId,
            765..805 => Self::Nickname,
            805..845 => Self::Slip,
            845..860 => Self::OtherGivenName,
            860..872 => Self::OtherFamilyName,
            872..882 => Self::NewNumbers,
            882..900 => Self::Transfer,
            900..912 => Self::ClassMade,
            912..920 => Self::Recycled,
            920..925 => Self::Squatter,
            _ => Self::NewChild,
        }
    }
}

/// A record of either file.
#[derive(Clone, Default)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// Whose roster it is in, or who governs the account; empty for nobody.
    pub(crate) district: String,
    pub(crate) sis: String,
    pub(crate) number: String,
    pub(crate) state: String,
    pub(crate) email: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) born: String,
    pub(crate) grade: String,
    pub(crate) school: String,
}

/// The truth: by the number in a record's id.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) fates: Vec<Fate>,
    pub(crate) districts: Vec<u16>,
    /// Of accounts of those who have left: the district, and whether it is a teacher's.
    pub(crate) left: BTreeMap<u64, (u16, bool)>,
}

/// How a district keeps its records.
struct Habits {
    hispanic: u64,
    /// How many of a thousand accounts have the district's id, the birth date, the address.
    ids: u64,
    births: u64,
    addresses: u64,
    address: Address,
    first_id: u64,
    elementaries: u64,
    middles: u64,
    highs: u64,
    states: bool,
}

#[derive(Clone, Copy)]
enum Address {
    None,
    Number,
    Names,
    Initial,
    Family,
}

impl Habits {
    fn new(random: &mut Random, children: u64) -> Self {
        Self {
            hispanic: [50, 150, 300, 850][random.below(4) as usize],
            ids: [980, 950, 900, 500, 30][random.below(5) as usize],
            births: [950, 900, 600, 100][random.below(4) as usize],
            addresses: [950, 600, 100][random.below(3) as usize],
            address: [
                Address::None,
                Address::Number,
                Address::Names,
                Address::Initial,
                Address::Family,
            ][random.below(5) as usize],
            first_id: [1_001, 100_001, 100_001, 2_000_000][random.below(4) as usize],
            elementaries: (children * 6 / 13).div_ceil(450),
            middles: (children * 3 / 13).div_ceil(700),
            highs: (children * 4 / 13).div_ceil(1300),
            states: random.chance(500),
        }
    }

    fn school(&self, district: u16, home: u64, grade: u64) -> String {
        match grade {
            0..=5 => format!("{district} Elementary {}", home % self.elementaries),
            6..=8 => format!("{district} Middle {}", home % self.middles),
            _ => format!("{district} High {}", home % self.highs),
        }
    }

    fn address(&self, row: &Row, within: u64, family: u64) -> String {
        let plain = |name: &str| {
            let letters = name.chars().filter(char::is_ascii_alphabetic);
            letters.collect::<String>().to_lowercase()
        };
        let (first, last) = (plain(&row.first), plain(&row.last));
        let host = format!("{}.example", row.district);
        match self.address {
            Address::None => String::new(),
            Address::Number => format!("{}@{host}", 700_000 + within),
            Address::Names => format!("{first}.{last}{}@{host}", within % 100),
            Address::Initial => format!("{}{last}{}@{host}", &first[..1], within % 1000),
            Address::Family => format!("{last}.family{family}@mail.example"),
        }
    }
}

/// Sizes of districts: most are small, and a few have most of the people.
fn sizes(random: &mut Random, people: u64) -> Vec<u64> {
    let mut all = Vec::new();
    let mut left = people;
    while left > 0 {
        let size = match random.below(20) {
            0 => 40_000 + random.below(40_000),
            1..=3 => 10_000 + random.below(15_000),
            4..=9 => 2_000 + random.below(5_000),
            _ => 300 + random.below(1_500),
        };
        let size = size.min(left);
        all.push(size);
        left -= size;
    }
    all
}

fn birth(random: &mut Random, grade: u64) -> (u64, u64, u64) {
    // In class with those of one school year, from September on.
    let day = random.below(365);
    let (month, day) = ((day / 31 + 8) % 12 + 1, day % 28 + 1);
    let year = 2021 - grade - u64::from(month >= 9);
    (year, month, day)
}

fn date((year, month, day): (u64, u64, u64)) -> String {
    format!("{year:04}-{month:02}-{day:02}")
}

/// Makes everybody, a district after the other, and gives each record to `push`.
pub(crate) fn make<E>(
    seed: u64,
    people: u64,
    mut push: impl FnMut(Side, &Row) -> Result<(), E>,
) -> Result<Truth, E> {
    let mut random = Random::new(seed);
    let mut truth = Truth::default();
    let sizes = sizes(&mut random, people);
    for (district, size) in sizes.into_iter().enumerate() {
        let mut one = District {
            number: district as u16,
            habits: Habits::new(&mut random, size),
            random: &mut random,
            truth: &mut truth,
            within: 0,
            push: &mut push,
        };
        let teachers = size / 16;
        let mut children = size - teachers;
        while children > 0 {
            children -= one.family(children)?;
        }
        for _ in 0..teachers {
            one.teacher()?;
        }
    }
    Ok(truth)
}

struct District<'a, P> {
    number: u16,
    habits: Habits,
    random: &'a mut Random,
    truth: &'a mut Truth,
    /// How many people the district has numbered.
    within: u64,
    push: &'a mut P,
}

impl<E, P: FnMut(Side, &Row) -> Result<(), E>> District<'_, P> {
    /// The record of this year's roster, but for its id.
    fn row(&mut self, first: String, last: String, family: u64) -> Row {
        let within = self.within;
        self.within += 1;
        let mut row = Row {
            district: format!("d{}", self.number),
            sis: format!("{}", self.habits.first_id + within * 3),
            number: if self.random.chance(600) {
                format!("S{}", 500_000 + within)
            } else {
                String::new()
            },
            state: if self.habits.states {
                format!(
                    "{}",
                    4_000_000_000 + u64::from(self.number) * 1_000_000 + within
                )
            } else {
                String::new()
            },
            first,
            last,
            ..Row::default()
        };
        row.email = self.habits.address(&row, within, family);
        row
    }

    /// The account that is made of a record, as the district keeps them.
    fn kept(&mut self, row: &Row) -> Row {
        let mut account = row.clone();
        if !self.random.chance(self.habits.ids) {
            account.sis.clear();
            account.number.clear();
        }
        if self.random.chance(800) {
            account.state.clear();
        }
        if !self.random.chance(self.habits.births) {
            account.born.clear();
        }
        if !self.random.chance(self.habits.addresses) {
            account.email.clear();
        }
        account
    }

    /// Children of one family; how many.
    fn family(&mut self, most: u64) -> Result<u64, E> {
        let community = if self.random.chance(self.habits.hispanic) {
            Community::Hispanic
        } else {
            Community::English
        };
        let last = names::family(self.random, community);
        let (home, family) = (self.random.next() >> 20, self.random.below(1 << 40));
        let many = (1 + self.random.below(3)).min(most);
        let mut before: Option<(u64, (u64, u64, u64), String)> = None;
        let mut called: Vec<String> = Vec::new();
        for _ in 0..many {
            let twin = before
                .take_if(|_| self.random.chance(30))
                .filter(|(grade, ..)| *grade > 0);
            let (grade, born, first) = match &twin {
                Some((grade, born, other)) if self.random.chance(350) => {
                    (*grade, *born, names::beside(other))
                }
                Some((grade, born, _)) => (*grade, *born, self.other_name(&called, community)),
                None => {
                    let grade = self.random.below(13);
                    let born = birth(self.random, grade);
                    (grade, born, self.other_name(&called, community))
                }
            };
            // A third may look like the second as one who has left did.
            let first = if called.contains(&first) {
                self.other_name(&called, community)
            } else {
                first
            };
            called.push(first.clone());
            let mut row = self.row(first, last.clone(), family);
            row.born = date(born);
            row.grade = grade.to_string();
            row.school = self.habits.school(self.number, home, grade);
            before = Some((grade, born, row.first.clone()));
            match twin {
                Some(_) if self.random.chance(400) => {
                    let is_alike = self.random.chance(350);
                    let other = if is_alike {
                        names::beside(&row.first)
                    } else {
                        self.other_name(&called, community)
                    };
                    called.push(other.clone());
                    self.new_twin(row, (other, is_alike), home, grade, family)?;
                }
                _ => self.child(row, home, grade, community)?,
            }
        }
        Ok(many)
    }

    /// A given name that no other child of the family has.
    fn other_name(&mut self, called: &[String], community: Community) -> String {
        loop {
            let name = names::given(self.random, community);
            if !called.contains(&name) {
                return name;
            }
        }
    }

    /// A twin without an account: beside the other's, who is there, or beside that of a third, who has left.
    fn new_twin(
        &mut self,
        mut row: Row,
        (other, is_alike): (String, bool),
        home: u64,
        grade: u64,
        family: u64,
    ) -> Result<(), E> {
        let mut fate = Fate::NewTwin;
        if self.random.chance(500) {
            let mut twin = self.row(other, row.last.clone(), family);
            twin.born.clone_from(&row.born);
            twin.grade = (grade - 1).to_string();
            twin.school = self.habits.school(self.number, home, grade - 1);
            // Of two whose names differ in a letter that would be a slip of the pen, and nobody could tell.
            if self.random.chance(150) && !is_alike {
                fate = Fate::TwinTookId;
                row.sis.clone_from(&twin.sis);
            }
            let account = self.kept(&twin);
            self.left(account, false)?;
        }
        self.roster(row, fate)
    }

    fn left(&mut self, mut account: Row, is_teacher: bool) -> Result<(), E> {
        let number = self.truth.left.len() as u64;
        account.id = format!("z{number}");
        self.truth.left.insert(number, (self.number, is_teacher));
        (self.push)(Side::Left, &account)
    }

    fn roster(&mut self, mut row: Row, fate: Fate) -> Result<(), E> {
        row.id = format!("u{}", self.truth.fates.len());
        self.truth.fates.push(fate);
        self.truth.districts.push(self.number);
        // A few records of a roster lack something too.
        if self.random.chance(20) {
            row.born.clear();
        }
        if self.random.chance(20) {
            row.email.clear();
        }
        if self.random.chance(10) {
            row.grade.clear();
        }
        (self.push)(Side::Right, &row)
    }

    fn account(&mut self, mut account: Row) -> Result<(), E> {
        account.id = format!("a{}", self.truth.fates.len());
        (self.push)(Side::Left, &account)
    }

    fn child(
        &mut self,
        mut row: Row,
        home: u64,
        grade: u64,
        community: Community,
    ) -> Result<(), E> {
        // Who begins school has no account of last year.
        let mut fate = if grade == 0 {
            Fate::NewChild
        } else {
            Fate::of_child(self.random)
        };
        let last_grade = grade.saturating_sub(1);
        let last_school = self.habits.school(self.number, home, last_grade);
        let short = names::short(self.random, &row.first);
        let is_place = matches!(fate, Fate::SameNamesNextGrade | Fate::NicknameNextGrade);
        if is_place && last_school != row.school {
            fate = Fate::SameNamesOtherSchool;
        }
        if matches!(fate, Fate::Nickname | Fate::NicknameNextGrade) && short.is_none() {
            fate = match fate {
                Fate::Nickname => Fate::Plain,
                _ => Fate::SameNamesNextGrade,
            };
        }
        let mut account = self.kept(&row);
        account.grade = last_grade.to_string();
        account.school = last_school;
        let no_ids = |account: &mut Row| {
            account.sis.clear();
            account.number.clear();
            account.state.clear();
            account.email.clear();
        };
        match fate {
            Fate::SameNamesNextGrade | Fate::NicknameNextGrade => {
                no_ids(&mut account);
                account.born.clear();
            }
            Fate::SameNamesOtherSchool => {
                no_ids(&mut account);
                account.born.clear();
                let other = home + 1 + self.random.below(5);
                account.school = self.habits.school(self.number, other, last_grade);
            }
            Fate::BirthNoId => {
                no_ids(&mut account);
                account.born.clone_from(&row.born);
            }
            Fate::Slip => match self.random.below(5) {
                0 if account.born.len() == 10 => account.born.replace_range(9.., "7"),
                1 | 2 => account.first = names::slip(self.random, &account.first),
                _ => account.last = names::slip(self.random, &account.last),
            },
            Fate::OtherGivenName | Fate::OtherFamilyName => {
                account = row.clone();
                account.grade = last_grade.to_string();
                account.state.clear();
                if self.random.chance(500) {
                    account.number.clear();
                }
                if fate == Fate::OtherGivenName {
                    account.first = names::given(self.random, community);
                } else {
                    account.last = names::family(self.random, community);
                }
            }
            Fate::NewNumbers if !account.sis.is_empty() => {
                account.sis = format!("8{}", account.sis);
                account.number.clear();
            }
            Fate::Transfer => {
                account.district = format!("d{}", u64::from(self.number) + 10_000);
                account.school = format!("elsewhere {}", home % 50);
                account.email.clear();
            }
            Fate::ClassMade => {
                no_ids(&mut account);
                account.born.clear();
                account.district.clear();
            }
            Fate::Squatter => {
                account = row.clone();
                account.district.clear();
            }
            Fate::Recycled => {
                let last = names::family(self.random, community);
                account.first = names::given(self.random, community);
                account.last = last;
                account.sis.clone_from(&row.sis);
                account.number.clear();
                account.state.clear();
                account.email.clear();
                account.born = if self.random.chance(500) {
                    date(birth(self.random, grade))
                } else {
                    String::new()
                };
            }
            _ => {}
        }
        if let (Fate::Nickname | Fate::NicknameNextGrade, Some(short)) = (fate, short) {
            account.first = short.to_owned();
        }
        match fate {
            Fate::NewChild if self.random.chance(500) && grade > 0 => {
                // For each two who come, one has left.
                let name = (
                    names::given(self.random, community),
                    names::family(self.random, community),
                );
                let mut one = self.row(name.0, name.1, home);
                one.grade = last_grade.to_string();
                one.born = date(birth(self.random, grade));
                one.school = self.habits.school(self.number, home, last_grade);
                let mut account = self.kept(&one);
                if self.random.chance(300) {
                    no_ids(&mut account);
                    account.born.clear();
                }
                self.left(account, false)?;
            }
            Fate::NewChild => {}
            Fate::Squatter | Fate::Recycled => {
                // Not the child's, whatever it says.
                let number = self.truth.left.len() as u64;
                account.id = format!("z{number}");
                let of = if fate == Fate::Squatter {
                    u16::MAX
                } else {
                    self.number
                };
                self.truth.left.insert(number, (of, false));
                (self.push)(Side::Left, &account)?;
            }
            _ => self.account(account)?,
        }
        if fate == Fate::SameNamesNextGrade && self.random.chance(100) {
            // Kept back.
            row.grade = last_grade.to_string();
        }
        self.roster(row, fate)
    }

    fn teacher(&mut self) -> Result<(), E> {
        let community = if self.random.chance(self.habits.hispanic / 2) {
            Community::Hispanic
        } else {
            Community::English
        };
        let last = names::family(self.random, community);
        let first = names::given(self.random, community);
        let mut row = self.row(first, last, 0);
        row.number.clear();
        row.state.clear();
        let grade = self.random.below(13);
        let home = self.random.next() >> 20;
        row.school = self.habits.school(self.number, home, grade);
        let fate = match self.random.below(100) {
            0..70 => Fate::Teacher,
            70..85 => Fate::TeacherSameNames,
            85..89 => Fate::TeacherOtherName,
            _ => Fate::NewTeacher,
        };
        let mut account = self.kept(&row);
        match fate {
            Fate::TeacherSameNames => {
                account.sis.clear();
                account.email.clear();
            }
            Fate::TeacherOtherName => {
                account.sis.clone_from(&row.sis);
                account.last = names::family(self.random, community);
            }
            Fate::NewTeacher => {
                // Somebody else went.
                account.last = names::family(self.random, community);
                account.first = names::given(self.random, community);
                account.sis.clear();
                account.email.clear();
                self.left(account, true)?;
                return self.roster(row, fate);
            }
            _ => {}
        }
        self.account(account)?;
        self.roster(row, fate)
    }
}
