//! What must hold of matching: symmetry, independence of order and threads, and that doubt only grows.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::select;

use crate::evidence::Evidence;
use crate::linkage::{
    Doubt, FileError, Kind, Linkage, Links, MatchConfig, Model, ModelError, PeopleBuilder, Run,
    Side, Verdict,
};

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
decide = { auto = 16000 }
"#;

pub(super) fn config() -> MatchConfig {
    toml::from_str(CONFIG).unwrap()
}

/// Id, then sis, district, first, last, born, email.
pub(super) type Row = [String; 7];

pub(super) fn row(values: [&str; 7]) -> Row {
    values.map(str::to_owned)
}

pub(super) fn linkage(left: &[Row], right: &[Row]) -> Linkage {
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
pub(super) fn school() -> (Vec<Row>, Vec<Row>) {
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
pub(super) fn trained() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let (left, right) = school();
        linkage(&left, &right).train(&Run::default())
    })
}

/// Verdict, doubt and candidates of everyone, in words.
fn words(links: &Links<'_>) -> Vec<String> {
    let candidates = |link: &crate::linkage::Link| {
        let all = link
            .candidates
            .iter()
            .map(|one| format!("{} {}", links.left_id(one), one.millibits));
        all.collect::<Vec<_>>().join(", ")
    };
    links
        .all
        .iter()
        .map(|link| {
            format!(
                "{}: {:?} {:?} {}",
                links.right_id(link),
                link.verdict,
                link.doubt,
                candidates(link)
            )
        })
        .collect()
}

fn threads(number: usize) -> Run<'static> {
    Run {
        threads: NonZeroUsize::new(number).unwrap(),
        ..Run::default()
    }
}

#[test]
fn most_are_found_and_nobody_falsely() {
    let (left, right) = school();
    let linkage = linkage(&left, &right);
    let model = linkage.train(&Run::default());
    let links = linkage.link(&model, &Run::default()).unwrap();
    let mut found = 0;
    for link in &links.all {
        if link.verdict == Verdict::Auto {
            found += 1;
            assert_eq!(
                links.left_id(&link.candidates[0])[1..],
                links.right_id(link)[1..]
            );
        }
    }
    assert!(found * 10 > left.len() * 9, "{found} of {}", left.len());
    assert!(links.expected_false() < 0.1);
}

#[test]
fn p28_neither_order_nor_threads_change_anything() {
    let (mut left, mut right) = school();
    let one = linkage(&left, &right);
    let model = one.train(&threads(1));
    let expected = words(&one.link(&model, &threads(1)).unwrap());
    left.reverse();
    right.rotate_left(211);
    let other = linkage(&left, &right);
    assert_eq!(other.train(&threads(3)), model);
    assert_eq!(words(&other.link(&model, &threads(3)).unwrap()), expected);
}

#[test]
fn p28_one_at_a_time_scores_as_all_at_once() {
    let (left, right) = school();
    let all = linkage(&left, &right);
    let model = all.train(&Run::default());
    let together = all.link(&model, &Run::default()).unwrap();
    for at in [0, 17, 300, 599] {
        let alone = linkage(&left, std::slice::from_ref(&right[at]));
        let alone = alone.link(&model, &Run::default()).unwrap();
        let link = together
            .all
            .iter()
            .find(|link| together.right_id(link) == right[at][0])
            .unwrap();
        let scores = |links: &Links<'_>, link: &crate::linkage::Link| -> Vec<(String, i32)> {
            link.candidates
                .iter()
                .map(|one| (links.left_id(one).to_owned(), one.millibits))
                .collect()
        };
        assert_eq!(
            scores(&alone, &alone.all[0]),
            scores(&together, link),
            "{}",
            right[at][0]
        );
    }
}

#[test]
fn a_model_survives_being_written_and_fits_its_fields_only() {
    let (left, right) = school();
    let linkage = linkage(&left, &right);
    let model = linkage.train(&Run::default());
    let text = toml::to_string(&model).unwrap();
    assert_eq!(toml::from_str::<Model>(&text).unwrap(), model);
    let mut other = model.clone();
    other.fields.swap(1, 2);
    assert!(matches!(
        linkage.link(&other, &Run::default()),
        Err(ModelError::Fields { .. })
    ));
    let mut other = model.clone();
    other.fields[0].weights.clear();
    assert!(matches!(
        linkage.link(&other, &Run::default()),
        Err(ModelError::NoWeight { .. })
    ));
    let other = Model {
        version: 2,
        ..model
    };
    assert_eq!(
        linkage.link(&other, &Run::default()).err(),
        Some(ModelError::Version(2))
    );
}

#[test]
fn a_model_names_no_value_of_fewer_than_ten_people() {
    let (left, right) = school();
    let model = linkage(&left, &right).train(&Run::default());
    assert!(
        model
            .fields
            .iter()
            .any(|field| !field.frequencies.common.is_empty())
    );
    for field in &model.fields {
        assert!(
            field
                .frequencies
                .common
                .values()
                .all(|records| *records >= 10),
            "{}",
            field.name
        );
        assert!(field.kind != Kind::Email || field.frequencies.common.is_empty());
    }
}

/// The verdict on the person `right`, where `more` is added to the accounts and `others` to the roster.
fn with(more: &[Row], right: &Row, others: &[Row]) -> (Verdict, Option<Doubt>, Option<String>) {
    let (mut left, mut roster) = school();
    let model = linkage(&left, &roster).train(&Run::default());
    left.extend_from_slice(more);
    roster.push(right.clone());
    roster.extend_from_slice(others);
    let linkage = linkage(&left, &roster);
    let links = linkage.link(&model, &Run::default()).unwrap();
    let link = links
        .all
        .iter()
        .find(|link| links.right_id(link) == right[0])
        .unwrap();
    (
        link.verdict,
        link.doubt,
        link.candidates
            .first()
            .map(|one| links.left_id(one).to_owned()),
    )
}

#[test]
fn a17_the_same_number_in_two_districts_is_two_numbers() {
    let child = row(["n1", "777", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let same = row(["x1", "777", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    assert_eq!(
        with(std::slice::from_ref(&same), &child, &[]).0,
        Verdict::Auto
    );
    let elsewhere = row(["x1", "777", "d8", "Yusuf", "Demir", "2009-12-30", ""]);
    assert_eq!(
        with(&[elsewhere], &child, &[]),
        (Verdict::Create, None, None)
    );
}

#[test]
fn a18_a_recycled_number_links_nobody() {
    let child = row(["n1", "777", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let leaver = row(["x1", "777", "d9", "Yusuf", "Demir", "2004-12-30", ""]);
    assert_ne!(with(&[leaver], &child, &[]).0, Verdict::Auto);
}

#[test]
fn a20_a_family_mailbox_is_no_evidence() {
    let child = row([
        "n1",
        "",
        "d9",
        "Ximena",
        "Zapata",
        "",
        "zapata@mail.example",
    ]);
    let own = row([
        "x1",
        "",
        "d9",
        "Ximena",
        "Zapata",
        "",
        "zapata@mail.example",
    ]);
    let alone = {
        let (mut left, mut right) = school();
        let model = linkage(&left, &right).train(&Run::default());
        left.push(own.clone());
        right.push(child.clone());
        let before = linkage(&left, &right);
        let before = before.link(&model, &Run::default()).unwrap();
        left.push(row([
            "x2",
            "",
            "d9",
            "Bruno",
            "Zapata",
            "",
            "zapata@mail.example",
        ]));
        let after = linkage(&left, &right);
        let after = after.link(&model, &Run::default()).unwrap();
        let of = |links: &Links<'_>| {
            let link = links
                .all
                .iter()
                .find(|link| links.right_id(link) == "n1")
                .unwrap();
            let best = &link.candidates[0];
            let email = links
                .fields(best)
                .find(|(name, ..)| *name == "email")
                .unwrap();
            let holders = links
                .evidence(link, best)
                .into_iter()
                .find_map(|one| match one {
                    Evidence::Mailbox { holders } => Some(holders),
                    _ => None,
                });
            (email.1, email.2, holders)
        };
        (of(&before), of(&after))
    };
    assert_eq!(alone.0.0, "equal");
    assert!(alone.0.1 > 0);
    assert_eq!(alone.0.2, Some(1));
    assert_eq!(alone.1, ("shared", 0, Some(2)));
}

#[test]
fn a24_a_twin_moves_a_verdict_towards_review_only() {
    let child = row(["n1", "777", "d9", "Christina", "Zapata", "2011-03-04", ""]);
    let account = row(["x1", "777", "d9", "Tina", "Zapata", "2011-03-04", ""]);
    assert_eq!(
        with(std::slice::from_ref(&account), &child, &[]),
        (Verdict::Auto, None, Some("x1".to_owned()))
    );
    // In the roster, or among the accounts.
    let twin = row(["n2", "778", "d9", "Martina", "Zapata", "2011-03-04", ""]);
    let (verdict, doubt, _) = with(
        std::slice::from_ref(&account),
        &child,
        std::slice::from_ref(&twin),
    );
    assert_eq!((verdict, doubt), (Verdict::Review, Some(Doubt::Sibling)));
    let (verdict, ..) = with(&[account, twin], &child, &[]);
    assert_eq!(verdict, Verdict::Review);
}

#[test]
fn two_of_the_roster_never_share_an_account() {
    let child = row(["n1", "", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let again = row(["n2", "", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let account = row(["x1", "", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    assert_eq!(
        with(std::slice::from_ref(&account), &child, &[]).0,
        Verdict::Auto
    );
    let (verdict, doubt, _) = with(&[account], &child, &[again]);
    assert_eq!((verdict, doubt), (Verdict::Review, Some(Doubt::Wanted)));
}

#[test]
fn a_record_without_id_or_with_one_twice_is_named() {
    let mut people = PeopleBuilder::new(config()).unwrap();
    let values = ["1", "d", "A", "B", "", ""];
    assert_eq!(
        people.push(Side::Left, " ", values),
        Err(FileError::NoId {
            side: Side::Left,
            record: 1
        })
    );
    assert_eq!(
        people.push(Side::Left, "a", values.into_iter().take(4)),
        Err(FileError::Values {
            side: Side::Left,
            record: 1,
            found: 4,
            wanted: 6
        })
    );
    for id in ["b", "a", "b"] {
        people.push(Side::Right, id, values).unwrap();
    }
    let error = people.finish().err();
    assert_eq!(
        error,
        Some(FileError::DuplicateId {
            side: Side::Right,
            first: 1,
            second: 3
        })
    );
}

#[test]
fn nobody_at_all_is_fine() {
    let (left, _) = school();
    for (left, right) in [
        (&[][..], &[][..]),
        (&left[..], &[][..]),
        (&[][..], &left[..]),
    ] {
        let linkage = linkage(left, right);
        let model = linkage.train(&Run::default());
        let links = linkage.link(&model, &Run::default()).unwrap();
        assert_eq!(links.count(Verdict::Create), right.len());
    }
}

#[test]
fn who_is_in_a_file_twice_is_found() {
    let (mut left, _) = school();
    let again: Vec<Row> = left
        .iter()
        .step_by(40)
        .map(|row| {
            let mut again = row.clone();
            again[0] = format!("{}-again", row[0]);
            again[6] = String::new();
            again
        })
        .collect();
    let expected: Vec<Vec<String>> = again
        .iter()
        .map(|row| vec![row[0].replace("-again", ""), row[0].clone()])
        .collect();
    left.extend(again);
    let linkage = linkage(&left, &[]);
    let model = linkage.train_within(&Run::default());
    let clusters = linkage.clusters(&model, 0, &Run::default()).unwrap();
    let mut found: Vec<Vec<String>> = clusters
        .all
        .iter()
        .map(|one| clusters.ids(one).map(str::to_owned).collect())
        .collect();
    let mut expected = expected;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(clusters.all.iter().all(|one| one.weakest >= 0));
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "Ann",
            "Anna",
            "A",
            "Mary Ann",
            "O'Neil",
            "Garcia-Lopez",
            "Lopez",
            "Núñez",
            "Bob",
            "Robert"
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ]
}

fn rows() -> impl Strategy<Value = [String; 6]> {
    let district = select(vec!["", "d0", "d1"]).prop_map(str::to_owned);
    let sis = select(vec!["", "1511", "01511", "1512", "zz"]).prop_map(str::to_owned);
    let born =
        select(vec!["", "2010-01-02", "2010-02-01", "2010-01-03", "no"]).prop_map(str::to_owned);
    let email =
        select(vec!["", "a@x.example", "A@x.example", "a@y.example", "@"]).prop_map(str::to_owned);
    (sis, district, names(), names(), born, email).prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn p29_a_score_is_symmetric_and_absence_adds_nothing(a in rows(), b in rows(), blank in 0_usize..6) {
        // Compared whatever their keys.
        let mut config = config();
        config.decide.review = -1_000_000;
        config.decide.auto = 1_000_000;
        config.field.push(toml::from_str("name = \"all\"\nkind = \"code\"").unwrap());
        config.block = vec![vec!["all".to_owned()]];
        let mut model = trained().clone();
        let mut code = model.fields[0].clone();
        code.name = "all".to_owned();
        code.kind = Kind::Code;
        code.weights = Kind::Code.levels().iter().map(|level| ((*level).to_owned(), 0)).collect();
        code.frequencies = Default::default();
        model.fields.push(code);
        let score = |a: &[String; 6], b: &[String; 6]| {
            let mut people = PeopleBuilder::new(config.clone()).unwrap();
            for (side, row) in [(Side::Left, a), (Side::Right, b)] {
                people.push(side, "id", row.iter().map(String::as_str).chain(["x"])).unwrap();
            }
            let linkage = Linkage::new(people.finish().unwrap());
            let links = linkage.link(&model, &Run::default()).unwrap();
            let best = links.all[0].candidates[0];
            let fields: Vec<(String, &'static str, i32)> =
                links.fields(&best).map(|(name, level, weight)| (name.to_owned(), level, weight)).collect();
            (best.millibits, fields)
        };
        let (one, fields) = score(&a, &b);
        prop_assert_eq!(one, score(&b, &a).0);
        prop_assert_eq!(one, trained().prior + fields.iter().map(|(.., weight)| weight).sum::<i32>());
        for (name, level, weight) in &fields {
            prop_assert!(*level != "absent" || *weight == 0, "{name}");
            prop_assert!(*level != "equal" || *weight >= 0, "{name}");
        }
        // A field that agrees, taken away, never raises the score.
        let mut without = a.clone();
        without[blank].clear();
        let (fewer, left_over) = score(&without, &b);
        if fields.iter().zip(&left_over).all(|(with, without)| with == without || with.1 == "equal") {
            prop_assert!(fewer <= one);
        }
    }
}
