//! Twins, placeholders, and names that are written otherwise: what failed in the field, F11 and F14.

use std::collections::BTreeSet;

use clever_linkage::{Linkage, MatchConfig, PeopleBuilder, Run, Side};
use clever_provision::{Evidence, Outcome, Rejection, candidates};

use crate::decisions::{AUTO, decided, duplicates, outcome};
use crate::ground::{Row, config, linkage, row, school, trained};

/// Two people, by given name, family name, birthday and address.
type Two = [[&'static str; 4]; 2];

const BORN: &str = "2012-03-04";
const FAMILY: &str = "mbeki.family@mail.example";

fn rows(two: Two, ids: [&str; 2]) -> [Row; 2] {
    let of = |at: usize, name: &str| {
        let [first, last, born, email] = two[at];
        row([name, ids[at], "d9", first, last, born, email])
    };
    [of(0, "left"), of(1, "right")]
}

/// What becomes of `right` if `left` has an account, beside a dozen others, by the model of six hundred.
fn matched(two: Two, ids: [&str; 2]) -> (Outcome, Option<Rejection>) {
    let (mut accounts, mut roster) = school();
    accounts.truncate(12);
    roster.truncate(12);
    let [left, right] = rows(two, ids);
    accounts.push(left);
    roster.push(right);
    of_right(&accounts, &roster)
}

fn of_right(accounts: &[Row], roster: &[Row]) -> (Outcome, Option<Rejection>) {
    let (found, why, _) = outcome(&linkage(accounts, roster), trained(), "right");
    (found, why)
}

/// Given names of two children of one family.
const TWINS: &[(&str, &str)] = &[
    ("Jayden", "Jaylen"),
    ("Christian", "Christina"),
    ("Robert", "Roberta"),
    ("Paul", "Paula"),
    ("Mario", "Maria"),
    ("Daniel", "Daniela"),
    ("Gabriel", "Gabriela"),
    ("Eric", "Erica"),
    ("Aiden", "Jaiden"),
    ("Aaliyah", "Aliyah"),
    ("René", "Renée"),
    ("André", "Andrea"),
    ("Anna Maria", "Anna Sofia"),
    ("Anna-Maria", "Anna-Sofia"),
    ("Jean-Paul", "Jean-Pierre"),
    ("Maria José", "José María"),
    ("Maria Anna", "Anna Maria"),
    ("Alex", "Alexandra"),
    ("Alexander", "Alexandra"),
    ("Chris", "Christina"),
    ("Sam", "Samantha"),
    ("Nathan", "Jonathan"),
    ("J", "Jaylen"),
    ("J.", "Jaylen"),
    ("J M", "Jaylen Mark"),
    ("Maria F", "Maria Fernanda"),
    ("Emma", "Ella"),
    ("Mia", "Mila"),
    ("Joe", "Jo"),
    ("Jaeden", "Jaden"),
    ("Micheal", "Michael"),
    ("Steven", "Stephen"),
    ("Emma", "Noah"),
    ("Unknown", "Jaylen"),
    ("", "Jaylen"),
    ("Unknown", "Unknown"),
    ("Test Student", "Test Student"),
    ("X", "X"),
    ("N/A", "n/a"),
    ("null", "NULL"),
    ("-", "-"),
    ("Student 1", "Student 1"),
];

#[test]
fn field_f11_a_twin_is_never_linked_without_a_persons_word() {
    for email in [FAMILY, ""] {
        for (a, b) in TWINS {
            for (one, other) in [(*a, *b), (*b, *a)] {
                let two = [[one, "Mbeki", BORN, email], [other, "Mbeki", BORN, email]];
                // Nobody has an id, or only the new one.
                for ids in [["", ""], ["", "90000"]] {
                    let (found, why) = matched(two, ids);
                    assert_ne!(found, Outcome::Link, "{one} {other} {email} {ids:?}");
                    if found == Outcome::Review
                        && one.len() > 2
                        && other.len() > 2
                        && email.is_empty()
                    {
                        let placeholder = ["N/A", "null", "Unknown", "Test Student", "Student 1"];
                        if !placeholder.contains(&one) && !placeholder.contains(&other) {
                            assert_eq!(why, Some(Rejection::Sibling), "{one} {other}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn field_f11_look_alike_twins_are_for_review_as_siblings() {
    for (a, b) in &TWINS[..12] {
        let two = [[*a, "Mbeki", BORN, FAMILY], [*b, "Mbeki", BORN, FAMILY]];
        assert_eq!(
            matched(two, ["", "90000"]),
            (Outcome::Review, Some(Rejection::Sibling)),
            "{a} {b}"
        );
    }
}

#[test]
fn field_f11_neither_family_name_nor_birthday_hides_a_twin() {
    for (left, right, born) in [
        ("Mbeki-Smith", "Mbeki Smith", BORN),
        ("Garcia Lopez", "Lopez Garcia", BORN),
        ("Garcia-Lopez", "Lopez", BORN),
        ("Mbeki", "Mbeky", BORN),
        ("Mbeki", "Mbeki", "2012-04-03"),
        ("Mbeki", "Mbeki", "2012-03-05"),
        ("Mbeki", "Mbeki", ""),
        ("", "Mbeki", BORN),
    ] {
        let two = [
            ["Jayden", left, BORN, FAMILY],
            ["Jaylen", right, born, FAMILY],
        ];
        let (found, _) = matched(two, ["", "90000"]);
        assert_ne!(found, Outcome::Link, "{left} {right} {born}");
    }
    // Given and family name in each other's place, and another given name.
    let two = [
        ["Mbeki", "Jayden", BORN, FAMILY],
        ["Jaylen", "Mbeki", BORN, FAMILY],
    ];
    assert_ne!(matched(two, ["", ""]).0, Outcome::Link);
}

#[test]
fn field_f11_an_id_that_several_have_proves_nobody() {
    let two = [
        ["Jayden", "Mbeki", BORN, FAMILY],
        ["Jaylen", "Mbeki", BORN, FAMILY],
    ];
    for id in ["0", "N/A", "99999", "null"] {
        assert_ne!(matched(two, [id, id]).0, Outcome::Link, "{id}");
    }
    // The household's.
    let (mut accounts, mut roster) = school();
    let [left, right] = rows(two, ["4711", "4711"]);
    roster.push(row([
        "more",
        "4711",
        "d9",
        "Zoe",
        "Mbeki",
        "2014-01-02",
        "",
    ]));
    accounts.push(left);
    roster.push(right);
    assert_ne!(of_right(&accounts, &roster).0, Outcome::Link);
}

#[test]
fn field_f11_one_person_is_found_as_before() {
    for (a, b) in [
        ("Jayden", "Jayden"),
        ("JAYDEN", "jayden"),
        ("Bob", "Robert"),
        ("Mike", "Michael"),
        ("Liz", "Elizabeth"),
        ("Mary Ann", "Maryann"),
        ("Mary-Ann", "Mary Ann"),
        ("Mary", "Mary Ann"),
        ("José", "Jose"),
        ("Zoë", "Zoe"),
        ("Jürgen", "Juergen"),
        ("Jürgen", "Jurgen"),
    ] {
        for email in [FAMILY, ""] {
            let two = [[a, "Mbeki", BORN, email], [b, "Mbeki", BORN, email]];
            let (found, why) = matched(two, ["", "90000"]);
            assert_ne!(why, Some(Rejection::Sibling), "{a} {b} {email}");
            if !email.is_empty() {
                assert_eq!(found, Outcome::Link, "{a} {b}");
            }
        }
    }
    // An id that is equal, and nobody else's.
    for (a, b) in [
        ("Jayden", "Jaydne"),
        ("Chris", "Christina"),
        ("J", "Jaylen"),
    ] {
        let two = [[a, "Mbeki", BORN, ""], [b, "Mbeki", BORN, ""]];
        assert_eq!(matched(two, ["777", "777"]).0, Outcome::Link, "{a} {b}");
    }
    // An address with the whole name in it, which nobody else has.
    for (a, b, email) in [
        ("J", "Jaylen", "jaylen.mbeki@school.example"),
        ("Alex", "Alexandra", "alexandra.mbeki@school.example"),
        ("Chris", "Christian", "christianmbeki@school.example"),
    ] {
        let two = [[a, "Mbeki", BORN, email], [b, "Mbeki", BORN, email]];
        assert_eq!(matched(two, ["", ""]).0, Outcome::Link, "{a} {b}");
    }
}

#[test]
fn field_f11_a_familys_address_weighs_nothing_where_given_names_differ() {
    let weight = |first: &'static str, ids: [&str; 2]| {
        let two = [
            ["Jayden", "Mbeki", BORN, FAMILY],
            [first, "Mbeki", BORN, FAMILY],
        ];
        let (mut accounts, mut roster) = school();
        let [left, right] = rows(two, ids);
        accounts.push(left);
        roster.push(right);
        let linkage = linkage(&accounts, &roster);
        let comparison = linkage.compare(trained(), &Run::default()).unwrap();
        let mut all = comparison.all.iter();
        let matches = all
            .find(|matches| comparison.right_id(matches) == "right")
            .unwrap();
        let said = comparison
            .agreements(&matches.pairs[0])
            .find(|one| one.field == "email")
            .unwrap();
        (said.word(), said.millibits)
    };
    assert_eq!(weight("Jaylen", ["", ""]), ("shared", 0));
    assert_eq!(weight("Emma", ["", ""]), ("shared", 0));
    assert_eq!(weight("Jayden", ["", ""]).0, "equal");
    // His own id says that the name is a slip of the pen.
    assert_eq!(weight("Jaydne", ["777", "777"]).0, "equal");
}

#[test]
fn field_f11_a_short_form_that_fits_two_of_the_family_is_for_review() {
    let two = [
        ["Bob", "Mbeki", BORN, FAMILY],
        ["Robert", "Mbeki", BORN, FAMILY],
    ];
    for (to_accounts, first) in [(false, "Emma"), (true, "Emma"), (false, "Roberta")] {
        let (mut accounts, mut roster) = school();
        let [left, right] = rows(two, ["", "90000"]);
        let twin = row(["twin", "", "d9", first, "Mbeki", BORN, ""]);
        accounts.push(left);
        roster.push(right);
        if to_accounts {
            accounts.push(twin);
        } else {
            roster.push(twin);
        }
        assert_eq!(of_right(&accounts, &roster).0, Outcome::Review, "{first}");
    }
}

#[test]
fn field_f11_triplets_are_all_for_review() {
    let (mut accounts, mut roster) = school();
    accounts.push(row(["a", "", "d9", "Jayden", "Mbeki", BORN, FAMILY]));
    for (id, first) in [("t1", "Jaylen"), ("t2", "Jaden"), ("t3", "Kayden")] {
        roster.push(row([id, "", "d9", first, "Mbeki", BORN, FAMILY]));
    }
    let linkage = linkage(&accounts, &roster);
    for id in ["t1", "t2", "t3"] {
        assert_ne!(outcome(&linkage, trained(), id).0, Outcome::Link, "{id}");
    }
}

/// The ids of each cluster.
type Joined = BTreeSet<Vec<String>>;
/// For whom a person must look, and why.
type Asked = Vec<(String, Option<Rejection>)>;

/// The clusters of a file with these people in it, and for whom a person must look.
fn deduped(people: &[Row], least: i32) -> (Joined, Asked) {
    let (mut left, _) = school();
    left.extend_from_slice(people);
    let linkage = linkage(&left, &[]);
    let comparison = linkage.compare_within(trained(), &Run::default()).unwrap();
    let duplicates = duplicates(&comparison, least);
    let joined = duplicates
        .clusters
        .iter()
        .map(|one| one.ids.iter().cloned().collect())
        .filter(|ids: &Vec<String>| ids.iter().any(|id| id.starts_with('t')));
    let asked = duplicates.unsure.iter().map(|one| {
        let id = comparison.right_id(&comparison.all[one.place]);
        (id.to_owned(), one.pairs.first().map(|(_, why)| *why))
    });
    (joined.collect(), asked.collect())
}

#[test]
fn field_f11_dedupe_joins_no_twins_and_lists_them_for_review() {
    for (a, b) in &TWINS[..12] {
        let twins = [
            row(["t1", "", "d9", a, "Mbeki", BORN, FAMILY]),
            row(["t2", "90000", "d9", b, "Mbeki", BORN, FAMILY]),
        ];
        let (joined, asked) = deduped(&twins, AUTO);
        assert!(
            !joined.iter().flatten().any(|id| id.starts_with('t')),
            "{a} {b}"
        );
        assert!(
            asked.contains(&("t2".to_owned(), Some(Rejection::Sibling))),
            "{a} {b}: {asked:?}"
        );
    }
    for (a, b) in TWINS {
        let twins = [
            row(["t1", "", "d9", a, "Mbeki", BORN, FAMILY]),
            row(["t2", "", "d9", b, "Mbeki", BORN, FAMILY]),
        ];
        assert!(deduped(&twins, AUTO).0.is_empty(), "{a} {b}");
    }
    let again = [
        row(["t1", "", "d9", "Bob", "Mbeki", BORN, FAMILY]),
        row(["t2", "90000", "d9", "Robert", "Mbeki", BORN, FAMILY]),
    ];
    let (joined, asked) = deduped(&again, AUTO);
    assert_eq!(joined, [vec!["t1".to_owned(), "t2".to_owned()]].into());
    assert!(asked.iter().all(|(id, _)| !id.starts_with('t')));
}

#[test]
fn field_f11_what_stands_between_two_twins_joins_them_not() {
    // Mary may be Mary Ann or Mary Beth, who are two.
    let (joined, asked) = deduped(
        &[
            row(["t1", "", "d9", "Mary Ann", "Mbeki", BORN, ""]),
            row(["t2", "", "d9", "Mary", "Mbeki", BORN, ""]),
            row(["t3", "", "d9", "Mary Beth", "Mbeki", BORN, ""]),
        ],
        0,
    );
    assert!(joined.is_empty(), "{joined:?}");
    assert!(
        asked
            .iter()
            .any(|(id, why)| id == "t2" && *why == Some(Rejection::Sibling))
    );
    // By an id on one side and a name on the other.
    let (joined, _) = deduped(
        &[
            row(["t1", "777", "d9", "Jayden", "Mbeki", BORN, ""]),
            row(["t2", "777", "d9", "Jaylen", "Mbeki", BORN, ""]),
            row(["t3", "", "d9", "Jaylen", "Mbeki", BORN, ""]),
        ],
        0,
    );
    assert!(joined.iter().all(|ids| ids.len() < 3), "{joined:?}");
}

#[test]
fn field_f11_the_evidence_for_a_decision_says_that_a_sibling_fits() {
    let (mut accounts, mut roster) = school();
    let two = [
        ["Jayden", "Mbeki", BORN, FAMILY],
        ["Jaylen", "Mbeki", BORN, FAMILY],
    ];
    let [left, right] = rows(two, ["", "90000"]);
    accounts.push(left);
    roster.push(right);
    let linkage = linkage(&accounts, &roster);
    let comparison = linkage.compare(trained(), &Run::default()).unwrap();
    let mut all = comparison.all.iter();
    let matches = all
        .find(|matches| comparison.right_id(matches) == "right")
        .unwrap();
    let found = &candidates(&comparison, matches)[0].evidence;
    assert!(found.contains(&Evidence::SiblingFits), "{found:?}");
    assert!(!found.contains(&Evidence::NamesAgree), "{found:?}");
}

/// The candidates of `right`, whether or not the score is enough.
fn is_found(left: [&str; 3], right: [&str; 3]) -> bool {
    let (accounts, roster) = school();
    let of = |id, [first, last, born]: [&str; 3]| row([id, "", "d9", first, last, born, ""]);
    let accounts = [accounts, vec![of("left", left)]].concat();
    let roster = [roster, vec![of("right", right)]].concat();
    let linkage = linkage(&accounts, &roster);
    let comparison = linkage.compare(trained(), &Run::default()).unwrap();
    comparison.all.iter().any(|matches| {
        comparison.right_id(matches) == "right"
            && matches
                .pairs
                .iter()
                .any(|pair| comparison.ids(pair)[0] == "left")
    })
}

#[test]
fn field_f14_names_that_are_written_otherwise_are_brought_together() {
    for (left, right) in [
        (
            ["Kovalenko", "Oleksandra", BORN],
            ["Oleksandra", "Kovalenko", BORN],
        ),
        (
            ["Jürgen", "Größmüller", BORN],
            ["Juergen", "Groessmueller", BORN],
        ),
        (
            ["Anna", "von der Heide", BORN],
            ["Anna", "Vonderheide", BORN],
        ),
        (
            ["Annelie", "von der Heide", BORN],
            ["Anneliese", "Vonderheide", BORN],
        ),
        (["Håkon", "Ågård", BORN], ["Haakon", "Aagaard", BORN]),
        (["Søren", "Sørensen", BORN], ["Soeren", "Soerensen", BORN]),
        (["de la Cruz", "Ana", BORN], ["Ana", "Dela Cruz", BORN]),
        (["Jonh", "Smiht", BORN], ["John", "Smith", BORN]),
    ] {
        assert!(is_found(left, right), "{left:?} {right:?}");
    }
    let swapped = [
        ["Kovalenko", "Oleksandra", BORN, ""],
        ["Oleksandra", "Kovalenko", BORN, ""],
    ];
    assert_ne!(matched(swapped, ["", ""]).0, Outcome::Create);
}

#[test]
fn field_f14_people_of_a_block_that_was_too_large_are_for_review() {
    let config = MatchConfig {
        block_limit: 3,
        ..config()
    };
    let mut people = PeopleBuilder::new(config).unwrap();
    for at in 0..10 {
        let id = format!("a{at}");
        people
            .push(Side::Left, &id, ["", "", "Ana", "Diaz", "", ""])
            .unwrap();
    }
    for (id, first) in [("u1", "Ana"), ("u2", "Bea")] {
        people
            .push(Side::Right, id, ["", "", first, "Diaz", "", ""])
            .unwrap();
    }
    let linkage = Linkage::new(people.finish().unwrap());
    let comparison = linkage.compare(trained(), &Run::default()).unwrap();
    let found: Vec<(Outcome, bool)> = decided(&comparison)
        .iter()
        .zip(&comparison.all)
        .map(|(decided, matches)| (decided.outcome(), matches.cut))
        .collect();
    assert_eq!(found, [(Outcome::Review, true), (Outcome::Create, false)]);
}
