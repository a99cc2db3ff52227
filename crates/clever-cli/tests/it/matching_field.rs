//! `cleverctl match` over files as the field has them: F11 and F15, and the smaller ones of those days.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::ground::{cleverctl, errors};
use crate::matching::{CONFIG, files, rows};

fn matching(folder: &Path, more: &[&str]) -> Output {
    let mut command = cleverctl();
    command
        .current_dir(folder)
        .args(["match", "--left", "accounts.csv"]);
    command
        .args(["--config", "match.toml", "--out", "out.csv", "--json"])
        .args(more)
        .output()
        .unwrap()
}

fn against_roster(folder: &Path, more: &[&str]) -> Output {
    matching(folder, &[&["--right", "roster.csv"], more].concat())
}

fn summary(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes the roster's dates otherwise.
fn redate(folder: &Path, write: impl Fn(u32, u32, u32) -> String) {
    let roster = fs::read_to_string(folder.join("roster.csv")).unwrap();
    let rewritten = roster.lines().map(|line| {
        let (rest, date) = line.rsplit_once(',').unwrap();
        let parts: Vec<u32> = date
            .split('/')
            .filter_map(|part| part.parse().ok())
            .collect();
        match parts[..] {
            [month, day, year] => format!("{rest},{}\n", write(year, month, day)),
            _ => format!("{line}\n"),
        }
    });
    fs::write(folder.join("roster.csv"), rewritten.collect::<String>()).unwrap();
}

/// Days since 1899-12-30, as spreadsheets count them.
fn serial(year: u32, month: u32, day: u32) -> u32 {
    let leap = |year: u32| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: u32 = (1900..year).map(|year| 365 + u32::from(leap(year))).sum();
    let months: u32 = days[..month as usize - 1].iter().sum();
    1 + years + months + u32::from(month > 2 && leap(year)) + day
}

#[test]
fn field_f15_dates_in_other_forms_link_as_many() {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    assert_eq!(serial(2010, 1, 31), 40_209);
    let auto = |write: &dyn Fn(u32, u32, u32) -> String| {
        let folder = TempDir::new().unwrap();
        files(folder.path());
        redate(folder.path(), write);
        summary(&against_roster(folder.path(), &[]))["links"]["decisions"]["link"].as_u64()
    };
    let as_clever = auto(&|y, m, d| format!("{m}/{d}/{y}"));
    assert!(as_clever > Some(360));
    let forms: [&dyn Fn(u32, u32, u32) -> String; 7] = [
        &|y, m, d| format!("{y}-{m:02}-{d:02} 00:00:00"),
        &|y, m, d| format!("{m}/{d}/{:02}", y % 100),
        &|y, m, d| format!("{d:02}-{}-{y}", MONTHS[m as usize - 1]),
        &|y, m, d| serial(y, m, d).to_string(),
        &|y, m, d| format!("{d:02}.{m:02}.{y}"),
        &|y, m, d| format!("{m}/{d}/{y} 12:00:00 AM"),
        &|y, m, d| format!("{y}{m:02}{d:02}"),
    ];
    for (at, form) in forms.iter().enumerate() {
        assert_eq!(auto(form), as_clever, "form {at}");
    }
}

#[test]
fn field_f15_values_that_cant_be_read_are_counted_and_said() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    redate(folder, |year, month, day| {
        format!("am {day}. {month}. {year}")
    });
    let output = against_roster(folder, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.contains("roster.csv, born (column `dob`): 401 of 401 not read, e.g. line 2"),
        "{said}"
    );
    assert!(
        said.contains("hint: dates are read as 2010-01-31") && !said.contains("am "),
        "{said}"
    );
    assert!(!folder.join("out.csv").exists());
    let output = against_roster(folder, &["--allow-unread", "100"]);
    let column = &summary(&output)["columns"][7];
    assert_eq!(
        (&column["field"], &column["unread"]),
        (&"born".into(), &401.into())
    );
    assert_eq!(column["first_unread_line"], 2);
    assert!(
        errors(&output).contains("401 of 401 not read"),
        "{}",
        errors(&output)
    );
    // A few are said, and stop nothing; placeholders are no such values.
    files(folder);
    let roster = fs::read_to_string(folder.join("roster.csv")).unwrap();
    fs::write(
        folder.join("roster.csv"),
        roster + "u950,,d1,Unknown,Test Student,someday\nu951,N/A,d1,null,-,1/1/1900\n",
    )
    .unwrap();
    let output = against_roster(folder, &[]);
    let said = errors(&output);
    assert!(
        said.contains("born (column `dob`): 1 of 403 not read, e.g. line 404"),
        "{said}"
    );
    assert!(
        said.contains("roster.csv, first: 2 of 404 stand for no value"),
        "{said}"
    );
    for value in ["someday", "Test Student"] {
        assert!(!said.contains(value), "{said}");
    }
    assert_eq!(summary(&output)["columns"][5]["placeholders"], 2);
}

#[test]
fn field_f15_a_file_of_another_sort_is_named_with_the_way_out() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let roster = fs::read_to_string(folder.join("roster.csv")).unwrap();
    let refused = |bytes: &[u8], said: &[&str]| {
        fs::write(folder.join("roster.csv"), bytes).unwrap();
        let output = against_roster(folder, &[]);
        assert_eq!(output.status.code(), Some(1));
        for part in said {
            assert!(errors(&output).contains(part), "{}", errors(&output));
        }
        for name in ["Elizabeth", "Mateo", "Haddad"] {
            assert!(!errors(&output).contains(name), "{}", errors(&output));
        }
    };
    for (separator, word) in [
        (';', "--delimiter ';'"),
        ('\t', "--delimiter tab"),
        ('|', "--delimiter '|'"),
    ] {
        let other = roster.replace(',', &separator.to_string());
        refused(other.as_bytes(), &["has no column `clever_id`", word]);
        let separator = if separator == '\t' {
            "tab".to_owned()
        } else {
            separator.to_string()
        };
        let output = against_roster(folder, &["--right-delimiter", &separator]);
        assert!(summary(&output)["links"]["decisions"]["link"].as_u64() > Some(360));
        let accounts = fs::read_to_string(folder.join("accounts.csv")).unwrap();
        let character = if separator == "tab" { "\t" } else { &separator };
        fs::write(
            folder.join("accounts.csv"),
            accounts.replace(',', character),
        )
        .unwrap();
        let output = against_roster(folder, &["--delimiter", &separator]);
        assert!(summary(&output)["links"]["decisions"]["link"].as_u64() > Some(360));
        fs::write(folder.join("accounts.csv"), accounts).unwrap();
    }
    let utf16 =
        |order: fn(u16) -> [u8; 2]| roster.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    refused(&utf16(u16::to_le_bytes), &["UTF-16", "iconv"]);
    refused(&utf16(u16::to_be_bytes), &["UTF-16", "iconv"]);
    refused(
        &[&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat(),
        &["UTF-16"],
    );
    let latin = roster.replace("Haddad", "Hadd\u{e9}d");
    let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    refused(&latin, &["hint: save the file as UTF-8"]);
    let twice = roster.replacen("district", "dob", 1);
    refused(
        twice.as_bytes(),
        &["columns 3 and 6 of roster.csv have the same name"],
    );
    // Without a header the first line is a child's.
    let bare = roster.split_once('\n').unwrap().1;
    refused(bare.as_bytes(), &["its first line has 6 values"]);
    fs::write(folder.join("roster.csv"), format!("\u{feff}{roster}")).unwrap();
    summary(&against_roster(folder, &[]));
}

#[test]
fn field_f15_no_formula_reaches_a_spreadsheet() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let config = CONFIG.replace("auto = 14000", "managed_auto = false");
    fs::write(folder.join("match.toml"), config).unwrap();
    for (file, row) in [
        (
            "accounts.csv",
            "=1+1,2950,d1,\"=HYPERLINK(\"\"http://x.example\"\")\",@Mbeki,2012-03-04\n",
        ),
        (
            "roster.csv",
            "+u950,2950,d1,\"=HYPERLINK(\"\"http://x.example\"\")\",@Mbeki,3/4/2012\n",
        ),
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        fs::write(folder.join(file), text + row).unwrap();
    }
    summary(&against_roster(folder, &["--review", "review.csv"]));
    let mut review = csv::Reader::from_path(folder.join("review.csv")).unwrap();
    let mut found = false;
    for row in review.records() {
        let row = row.unwrap();
        found |= &row[0] == "'+u950" && &row[1] == "'=1+1";
        for value in &row {
            assert!(
                !value.starts_with(['=', '+', '@'])
                    && (!value.starts_with('-') || value.parse::<i64>().is_ok()),
                "{value}"
            );
        }
    }
    assert!(found);
    // The program's file has the ids as they are.
    assert!(
        rows(&folder.join("out.csv"))
            .iter()
            .any(|row| row[0] == "+u950" && row[4] == "=1+1")
    );
}

const TWINS: &str = "\
t0,,d1,Jayden,Mbeki,2012-01-04
t1,3001,d1,Jaylen,Mbeki,2012-01-04
t2,,d1,Christian,Okafor,2012-02-05
t3,3003,d1,Christina,Okafor,2012-02-05
t4,,d1,Mary Ann,Quispe,2012-05-08
t5,,d1,Mary,Quispe,2012-05-08
t6,,d1,Mary Beth,Quispe,2012-05-08
";

#[test]
fn field_f11_dedupe_lists_twins_for_a_person_and_joins_none() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let accounts = fs::read_to_string(folder.join("accounts.csv")).unwrap();
    fs::write(folder.join("accounts.csv"), accounts + TWINS).unwrap();
    let output = matching(
        folder,
        &["--dedupe", "--least", "0", "--review", "review.csv"],
    );
    let summary = summary(&output);
    assert!(
        summary["clusters"]["doubts"]["sibling"].as_u64() > Some(2),
        "{summary}"
    );
    for row in rows(&folder.join("out.csv")) {
        assert!(!row[1].starts_with('t'), "{row:?}");
    }
    let review = rows(&folder.join("review.csv"));
    let at = |name: &str| {
        let header = review[0]
            .iter()
            .position(|one| one.trim_matches('"') == name);
        header.unwrap()
    };
    for (right, left) in [("t1", "t0"), ("t3", "t2"), ("t5", "t4")] {
        let row = review.iter().find(|row| {
            row[at("right")].trim_matches('"') == right && row[at("left")].trim_matches('"') == left
        });
        let row = row.unwrap_or_else(|| panic!("{right}"));
        assert_eq!(row[at("doubt")].trim_matches('"'), "sibling");
        assert_eq!(row[at("last_right")], row[at("last_left")]);
    }
}

#[test]
fn field_f14_who_was_in_too_large_a_block_is_in_the_review_file() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let config = CONFIG.replace("[decide]", "[decide]\nreview = 0");
    fs::write(
        folder.join("match.toml"),
        format!("block_limit = 2\n{config}"),
    )
    .unwrap();
    let more: String = (0..5)
        .map(|at| format!("c{at},,d1,Ximena,Zapata,\n"))
        .collect();
    for (file, rows) in [
        ("accounts.csv", &*more),
        ("roster.csv", "u960,,d1,Ximena,Zapata,\n"),
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        fs::write(folder.join(file), text + rows).unwrap();
    }
    summary(&against_roster(folder, &["--review", "review.csv"]));
    let of = |file: &str| {
        let rows = rows(&folder.join(file));
        rows.into_iter()
            .find(|row| row[0].trim_matches('"') == "u960")
            .unwrap()
    };
    assert_eq!(of("out.csv")[1..3], ["review", "cut"]);
    assert_eq!(of("review.csv")[5].trim_matches('"'), "cut");
}

#[cfg(unix)]
#[test]
fn field_f17_what_match_writes_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    files(folder);
    let more = ["--review", "review.csv", "--train", "--model", "model.toml"];
    summary(&against_roster(folder, &more));
    for file in ["out.csv", "review.csv", "model.toml"] {
        let mode = fs::metadata(folder.join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
