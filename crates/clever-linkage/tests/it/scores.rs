//! Scores and evidence over a school with the truth known.

use std::num::NonZeroUsize;

use clever_linkage::{
    Comparison, FileError, Kind, Linkage, Matches, Model, ModelError, PeopleBuilder, Run, Side,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::ground::{Row, config, linkage, row, school, trained};

fn found<'c>(comparison: &'c Comparison<'_>, id: &str) -> &'c Matches {
    let mut all = comparison.all.iter();
    all.find(|matches| comparison.right_id(matches) == id)
        .unwrap()
}

/// Everyone's pairs with their scores, in words.
fn words(comparison: &Comparison<'_>) -> Vec<String> {
    let all = comparison.all.iter().map(|matches| {
        let pairs: Vec<String> = matches
            .pairs
            .iter()
            .map(|pair| {
                let [left, _] = comparison.ids(pair);
                let siblings = (pair.may_be_sibling, pair.sibling_known);
                format!("{left} {} {siblings:?}", pair.millibits)
            })
            .collect();
        let right = comparison.right_id(matches);
        format!("{right}: {} {}", matches.cut, pairs.join(", "))
    });
    all.collect()
}

fn threads(number: usize) -> Run<'static> {
    Run {
        threads: NonZeroUsize::new(number).unwrap(),
        ..Run::default()
    }
}

#[test]
fn p28_neither_order_nor_threads_change_anything() {
    let (mut left, mut right) = school();
    let one = linkage(&left, &right);
    let model = one.train(&threads(1));
    let expected = words(&one.compare(&model, &threads(1)).unwrap());
    left.reverse();
    right.rotate_left(211);
    let other = linkage(&left, &right);
    assert_eq!(other.train(&threads(3)), model);
    assert_eq!(
        words(&other.compare(&model, &threads(3)).unwrap()),
        expected
    );
}

#[test]
fn p28_one_at_a_time_scores_as_all_at_once() {
    let (left, right) = school();
    let all = linkage(&left, &right);
    let model = all.train(&Run::default());
    let together = all.compare(&model, &Run::default()).unwrap();
    let scores = |comparison: &Comparison<'_>, matches: &Matches| -> Vec<(String, i32)> {
        let pairs = matches.pairs.iter();
        pairs
            .map(|pair| (comparison.ids(pair)[0].to_owned(), pair.millibits))
            .collect()
    };
    for at in [0, 17, 300, 599] {
        let alone = linkage(&left, std::slice::from_ref(&right[at]));
        let alone = alone.compare(&model, &Run::default()).unwrap();
        let matches = found(&together, &right[at][0]);
        assert_eq!(
            scores(&alone, &alone.all[0]),
            scores(&together, matches),
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
        linkage.compare(&other, &Run::default()),
        Err(ModelError::Fields { .. })
    ));
    let mut other = model.clone();
    other.fields[0].weights.clear();
    assert!(matches!(
        linkage.compare(&other, &Run::default()),
        Err(ModelError::NoWeight { .. })
    ));
    let other = Model {
        version: 2,
        ..model
    };
    assert_eq!(
        linkage.compare(&other, &Run::default()).err(),
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

/// What a right record's best pair says of a field: its word, its weight, and how many have the value.
fn said(left: &[Row], right: &[Row], field: &str) -> (&'static str, i32, u32) {
    let linkage = linkage(left, right);
    let comparison = linkage.compare(trained(), &Run::default()).unwrap();
    let best = found(&comparison, "n1").pairs[0];
    let one = comparison
        .agreements(&best)
        .find(|one| one.field == field)
        .unwrap();
    (one.word(), one.millibits, one.holders)
}

#[test]
fn a20_a_family_mailbox_is_no_evidence() {
    let of = |id, first| row([id, "", "d9", first, "Zapata", "", "zapata@mail.example"]);
    let (mut left, mut right) = school();
    left.push(of("x1", "Ximena"));
    right.push(of("n1", "Ximena"));
    let before = said(&left, &right, "email");
    assert_eq!((before.0, before.2), ("equal", 1));
    assert!(before.1 > 0);
    left.push(of("x2", "Bruno"));
    assert_eq!(said(&left, &right, "email"), ("shared", 0, 2));
}

#[test]
fn a_known_sibling_is_told_of_every_pair() {
    let child = row(["n1", "777", "d9", "Christina", "Zapata", "2011-03-04", ""]);
    let account = row(["x1", "777", "d9", "Tina", "Zapata", "2011-03-04", ""]);
    let twin = row(["n2", "778", "d9", "Martina", "Zapata", "2011-03-04", ""]);
    let known = |more: &[Row]| {
        let (mut left, mut right) = school();
        left.push(account.clone());
        right.push(child.clone());
        right.extend_from_slice(more);
        let linkage = linkage(&left, &right);
        let comparison = linkage.compare(trained(), &Run::default()).unwrap();
        let best = found(&comparison, "n1").pairs[0];
        (best.may_be_sibling, best.sibling_known)
    };
    assert_eq!(known(&[]), (false, false));
    assert_eq!(known(&[twin]), (false, true));
}

#[test]
fn over_one_file_each_pair_is_told_once_and_not_a_record_with_itself() {
    let (mut left, _) = school();
    let mut again = left[40].clone();
    again[0] = "zz".to_owned();
    left.push(again);
    let linkage = linkage(&left, &[]);
    let comparison = linkage.compare_within(trained(), &Run::default()).unwrap();
    let pairs = comparison.all.iter().flat_map(|one| &one.pairs);
    let pairs: Vec<[&str; 2]> = pairs.map(|pair| comparison.ids(pair)).collect();
    assert!(pairs.contains(&[left[40][0].as_str(), "zz"]));
    assert!(pairs.iter().all(|[a, b]| a < b));
    let once: std::collections::BTreeSet<_> = pairs.iter().collect();
    assert_eq!(once.len(), pairs.len());
    // The same comparison, asked about two records that a key may not have brought together.
    let best = found(&comparison, "zz").pairs[0];
    let between = comparison.between((&best, 1), (&best, 0));
    assert_eq!(between, best);
    assert_eq!(comparison.records(&best)[1], left.len());
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
        let comparison = linkage.compare(&model, &Run::default()).unwrap();
        assert_eq!(comparison.all.len(), right.len());
        assert!(comparison.all.iter().all(|one| one.pairs.is_empty()));
    }
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
        config.least = -1_000_000;
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
            let comparison = linkage.compare(&model, &Run::default()).unwrap();
            let best = comparison.all[0].pairs[0];
            let fields: Vec<(String, &'static str, i32)> = comparison
                .agreements(&best)
                .map(|one| (one.field.to_owned(), one.word(), one.millibits))
                .collect();
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
