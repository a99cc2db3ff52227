//! A district that somebody paused: no run of it begins, whoever asks, and every command says so.

use std::fs;
use std::process::Output;

use clever_emulator::EmulatorConfig;

use crate::all_districts::{Many, of};
use crate::ground::{errors, held};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_district_is_skipped_until_somebody_lets_it_go_on() {
    let many = Many::of(3, EmulatorConfig::default()).await;
    assert_eq!(many.once(&[]).0, Some(0));
    let id = many.ids().remove(1);
    let ask = |args: &[&str], exit| {
        let mut command = many.command(args);
        let output = command.args(["--store", &many.store.url()]).output();
        let output = output.unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        output
    };
    // Bad input is refused with what is wrong.
    let short = ask(&["pause", &id, "--reason", "x"], 2);
    assert!(errors(&short).contains("say why"), "{}", errors(&short));
    let nobody = ask(
        &["pause", "5a25ffb0c1bc2a0036000fff", "--reason", "a new SIS"],
        1,
    );
    assert!(errors(&nobody).contains("hint:"), "{}", errors(&nobody));
    let paused = [
        "pause",
        &id,
        "--reason",
        "a new SIS",
        "--by",
        "kim",
        "--json",
    ];
    let first = held("pause", &ask(&paused, 0).stdout);
    assert_eq!(
        (&first["changed"], &first["paused"]["by"]),
        (&true.into(), &"kim".into())
    );
    let again = held("pause", &ask(&paused, 0).stdout);
    assert_eq!(
        (&again["changed"], &again["paused"]),
        (&false.into(), &first["paused"])
    );
    let again = text(&ask(&paused[..6], 0));
    assert!(again.contains("by kim: a new SIS already"), "{again}");

    // A night goes past it, and nothing is wrong with that.
    let file = many.folder.path().join("night.prom");
    let (code, lines) = many.once(&["--metrics-file", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{lines:?}");
    for line in &lines {
        let is_paused = line["district"] == id.as_str();
        assert_eq!(line["exit"], 0, "{line}");
        assert_eq!(line["report"].is_null(), is_paused, "{line}");
    }
    assert_eq!(of(&lines, &id)["error"]["code"], "paused");
    let metrics = fs::read_to_string(&file).unwrap();
    let level = format!("clever_sync_paused{{district=\"{id}\"}} 1");
    assert!(metrics.contains(&level), "{metrics}");
    let shown = many.sync(&[]).output().unwrap();
    assert!(text(&shown).contains("paused") && text(&shown).contains("3 done"));
    assert!(
        errors(&shown).contains("by kim: a new SIS"),
        "{}",
        errors(&shown)
    );

    // A run that is asked for by name says so, and how it goes on; a look changes nothing, and is made.
    let api = many.emulator.base_url().to_string();
    let named = [
        "sync",
        "--credential",
        "app",
        "--district",
        &id,
        "--api-url",
        &api,
    ];
    let refused = errors(&ask(&named, 1));
    let next = format!("cleverctl resume {id}");
    for says in ["is paused since", "by kim: a new SIS", &next] {
        assert!(refused.contains(says), "{says}: {refused}");
    }
    ask(&[&named[..], &["--dry-run"]].concat(), 0);

    // It is no alarm: whoever paused it knows.
    let status = ask(&["status", "--check", "--json"], 0);
    let status = held("status", &status.stdout);
    let all = status["districts"].as_array().unwrap();
    let one = all.iter().find(|one| one["district_id"] == id.as_str());
    let one = one.unwrap();
    assert_eq!(one["verdict"], "paused");
    assert_eq!(one["paused"]["reason"], "a new SIS");
    assert_eq!(one["attempts"]["failed_in_a_row"], 0, "{one}");
    let status = text(&ask(&["status"], 0));
    for says in ["PAUSED", "by kim: a new SIS", &next, "2 ok"] {
        assert!(status.contains(says), "{says}: {status}");
    }

    let resume = ["resume", &id, "--by", "ada", "--json"];
    assert_eq!(held("pause", &ask(&resume, 0).stdout)["changed"], true);
    assert_eq!(held("pause", &ask(&resume, 0).stdout)["changed"], false);
    let (code, lines) = many.once(&[]);
    assert_eq!(code, Some(0));
    assert!(!of(&lines, &id)["report"].is_null(), "it goes on");
    let database = rusqlite::Connection::open(many.store.path()).unwrap();
    let sql = "SELECT group_concat(deed || ' ' || actor || ' ' || reason, '; ') FROM (SELECT * FROM audit ORDER BY key)";
    let deeds: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(deeds, "pause kim a new SIS; resume ada ");
}
