//! Made-up districts with the truth: an app's accounts of last year, and this year's rosters.
//!
//! Every person is computed from a number, so that nothing is kept but what is compared. Names are frequent
//! as names are (Zipf and Mandelbrot); families share a name, a school and often a mailbox; two districts use
//! the same ids. Three in a hundred children are twins, a third of those with names that look alike; of a third of
//! the twins one is new, beside the other's account.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::linkage::{Linkage, MatchConfig, PeopleBuilder, Run, Side, Verdict};
use clever_provision::{
    Account, AccountId, AccountState, Class, Custody, Decision, Directory, LiveLink, LoginMethod,
    Person, Policy, Subject, decide_all,
};

use crate::meter::{Cost, measure, peak};

const CONFIG: &str = r#"
left = { id = "account" }
right = { id = "clever_id" }
reach = { left = "governor", right = "district" }
field = [
    { name = "sis", kind = "sis_id", scope = { left = "governor", right = "district" } },
    { name = "number", kind = "student_number", scope = { left = "governor", right = "district" } },
    { name = "state", kind = "state_id" },
    { name = "email", kind = "email" },
    { name = "first", kind = "given_name" },
    { name = "last", kind = "family_name" },
    { name = "born", kind = "date" },
    { name = "grade", kind = "grade" },
    { name = "school", kind = "code" },
]
"#;

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

const PER_DISTRICT: u64 = 50_000;

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
const fn draw(person: u64, what: u64, most: u64) -> u64 {
    mix(mix(person) ^ mix(what << 32)) % most
}

/// A place in a list where the first are met most.
fn frequent(draw: u64, most: usize) -> usize {
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
fn twin_of(number: u64) -> Option<u64> {
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
struct Child {
    district: u64,
    sis: String,
    number: String,
    state: String,
    email: String,
    first: String,
    last: String,
    born: (i16, u8, u8),
    /// This year's: 0 is kindergarten.
    grade: u64,
    school: String,
}

impl Child {
    fn new(number: u64) -> Self {
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

    fn born(&self) -> String {
        let (year, month, day) = self.born;
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// What became of a person's account since last year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stratum {
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
    fn of(person: u64) -> Self {
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
    const fn has_account(self) -> bool {
        !matches!(
            self,
            Self::Recycled | Self::Squatter | Self::NoAccount | Self::NewTwin
        )
    }

    /// Whether the child's district governs that account and knows it by an id, so that no person's word is needed.
    const fn is_in_reach(self) -> bool {
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
fn account(person: u64) -> (Child, Option<u64>, bool) {
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

/// Found, missed and wrong of a stratum.
#[derive(Default)]
struct Tally {
    people: u64,
    linked: u64,
    in_five: u64,
    wrong: u64,
    /// What `match` would link by itself, and how much of it falsely.
    auto: u64,
    auto_wrong: u64,
}

fn load(count: u64) -> Result<Linkage, Box<dyn std::error::Error>> {
    let mut people = PeopleBuilder::new(toml::from_str::<MatchConfig>(CONFIG)?)?;
    let mut row = |side, id: &str, child: &Child, governor: &str, born: &str, grade: u64| {
        let grade = if grade == 0 {
            "Kindergarten".to_owned()
        } else {
            grade.to_string()
        };
        people.push(
            side,
            id,
            [
                child.sis.as_str(),
                governor,
                &child.number,
                governor,
                &child.state,
                &child.email,
                &child.first,
                &child.last,
                born,
                &grade,
                &child.school,
                governor,
            ],
        )
    };
    for person in 0..count {
        let stratum = Stratum::of(person);
        if !matches!(stratum, Stratum::NoAccount | Stratum::NewTwin) {
            let (child, governor, told) = account(person);
            let governor = governor
                .map(|district| format!("d{district}"))
                .unwrap_or_default();
            let born = if told { child.born() } else { String::new() };
            row(
                Side::Left,
                &format!("a{person}"),
                &child,
                &governor,
                &born,
                child.grade.saturating_sub(1),
            )?;
        }
        if stratum == Stratum::TwinLeft {
            continue;
        }
        let child = Child::new(person);
        let born = if draw(person, 40, 100) < 3 {
            String::new()
        } else {
            child.born()
        };
        row(
            Side::Right,
            &format!("u{person}"),
            &child,
            &format!("d{}", child.district),
            &born,
            child.grade,
        )?;
    }
    // Leavers: accounts of nobody who is still there.
    for leaver in count..count + count / 30 {
        let child = Child {
            district: leaver % (count / PER_DISTRICT + 1),
            ..Child::new(leaver)
        };
        let id = format!("z{leaver}");
        row(
            Side::Left,
            &id,
            &child,
            &format!("d{}", child.district),
            &child.born(),
            child.grade,
        )?;
    }
    Ok(Linkage::new(people.finish()?))
}

/// An account as the app has it, from its id.
fn account_of(id: &AccountId, now: Timestamp) -> Result<Account, Box<dyn std::error::Error>> {
    let person: u64 = id.as_str()[1..].parse()?;
    let district = |number: u64| DistrictId::new(format!("d{number}"));
    let leaver = id.as_str().starts_with('z');
    let stratum = Stratum::of(person);
    let old = Child::new(person).district;
    let (custody, link) = match stratum {
        Stratum::ClassMade if !leaver => (
            Custody::ClassMade {
                by: UserId::new(format!("t{old}"))?,
            },
            None,
        ),
        Stratum::Squatter if !leaver => (Custody::Personal, None),
        Stratum::Transfer if !leaver => (
            Custody::Managed {
                by: district(old + 1_000)?,
            },
            None,
        ),
        Stratum::NewId | Stratum::TwinLeft if !leaver => {
            let link = LiveLink {
                id: UserId::new(format!("old{person}"))?,
                district: Some(district(old)?),
                in_roster: false,
                by_admin: false,
            };
            (Custody::Managed { by: district(old)? }, Some(link))
        }
        _ => (Custody::Managed { by: district(old)? }, None),
    };
    Ok(Account {
        id: id.clone(),
        version: 1,
        custody,
        class: Class::Student,
        state: AccountState::Active,
        links: link.into_iter().collect(),
        methods: vec![LoginMethod {
            id: "password".into(),
            proven_at: None,
        }],
        last_used: Some(now),
    })
}

/// Prints how well the made-up people are matched, and what it costs.
pub(crate) fn run(count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let run = Run::default();
    let (linkage, loading) = measure(|| load(count));
    let linkage = linkage?;
    let (model, training) = measure(|| linkage.train(&run));
    let (links, linking) = measure(|| linkage.link(&model, &run));
    let links = links?;
    let memory = peak();
    let policy = Policy {
        managed_auto: true,
        id_change_auto: true,
        ..Policy::default()
    };
    let now = Timestamp::from_second(1_790_000_000)?;
    let mut tallies: BTreeMap<Stratum, Tally> = BTreeMap::new();
    let mut deciding = Cost {
        wall: 0.0,
        cpu: 0.0,
    };
    for chunk in links.all.chunks(10_000) {
        let mut asked = Vec::new();
        for link in chunk {
            let person: u64 = links.right_id(link)[1..].parse()?;
            let district = DistrictId::new(format!("d{}", person / PER_DISTRICT))?;
            let subject = Subject::roster(&Person::new(
                UserId::new(format!("u{person}"))?,
                Some(district),
                [Role::Student],
            ))?;
            let candidates = links.candidates(link);
            let accounts = candidates
                .iter()
                .map(|one| Ok((one.account.clone(), account_of(&one.account, now)?)));
            let directory = Directory {
                version: 1,
                accounts: accounts.collect::<Result<_, Box<dyn std::error::Error>>>()?,
                candidates,
                truncated: link.cut,
                teachers_of_subject: BTreeSet::from([UserId::new(format!(
                    "t{}",
                    person / PER_DISTRICT
                ))?]),
                ..Directory::default()
            };
            asked.push((person, subject, directory));
        }
        let (decided, cost) = measure(|| {
            decide_all(
                asked
                    .iter()
                    .map(|(_, subject, directory)| (subject, directory)),
                &policy,
                now,
            )
        });
        deciding.wall += cost.wall;
        deciding.cpu += cost.cpu;
        for (((person, _, directory), decided), link) in asked.iter().zip(decided).zip(chunk) {
            let stratum = Stratum::of(*person);
            let own = AccountId::new(format!("a{person}"));
            let tally = tallies.entry(stratum).or_default();
            tally.people += 1;
            if link.verdict == Verdict::Auto {
                let is_own = stratum.has_account()
                    && link
                        .candidates
                        .first()
                        .is_some_and(|best| links.left_id(best) == own.as_str());
                tally.auto += u64::from(is_own);
                tally.auto_wrong += u64::from(!is_own);
            }
            match &decided.decision {
                Decision::Link { account, .. } if *account == own && stratum.has_account() => {
                    tally.linked += 1;
                }
                Decision::Link { .. } => tally.wrong += 1,
                _ if stratum.has_account() => {
                    let among = directory
                        .candidates
                        .iter()
                        .take(5)
                        .any(|one| one.account == own);
                    tally.in_five += u64::from(among);
                }
                _ => {}
            }
        }
    }
    report(
        count,
        &tallies,
        &[
            ("load", loading),
            ("train", training),
            ("link", linking),
            ("decide", deciding),
        ],
        memory,
    );
    let (found, falsely) = ladder(count);
    println!(
        "a ladder of guesses instead (the district's id, else the address): {found} links, {falsely} of them false\n"
    );
    println!(
        "expected false links by score: {:.4}; blocks left out for {} people\n",
        links.expected_false(),
        links.all.iter().filter(|link| link.cut).count()
    );
    Ok(())
}

/// What apps do today: whoever has the same id in the district, else the same address. Links, and the false ones among them.
fn ladder(count: u64) -> (u64, u64) {
    let mut by_sis = HashMap::new();
    let mut by_email = HashMap::new();
    let without = [Stratum::NoAccount, Stratum::NewTwin];
    for person in (0..count).filter(|person| !without.contains(&Stratum::of(*person))) {
        let (child, ..) = account(person);
        if !child.sis.is_empty() {
            by_sis.entry((child.district, child.sis)).or_insert(person);
        }
        if !child.email.is_empty() {
            by_email.entry(child.email).or_insert(person);
        }
    }
    let (mut found, mut falsely) = (0, 0);
    for person in (0..count).filter(|person| Stratum::of(*person) != Stratum::TwinLeft) {
        let child = Child::new(person);
        let by_id = by_sis.get(&(child.district, child.sis));
        if let Some(owner) = by_id.or_else(|| by_email.get(&child.email)) {
            found += 1;
            falsely += u64::from(*owner != person || !Stratum::of(person).has_account());
        }
    }
    (found, falsely)
}

fn report(count: u64, tallies: &BTreeMap<Stratum, Tally>, costs: &[(&str, Cost)], memory: u64) {
    println!("K-12: {count} people of this year's rosters, accounts of last year\n");
    println!(
        "| Stratum | people | linked | right account among five of the rest | false links | `match` alone | false |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: |");
    let share = |part: u64, all: u64| {
        if all == 0 {
            "-".to_owned()
        } else {
            format!("{:.3}", part as f64 / all as f64)
        }
    };
    let (mut may, mut linked, mut rest, mut in_five) = (0, 0, 0, 0);
    let (mut wrong, mut auto_wrong) = (0, 0);
    for (stratum, tally) in tallies {
        let left = if stratum.has_account() {
            tally.people - tally.linked - tally.wrong
        } else {
            0
        };
        println!(
            "| {stratum:?} | {} | {} | {} | {} | {} | {} |",
            tally.people,
            share(tally.linked, tally.people),
            share(tally.in_five, left),
            tally.wrong,
            share(tally.auto, tally.people),
            tally.auto_wrong
        );
        if stratum.is_in_reach() {
            may += tally.people;
            linked += tally.linked;
        }
        rest += left;
        in_five += tally.in_five;
        wrong += tally.wrong;
        auto_wrong += tally.auto_wrong;
    }
    println!(
        "\nlinked of those who may be without a person's word: {}",
        share(linked, may)
    );
    println!(
        "right account among five of the rest that have one: {}",
        share(in_five, rest)
    );
    println!(
        "false links per million: {:.2}; of `match` alone: {:.2}",
        wrong as f64 * 1e6 / count as f64,
        auto_wrong as f64 * 1e6 / count as f64
    );
    let twins = (0..count).filter_map(|person| Some((person, twin_of(person)?)));
    let (mut all, mut alike, mut new) = (0, 0, 0);
    for (person, _) in twins {
        all += 2;
        alike += 2 * u64::from(draw(person, 14, 3) == 0);
        new += u64::from(Stratum::of(person) == Stratum::NewTwin);
    }
    println!(
        "twins: {all} people, {alike} of them with names that look alike; {new} are new beside a twin's account\n"
    );
    println!("| Step | s | CPU s |\n| --- | --: | --: |");
    for (step, cost) in costs {
        println!("| {step} | {:.2} | {:.2} |", cost.wall, cost.cpu);
    }
    println!("\nlargest memory: {memory} MiB");
}
