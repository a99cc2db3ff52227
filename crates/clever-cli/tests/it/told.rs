//! Who hears of it: alerts once a change of state, changes over a signed webhook, whoever listens in PostgreSQL.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clever_emulator::{EmulatorConfig, Happening};
use serde_json::Value;

use crate::ground::{Emulator, Store, cleverctl, errors};
use crate::measured::Scraped;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU";

/// What a receiver got: its headers, in lower case, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    head: String,
    pub(crate) body: Value,
    text: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let begin = format!("{name}: ");
        let mut lines = self.head.lines();
        let line = lines.find(|line| line.to_lowercase().starts_with(&begin));
        line.map_or("", |line| &line[begin.len()..])
    }
}

/// A receiver of webhooks on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
    /// What it answers next; 204 if nothing is set.
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            got: Arc::default(),
            answers: Arc::default(),
        };
        let into = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                let mut part = [0; 4096];
                let (head, text) = loop {
                    let count = stream.read(&mut part).unwrap_or(0);
                    bytes.extend_from_slice(&part[..count]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        assert!(count > 0, "a request ended early: {text:?}");
                        continue;
                    };
                    let length = head.to_lowercase();
                    let length = length.split_once("content-length: ").unwrap().1;
                    let length: usize = length.lines().next().unwrap().parse().unwrap();
                    if body.len() >= length {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                let answer = into.answers.lock().unwrap().pop().unwrap_or(204);
                let said = format!(
                    "HTTP/1.1 {answer} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                drop(stream.write_all(said.as_bytes()));
                let body = serde_json::from_str(&text).unwrap();
                into.got.lock().unwrap().push(Got { head, body, text });
            }
        });
        receiver
    }

    pub(crate) fn all(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits for so many.
    pub(crate) fn wait(&self, count: usize) -> Vec<Got> {
        for _ in 0..300 {
            let all = self.all();
            if all.len() >= count {
                return all;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{} came, not {count}", self.all().len());
    }
}

/// Checks a signature as receivers do: with another program than ours.
pub(crate) fn is_signed(got: &Got) -> bool {
    let script = "import base64,hashlib,hmac,sys\n\
        key=base64.b64decode(sys.argv[1].removeprefix('whsec_'))\n\
        text=(sys.argv[2]+'.'+sys.argv[3]+'.').encode()+sys.stdin.buffer.read()\n\
        print('v1,'+base64.b64encode(hmac.new(key,text,hashlib.sha256).digest()).decode())";
    let mut command = Command::new("python3");
    let (id, at) = (got.header("webhook-id"), got.header("webhook-timestamp"));
    command.args(["-c", script, SECRET, id, at]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(got.text.as_bytes())
        .unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let signature = String::from_utf8_lossy(&said);
    !id.is_empty() && signature.trim() == got.header("webhook-signature")
}

fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = cleverctl();
    command.args(args).envs(variables.iter().copied());
    command
        .env("CLEVER_WEBHOOK_SECRET", SECRET)
        .output()
        .unwrap()
}

#[test]
fn an_alert_is_sent_once_a_change_of_state() {
    let (emulator, store, receiver) = (
        Emulator::start(&["--students", "60"]),
        Store::new(),
        Receiver::start(),
    );
    let url = store.url();
    let file = store.path().with_extension("alert");
    let command = format!(
        "sh -c 'printf \"%s %s\\n\" \"$CLEVER_ALERT_STATE\" \"$(wc -c | tr -d \" \")\" >> {}'",
        file.display()
    );
    let sync = |token: &str, from: &str, exit: i32| {
        let args = [
            "sync",
            "-q",
            "--store",
            &url,
            "--api-url",
            from,
            "--max-failures",
            "2",
            "--alert-webhook",
            &receiver.url,
            "--alert-slack",
            &receiver.url,
            "--alert-command",
            &command,
        ];
        let output = run(&args, &[("CLEVER_TOKEN", token)]);
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    };
    sync(&emulator.token, &emulator.url, 0);
    sync("rotated-away", &emulator.url, 4);
    assert!(
        receiver.all().is_empty(),
        "one failure is none yet, and all was well before"
    );
    sync("rotated-away", &emulator.url, 4);
    let all = receiver.wait(2);
    assert_eq!(all[0].body["type"], "clever.district.failing");
    let said = all[0].body["data"]["says"][0].as_str().unwrap();
    assert!(
        said.contains("answered 401") && said.contains("2 failed in a row"),
        "{said}"
    );
    assert!(
        all[0].body["data"]["next_step"]
            .as_str()
            .unwrap()
            .contains("rotated")
    );
    assert!(is_signed(&all[0]), "{all:?}");
    let slack = all[1].body["text"].as_str().unwrap();
    assert!(slack.starts_with("FAILING: "), "{slack}");
    assert!(slack.contains("What to do: "), "{slack}");
    assert_eq!(all[1].header("webhook-signature"), "", "Slack wants none");
    sync("rotated-away", &emulator.url, 4);
    assert_eq!(receiver.all().len(), 2, "it is failing still");
    // A receiver that is away gets it the next time.
    *receiver.answers.lock().unwrap() = vec![500, 500];
    sync(&emulator.token, &emulator.url, 0);
    assert_eq!(receiver.wait(4).len(), 4);
    sync(&emulator.token, &emulator.url, 0);
    let all = receiver.wait(6);
    assert_eq!(all[4].body["type"], "clever.district.recovered");
    assert!(
        all[5].body["text"]
            .as_str()
            .unwrap()
            .starts_with("RECOVERED: ")
    );
    // Held, and no more.
    sync(
        &emulator.token,
        &Emulator::start(&["--students", "10"]).url,
        3,
    );
    let all = receiver.wait(8);
    assert_eq!(all[6].body["type"], "clever.district.held");
    let says = all[6].body["data"]["says"].to_string();
    assert!(says.contains("held: archiving"), "{says}");
    sync(&emulator.token, &emulator.url, 0);
    assert_eq!(receiver.wait(10)[8].body["data"]["state"], "ok");
    // Nobody syncs any more: another timer hears of it.
    std::thread::sleep(Duration::from_millis(2100));
    let check = [
        "alerts",
        "check",
        "--store",
        &url,
        "--max-age",
        "1s",
        "--alert-webhook",
        &receiver.url,
    ];
    for _ in 0..2 {
        let output = run(&check, &[]);
        assert!(output.status.success(), "{}", errors(&output));
    }
    let all = receiver.wait(11);
    assert_eq!(
        (all.len(), &all[10].body["type"]),
        (11, &"clever.district.stale".into())
    );
    let told = fs::read_to_string(&file).unwrap();
    let states: Vec<&str> = told
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    // The command took the first recovery, and the second, which the webhook had not taken.
    assert_eq!(states, ["failing", "ok", "ok", "held", "ok"]);
    assert!(
        told.lines().all(|line| !line.ends_with(" 0")),
        "it reads JSON: {told}"
    );
}

#[test]
fn a_test_of_alerts_says_whether_they_arrive() {
    let receiver = Receiver::start();
    let output = run(&["alerts", "test", "--alert-webhook", &receiver.url], &[]);
    assert!(output.status.success(), "{}", errors(&output));
    let all = receiver.wait(1);
    assert_eq!(all[0].body["type"], "clever.district.test");
    assert!(is_signed(&all[0]));
    *receiver.answers.lock().unwrap() = vec![404];
    let output = run(&["alerts", "test", "--alert-slack", &receiver.url], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("answered 404"),
        "{}",
        errors(&output)
    );
    let output = run(&["alerts", "test", "--alert-command", "false"], &[]);
    assert_eq!(output.status.code(), Some(1));
    for (args, says) in [
        (&["alerts", "test"][..], "nobody is named"),
        (
            &["alerts", "test", "--alert-slack", "http://example.org/x"],
            "not encrypted",
        ),
        (
            &["alerts", "test", "--alert-command", "'"],
            "words of a shell",
        ),
    ] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(errors(&output).contains(says), "{}", errors(&output));
    }
    let mut command = cleverctl();
    command.args(["alerts", "test", "--alert-webhook", &receiver.url]);
    let output = command
        .env("CLEVER_WEBHOOK_SECRET", "short")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!errors(&output).contains("short"), "{}", errors(&output));
}

#[test]
fn changes_are_pushed_in_order_and_again_if_they_are_not_taken() {
    let (emulator, store, receiver) = (
        Emulator::start(&["--students", "60"]),
        Store::new(),
        Receiver::start(),
    );
    store.report(&emulator, 0);
    let count = store.number("SELECT count(*) FROM changes");
    let url = store.url();
    let push = ["changes", "--webhook", &receiver.url, "--store", &url];
    *receiver.answers.lock().unwrap() = vec![503];
    let output = run(&push, &[]);
    assert!(output.status.success(), "{}", errors(&output));
    let all = receiver.all();
    assert_eq!(all[0].header("webhook-id"), all[1].header("webhook-id"));
    assert_eq!(all[0].text, all[1].text, "the same message again");
    let mut seqs = Vec::new();
    for got in &all[1..] {
        assert!(is_signed(got));
        assert_eq!(got.body["type"], "clever.changes");
        for change in got.body["data"]["changes"].as_array().unwrap() {
            seqs.push(change["seq"].as_i64().unwrap());
            assert_eq!(change["after"], Value::Null, "no values unless asked for");
        }
    }
    assert_eq!(seqs, (1..=count).collect::<Vec<_>>());
    // The receiver is a consumer: nothing comes twice.
    let output = run(&[&push[..], &["--json"]].concat(), &[]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["delivered"], 0);
    assert_eq!(
        store.number("SELECT max(seq) FROM consumers WHERE consumer = 'webhook'"),
        count
    );
    let before = receiver.all().len();
    let with = run(
        &[
            &push[..],
            &["--consumer", "b", "--values", "--kind", "schools"],
        ]
        .concat(),
        &[],
    );
    assert!(with.status.success(), "{}", errors(&with));
    let values = &receiver.all()[before].body["data"]["changes"][0];
    assert!(values["after"]["name"].is_string(), "{values}");
    // One that wants no more ends it, and what it did not take is kept.
    *receiver.answers.lock().unwrap() = vec![410];
    let gone = run(&[&push[..], &["--consumer", "c"]].concat(), &[]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(errors(&gone).contains("wants no more"), "{}", errors(&gone));
    assert_eq!(
        store.number("SELECT count(*) FROM consumers WHERE consumer = 'c'"),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_call_with_one_file_of_settings_from_alarm_to_recovery() {
    let config = EmulatorConfig {
        rate_limit: 1_000_000,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let (store, receiver) = (Store::new(), Receiver::start());
    let folder = store.path().parent().unwrap().to_owned();
    let path = |name: &str| folder.join(name).display().to_string();
    fs::write(path("secret"), SECRET).unwrap();
    let keep = |how: &str, token: &str| {
        fs::write(path("token"), token).unwrap();
        let file = path("token");
        let mut command = cleverctl();
        command
            .current_dir(&folder)
            .args(["credential", how, "north", "--secret-file", &file]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    };
    let settings = format!(
        "store = \"{}\"\n[credentials]\nfile = \"{}\"\n[clever]\napi_url = \"{}\"\n[sync]\ncredential = [\"north\"]\n\
         every = \"1s\"\n[metrics]\nfile = \"{}\"\n[alerts]\nwebhook = \"{}\"\nsecret_file = \"{}\"\n\
         [status]\nmax_failures = 2\n",
        path("roster.db"),
        path("kept"),
        emulator.base_url(),
        path("clever.prom"),
        receiver.url,
        path("secret"),
    );
    fs::write(path("clever.toml"), settings).unwrap();
    keep("add", emulator.district_token());
    let scraped = Scraped::start(cleverctl().current_dir(&folder).arg("sync"));
    let done = "clever_sync_attempts_total{ending=\"done\"}";
    scraped.until("/metrics", |_, text| text.contains(done));
    scraped.until("/readyz", |status, _| status == 200);
    // The district's token is rotated: the one that is kept opens nothing any more.
    emulator.happen(Happening::TokenRotate);
    let all = receiver.wait(1);
    assert_eq!(all[0].body["type"], "clever.district.failing", "{all:?}");
    assert!(is_signed(&all[0]));
    scraped.until("/readyz", |status, _| status == 503);
    scraped.until("/metrics", |_, text| {
        text.contains("clever_sync_attempts_total{ending=\"refused\"}")
    });
    let status = |exit: i32| {
        let mut command = cleverctl();
        let output = command
            .current_dir(&folder)
            .args(["status", "--check"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = status(1);
    assert!(
        shown.starts_with("FAILING") && shown.contains("answered 401"),
        "{shown}"
    );
    keep("replace", emulator.districts()[0].token.as_deref().unwrap());
    let all = receiver.wait(2);
    assert_eq!(all[1].body["type"], "clever.district.recovered", "{all:?}");
    scraped.until("/readyz", |status, _| status == 200);
    let shown = status(0);
    assert!(
        shown.starts_with("OK") && !shown.contains("failed"),
        "{shown}"
    );
    assert_eq!(receiver.all().len(), 2, "once each");
    let written = fs::read_to_string(path("clever.prom")).unwrap();
    assert!(written.contains(done), "{written}");
}
