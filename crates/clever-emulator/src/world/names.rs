//! Made-up words for made-up people and places, among them the ones that programs trip over:
//! apostrophes, hyphens, letters beyond ASCII, two surnames, one-letter names.

use super::words::Word;

/// A given name as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    pub(super) name: Word<16>,
    /// The short form by which some are known.
    pub(super) short: Word<16>,
    /// The letters of it that addresses have.
    pub(super) plain: Word<16>,
}

/// A family name as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surname {
    pub(super) name: Word<16>,
    /// The letters of it that addresses have.
    pub(super) plain: Word<16>,
}

pub(super) static GIVEN_NAMES: [Given; FIRST.len()] = {
    let mut all = [Given {
        name: Word::NONE,
        short: Word::NONE,
        plain: Word::NONE,
    }; FIRST.len()];
    let mut at = 0;
    while at < all.len() {
        all[at].name = Word::of(&[FIRST[at].0]);
        all[at].short = Word::of(&[FIRST[at].1]);
        all[at].plain = Word::plain(FIRST[at].0);
        at += 1;
    }
    all
};

pub(super) static SURNAMES: [Surname; LAST.len()] = {
    let mut all = [Surname {
        name: Word::NONE,
        plain: Word::NONE,
    }; LAST.len()];
    let mut at = 0;
    while at < all.len() {
        all[at].name = Word::of(&[LAST[at]]);
        all[at].plain = Word::plain(LAST[at]);
        at += 1;
    }
    all
};

/// Given names with the short form by which some are known.
const FIRST: &[(&str, &str)] = &[
    ("Aaliyah", "Liyah"),
    ("Abigail", "Abby"),
    ("Adrián", "Adri"),
    ("Aiyana", ""),
    ("Alexander", "Alex"),
    ("Amara", ""),
    ("Andrew", "Drew"),
    ("Anthony", "Tony"),
    ("Benjamin", "Ben"),
    ("Brooklyn", ""),
    ("Caleb", ""),
    ("Camila", "Cami"),
    ("Charlotte", "Charlie"),
    ("Chloé", ""),
    ("Christopher", "Chris"),
    ("D'Andre", "Dre"),
    ("Daniel", "Danny"),
    ("Deja", ""),
    ("Diego", ""),
    ("Elijah", "Eli"),
    ("Elizabeth", "Beth"),
    ("Emmanuel", "Manny"),
    ("Eun-ji", ""),
    ("Fatima", ""),
    ("Gabriel", "Gabe"),
    ("Grace", ""),
    ("Hannah", ""),
    ("Hiroshi", ""),
    ("Ibrahim", ""),
    ("Isabella", "Bella"),
    ("Jacob", "Jake"),
    ("Jayden", "Jay"),
    ("José", "Pepe"),
    ("Jonathan", "Jon"),
    ("Joseph", "Joe"),
    ("Katherine", "Kate"),
    ("Kwame", ""),
    ("Layla", ""),
    ("Leonardo", "Leo"),
    ("Li", ""),
    ("Lucía", "Lucy"),
    ("Mackenzie", "Kenzie"),
    ("Madison", "Maddie"),
    ("Malik", ""),
    ("Margaret", "Maggie"),
    ("María José", "Majo"),
    ("Matthew", "Matt"),
    ("Michael", "Mike"),
    ("Mohammed", "Mo"),
    ("Natalie", "Nat"),
    ("Nevaeh", ""),
    ("Nguyệt", ""),
    ("Nicholas", "Nick"),
    ("O", ""),
    ("Olivia", "Liv"),
    ("Patricia", "Pat"),
    ("Priya", ""),
    ("Rebecca", "Becky"),
    ("Robert", "Bobby"),
    ("Samantha", "Sam"),
    ("Samuel", "Sam"),
    ("Sofía", "Sofi"),
    ("Stephanie", "Steph"),
    ("Tariq", ""),
    ("Theodore", "Theo"),
    ("Thomas", "Tommy"),
    ("Valentina", "Val"),
    ("Victoria", "Vicky"),
    ("William", "Will"),
    ("Xiomara", ""),
    ("Yusuf", ""),
    ("Zachary", "Zach"),
    ("Zoë", ""),
    ("Zuri", ""),
];

/// Family names.
const LAST: &[&str] = &[
    "Adeyemi",
    "Álvarez",
    "Anderson",
    "Begay",
    "Bennett",
    "Brooks",
    "Brown",
    "Carter",
    "Castillo",
    "Chen",
    "Clark",
    "Cohen",
    "Cruz",
    "Davis",
    "de la Cruz",
    "Delgado",
    "Diaz",
    "Edwards",
    "Fernández",
    "Flores",
    "Foster",
    "García",
    "Gonzalez",
    "Gray",
    "Green",
    "Gutierrez",
    "Hall",
    "Harris",
    "Hassan",
    "Hernandez",
    "Hill",
    "Howard",
    "Hughes",
    "Jackson",
    "Jiménez",
    "Johnson",
    "Jones",
    "Kaur",
    "Kelly",
    "Khan",
    "Kim",
    "King",
    "Kowalski",
    "Lee",
    "Lewis",
    "Lin",
    "Lopez",
    "Martin",
    "Martinez",
    "McDonald",
    "Mehta",
    "Mendoza",
    "Miller",
    "Mitchell",
    "Moore",
    "Morales",
    "Muñoz",
    "Murphy",
    "Nelson",
    "Ng",
    "Nguyen",
    "O'Brien",
    "O'Neill",
    "Okafor",
    "Ortiz",
    "Osei",
    "Park",
    "Patel",
    "Perez",
    "Peterson",
    "Phillips",
    "Ramirez",
    "Reyes",
    "Rivera",
    "Roberts",
    "Robinson",
    "Rodriguez",
    "Ruiz",
    "Sanchez",
    "Schmidt",
    "Scott",
    "Shah",
    "Singh",
    "Smith",
    "St. Clair",
    "Stewart",
    "Taylor",
    "Thomas",
    "Thompson",
    "Torres",
    "Tran",
    "Turner",
    "Van Buren",
    "Vasquez",
    "Walker",
    "Ward",
    "Washington",
    "White",
    "Williams",
    "Wilson",
    "Wong",
    "Wright",
    "Yang",
    "Yazzie",
    "Young",
    "Zhang",
];

/// Names of streets, for addresses.
pub(super) const STREETS: &[&str] = &[
    "Alder", "Birch", "Canal", "Cedar", "Church", "Dogwood", "Elm", "Franklin", "Garden", "Harbor",
    "Hickory", "Juniper", "Lake", "Lincoln", "Locust", "Magnolia", "Main", "Maple", "Meadow",
    "Mill", "Oak", "Orchard", "Park", "Pearl", "Pine", "Prospect", "Ridge", "River", "Spring",
    "Spruce", "Summit", "Sycamore", "Walnut",
];

/// What schools are called after.
pub(super) const SCHOOLS: &[&str] = &[
    "Harriet Tubman",
    "Cesar Chavez",
    "Maple Grove",
    "Riverside",
    "Lincoln",
    "Rosa Parks",
    "Washington",
    "Sunset",
    "Sally Ride",
    "Jefferson",
    "Oak Hill",
    "Frederick Douglass",
    "Eastgate",
    "Pioneer",
    "Cedar Ridge",
    "Roosevelt",
    "Mae Jemison",
    "Lakeview",
    "Franklin",
    "Westfield",
    "Amelia Earhart",
    "Prairie View",
    "Madison",
    "Northside",
];

/// What an elementary school teaches, the homeroom first: course, Clever's subject.
pub(super) const ELEMENTARY: &[(&str, &str)] = &[
    ("Homeroom", "homeroom/advisory"),
    ("Reading", "english/language arts"),
    ("Mathematics", "math"),
    ("Science", "science"),
    ("Social Studies", "social studies"),
    ("Physical Education", "PE and health"),
    ("Art", "arts and music"),
    ("Music", "arts and music"),
    ("Library", "other"),
];

/// What a secondary school teaches: course, Clever's subject.
pub(super) const SECONDARY: &[(&str, &str)] = &[
    ("English", "english/language arts"),
    ("Mathematics", "math"),
    ("Science", "science"),
    ("Social Studies", "social studies"),
    ("Physical Education", "PE and health"),
    ("Art", "arts and music"),
    ("Spanish", "language"),
    ("Advisory", "homeroom/advisory"),
    ("Computing", "technology and engineering"),
    ("Band", "arts and music"),
    ("Study Skills", "interventions/online learning"),
    ("Health", "PE and health"),
    ("Driver Education", "other"),
];

/// Clever's codes and words of disabilities.
pub(super) const DISABILITIES: &[(&str, &str)] = &[
    ("aut", "Autism"),
    ("db", "Deaf-blindness"),
    ("dd", "Developmental delay"),
    ("emn", "Emotional disturbance"),
    ("hi", "Hearing impairment"),
    ("id", "Intellectual Disability"),
    ("md", "Multiple disabilities"),
    ("oi", "Orthopedic impairment"),
    ("other", "Other"),
    ("ohi", "Other health impairment"),
    ("sld", "Specific learning disability"),
    ("sli", "Speech or language impairment"),
    ("tbi", "Traumatic brain injury"),
    ("vi", "Visual impairment"),
];

/// Languages spoken at home, the commonest first, with their codes.
pub(super) const LANGUAGES: &[(&str, &str)] = &[
    ("English", "eng"),
    ("Spanish", "spa"),
    ("Vietnamese", "vie"),
    ("Arabic", "ara"),
    ("Haitian Creole", "hat"),
    ("Tagalog", "tgl"),
    ("Hmong", "hmn"),
    ("Somali", "som"),
    ("Russian", "rus"),
    ("Korean", "kor"),
    ("Polish", "pol"),
    ("Urdu", "urd"),
    ("Mandarin", "cmn"),
    ("Kurdish (Kurmanji)", "kur"),
    ("Other", "other"),
];
