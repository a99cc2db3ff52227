//! Made-up people with the truth known, each computed from a number, so that nothing is kept but what is compared.
//!
//! Names are frequent as names are (Zipf and Mandelbrot); families share a name, a school and often a mailbox; two
//! districts use the same ids. Three in a hundred children are twins, a third of those with names that look alike; of a
//! third of the twins one is new, beside the other's account.

use std::fmt::Write as _;

const GIVEN: &[&str] = &[
    "Olivia",
    "Liam",
    "Emma",
    "Noah",
    "Sofia",
    "Mateo",
    "Isabella",
    "James",
    "Mia",
    "Elijah",
    "Amelia",
    "Benjamin",
    "Charlotte",
    "William",
    "Camila",
    "Daniel",
    "Abigail",
    "Alexander",
    "Emily",
    "Michael",
    "Elizabeth",
    "Ethan",
    "Samantha",
    "Jacob",
    "Victoria",
    "Matthew",
    "Madison",
    "Joseph",
    "Natalie",
    "Samuel",
    "Valentina",
    "David",
    "Gabriella",
    "Anthony",
    "Leah",
    "Christopher",
    "Hannah",
    "Andrew",
    "Allison",
    "Joshua",
    "Katherine",
    "Nathan",
    "Alejandra",
    "Gabriel",
    "Jessica",
    "Nicholas",
    "Angela",
    "Zachary",
    "Rebecca",
    "Jonathan",
    "Guadalupe",
    "Jose",
    "Maria",
    "Juan",
    "Jennifer",
    "Robert",
    "Margaret",
    "Thomas",
    "Patricia",
    "Richard",
    "Aaliyah",
    "Jayden",
    "Nevaeh",
    "Xavier",
    "Priya",
    "Arjun",
    "Mei",
    "Hiroshi",
    "Fatima",
    "Omar",
    "Ngoc",
    "Minh",
    "Ximena",
    "Santiago",
    "Zoë",
    "Chloé",
];

/// Short forms that are in every list of nicknames.
const SHORT: &[(&str, &str)] = &[
    ("Benjamin", "Ben"),
    ("William", "Will"),
    ("Daniel", "Danny"),
    ("Abigail", "Abby"),
    ("Alexander", "Alex"),
    ("Michael", "Mike"),
    ("Elizabeth", "Liz"),
    ("Samantha", "Sam"),
    ("Jacob", "Jake"),
    ("Matthew", "Matt"),
    ("Joseph", "Joe"),
    ("Samuel", "Sam"),
    ("Anthony", "Tony"),
    ("Christopher", "Chris"),
    ("Katherine", "Kate"),
    ("Jessica", "Jess"),
    ("Nicholas", "Nick"),
    ("Rebecca", "Becky"),
    ("Jennifer", "Jen"),
    ("Robert", "Bob"),
    ("Thomas", "Tom"),
    ("Patricia", "Pat"),
    ("Richard", "Rick"),
];

const SYLLABLES: &[&str] = &[
    "an", "ber", "car", "del", "er", "fin", "gar", "hol", "in", "jor", "kel", "lo", "mar", "nor",
    "ol", "per", "quin", "ro", "sal", "tor", "ur", "var", "wil", "yan", "zan", "mo", "ri", "sen",
    "ta", "vi",
];

pub(crate) const PER_DISTRICT: u64 = 50_000;

/// Given names that twins have beside each other.
const LOOK_ALIKE: &[(&str, &str)] = &[
    ("Olivia", "Alivia"),
    ("Emma", "Ella"),
    ("Noah", "Noa"),
    ("Mateo", "Matteo"),
    ("Mia", "Mila"),
    ("Daniel", "Daniela"),
    ("Alexander", "Alexandra"),
    ("Michael", "Michaela"),
    ("Samantha", "Samara"),
    ("Victoria", "Victor"),
    ("Gabriel", "Gabriela"),
    ("Robert", "Roberta"),
    ("Maria", "Mario"),
    ("Juan", "Juana"),
    ("Jose", "Josie"),
    ("Patricia", "Patricio"),
    ("Aaliyah", "Aliyah"),
    ("Jayden", "Jaylen"),
    ("Angela", "Angel"),
    ("Joseph", "Josephine"),
    ("Anthony", "Antonia"),
    ("Christopher", "Christina"),
];

/// A number that looks like any other (SplitMix64).
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a person's number says about `what`, below `most`.
pub(crate) const fn draw(person: u64, what: u64, most: u64) -> u64 {
    mix(mix(person) ^ mix(what << 32)) % most
}

/// A place in a list where the first are met most.
pub(crate) fn frequent(draw: u64, most: usize) -> usize {
    // The inverse of 1/(x + 5): most names are rare, the first have about one in a hundred.
    let share = (draw % 1_000_000) as f64 / 1_000_000.0;
    let scale = ((most as f64 + 30.0) / 30.0).ln();
    let at = 30.0 * (share * scale).exp() - 30.0;
    (at as usize).min(most - 1)
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn surname(at: usize) -> String {
    let mut number = mix(at as u64);
    let mut word = String::new();
    for _ in 0..2 + at % 2 {
        word.push_str(SYLLABLES[(number % SYLLABLES.len() as u64) as usize]);
        number /= SYLLABLES.len() as u64;
    }
    capital(&word)
}

/// The first child of a person's family: up to three children in a row.
fn head(number: u64) -> u64 {
    let mut head = number;
    while head > number.saturating_sub(2)
        && !head.is_multiple_of(PER_DISTRICT)
        && draw(head, 1, 100) < 30
    {
        head -= 1;
    }
    head
}

/// Whose twin a person is; the other one is asked by [`twin_after`].
pub(crate) fn twin_of(number: u64) -> Option<u64> {
    let head = head(number);
    (head != number && draw(number, 2, 100) < 5).then_some(head)
}

fn twin_after(number: u64) -> Option<u64> {
    (number + 1..number + 3).find(|other| twin_of(*other) == Some(number))
}

fn given(number: u64) -> String {
    match frequent(draw(number, 6, u64::MAX), 3000) {
        at if at < GIVEN.len() => GIVEN[at].to_owned(),
        at => surname(at + 1_000_000),
    }
}

fn look_alike(name: &str) -> String {
    let listed = LOOK_ALIKE.iter().find(|(one, _)| *one == name);
    listed.map_or_else(
        || match name.strip_suffix('a') {
            Some(rest) => format!("{rest}o"),
            None => format!("{name}a"),
        },
        |(_, other)| (*other).to_owned(),
    )
}

#[derive(Clone)]
pub(crate) struct Child {
    pub(crate) district: u64,
    pub(crate) sis: String,
    pub(crate) number: String,
    pub(crate) state: String,
    pub(crate) email: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) born: (i16, u8, u8),
    /// This year's: 0 is kindergarten.
    pub(crate) grade: u64,
    pub(crate) school: String,
}

impl Child {
    pub(crate) fn new(number: u64) -> Self {
        let district = number / PER_DISTRICT;
        let head = head(number);
        let twin = twin_of(number).is_some();
        let grade = if twin {
            draw(head, 3, 13)
        } else {
            draw(number, 3, 13)
        };
        let of_day = if twin { head } else { number };
        let year = i16::try_from(2021 - grade).unwrap_or(2010);
        let (month, day) = (draw(of_day, 4, 12) as u8 + 1, draw(of_day, 5, 28) as u8 + 1);
        let first = match twin_of(number) {
            Some(other) if draw(number, 14, 3) == 0 => look_alike(&given(other)),
            _ => given(number),
        };
        let mut last = surname(frequent(draw(head, 7, u64::MAX), 60_000));
        if draw(head, 8, 100) < 8 {
            let _ = write!(
                last,
                "-{}",
                surname(frequent(draw(head, 9, u64::MAX), 60_000))
            );
        }
        let email = if grade < 3 {
            String::new()
        } else if draw(head, 10, 100) < 8 {
            format!("family{head}@mail.example")
        } else {
            format!("{}.{}{}@d{district}.example", first, last, number % 100)
        };
        let within = number % PER_DISTRICT;
        Self {
            district,
            sis: format!("{}", 100_003 + within * 7),
            number: if draw(number, 11, 10) < 7 {
                format!("S{}", 500_000 + within)
            } else {
                String::new()
            },
            state: if draw(number, 12, 10) < 7 {
                format!("{}", 7_000_000_000 + number)
            } else {
                String::new()
            },
            email,
            first,
            last,
            born: (year, month, day),
            grade,
            school: format!("{district}-{}-{}", draw(head, 13, 25), grade / 5),
        }
    }

    pub(crate) fn born(&self) -> String {
        let (year, month, day) = self.born;
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// What became of a person's account since last year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stratum {
    Plain,
    NoBirth,
    Slip,
    Nickname,
    NewName,
    NewId,
    Transfer,
    ClassMade,
    /// The child has no account; another has an account under an id that is the child's today.
    Recycled,
    /// The child has no account; somebody signed up with all that is known of it.
    Squatter,
    NoAccount,
    /// The account has no id at all, and is the district's.
    NoIds,
    /// The child has no account and its twin has one.
    NewTwin,
    /// The twin of one who is new, and has left: the account is there, its person is in no roster.
    TwinLeft,
}

impl Stratum {
    pub(crate) fn of(person: u64) -> Self {
        let is_new = |twin: u64| draw(twin, 15, 3) == 0;
        if twin_of(person).is_some() && is_new(person) {
            return Self::NewTwin;
        }
        if twin_after(person).is_some_and(is_new) {
            match draw(person, 16, 3) {
                0 => return Self::NoIds,
                1 => return Self::TwinLeft,
                _ => {}
            }
        }
        match draw(person, 20, 1000) {
            0..580 => Self::Plain,
            580..600 => Self::NoIds,
            600..700 => Self::NoBirth,
            700..760 => Self::Slip,
            760..820 => Self::Nickname,
            820..840 => Self::NewName,
            840..900 => Self::NewId,
            900..930 => Self::Transfer,
            930..950 => Self::ClassMade,
            950..960 => Self::Recycled,
            960..970 => Self::Squatter,
            _ => Self::NoAccount,
        }
    }

    /// Whether the child has an account.
    pub(crate) const fn has_account(self) -> bool {
        !matches!(
            self,
            Self::Recycled | Self::Squatter | Self::NoAccount | Self::NewTwin
        )
    }

    /// Whether the child's district governs that account and knows it by an id, so that no person's word is needed.
    pub(crate) const fn is_in_reach(self) -> bool {
        self.has_account() && !matches!(self, Self::Transfer | Self::ClassMade | Self::NoIds)
    }
}

fn slip(word: &str, seed: u64) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = (seed % letters.len() as u64) as usize;
    match seed / 7 % 3 {
        0 if at + 1 < letters.len() => letters.swap(at, at + 1),
        1 if letters.len() > 3 => drop(letters.remove(at)),
        _ => letters[at] = 'e',
    }
    letters.into_iter().collect()
}

/// The account of last year, and who governs it.
pub(crate) fn account(person: u64) -> (Child, Option<u64>, bool) {
    let mut child = Child::new(person);
    let stratum = Stratum::of(person);
    child.state = if draw(person, 30, 10) < 1 {
        child.state
    } else {
        String::new()
    };
    let mut told = draw(person, 31, 10) < 8;
    let mut governor = Some(child.district);
    match stratum {
        Stratum::NoBirth => told = false,
        Stratum::Slip if draw(person, 32, 2) == 0 => {
            child.first = slip(&child.first, draw(person, 33, 1000));
        }
        Stratum::Slip => child.last = slip(&child.last, draw(person, 33, 1000)),
        Stratum::Nickname => {
            let short = SHORT.iter().find(|(name, _)| *name == child.first);
            child.first =
                short.map_or_else(|| child.first.clone(), |(_, short)| (*short).to_owned());
        }
        Stratum::NewName => child.last = surname(frequent(draw(person, 34, u64::MAX), 60_000)),
        Stratum::NewId | Stratum::TwinLeft => child.sis = format!("9{}", child.sis),
        Stratum::NoIds => {
            child.sis = String::new();
            child.number = String::new();
            child.state = String::new();
            told = true;
        }
        Stratum::Transfer => {
            child.district += 1_000;
            governor = Some(child.district);
            child.email = format!(
                "{}{}@d{}.example",
                child.first,
                person % 100,
                child.district
            );
            child.school = format!("{}-{}", child.district, draw(person, 35, 25));
        }
        Stratum::ClassMade => {
            child.sis = String::new();
            child.number = String::new();
            child.state = String::new();
            told = false;
            governor = None;
        }
        Stratum::Recycled => {
            // A leaver's, under the number that is the child's now.
            let leaver = Child::new(person + 10_000_000_000);
            child = Child {
                sis: child.sis,
                district: child.district,
                number: String::new(),
                state: String::new(),
                ..leaver
            };
        }
        Stratum::Squatter => governor = None,
        _ => {}
    }
    (child, governor, told)
}
