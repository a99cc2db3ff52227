//! Alerts: whoever is on call hears of a district once, when its state changes, and again when it is well.
//!
//! The state that was reported last is in the store, so neither a new process nor another machine reports it again.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use clever_model::{Clock, SystemClock, Timestamp, read_span};
use clever_sync::AnyStore;
use clever_sync::words::{Limits, Verdict};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use url::Url;

use crate::cmd::status::{Said, said};
use crate::diagnostics::{self, Usage};
use crate::ui::Ui;
use crate::webhook::Webhook;

const ALERTS: &str = "Alerts";

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Whom to tell, and of what.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertArgs {
    /// Send alerts to this address, signed with CLEVER_WEBHOOK_SECRET.
    ///
    /// An alert is sent once when syncs of a district fail, are held, grow stale or share nobody, and once when it is
    /// well again.
    #[arg(long, value_name = "URL", help_heading = ALERTS, env = "CLEVER_ALERT_WEBHOOK")]
    pub(crate) alert_webhook: Option<Url>,
    /// Read the webhook's secret from FILE, and not from CLEVER_WEBHOOK_SECRET.
    #[arg(long, value_name = "FILE", help_heading = ALERTS, requires = "alert_webhook")]
    pub(crate) alert_secret_file: Option<PathBuf>,
    /// Send alerts to this incoming webhook of Slack, or of what takes its format.
    ///
    /// The address is a secret: put it in CLEVER_ALERT_SLACK.
    #[arg(long, value_name = "URL", help_heading = ALERTS, env = "CLEVER_ALERT_SLACK")]
    pub(crate) alert_slack: Option<Url>,
    /// Run this command for an alert, which it reads as JSON from standard input.
    #[arg(long, value_name = "COMMAND", help_heading = ALERTS, env = "CLEVER_ALERT_COMMAND")]
    pub(crate) alert_command: Option<String>,
    /// Alert of a district without a success for this time (`90m`, `26h`).
    #[arg(long, help_heading = ALERTS, value_name = "TIME", value_parser = read_span, default_value = "26h")]
    pub(crate) max_age: Duration,
}

/// An alert about a district.
#[derive(Debug, Clone)]
struct Alert {
    district_id: Option<String>,
    name: Option<String>,
    /// `failing`, `held`, `stale`, `empty` or `ok`.
    state: &'static str,
    since: Timestamp,
    says: Vec<String>,
    next_step: Option<String>,
}

impl Alert {
    fn of(said: &Said, since: Timestamp) -> Self {
        Self {
            district_id: said.district_id.clone(),
            name: said.name.clone(),
            state: said.verdict.word(),
            since,
            says: said.sentences.clone(),
            next_step: said.next_step.clone(),
        }
    }

    /// For a person, a line each.
    fn lines(&self) -> Vec<String> {
        let id = self.district_id.as_deref().unwrap_or("not known yet");
        let name = self.name.as_deref().unwrap_or("A district");
        let word = if self.state == Verdict::Ok.word() {
            "RECOVERED".to_owned()
        } else {
            self.state.to_uppercase()
        };
        let mut lines = vec![format!("{word}: {name} ({id})")];
        lines.extend(self.says.iter().cloned());
        lines.extend(
            self.next_step
                .iter()
                .map(|step| format!("What to do: {step}")),
        );
        lines
    }

    fn json(&self) -> Value {
        let kind = if self.state == Verdict::Ok.word() {
            "recovered"
        } else {
            self.state
        };
        json!({
            "type": format!("clever.district.{kind}"),
            "timestamp": self.since,
            "data": {
                "district_id": self.district_id, "name": self.name, "state": self.state, "since": self.since,
                "says": self.says, "next_step": self.next_step,
            },
        })
    }
}

/// Whom alerts go to.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    webhook: Option<Webhook>,
    slack: Option<Webhook>,
    command: Option<Vec<String>>,
    limits: Limits,
}

impl Alerts {
    /// Reads whom to tell: nobody, if nobody is named.
    pub(crate) fn new(args: &AlertArgs, max_failures: u64) -> Result<Self> {
        let secret = args.alert_secret_file.as_deref();
        let signed = args.alert_webhook.as_ref();
        let slack = args.alert_slack.as_ref();
        let command = args.alert_command.as_deref().map(|text| {
            let words = shlex::split(text).filter(|words| !words.is_empty());
            words.ok_or_else(|| {
                Usage::new("the command for alerts can't be read as words of a shell")
                    .hint("close its quotes, as in '/usr/local/bin/page --to \"on call\"'")
            })
        });
        Ok(Self {
            webhook: signed.map(|url| Webhook::signed(url, secret)).transpose()?,
            slack: slack.map(Webhook::unsigned).transpose()?,
            command: command.transpose()?,
            limits: Limits {
                max_age: args.max_age,
                max_failures,
            },
        })
    }

    /// Says whether alerts go to anybody.
    pub(crate) const fn are_wanted(&self) -> bool {
        self.webhook.is_some() || self.slack.is_some() || self.command.is_some()
    }

    /// Reports each district whose state is not the one that was reported last; returns how many. What could not be
    /// sent is sent by the next check.
    pub(crate) async fn check(&self, store: &mut AnyStore, sync: &str) -> Result<usize> {
        if !self.are_wanted() {
            return Ok(0);
        }
        let now = SystemClock.now();
        let told = store.told_states().await?;
        let mut failed = Ok(());
        let mut count = 0;
        let mut all = said(store, now, self.limits, sync).await?;
        // Tries that came to no district, and whose credential has opened one since.
        let is_said = |id: &str| {
            let mut all = all.iter();
            all.any(|said| said.district_id.as_deref().unwrap_or_default() == id)
        };
        if told.contains_key("") && !is_said("") {
            all.push(Said {
                district_id: None,
                name: None,
                verdict: Verdict::Ok,
                sentences: Vec::new(),
                next_step: None,
            });
        }
        for said in all {
            let id = said.district_id.clone().unwrap_or_default();
            let word = said.verdict.word();
            let before = told.get(&id).map_or(Verdict::Ok.word(), String::as_str);
            if before == word {
                continue;
            }
            match self.tell(&Alert::of(&said, now)).await {
                Ok(()) => {
                    store.tell_state(&id, word, now).await?;
                    count += 1;
                }
                // A receiver that is away is not waited for again and again.
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
        }
        failed.map(|()| count)
    }

    /// Checks, and says on standard error what could not be sent: no sync fails for that.
    pub(crate) async fn check_quietly(&self, store: &mut AnyStore, sync: &str, ui: &Ui) {
        if let Err(error) = self.check(store, sync).await {
            diagnostics::tell_of(ui, "an alert was not sent, and will be tried again", &error);
        }
    }

    /// Sends an alert that nothing happened, to everybody; says how many those are.
    pub(crate) async fn test(&self) -> Result<usize> {
        let alert = Alert {
            district_id: None,
            name: Some("A test of alerts".to_owned()),
            state: "test",
            since: SystemClock.now(),
            says: vec!["Nothing happened: somebody tests whether alerts arrive.".to_owned()],
            next_step: None,
        };
        self.tell(&alert).await?;
        Ok(self.places().len())
    }

    /// Whom alerts go to, in a word each.
    pub(crate) fn places(&self) -> Vec<&'static str> {
        let all = [
            (self.webhook.is_some(), "a webhook"),
            (self.slack.is_some(), "Slack"),
            (self.command.is_some(), "a command"),
        ];
        all.into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| word)
            .collect()
    }

    /// Tells everybody; an error of one does not keep it from the others.
    async fn tell(&self, alert: &Alert) -> Result<()> {
        let body = alert.json();
        let mut failed = Ok(());
        if let Some(webhook) = &self.webhook {
            let id = format!(
                "alert_{}_{}_{}",
                alert.district_id.as_deref().unwrap_or_default(),
                alert.state,
                alert.since.as_millisecond()
            );
            let sent = webhook.send(&id, body.to_string().as_bytes()).await;
            failed = failed.and(sent.map_err(Into::into));
        }
        if let Some(slack) = &self.slack {
            let text = json!({ "text": alert.lines().join("\n") });
            let sent = slack.send("", text.to_string().as_bytes()).await;
            failed = failed.and(sent.map_err(Into::into));
        }
        if let Some(words) = &self.command {
            failed = failed.and(run(words, alert, &body).await);
        }
        failed
    }
}

/// Runs the command for an alert.
async fn run(words: &[String], alert: &Alert, body: &Value) -> Result<()> {
    let [program, rest @ ..] = words else {
        return Ok(());
    };
    let mut child = Command::new(program)
        .args(rest)
        .env("CLEVER_ALERT_STATE", alert.state)
        .env(
            "CLEVER_ALERT_DISTRICT",
            alert.district_id.as_deref().unwrap_or_default(),
        )
        .env("CLEVER_ALERT_TEXT", alert.lines().join("\n"))
        // It gets what it needs, and no secret of ours.
        .env_remove("CLEVER_TOKEN")
        .env_remove("CLEVER_CLIENT_SECRET")
        .env_remove("CLEVER_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("could not run {program}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A command that reads nothing is fine.
        drop(input.write_all(body.to_string().as_bytes()).await);
    }
    let Ok(ended) = tokio::time::timeout(COMMAND_TIMEOUT, child.wait()).await else {
        bail!(
            "{program} did not end within {} s",
            COMMAND_TIMEOUT.as_secs()
        );
    };
    let status = ended.with_context(|| format!("could not run {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}
