//! Links by names that nobody else has in a place (R5b), and by two ids and a birth date under another name (R5c).

use clever_linkage::{Linkage, MatchConfig, PeopleBuilder, Run, Side};
use clever_provision::{Outcome, Policy, Rejection, Rule};

use crate::decisions::{AUTO, decided_by, policy};

const CONFIG: &str = r#"
left = { id = "account" }
right = { id = "clever_id" }
field = [
    { name = "sis", kind = "sis_id" },
    { name = "number", kind = "student_number" },
    { name = "email", kind = "email" },
    { name = "first", kind = "given_name" },
    { name = "last", kind = "family_name" },
    { name = "born", kind = "date" },
    { name = "grade", kind = "grade" },
    { name = "school", kind = "code" },
]
"#;

/// Id, then sis, number, email, first, last, born, grade, school.
type Row = [String; 9];

fn row(values: [&str; 9]) -> Row {
    values.map(str::to_owned)
}

/// Eight hundred children in four schools, a year older in the roster than in the accounts.
fn school() -> [Vec<Row>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for child in 0..800_usize {
        let part = |number: usize| {
            let of = |place: usize| char::from(b'a' + u8::try_from(place % 20).unwrap());
            let letters = [
                of(number),
                'a',
                of(number / 3 + 5),
                'e',
                of(number / 7 + 11),
            ];
            letters.into_iter().collect::<String>()
        };
        let (first, last) = (part(child * 7 % 61), part(child * 13 % 199));
        let grade = child % 5 + 1;
        for (side, id, older) in [(0, "a", 0), (1, "u", 1)] {
            sides[side].push(row([
                &format!("{id}{child}"),
                &format!("{}", 20_000 + child),
                &format!("n{}", 70_000 + child * 3),
                &format!("{first}{child}@school.example"),
                &first,
                &last,
                &format!(
                    "{}-{:02}-{:02}",
                    2015 - grade,
                    child % 12 + 1,
                    child % 28 + 1
                ),
                &(grade + older).to_string(),
                &format!("school {}", child % 4),
            ]));
        }
    }
    sides
}

/// What becomes of the record `new`, beside more accounts and more of the roster, and by which row.
fn judged(
    policy: &Policy,
    accounts: &[Row],
    new: &Row,
    others: &[Row],
) -> (Outcome, Rule, Option<Rejection>) {
    let [mut left, mut right] = school();
    left.extend_from_slice(accounts);
    right.push(new.clone());
    right.extend_from_slice(others);
    let config: MatchConfig = toml::from_str(CONFIG).unwrap();
    let mut people = PeopleBuilder::new(config).unwrap();
    for (side, rows) in [(Side::Left, &left), (Side::Right, &right)] {
        for row in rows {
            let values = row[1..].iter().map(String::as_str);
            people.push(side, &row[0], values).unwrap();
        }
    }
    let linkage = Linkage::new(people.finish().unwrap());
    let model = linkage.train(&Run::default());
    let comparison = linkage.compare(&model, &Run::default()).unwrap();
    let decided = decided_by(&comparison, policy);
    let mut all = comparison.all.iter().zip(&decided);
    let (_, decided) = all
        .find(|(matches, _)| comparison.right_id(matches) == new[0])
        .unwrap();
    let why = decided.why.rejected.values().next().copied();
    (decided.outcome(), decided.why.rule, why)
}

/// Both ways are allowed; no score is enough.
fn both() -> Policy {
    Policy {
        rare_names_auto: true,
        another_name_auto: true,
        ..policy(90_000)
    }
}

const PLACE: [&str; 9] = ["x", "", "", "", "Ximena", "Zapata", "", "3", "school 1"];

fn account() -> Row {
    row(PLACE)
}

/// The child of [`account`] a year later, with ids of its own.
fn child() -> Row {
    let mut child = row(PLACE);
    for (at, value) in [(0, "n"), (1, "555"), (6, "2012-03-04"), (7, "4")] {
        child[at] = value.to_owned();
    }
    child
}

fn with(row: &Row, changes: &[(usize, &str)]) -> Row {
    let mut row = row.clone();
    for (at, value) in changes {
        row[*at] = (*value).to_owned();
    }
    row
}

#[test]
fn r5b_names_that_nobody_else_has_in_the_school_and_grade_are_linked() {
    let (outcome, rule, _) = judged(&both(), &[account()], &child(), &[]);
    assert_eq!((outcome, rule), (Outcome::Link, Rule::R5b));
    // Only as the policy allows it, and for neither a reach nor a score that it does not.
    let strict = Policy {
        rare_names_auto: false,
        ..both()
    };
    let (outcome, _, why) = judged(&strict, &[account()], &child(), &[]);
    assert_eq!((outcome, why), (Outcome::Review, Some(Rejection::Policy)));
    let unmanaged = Policy {
        managed_auto: false,
        ..both()
    };
    assert_eq!(
        judged(&unmanaged, &[account()], &child(), &[]).0,
        Outcome::Review
    );
}

#[test]
fn r5b_so_are_names_that_nobody_else_has_on_the_birthday() {
    let account = with(&account(), &[(6, "2012-03-04"), (8, "")]);
    let (outcome, rule, _) = judged(&both(), &[account], &child(), &[]);
    assert_eq!((outcome, rule), (Outcome::Link, Rule::R5b));
}

#[test]
fn r5b_a_namesake_or_anything_else_that_differs_moves_it_to_a_person() {
    let linked = |accounts: &[Row], new: &Row, others: &[Row]| {
        judged(&both(), accounts, new, others).0 == Outcome::Link
    };
    let (account, child) = (account(), child());
    // The same names in the school: in the roster, or among the accounts.
    let namesake = with(
        &child,
        &[(0, "n2"), (1, "556"), (6, "2010-01-01"), (7, "6")],
    );
    assert!(!linked(std::slice::from_ref(&account), &child, &[namesake]));
    let namesake = with(&account, &[(0, "x2"), (7, "1")]);
    assert!(!linked(&[account.clone(), namesake], &child, &[]));
    for (what, other) in [
        ("another birth date", with(&account, &[(6, "2012-03-05")])),
        ("another id", with(&account, &[(1, "999")])),
        (
            "a grade that no child comes from",
            with(&account, &[(7, "1")]),
        ),
        ("another school", with(&account, &[(8, "school 2")])),
        ("no school", with(&account, &[(8, "")])),
        ("a twin's name", with(&account, &[(4, "Ximenah")])),
        ("a short form", with(&account, &[(4, "Xime")])),
        ("an initial", with(&account, &[(4, "X")])),
        ("another family name", with(&account, &[(5, "Zapata-Ruiz")])),
    ] {
        assert!(!linked(&[other], &child, &[]), "{what}");
    }
}

#[test]
fn r5b_names_that_many_have_are_for_a_person() {
    let many = |id: &str, at: &[(usize, &str)]| -> Vec<Row> {
        (0..40)
            .map(|number| {
                let own = format!("{id}{number}");
                let mut one = with(&account(), &[(0, own.as_str()), (8, "school 3")]);
                for (place, name) in at {
                    one[*place] = format!("{name}{}", char::from(b'a' + number % 26));
                }
                one
            })
            .collect()
    };
    let mut accounts = many("first", &[(5, "quist")]);
    accounts.extend(many("last", &[(4, "wend")]));
    accounts.push(account());
    assert_eq!(judged(&both(), &accounts, &child(), &[]).0, Outcome::Review);
}

#[test]
fn r5b_without_a_grade_the_whole_school_are_neighbours() {
    let of = |school: &str| {
        let at = |one: &Row| with(one, &[(7, ""), (8, school)]);
        judged(&both(), &[at(&account())], &at(&child()), &[]).0
    };
    assert_eq!(of("school of few"), Outcome::Link);
    assert_eq!(of("school 1"), Outcome::Review);
}

#[test]
fn r5b_whoever_has_no_grade_may_be_in_this_one() {
    let beside = |count: usize| {
        let of = |one: &Row| with(one, &[(8, "school of few")]);
        let one = |number: usize| {
            let [id, first, last] = ["b", "first", "last"].map(|name| format!("{name}{number}"));
            with(
                &of(&account()),
                &[(0, &id), (4, &first), (5, &last), (7, "")],
            )
        };
        let mut accounts: Vec<Row> = (0..count).map(one).collect();
        accounts.push(of(&account()));
        judged(&both(), &accounts, &of(&child()), &[]).0
    };
    assert_eq!(beside(0), Outcome::Link);
    assert_eq!(beside(2000), Outcome::Review);
}

/// The account of a child who is called otherwise in the roster, and that child.
fn renamed(number: &str, email: &str) -> (Row, Row) {
    let child = row([
        "n",
        "555",
        number,
        email,
        "Malik",
        "Mbeki",
        "2012-03-04",
        "4",
        "school 1",
    ]);
    let account = with(&child, &[(0, "x"), (4, "Jayden"), (7, "3")]);
    (account, child)
}

#[test]
fn r5c_two_ids_and_the_birth_date_link_under_another_name() {
    for (number, email) in [
        ("n4711", ""),
        ("", "jayden.mbeki@school.example"),
        ("", "mmbeki@school.example"),
        ("", "s731942@school.example"),
    ] {
        let (account, child) = renamed(number, email);
        let (outcome, rule, _) = judged(&both(), &[account], &child, &[]);
        assert_eq!(
            (outcome, rule),
            (Outcome::Link, Rule::R5c),
            "{number} {email}"
        );
    }
    let (account, child) = renamed("n4711", "");
    let family = with(&account, &[(4, "Malik"), (5, "Okonkwo")]);
    let (outcome, rule, _) = judged(&both(), &[family], &child, &[]);
    assert_eq!((outcome, rule), (Outcome::Link, Rule::R5c));
    let strict = Policy {
        another_name_auto: false,
        ..both()
    };
    let (outcome, _, why) = judged(&strict, &[account], &child, &[]);
    assert_eq!(
        (outcome, why),
        (Outcome::Review, Some(Rejection::Contradicted))
    );
}

#[test]
fn r5c_less_than_that_is_for_a_person() {
    let linked = |accounts: &[Row], new: &Row, others: &[Row]| {
        // By no score either.
        let found = judged(&both(), accounts, new, others);
        let low = Policy {
            auto_millibits: AUTO,
            ..both()
        };
        found.0 == Outcome::Link || judged(&low, accounts, new, others).0 == Outcome::Link
    };
    // One id, or one and an address that a household may have.
    for email in [
        "",
        "mbeki.family@mail.example",
        "mbeki@mail.example",
        "00555@school.example",
    ] {
        let (account, child) = renamed("", email);
        assert!(!linked(&[account], &child, &[]), "{email}");
    }
    let (account, child) = renamed("n4711", "");
    for (what, other) in [
        ("no birth date", with(&account, &[(6, "")])),
        ("another birth date", with(&account, &[(6, "2012-03-05")])),
        ("both names", with(&account, &[(5, "Okonkwo")])),
        ("another grade", with(&account, &[(7, "8")])),
    ] {
        assert!(!linked(&[other], &child, &[]), "{what}");
    }
    // Somebody is called so: the twin in the roster, or a namesake in the school; or an account has the child's own name.
    let account = std::slice::from_ref(&account);
    let twin = with(&child, &[(0, "n2"), (1, "556"), (2, ""), (4, "Jayden")]);
    assert!(!linked(account, &child, &[twin]));
    let namesake = with(
        &child,
        &[
            (0, "n2"),
            (1, "556"),
            (2, ""),
            (4, "Jayden"),
            (6, "2011-01-01"),
        ],
    );
    assert!(!linked(account, &child, &[namesake]));
    let third = with(&child, &[(0, "n2"), (1, "556"), (2, ""), (4, "Tumelo")]);
    assert!(!linked(account, &child, &[third]));
    let other = with(&child, &[(0, "x2"), (1, ""), (2, ""), (6, "")]);
    assert!(!linked(&[account[0].clone(), other], &child, &[]));
    // An id that another has too proves neither.
    let household = with(
        &child,
        &[(0, "n2"), (1, "557"), (4, "Zoe"), (6, "2014-01-02")],
    );
    assert!(!linked(account, &child, &[household]));
}
