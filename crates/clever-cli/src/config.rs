//! `clever.toml`: the settings of a place in one file. An option of the command line stands over a variable of the
//! environment, and that over the file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::diagnostics::Usage;
use crate::settings::stores::{Said, Stores};
use crate::settings::{StoreUrl, toml_file};

/// The file that is read if no other is named.
pub(crate) const NAME: &str = "clever.toml";
/// The variable that names another file.
pub(crate) const VARIABLE: &str = "CLEVER_SETTINGS";

/// A new file: every setting, with what it is for.
pub(crate) const TEMPLATE: &str = r#"# Settings of cleverctl. An option on the command line stands over a variable of
# the environment, and that over this file. Tokens and client secrets do not
# belong here: `cleverctl credential add` keeps them sealed, under a name.

# The database: a file, or postgres://USER@HOST/DATABASE?sslmode=verify-full.
# Put an address that contains a password in CLEVER_STORE.
store = "clever.db"

# The schema of the tables in PostgreSQL.
# schema = "clever"

# How much may change without approval, and which columns are the app's own.
# policy = "policy.toml"

# What is logged on standard error: error, warn, info, debug or trace.
# log = "warn"
# log_format = "text"

# Colour: auto, always or never.
# color = "auto"

# Several databases, if one is not enough; then take `store` above out. Each has a
# name. The address in CLEVER_STORE_WEST stands over that of `west`: there it may
# hold a password. `cleverctl move` carries a district to another.
[stores]
# The store of districts that are in no list.
# default = "main"

[stores.named]
# main = "postgres://app@db1/roster"
# west = "postgres://app@db2/roster"

[stores.districts]
# 5a25ffb0c1bc2a0036000001 = "west"

# The districts that a credential opens; a list of districts stands over it.
[stores.credentials]
# app = "west"

[credentials]
# The sealed file of credentials, and the key to it.
# file = "/etc/clever/credentials"
# key_file = "/etc/clever/credentials.key"

[clever]
# api_url = "https://api.clever.com"
# auth_url = "https://clever.com"
# api = "v3.1"
# Also call http:// hosts other than this machine, as an emulator in a closed
# network of containers. Clever itself is always called over https.
# insecure_http = true

[sync]
# The credentials to use, by name; not used if CLEVER_TOKEN is set.
# credential = ["our-app"]
# Sync again after this time, and wait up to so much longer.
# every = "6h"
# jitter = "10m"
# With --all: districts at once.
# concurrency = 4
# Records a page.
# page_size = 2000

[metrics]
# With --every: serve /metrics, /healthz and /readyz here.
# listen = "127.0.0.1:9464"
# Without: write this file when a sync ends, for node_exporter.
# file = "/var/lib/prometheus/node-exporter/clever.prom"

[alerts]
# Where a change of state is reported: a webhook, signed with CLEVER_WEBHOOK_SECRET or
# the secret in a file; an incoming webhook of Slack, whose address is a secret
# (better in CLEVER_ALERT_SLACK); a command, which reads JSON.
# webhook = "https://oncall.example/clever"
# secret_file = "/etc/clever/webhook-secret"
# slack = "https://hooks.slack.com/services/T/B/X"
# command = "/usr/local/bin/page --team roster"

[status]
# When a district is stale, after how many failed attempts in a row it is
# failing, and which districts `--check` misses.
# max_age = "26h"
# max_failures = 3
# expect = ["5a25ffb0c1bc2a0036000001"]

[prune]
# How long `cleverctl prune` leaves archived records, and changes that every
# reader has passed: days, or a date.
# archived_before = "730d"
# changes_before = "365d"

[accounts]
# The database of accounts, for `cleverctl review`.
# store = "accounts.db"
"#;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    store: Option<String>,
    schema: Option<String>,
    policy: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
    color: Option<String>,
    #[serde(default)]
    stores: Said,
    #[serde(default)]
    credentials: Credentials,
    #[serde(default)]
    clever: Clever,
    #[serde(default)]
    sync: Sync,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    alerts: Alerts,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    prune: Prune,
    #[serde(default)]
    accounts: Accounts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    file: Option<String>,
    key_file: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clever {
    api_url: Option<String>,
    auth_url: Option<String>,
    api: Option<String>,
    insecure_http: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sync {
    #[serde(default)]
    credential: Vec<String>,
    every: Option<String>,
    jitter: Option<String>,
    concurrency: Option<u32>,
    page_size: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metrics {
    listen: Option<String>,
    file: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alerts {
    webhook: Option<String>,
    secret_file: Option<String>,
    slack: Option<String>,
    command: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    max_age: Option<String>,
    max_failures: Option<u32>,
    #[serde(default)]
    expect: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prune {
    archived_before: Option<String>,
    changes_before: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accounts {
    store: Option<String>,
}

/// A setting: its name in the file, the argument that it stands for, and what the file says.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// As in `sync.every`.
    pub(crate) key: &'static str,
    /// The id of the argument.
    pub(crate) argument: &'static str,
    /// A command that has the argument.
    pub(crate) command: &'static str,
    /// The values in the file; none if it does not say any.
    pub(crate) values: Vec<String>,
}

/// The settings of a file.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file; none if there is none.
    pub(crate) file: Option<PathBuf>,
    pub(crate) settings: Vec<Setting>,
    /// The directory of stores, if the file has one.
    stores: Option<Stores>,
}

impl Config {
    /// Reads the file that is named, or the one of this folder if there is one.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self> {
        let path = named.unwrap_or(Path::new(NAME));
        let shown = path.display();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
                return Ok(Self {
                    file: None,
                    settings: settings(File::default()),
                    stores: None,
                });
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    Usage::new(format!("could not read the settings in {shown}"))
                        .hint("`cleverctl init` writes a file of settings")
                });
            }
        };
        let file: File = toml::from_str(&text)
            .map_err(|error| toml_file::unreadable(&shown.to_string(), &text, &error))?;
        let variable = |name: &str| std::env::var(name).ok();
        let stores = Stores::read(&file.stores, &shown.to_string(), &variable)?;
        if stores.is_some() && file.store.is_some() {
            let both = format!("{shown}: `store` and `stores.named` both say where the rows are");
            return Err(Usage::new(both)
                .hint("take `store` out: `stores.default` names the store of districts that are in no list")
                .into());
        }
        Ok(Self {
            file: Some(path.to_owned()),
            settings: settings(file),
            stores,
        })
    }

    /// Gives the directory of stores to a command that reads stores. Then no store is meant that nobody named.
    fn with_stores(&self, command: clap::Command) -> clap::Command {
        let reads = |arg: &clap::Arg| arg.get_id() == "stores";
        let Some(stores) = self
            .stores
            .clone()
            .filter(|_| command.get_arguments().any(reads))
        else {
            return command;
        };
        let given = move |_: &str| Ok::<_, std::convert::Infallible>(stores.clone());
        command
            .mut_arg("store", |arg| arg.default_value(None::<&'static str>))
            .mut_arg("stores", |arg| arg.default_value(NAME).value_parser(given))
    }

    /// Lets what the file says stand for what was given neither on the command line nor in the environment.
    pub(crate) fn over(&self, command: clap::Command) -> clap::Command {
        let mut command = self.with_stores(command);
        // A token in the environment stands over a credential in the file.
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let by_token = is_set("CLEVER_TOKEN") || is_set("CLEVER_CLIENT_ID");
        for setting in &self.settings {
            let known = |arg: &clap::Arg| arg.get_id() == setting.argument;
            // What the environment names is not asked for in the file too.
            let idle = setting.values.is_empty() || by_token && setting.argument == "credential";
            if !idle && command.get_arguments().any(known) {
                let values = setting.values.iter();
                // As long as the process lives: there is one file.
                let values: Vec<&'static str> =
                    values.map(|value| &*value.clone().leak()).collect();
                // An address may hold a password.
                command = command.mut_arg(setting.argument, |arg| {
                    // A flag takes no value, so it shows none.
                    let takes_value = arg.get_action().takes_values();
                    arg.default_values(values).hide_default_value(takes_value)
                });
            }
        }
        command.mut_subcommands(|below| self.over(below))
    }
}

fn settings(file: File) -> Vec<Setting> {
    let one = |key, argument, command, value: Option<String>| Setting {
        key,
        argument,
        command,
        values: value.into_iter().collect(),
    };
    let number = |value: Option<u32>| value.map(|value| value.to_string());
    // No argument stands for these: they are read as a whole.
    let list = |key, map: BTreeMap<String, String>| Setting {
        key,
        argument: "",
        command: "",
        values: map
            .into_iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect(),
    };
    vec![
        one("store", "store", "sync", file.store),
        one("schema", "schema", "sync", file.schema),
        one("policy", "policy", "sync", file.policy),
        one("log", "log", "", file.log),
        one("log_format", "log_format", "", file.log_format),
        one("color", "color", "", file.color),
        one("stores.default", "", "", file.stores.default),
        list("stores.named", file.stores.named),
        list("stores.districts", file.stores.districts),
        list("stores.credentials", file.stores.credentials),
        one(
            "credentials.file",
            "credentials",
            "sync",
            file.credentials.file,
        ),
        one(
            "credentials.key_file",
            "key_file",
            "sync",
            file.credentials.key_file,
        ),
        one("clever.api_url", "api_url", "sync", file.clever.api_url),
        one("clever.auth_url", "auth_url", "sync", file.clever.auth_url),
        one("clever.api", "api", "sync", file.clever.api),
        one(
            "clever.insecure_http",
            "insecure_http",
            "sync",
            file.clever.insecure_http.map(|allowed| allowed.to_string()),
        ),
        Setting {
            key: "sync.credential",
            argument: "credential",
            command: "sync",
            values: file.sync.credential,
        },
        one("sync.every", "every", "sync", file.sync.every),
        one("sync.jitter", "jitter", "sync", file.sync.jitter),
        one(
            "sync.concurrency",
            "concurrency",
            "sync",
            number(file.sync.concurrency),
        ),
        one(
            "sync.page_size",
            "page_size",
            "sync",
            number(file.sync.page_size),
        ),
        one(
            "metrics.listen",
            "metrics_listen",
            "sync",
            file.metrics.listen,
        ),
        one("metrics.file", "metrics_file", "sync", file.metrics.file),
        one(
            "alerts.webhook",
            "alert_webhook",
            "sync",
            file.alerts.webhook,
        ),
        one(
            "alerts.secret_file",
            "alert_secret_file",
            "sync",
            file.alerts.secret_file,
        ),
        one("alerts.slack", "alert_slack", "sync", file.alerts.slack),
        one(
            "alerts.command",
            "alert_command",
            "sync",
            file.alerts.command,
        ),
        one("status.max_age", "max_age", "status", file.status.max_age),
        one(
            "status.max_failures",
            "max_failures",
            "status",
            number(file.status.max_failures),
        ),
        Setting {
            key: "status.expect",
            argument: "expect",
            command: "status",
            values: file.status.expect,
        },
        one(
            "prune.archived_before",
            "archived_before",
            "prune",
            file.prune.archived_before,
        ),
        one(
            "prune.changes_before",
            "changes_before",
            "prune",
            file.prune.changes_before,
        ),
        one("accounts.store", "accounts", "review", file.accounts.store),
    ]
}

/// A value as it may be shown: an address without its password, and one of Slack without what opens it.
pub(crate) fn shown(value: &str) -> String {
    const SLACK: &str = "https://hooks.slack.com/";
    // One of a list.
    if let Some((name, value)) = value.split_once(" = ") {
        return format!("{name} = {}", shown(value));
    }
    if value.starts_with(SLACK) {
        return format!("{SLACK}…");
    }
    if !value.contains("://") || !value.contains('@') {
        return value.to_owned();
    }
    match value.parse::<StoreUrl>() {
        Ok(address) => address.to_string(),
        Err(_) => "an address that can't be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_names_every_setting_and_no_other() {
        let lines = TEMPLATE.lines().map(|line| {
            let plain = line.trim_start_matches("# ");
            let setting = plain.split_once(" = ").is_some_and(|(key, _)| {
                key.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            });
            if setting { plain } else { line }
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let all = settings(toml::from_str(&text).unwrap());
        for setting in all {
            assert!(!setting.values.is_empty(), "{} is missing", setting.key);
        }
        // As it is written, it changes nothing but the store.
        let as_written = settings(toml::from_str(TEMPLATE).unwrap());
        let set: Vec<_> = as_written
            .iter()
            .filter(|setting| !setting.values.is_empty())
            .map(|setting| setting.key)
            .collect();
        assert_eq!(set, ["store"]);
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert!(!shown("postgres://app:secret@db/roster").contains("secret"));
        assert!(!shown("mysql://app:secret@db/roster").contains("secret"));
        assert!(!shown("https://hooks.slack.com/services/T/B/secret").contains("secret"));
        assert_eq!(shown("https://api.clever.com"), "https://api.clever.com");
        assert_eq!(
            shown("west = postgres://app:secret@db/roster"),
            "west = postgres://app@db/roster"
        );
    }
}
