//! `cleverctl match`, over files as an app and a roster have them.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::ground::{cleverctl, errors, held};

pub(crate) const CONFIG: &str = r#"
left = { id = "account" }
right = { id = "clever_id" }

[[field]]
name = "sis"
kind = "sis_id"
left = "student_code"
right = "sis_id"
scope = { left = "district", right = "district" }

[[field]]
name = "first"
kind = "given_name"

[[field]]
name = "last"
kind = "family_name"

[[field]]
name = "born"
kind = "date"
right = "dob"

[decide]
auto = 14000
"#;

/// Four hundred accounts and their people; the first has a nickname, the second a stranger's number.
pub(crate) fn files(folder: &Path) {
    let mut left = "account,student_code,district,first,last,born\n".to_owned();
    let mut right = "clever_id,sis_id,district,first,last,dob\n".to_owned();
    let draw = |at: u64, what: u64, most: u64| {
        let mut z =
            (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ what.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    };
    for at in 0..400 {
        let first =
            ["Elizabeth", "Noah", "Sofia", "Mateo", "Mia", "James"][draw(at, 1, 6) as usize];
        let last = format!(
            "{}{}",
            ["Smith", "Garc", "Okaf", "Lind", "Haddad"][draw(at, 2, 5) as usize],
            ["son", "ia", "or", "qvist"][draw(at, 3, 4) as usize]
        );
        let (year, month, day) = (
            2005 + draw(at, 4, 13),
            draw(at, 5, 12) + 1,
            draw(at, 6, 28) + 1,
        );
        let short = if at % 4 == 0 {
            first.replace("Elizabeth", "Liz")
        } else {
            first.to_owned()
        };
        left += &format!(
            "a{at},{},d1,{short},{last},{year}-{month:02}-{day:02}\n",
            1000 + at
        );
        right += &format!(
            "u{at},{},d1,{first},{last},{month}/{day}/{year}\n",
            1000 + at
        );
    }
    left += "a900,2900,d1,Yusuf,Demir,2008-01-01\n";
    right += "u900,2900,d1,Ximena,Zapata,3/4/2011\nu901,,d1,Bruno,Novak,\n";
    fs::write(folder.join("accounts.csv"), left).unwrap();
    fs::write(folder.join("roster.csv"), right).unwrap();
    fs::write(folder.join("match.toml"), CONFIG).unwrap();
}

/// Matches the two files of a folder into `links.csv`, and checks the exit code.
fn matched(folder: &Path, more: &[&str], exit: i32) -> Output {
    let output = cleverctl()
        .current_dir(folder)
        .args(["match", "--left", "accounts.csv", "--right", "roster.csv"])
        .args(["--config", "match.toml", "--out", "links.csv"])
        .args(more)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    output
}

pub(crate) fn rows(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

#[test]
fn people_get_their_accounts_and_doubts_are_for_people() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let trained = [
        "--json",
        "--train",
        "--model",
        "model.toml",
        "--review",
        "review.csv",
    ];
    let output = matched(folder, &trained, 0);
    let summary = held("match", &output.stdout);
    assert_eq!(
        (&summary["left"], &summary["right"]),
        (&401.into(), &402.into())
    );
    assert!(
        summary["links"]["decisions"]["link"].as_u64().unwrap() > 360,
        "{summary}"
    );
    let links = rows(&folder.join("links.csv"));
    let head = "right,decision,doubt,rank,left,millibits,lead,sis_millibits,first_millibits,last_millibits,born_millibits,rule";
    assert_eq!(links[0].join(","), head);
    for row in links.iter().filter(|row| row[1] == "link" && row[3] == "1") {
        assert_eq!(row[0][1..], row[4][1..], "{row:?}");
    }
    let of = |id: &str| links.iter().find(|row| row[0] == id).unwrap();
    assert_ne!(of("u900")[1], "link");
    assert_eq!(of("u901")[1], "create");
    // By the row of the decision table: an equal id and names that agree.
    assert_eq!(of("u1").last().unwrap(), "R5");
    assert!(links.iter().all(|row| row.len() == links[0].len()));
    // The frozen model says the same again, and is left as it is.
    let model = fs::read(folder.join("model.toml")).unwrap();
    let before = fs::read(folder.join("links.csv")).unwrap();
    let output = matched(
        folder,
        &["--json", "--model", "model.toml", "--threads", "1"],
        0,
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["trained"],
        false
    );
    assert_eq!(fs::read(folder.join("links.csv")).unwrap(), before);
    assert_eq!(fs::read(folder.join("model.toml")).unwrap(), model);
}

#[test]
fn d11_where_nobody_is_linked_nobody_is_linked_falsely() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    // Two strangers: nobody is linked, and the sum of nothing is no negative number.
    for (file, head) in [("accounts.csv", "account,"), ("roster.csv", "clever_id,")] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let strangers = |line: &&str| line.starts_with(head) || line[1..].starts_with("900,");
        let some: Vec<&str> = text.lines().filter(strangers).collect();
        assert!(some.len() >= 2, "{some:?}");
        fs::write(folder.join(file), some.join("\n") + "\n").unwrap();
    }
    let said = matched(folder, &[], 0);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("by their weights: 0.0000"), "{said}");
    let json = matched(folder, &["--json"], 0);
    let text = String::from_utf8_lossy(&json.stdout).into_owned();
    assert!(text.contains("\"expected_false\":0.0"), "{text}");
}

#[test]
#[cfg(unix)]
fn only_the_owner_reads_the_review_file_and_no_other_holds_a_name() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    // Nobody is linked without a person's word, so that everybody is asked about.
    let config = CONFIG.replace("auto = 14000", "managed_auto = false");
    fs::write(folder.join("match.toml"), config).unwrap();
    let output = matched(folder, &["--review", "review.csv"], 0);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &errors(&output);
    let links = fs::read_to_string(folder.join("links.csv")).unwrap();
    let review = rows(&folder.join("review.csv"));
    let at = |name: &str| review[0].iter().position(|one| one == name).unwrap();
    let nickname = review
        .iter()
        .find(|row| row[at("first_agreement")] == "nickname")
        .unwrap();
    assert_eq!(
        (
            nickname[at("first_right")].as_str(),
            nickname[at("first_left")].as_str()
        ),
        ("Elizabeth", "Liz")
    );
    assert!(nickname[at("born_right")].contains('/') && nickname[at("born_left")].contains('-'));
    for name in ["Elizabeth", "Mateo", "Smithson", "Zapata"] {
        assert!(!links.contains(name) && !said.contains(name), "{name}");
    }
    let mode = fs::metadata(folder.join("review.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!folder.join("review.csv.part").exists());
}

#[test]
fn rows_of_one_person_are_one_cluster() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let mut left = fs::read_to_string(folder.join("accounts.csv")).unwrap();
    let again = left.lines().nth(8).unwrap().replacen('a', "b", 1);
    left += &format!("{again}\n");
    fs::write(folder.join("accounts.csv"), left).unwrap();
    let mut command = cleverctl();
    command.current_dir(folder).args([
        "match",
        "--left",
        "accounts.csv",
        "--config",
        "match.toml",
        "--dedupe",
    ]);
    let output = command
        .args(["--out", "clusters.csv", "--least", "4000"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let clusters = rows(&folder.join("clusters.csv"));
    let found: Vec<&str> = clusters[1..].iter().map(|row| row[1].as_str()).collect();
    assert_eq!(found, ["a7", "b7"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 rows of 402 are 1 person"));
}

#[test]
fn only_what_the_persons_district_governs_is_linked() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let config = format!(
        "reach = {{ left = \"district\", right = \"district\" }}\nclass = \"student\"\n{CONFIG}"
    );
    fs::write(folder.join("match.toml"), config).unwrap();
    let accounts = fs::read_to_string(folder.join("accounts.csv")).unwrap();
    // Somebody signed up for the one, another district has the other.
    let accounts =
        accounts
            .replacen("a1,1001,d1,", "a1,1001,,", 1)
            .replacen("a2,1002,d1,", "a2,1002,d2,", 1);
    fs::write(folder.join("accounts.csv"), accounts).unwrap();
    matched(folder, &[], 0);
    let links = rows(&folder.join("links.csv"));
    let of = |id: &str| links.iter().find(|row| row[0] == id).unwrap();
    assert_eq!(of("u3")[1], "link");
    assert_eq!(of("u1")[1..5], ["create", "out_of_reach", "1", "a1"]);
    assert_eq!(
        of("u2")[1..5],
        ["create_and_park", "out_of_reach", "1", "a2"]
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let matching = || {
        let output = matched(folder, &[], 1);
        assert!(!folder.join("links.csv").exists());
        errors(&output)
    };
    for (from, to, said) in [
        (
            "right = \"dob\"",
            "right = \"birthday\"",
            "roster.csv has no column `birthday`; it has: clever_id, sis_id",
        ),
        ("kind = \"date\"", "kind = \"day\"", "unknown variant `day`"),
        (
            "name = \"last\"",
            "name = \"first\"",
            "two fields are named `first`",
        ),
        (
            "auto = 14000",
            "auto = -9000",
            "`decide.auto` is -9000, and must be above decide.review",
        ),
    ] {
        fs::write(folder.join("match.toml"), CONFIG.replace(from, to)).unwrap();
        let errors = matching();
        assert!(errors.contains(said), "{errors}");
    }
    fs::write(folder.join("match.toml"), CONFIG).unwrap();
    let roster = fs::read_to_string(folder.join("roster.csv")).unwrap();
    fs::write(folder.join("roster.csv"), roster.clone() + ",1,d1,No,Id,\n").unwrap();
    assert!(
        matching().contains("roster.csv, line 404"),
        "{}",
        matching()
    );
    fs::write(folder.join("roster.csv"), roster + "u5,1,d1,Twice,There,\n").unwrap();
    assert!(
        matching().contains("records 6 and 403 of the right file have the same id"),
        "{}",
        matching()
    );
    fs::write(
        folder.join("roster.csv"),
        "clever_id,sis_id,district,first,last,dob\n",
    )
    .unwrap();
    assert!(
        matching().contains("no rows under its header"),
        "{}",
        matching()
    );
}
