//! What every story stands on: the binary, an emulator process, a store, the recorded district.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test, with nothing of the caller's settings.
pub(crate) fn cleverctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cleverctl"));
    for variable in [
        "CLEVER_TOKEN",
        "CLEVER_API_URL",
        "CLEVER_INSECURE_HTTP",
        "CLEVER_STORE",
        "CLEVER_LOG",
        "CLEVER_AUTH_URL",
        "CLEVER_CLIENT_ID",
        "CLEVER_CLIENT_SECRET",
        "CLEVER_CREDENTIALS",
        "CLEVER_KEY",
        "CLEVER_KEY_FILE",
        "CLEVER_POLICY",
        "CLEVER_SETTINGS",
        "CLEVER_WEBHOOK_SECRET",
        "CLEVER_ALERT_WEBHOOK",
        "CLEVER_ALERT_SLACK",
        "CLEVER_ALERT_COMMAND",
    ] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// A running `cleverctl emulator`; it ends with the value.
pub(crate) struct Emulator {
    process: Child,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    users: Value,
}

impl Emulator {
    /// Starts an emulator on a free port with `args` and reads its start-up line.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut process = cleverctl()
            .args(["emulator", "--json", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output is piped"))
            .read_line(&mut line)
            .expect("it prints a line");
        let start = held("emulator", &line);
        let text = |key: &str| start[key].as_str().expect(key).to_owned();
        Self {
            url: text("base_url"),
            token: text("district_token"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            users: start["user_tokens"].clone(),
            process,
        }
    }

    /// The token of somebody of a role.
    pub(crate) fn user(&self, role: &str) -> String {
        self.users[role].as_str().expect(role).to_owned()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A folder that holds one store.
pub(crate) struct Store(TempDir);

impl Store {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("roster.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    /// The one number that `sql` answers.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let connection = Connection::open(self.path()).expect("the store opens");
        connection.query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    /// `cleverctl sync` against `emulator`, ready to run.
    pub(crate) fn syncing(&self, emulator: &Emulator, args: &[&str]) -> Command {
        let mut command = cleverctl();
        command
            .args(["sync", "--store", &self.url(), "--api-url", &emulator.url])
            .args(args)
            .env("CLEVER_TOKEN", &emulator.token);
        command
    }

    /// Runs `cleverctl sync` against `emulator`.
    pub(crate) fn sync(&self, emulator: &Emulator, args: &[&str]) -> Output {
        let mut command = self.syncing(emulator, args);
        command.output().expect("the binary runs")
    }

    /// Runs `cleverctl sync --json`, checks its exit code and returns the report.
    pub(crate) fn report(&self, emulator: &Emulator, exit: i32) -> Value {
        let output = self.sync(emulator, &["--json"]);
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
        held("sync", &output.stdout)
    }

    /// Runs a command over the store, checks its exit code, and gives what it printed, errors last.
    pub(crate) fn says(&self, args: &[&str], exit: i32) -> String {
        let output = cleverctl()
            .args(args)
            .args(["--store", &self.url()])
            .output()
            .expect("the binary runs");
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        String::from_utf8(output.stdout).expect("it prints text") + &said
    }
}

/// Runs a command at a terminal of 100 columns at which somebody types; gives what that shows.
#[cfg(target_os = "linux")]
pub(crate) fn at_a_terminal(command: &Command, types: &str) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let line = shlex::try_join(words.iter().map(AsRef::as_ref)).expect("words of a shell");
    let mut terminal = Command::new("script");
    terminal.args([
        "-qec",
        &format!("stty cols 100 rows 30; {line}"),
        "/dev/null",
    ]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let mut shown = terminal
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`script` of util-linux runs");
    let mut hands = shown.stdin.take().expect("its input is piped");
    hands.write_all(types.as_bytes()).expect("it listens");
    drop(hands);
    let output = shown.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Holds a document that was printed against its schema, and gives it.
pub(crate) fn held(name: &str, text: impl AsRef<[u8]>) -> Value {
    let text = String::from_utf8_lossy(text.as_ref()).into_owned();
    let document: Value = serde_json::from_str(&text).expect(&text);
    let file = format!("../../docs/schema/{name}.json");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let schema = fs::read_to_string(&file).expect(name);
    let mut schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    // A reader may meet names that it does not know; the program says none that its schema does not.
    schema["unevaluatedProperties"] = false.into();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the schema is one");
    let wrong: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{name}: {}\n{text}", wrong.join("\n"));
    document
}

/// What a process said on standard error.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The recorded demo district, if this machine has it.
pub(crate) fn recorded() -> Option<PathBuf> {
    let shared = std::env::var_os("CLEVER_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("recorded/demo-district");
    if folder.join("users.json").is_file() {
        return Some(folder);
    }
    eprintln!(
        "skipped: no recorded district in {} (set CLEVER_SHARED)",
        shared.display()
    );
    None
}

/// A copy of the recorded district whose list of `kind` went through `edit`.
pub(crate) fn edited(folder: &Path, kind: &str, edit: impl FnOnce(&mut Vec<Value>)) -> TempDir {
    let copy = TempDir::new().expect("a temporary folder");
    for name in ["districts", "users", "sections", "tokens"] {
        let file = format!("{name}.json");
        fs::copy(folder.join(&file), copy.path().join(&file)).expect("the recording copies");
    }
    let path = copy.path().join(format!("{kind}.json"));
    // The recording is read-only; its copy is not.
    let text = fs::read_to_string(&path).expect("the list reads");
    fs::remove_file(&path).expect("the copy is ours");
    let mut page: Value = serde_json::from_str(&text).expect("the list is JSON");
    edit(page["data"].as_array_mut().expect("the list has data"));
    fs::write(&path, page.to_string()).expect("the copy writes");
    copy
}
