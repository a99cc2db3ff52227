//! A school with the truth known, for the tests of scores here and of decisions in clever-provision.

use std::sync::OnceLock;

use clever_linkage::{Linkage, MatchConfig, Model, PeopleBuilder, Run, Side};

const CONFIG: &str = r#"
left = { id = "account" }
right = { id = "clever_id" }
field = [
    { name = "sis", kind = "sis_id", scope = { left = "district", right = "district" } },
    { name = "first", kind = "given_name" },
    { name = "last", kind = "family_name" },
    { name = "born", kind = "date" },
    { name = "email", kind = "email" },
]
"#;

pub(crate) fn config() -> MatchConfig {
    toml::from_str(CONFIG).unwrap()
}

/// Id, then sis, district, first, last, born, email.
pub(crate) type Row = [String; 7];

pub(crate) fn row(values: [&str; 7]) -> Row {
    values.map(str::to_owned)
}

pub(crate) fn linkage(left: &[Row], right: &[Row]) -> Linkage {
    let mut people = PeopleBuilder::new(config()).unwrap();
    for (side, rows) in [(Side::Left, left), (Side::Right, right)] {
        for row in rows {
            people
                .push(side, &row[0], row[1..].iter().map(String::as_str))
                .unwrap();
        }
    }
    Linkage::new(people.finish().unwrap())
}

/// Six hundred people of two districts, their accounts of last year with slips, and strangers.
pub(crate) fn school() -> (Vec<Row>, Vec<Row>) {
    const FIRST: [&str; 12] = [
        "Olivia", "William", "Emma", "Noah", "Sofia", "Mateo", "Abigail", "James", "Mia", "Elijah",
        "Amelia", "Benjamin",
    ];
    const LAST: [&str; 11] = [
        "Smith",
        "Garcia",
        "Nguyen",
        "Okafor",
        "Patel",
        "Lindqvist",
        "Brown",
        "Kowalski",
        "Haddad",
        "Tanaka",
        "Murphy",
    ];
    // Fields that know nothing of each other, as names and birthdays are.
    let draw = |at: usize, what: u64, most: usize| {
        let mut z = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ what.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % most as u64).unwrap()
    };
    let mut left = Vec::new();
    let mut right = Vec::new();
    for at in 0..600_usize {
        let (first, end) = (
            FIRST[draw(at, 1, 12)],
            ["", "son", "ez", "berg"][draw(at, 3, 4)],
        );
        let last = format!("{}{end}", LAST[draw(at, 2, 11)]);
        let born = format!(
            "{}-{:02}-{:02}",
            2005 + draw(at, 4, 13),
            draw(at, 5, 12) + 1,
            draw(at, 6, 28) + 1
        );
        let (sis, district) = (format!("{}", 1000 + at / 2), format!("d{}", at % 2));
        let email = if at % 3 == 0 {
            String::new()
        } else {
            format!("{first}.{last}{at}@x.example")
        };
        right.push([
            format!("u{at}"),
            sis.clone(),
            district.clone(),
            first.to_owned(),
            last.clone(),
            born.clone(),
            email.clone(),
        ]);
        if at % 7 == 6 {
            continue;
        }
        let short = match first {
            "William" => "Bill",
            "Benjamin" => "Ben",
            "Abigail" => "Abby",
            other => other,
        };
        let called = if at % 4 == 0 { short } else { first };
        let written = if at % 10 == 3 {
            last.replacen('a', "e", 1)
        } else {
            last
        };
        let told = if at % 5 == 1 { String::new() } else { born };
        left.push([
            format!("a{at}"),
            sis,
            district,
            called.to_owned(),
            written,
            told,
            email,
        ]);
    }
    (left, right)
}

/// The school's model.
pub(crate) fn trained() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let (left, right) = school();
        linkage(&left, &right).train(&Run::default())
    })
}
