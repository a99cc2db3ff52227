//! The emulator on a command line: its options, and what it says when it has started. `cleverctl emulator` and
//! the binary `clever-emulator` share them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clever_model::{Role, read_span};
use serde::Serialize;

use crate::{ControlToken, CsvFault, Emulator, EmulatorConfig, FaultRule, LmsType, WorldSource};

/// Students of each further district.
const SMALL: u32 = 60;

/// What the emulator understands on its command line.
#[derive(Debug, Args)]
pub struct EmulatorArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// A host name by which others ask for the emulator, for addresses beyond loopback; may be given again. Requests
    /// for other names than these and this machine's are refused.
    #[arg(long = "allow-host", value_name = "NAME")]
    pub allow_hosts: Vec<String>,
    /// The token that the control API asks for. Beyond loopback it always asks for one: without this, a random one that
    /// is printed.
    #[arg(
        long,
        env = "CLEVER_EMULATOR_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub control_token: Option<ControlToken>,
    /// Serve the JSON pages in DIR instead of a generated district.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["seed", "students", "size"])]
    pub recorded: Option<PathBuf>,
    /// Serve the CSV set in DIR, as districts send it to Clever, instead of a generated district.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recorded", "seed", "students", "size"])]
    pub csv: Option<PathBuf>,
    /// With --csv: leave out the rows that have a fault, and say how many; without it, a set with a fault is not served,
    /// and all its faults are listed.
    #[arg(long, requires = "csv")]
    pub lenient: bool,
    /// Serve the district of a rehearsal of Clever's certification: very long and very short numbers, two roles, names
    /// in other scripts, a student of whom hardly anything is known.
    #[arg(long, conflicts_with_all = ["recorded", "csv", "seed", "students", "size"])]
    pub certification: bool,
    /// The seed of the generated district; the same seed gives the same district.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// How many students the generated district has.
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub students: u32,
    /// The district's size by name: small has 300 students, medium 5,000, large 60,000, metro
    /// 1,000,000.
    #[arg(long, value_name = "SIZE", conflicts_with = "students", value_parser = ["small", "medium", "large", "metro"])]
    pub size: Option<String>,
    /// Switch the events feed on.
    #[arg(long)]
    pub events: bool,
    /// Map content of the app's own to courses: resources.
    #[arg(long)]
    pub resources: bool,
    /// Let a day of school life pass by itself every so often: `30s`, `5m`, `1h`, `1d`.
    #[arg(long, value_name = "TIME", value_parser = read_span)]
    pub day_every: Option<Duration>,
    /// Connect a learning management system, for LMS Connect.
    #[arg(long, value_name = "LMS", value_parser = lms_type)]
    pub lms: Option<LmsType>,
    /// Let the app read attendance.
    #[arg(long)]
    pub attendance: bool,
    /// Serve so many further small districts, each with a token of its own.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(..=50))]
    pub more_districts: u8,
    /// Begin as an app of the Library: no district has connected it yet.
    #[arg(long)]
    pub library: bool,
    /// Serve an app for signing in alone, without Secure Sync.
    #[arg(long)]
    pub sso_only: bool,
    /// Switch OpenID Connect on.
    #[arg(long)]
    pub openid: bool,
    /// Offer PKCE in the discovery document.
    #[arg(long, requires = "openid")]
    pub pkce: bool,
    /// Send every answer as it is, also to clients that ask for gzip: over loopback compression takes longer than what it
    /// saves.
    #[arg(long)]
    pub no_gzip: bool,
    /// Let each answer come so many milliseconds late, as over a real network; those that are asked for at once wait at once.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub latency: u64,
    /// Where sign-ins may return to, the primary one first; without any, all addresses on loopback are good,
    /// and logins that begin at Clever lead nowhere.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// Trouble to come: `rate-limited`, `cut@/users`, `rate-limited@/users#3` (only the third), `server-error%5`
    /// (five of a hundred). May be given again.
    #[arg(long = "fault", value_name = "RULE", value_parser = rule)]
    pub faults: Vec<FaultRule>,
}

/// Waits until the process is asked to end: Ctrl-C at a terminal, SIGTERM from another program.
///
/// # Errors
///
/// Where the system gives no handler for Ctrl-C.
pub async fn asked_to_end() -> std::io::Result<()> {
    #[cfg(unix)]
    if let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        return tokio::select! {
            ended = tokio::signal::ctrl_c() => ended,
            _ = terminate.recv() => Ok(()),
        };
    }
    tokio::signal::ctrl_c().await
}

/// Reads a rule as it is written on a command line.
fn rule(text: &str) -> Result<FaultRule, String> {
    text.parse()
}

/// Reads a learning management system as `lms_type` writes it.
fn lms_type(text: &str) -> Result<LmsType, String> {
    let known = LmsType::ALL.into_iter().find(|lms| lms.as_str() == text);
    known.ok_or_else(|| {
        let names = LmsType::ALL.map(LmsType::as_str);
        format!("there are: {}", names.join(", "))
    })
}

impl EmulatorArgs {
    /// What to start; `token` is the district's, if one was given.
    #[must_use]
    pub fn config(&self, token: Option<String>) -> EmulatorConfig {
        let students = match self.size.as_deref() {
            Some("medium") => 5_000,
            Some("large") => 60_000,
            Some("metro") => 1_000_000,
            Some(_) => 300,
            None => self.students,
        };
        let world = match (&self.recorded, &self.csv) {
            (Some(folder), _) => WorldSource::Recorded(folder.clone()),
            (None, Some(folder)) => WorldSource::Csv {
                folder: folder.clone(),
                lenient: self.lenient,
            },
            (None, None) if self.certification => WorldSource::Certification,
            (None, None) => WorldSource::Generated {
                seed: self.seed,
                students,
            },
        };
        EmulatorConfig {
            listen: self.listen,
            allow_hosts: self.allow_hosts.clone(),
            control_token: self
                .control_token
                .clone()
                .filter(|token| !token.expose().trim().is_empty()),
            world,
            district_token: token.filter(|token| !token.trim().is_empty()),
            events: self.events,
            resources: self.resources,
            day_every: self.day_every,
            lms: self.lms,
            gzip: !self.no_gzip,
            latency: Duration::from_millis(self.latency),
            attendance: self.attendance,
            more_districts: (1..=u64::from(self.more_districts))
                .map(|number| WorldSource::Generated {
                    seed: self.seed.wrapping_add(number),
                    students: SMALL,
                })
                .collect(),
            connected: !self.library,
            secure_sync: !self.sso_only,
            openid: self.openid,
            pkce: self.pkce,
            redirect_uris: self.redirect_uris.clone(),
            ..EmulatorConfig::default()
        }
    }
}

/// What a started emulator has not read of the CSV sets, a line a fault.
#[must_use]
pub fn left_out(emulator: &Emulator) -> Vec<String> {
    let said = |fault: &CsvFault| {
        let rows = if fault.rows == 1 { "row" } else { "rows" };
        format!("left out {} {rows}: {fault}", fault.rows)
    };
    emulator.left_out().iter().map(said).collect()
}

/// What it says when it has started.
#[must_use]
pub fn greeting(emulator: &Emulator) -> String {
    let base_url = emulator.base_url().as_str().trim_end_matches('/');
    let token = Some(emulator.district_token()).filter(|token| !token.is_empty());
    let (id, secret) = (emulator.client_id(), emulator.client_secret());
    let token = token.unwrap_or("none");
    let control = emulator.control_token();
    let page = control.map(|token| format!("?token={token}"));
    let page = page.unwrap_or_default();
    let header = control.map(|token| format!(" -H 'Authorization: Bearer {token}'"));
    let header = header.unwrap_or_default();
    format!(
        "Clever emulator on {base_url}\n\
         district token: {token}\n\
         client id: {id}\n\
         client secret: {secret}\n\
         portal: {base_url}/in/springfield\n\
         page and buttons: {base_url}/{page}\n\n\
         Try it from another terminal:\n  \
         curl -H 'Authorization: Bearer {token}' '{base_url}/v3.1/users?limit=2'\n  \
         curl -X POST {base_url}/_emulator/days -d '{{\"days\": 1}}' -H 'Content-Type: application/json'{header}\n  \
         CLEVER_TOKEN={token} cleverctl sync --api-url {base_url}\n  \
         CLEVER_CLIENT_ID={id} CLEVER_CLIENT_SECRET={secret} cleverctl login --api-url {base_url}\n\
         Ctrl-C ends it.\n"
    )
}

/// What a program needs that has started the emulator: addresses, secrets of its own making, some of its people.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Started {
    /// Its address.
    pub base_url: String,
    /// Its districts.
    pub districts: Vec<StartedDistrict>,
    /// The address of the control API.
    pub control: String,
    /// The token that the control API asks for, if it does.
    pub control_token: Option<String>,
    /// The token of the first district; none for Clever Library.
    pub district_token: Option<String>,
    /// The app's id.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// Somebody of each role; none where nobody has it.
    pub users: BTreeMap<String, Option<String>>,
    /// Their tokens.
    pub user_tokens: BTreeMap<String, String>,
}

/// A district of the emulator.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartedDistrict {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The app's token for it.
    pub token: Option<String>,
}

impl Started {
    /// The version of the shape; another shape has another.
    pub const VERSION: u32 = 1;

    /// What there is to say of `emulator`.
    #[must_use]
    pub fn of(emulator: &Emulator) -> Self {
        let base_url = emulator.base_url().as_str().trim_end_matches('/');
        let users: BTreeMap<String, Option<String>> = emulator.with_world(|world| {
            let sample = |role: Role| {
                let first = world.with_role(role).keys().next();
                (role.to_string(), first.map(|id| id.to_string()))
            };
            Role::ALL.into_iter().map(sample).collect()
        });
        let user_tokens = users
            .iter()
            .filter_map(|(role, id)| Some((role.clone(), emulator.user_token(id.as_deref()?))))
            .collect();
        let districts = emulator.districts().into_iter();
        Self {
            districts: districts
                .map(|one| StartedDistrict {
                    id: one.id,
                    name: one.name,
                    token: one.token,
                })
                .collect(),
            control: format!("{base_url}/_emulator"),
            control_token: emulator.control_token().map(ToString::to_string),
            district_token: Some(emulator.district_token().to_string())
                .filter(|token| !token.is_empty()),
            client_id: emulator.client_id().to_string(),
            client_secret: emulator.client_secret().to_string(),
            base_url: base_url.to_owned(),
            users,
            user_tokens,
        }
    }

    /// As one line of JSON.
    #[must_use]
    pub fn line(&self) -> String {
        line(Self::VERSION, self)
    }
}

/// One line of JSON, with the version of its shape.
pub(crate) fn line(version: u32, of: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        schema_version: u32,
        #[serde(flatten)]
        document: &'a T,
    }
    let line = serde_json::to_string(&Versioned {
        schema_version: version,
        document: of,
    });
    // Texts and numbers alone, which can't fail.
    line.unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        emulator: EmulatorArgs,
    }

    async fn started(args: &[&str]) -> Emulator {
        let args = ["x", "--listen", "127.0.0.1:0"].iter().chain(args);
        let cli = Cli::try_parse_from(args).unwrap();
        crate::start(cli.emulator.config(None)).await.unwrap()
    }

    #[test]
    fn answers_are_compressed_as_clevers_are_unless_told_otherwise() {
        for (args, gzip) in [(vec!["x"], true), (vec!["x", "--no-gzip"], false)] {
            let cli = Cli::try_parse_from(args).unwrap();
            assert_eq!(cli.emulator.config(None).gzip, gzip);
        }
    }

    #[tokio::test]
    async fn the_line_for_programs_has_what_a_client_needs() {
        let args = [
            "--more-districts",
            "2",
            "--students",
            "40",
            "--lms",
            "canvas",
        ];
        let emulator = started(&args).await;
        let line: Value = serde_json::from_str(&Started::of(&emulator).line()).unwrap();
        for name in [
            "base_url",
            "control",
            "district_token",
            "client_id",
            "client_secret",
        ] {
            assert!(line[name].is_string(), "{name}");
        }
        let districts = line["districts"].as_array().unwrap();
        assert_eq!(districts.len(), 3);
        assert!(districts.iter().all(|one| one["token"].is_string()));
        assert_eq!(districts[0]["token"], line["district_token"]);
        for role in Role::ALL {
            let role = role.to_string();
            assert!(line["users"][&role].is_string(), "{role}");
            assert!(line["user_tokens"][&role].is_string(), "{role}");
        }
        assert_eq!(Started::of(&emulator).line().lines().count(), 1);
        let library = started(&["--library", "--students", "10"]).await;
        let line: Value = serde_json::from_str(&Started::of(&library).line()).unwrap();
        assert!(line["district_token"].is_null());
        assert!(greeting(&library).contains("district token: none"));
    }
}
