//! Addresses of PostgreSQL: what the driver reads, and what we read ourselves of TLS and of the schema.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode as Wire, SslNegotiation};

use super::{AddressError, DEFAULT_SCHEMA, schema};

/// How a connection is encrypted; [`Address`](crate::Address) says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Not at all.
    Disable,
    /// If the server offers it.
    Prefer,
    /// Always, with whomever answers.
    Require,
    /// Always, with a server that a trusted authority knows.
    VerifyCa,
    /// Always, with the server that the address names.
    VerifyFull,
}

/// The authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    System,
    File(PathBuf),
}

/// Where a PostgreSQL database is, and how it is reached. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct PostgresAddress {
    pub(crate) config: Config,
    pub(crate) mode: SslMode,
    pub(crate) roots: Roots,
    /// The certificate and the key of this client.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) schema: String,
    /// The address as it was given, without its password and its schema.
    shown: String,
}

/// How long to wait for a server, if the address does not say.
const PATIENCE: Duration = Duration::from_secs(30);

/// After so long a silence, the system asks whether the other side is there still: so that a network which forgot a connection ends
/// it, and no run waits for an answer that nobody will bring.
const IDLE: Duration = Duration::from_secs(30);
/// It asks so often.
const PROBE: Duration = Duration::from_secs(10);
/// So many times, on systems that count.
const PROBES: u32 = 9;
/// And for so long all in all. It holds for a server, too, that takes nothing more for a while: longer than any lock is waited for.
const SILENCE: Duration = Duration::from_secs(120);
/// What the driver has if an address does not say.
const DRIVERS_IDLE: Duration = Duration::from_secs(2 * 3600);

/// The parameters that the driver reads.
const DRIVER: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

impl PostgresAddress {
    /// Reads what follows `postgres://`.
    pub(super) fn parse(rest: &str) -> Result<Self, AddressError> {
        let mut found = parts(rest)?;
        let mut take = |name: &str| found.remove(name);
        let schema = schema(take("schema").as_deref().unwrap_or(DEFAULT_SCHEMA))?;
        let roots = take("sslrootcert");
        let mode = mode(take("sslmode").as_deref(), roots.as_deref())?;
        let client = match (take("sslcert"), take("sslkey")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (has, _) => {
                let name = if has.is_some() { "sslcert" } else { "sslkey" };
                return Err(parameter(name, "needs both sslcert and sslkey"));
            }
        };
        let config = config(&found)?;
        let mut address = Self {
            shown: shown(rest),
            config,
            mode: mode.unwrap_or(SslMode::Prefer),
            roots: match roots.as_deref() {
                None | Some("system") => Roots::System,
                Some(path) => Roots::File(path.into()),
            },
            client,
            schema,
        };
        address.settle()?;
        Ok(address)
    }

    /// Tells the driver what it has to know of TLS, and fills in what an address may leave out.
    fn settle(&mut self) -> Result<(), AddressError> {
        let config = &mut self.config;
        let addresses: Vec<IpAddr> = config.get_hostaddrs().to_vec();
        if config.get_hosts().is_empty() {
            // A certificate is checked against a host.
            for address in &addresses {
                config.host(address.to_string());
            }
        }
        if config.get_hosts().is_empty() {
            return Err(AddressError::Part {
                part: "host",
                what: "is missing",
            });
        }
        let sockets = config.get_hosts().iter();
        if sockets.clone().all(|host| !matches!(host, Host::Tcp(_))) {
            // PostgreSQL speaks no TLS over a socket, which does not leave the machine.
            self.mode = SslMode::Disable;
        }
        config.ssl_mode(match self.mode {
            SslMode::Disable => Wire::Disable,
            SslMode::Prefer => Wire::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Wire::Require,
        });
        if config.get_ssl_negotiation() == SslNegotiation::Direct && self.mode <= SslMode::Prefer {
            return Err(parameter("sslnegotiation", "needs sslmode=require or more"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        // What is not in the address. The system alone would wait for hours.
        if config.get_keepalives_idle() == DRIVERS_IDLE {
            config.keepalives_idle(IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(PROBE);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(PROBES);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("clever");
        }
        Ok(())
    }

    /// The schema of the tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// How the connection is encrypted.
    #[must_use]
    pub const fn ssl_mode(&self) -> SslMode {
        self.mode
    }

    /// Where the tables are, in words.
    pub(crate) fn place(&self) -> String {
        let database = match self.config.get_dbname() {
            Some(name) => format!(" of database `{name}`"),
            None => String::new(),
        };
        format!("schema `{}`{database} at {}", self.schema, self.hosts())
    }

    /// The hosts, parted by commas.
    pub(crate) fn hosts(&self) -> String {
        let shown = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// How long to wait for all hosts together.
    pub(crate) fn patience(&self) -> Duration {
        let hosts = u32::try_from(self.config.get_hosts().len()).unwrap_or(1);
        let each = self.config.get_connect_timeout();
        each.copied().unwrap_or(PATIENCE) * hosts
    }

    /// Says whether every way to the server stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let addresses = self.config.get_hostaddrs();
        let loopback = |name: &str| {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        };
        let mut hosts = self.config.get_hosts().iter().enumerate();
        hosts.all(|(at, host)| match (addresses.get(at), host) {
            (Some(address), _) => address.is_loopback(),
            (None, Host::Tcp(name)) => loopback(name),
            #[cfg(unix)]
            (None, Host::Unix(_)) => true,
        })
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)?;
        if self.schema != DEFAULT_SCHEMA {
            let mark = if self.shown.contains('?') { '&' } else { '?' };
            let name = utf8_percent_encode(&self.schema, NON_ALPHANUMERIC);
            write!(f, "{mark}schema={name}")?;
        }
        Ok(())
    }
}

/// An address that was read, without its password and its schema.
fn shown(rest: &str) -> String {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = match place.split_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{user}@{host}")
        }
        None => place.to_owned(),
    };
    let own = |pair: &&str| {
        let hidden = ["password", "schema"];
        !pair.is_empty() && !hidden.contains(&pair.split('=').next().unwrap_or_default())
    };
    let query: Vec<&str> = query.split('&').filter(own).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("postgres://{place}{mark}{}", query.join("&"))
}

fn parameter(name: &str, what: &'static str) -> AddressError {
    AddressError::Parameter {
        name: name.to_owned(),
        what,
    }
}

/// Reads how to encrypt. `None` if the address does not say.
fn mode(text: Option<&str>, roots: Option<&str>) -> Result<Option<SslMode>, AddressError> {
    let said = match text {
        None => None,
        Some("disable") => Some(SslMode::Disable),
        Some("prefer") => Some(SslMode::Prefer),
        Some("require") => Some(SslMode::Require),
        Some("verify-ca") => Some(SslMode::VerifyCa),
        Some("verify-full") => Some(SslMode::VerifyFull),
        Some(_) => {
            let what = "is one of disable, prefer, require, verify-ca and verify-full";
            return Err(parameter("sslmode", what));
        }
    };
    match (said, roots) {
        (_, Some("")) => Err(parameter("sslrootcert", "is a file, or `system`")),
        (None, Some(_)) => Ok(Some(SslMode::VerifyFull)),
        // Who names authorities wants them to be asked.
        (Some(SslMode::Disable | SslMode::Prefer), Some(_)) => Err(parameter(
            "sslrootcert",
            "is for sslmode=verify-ca and sslmode=verify-full",
        )),
        // Anybody can have a certificate of a public authority.
        (Some(SslMode::Require | SslMode::VerifyCa), Some("system")) => Err(parameter(
            "sslrootcert",
            "is `system`, which needs sslmode=verify-full",
        )),
        (Some(SslMode::Require), Some(_)) => Ok(Some(SslMode::VerifyCa)),
        (said, _) => Ok(said),
    }
}

/// Takes the address apart. What stands after the question mark is stronger.
fn parts(rest: &str) -> Result<BTreeMap<String, String>, AddressError> {
    let part = |part, what| AddressError::Part { part, what };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let mut found = BTreeMap::new();
    let hosts = match authority.split_once('@') {
        Some((login, hosts)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            for (name, value) in [("user", user), ("password", password)] {
                if !value.is_empty() {
                    found.insert(name.to_owned(), decoded(name, value)?);
                }
            }
            hosts
        }
        None => authority,
    };
    // Here a part of a password would end up that has such a character itself.
    if hosts.contains('@') || database.contains(['@', '/']) || query.contains('@') {
        return Err(part(
            "user or password",
            "has a character that must be in percent form",
        ));
    }
    if !database.is_empty() {
        found.insert("dbname".to_owned(), decoded("database", database)?);
    }
    if !hosts.is_empty() {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let (name, port) = match host.strip_prefix('[') {
                Some(v6) => {
                    let (name, port) = v6
                        .split_once(']')
                        .ok_or_else(|| part("host", "has a `[` without a `]`"))?;
                    (name, port.strip_prefix(':').unwrap_or(port))
                }
                None => host.split_once(':').unwrap_or((host, "")),
            };
            if !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(part("port", "is no number"));
            }
            names.push(decoded("host", name)?);
            ports.push(if port.is_empty() { "5432" } else { port });
        }
        if !names.iter().all(String::is_empty) {
            found.insert("host".to_owned(), names.join(","));
        }
        found.insert("port".to_owned(), ports.join(","));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        // A name that is none may be a part of a password.
        if !plain || name.is_empty() {
            return Err(part("part after `?`", "has a name that is none"));
        }
        found.insert(name.to_owned(), decoded("part after `?`", value)?);
    }
    Ok(found)
}

fn decoded(part: &'static str, text: &str) -> Result<String, AddressError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| AddressError::Part {
        part,
        what: "is not UTF-8",
    })
}

/// Hands the parameters to the driver, in the form that it reads without guessing.
fn config(found: &BTreeMap<String, String>) -> Result<Config, AddressError> {
    for (name, value) in found {
        if !DRIVER.contains(&name.as_str()) {
            return Err(AddressError::Unknown { name: name.clone() });
        }
        if value.contains('\0') {
            return Err(parameter(name, "has a zero byte"));
        }
    }
    let pair = |(name, value): (&String, &String)| {
        let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
        format!("{name}='{quoted}'")
    };
    let all: Vec<String> = found.iter().map(pair).collect();
    all.join(" ").parse().map_err(|_| {
        // The driver's own words are not taken over: they may come to quote a value.
        let odd = |one: &(&String, &String)| pair(*one).parse::<Config>().is_err();
        let name = found.iter().find(odd).map_or("", |(name, _)| name);
        parameter(name, "has a value that it can't have")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn read(text: &str) -> PostgresAddress {
        match Address::parse(text) {
            Ok(Address::Postgres(address)) => *address,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_address_says_who_where_and_how() {
        let address = read(
            "postgres://al%40ice:p%40%2F%27%5Cw@db.example:6000/roster?schema=Our%20roster&sslmode=verify-full&application_name=x",
        );
        let config = &address.config;
        assert_eq!(config.get_user(), Some("al@ice"));
        assert_eq!(config.get_password(), Some(br"p@/'\w".as_slice()));
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example".to_owned())]);
        assert_eq!(config.get_ports(), [6000]);
        assert_eq!(config.get_dbname(), Some("roster"));
        assert_eq!(config.get_application_name(), Some("x"));
        assert_eq!(address.schema(), "Our roster");
        assert_eq!(
            (address.mode, &address.roots),
            (SslMode::VerifyFull, &Roots::System)
        );
        assert_eq!(
            address.to_string(),
            "postgres://al%40ice@db.example:6000/roster?sslmode=verify-full&application_name=x&schema=Our%20roster"
        );
        let again = read(&address.to_string());
        assert_eq!(again.schema(), address.schema());
        assert_eq!(again.to_string(), address.to_string());
        let shown = format!("{address:?}");
        assert!(!shown.contains("p@/") && !shown.contains("p%40"), "{shown}");

        let plain = read("postgresql://localhost/d?password=secret&schema=clever");
        assert_eq!(plain.to_string(), "postgres://localhost/d");
        assert_eq!(plain.schema(), "clever");
        assert_eq!(plain.mode, SslMode::Prefer);
        assert_eq!(plain.config.get_connect_timeout(), Some(&PATIENCE));
        let silence = |address: &PostgresAddress| {
            let config = &address.config;
            let times = (
                config.get_keepalives_idle(),
                config.get_keepalives_interval(),
            );
            let ends = (
                config.get_keepalives_retries(),
                config.get_tcp_user_timeout(),
            );
            (times, ends.0, ends.1.copied())
        };
        let usual = (
            (IDLE, Some(PROBE)),
            Some(PROBES),
            Some(Duration::from_secs(120)),
        );
        assert_eq!(silence(&plain), usual);
        let own = read(
            "postgres://h/d?keepalives_idle=2&keepalives_interval=1&keepalives_retries=3&tcp_user_timeout=5",
        );
        let second = Duration::from_secs;
        let said = ((second(2), Some(second(1))), Some(3), Some(second(5)));
        assert_eq!(silence(&own), said);
        let many = read("postgres://a,b:6000,[::1]:6001/d");
        assert_eq!(many.config.get_ports(), [5432, 6000, 6001]);
        assert_eq!(many.hosts(), "a, b, ::1");
        let socket = read("postgres:///d?host=/run/postgresql&sslmode=verify-full");
        assert_eq!(socket.mode, SslMode::Disable, "a socket has no TLS");
        let number = read("postgres:///d?hostaddr=10.0.0.1");
        assert_eq!(number.hosts(), "10.0.0.1");
    }

    #[test]
    fn what_is_local_needs_no_encryption() {
        for local in [
            "postgres://localhost/d",
            "postgres://127.0.0.1,[::1]/d",
            "postgres:///d?host=/run/postgresql",
            "postgres://db.example/d?hostaddr=127.0.0.1",
        ] {
            assert!(read(local).is_local(), "{local}");
        }
        for far in [
            "postgres://db.example/d",
            "postgres://localhost,db.example/d",
            "postgres://localhost/d?hostaddr=10.0.0.1",
            "postgres://localhost.example/d",
        ] {
            assert!(!read(far).is_local(), "{far}");
        }
    }

    #[test]
    fn how_to_encrypt_is_as_in_libpq_or_stricter() {
        let mode = |query: &str| read(&format!("postgres://h/d?{query}")).mode;
        assert_eq!(mode("sslmode=require"), SslMode::Require);
        assert_eq!(
            mode("sslrootcert=ca.pem&sslmode=require"),
            SslMode::VerifyCa
        );
        assert_eq!(mode("sslrootcert=ca.pem"), SslMode::VerifyFull);
        assert_eq!(mode("sslrootcert=system"), SslMode::VerifyFull);
        for odd in [
            "sslmode=allow",
            "sslmode=",
            "sslmode=disable&sslrootcert=ca.pem",
            "sslmode=prefer&sslrootcert=ca.pem",
            "sslmode=verify-ca&sslrootcert=system",
            "sslrootcert=",
            "sslcert=c.pem",
            "sslkey=k.pem",
            "sslnegotiation=direct",
            "port=abc",
            "channel_binding=maybe",
            "ssl=true",
            "schema=pg_x",
            "schema=a%22b",
            "schema=",
        ] {
            let error = Address::parse(&format!("postgres://h/d?{odd}")).unwrap_err();
            let name = odd.split('=').next().unwrap();
            assert!(error.to_string().contains(name), "{odd}: {error}");
        }
    }

    #[test]
    fn no_part_of_a_password_is_in_an_error() {
        for text in [
            "postgres://u:sec@ret@h/d",
            "postgres://u:sec/ret@h/d",
            "postgres://u:sec?ret@h/d",
            "postgres://u:1?sec=ret@h/d",
            "postgres://u:sec#ret@h:1x/d",
            "postgres://u:%FFsecret@h/d",
            "postgres://u:secret%00@h/d",
            "postgres://u:secret@h:secret/d",
            "postgres://u:secret@/d",
            "postgres://u:secret@[::1/d",
            "postgres://u:secret@h/d?sslmode=secret",
            "postgres://u:secret@h/d?port=secret",
            "postgres://u:secret@h/d?password=%FFsecret",
        ] {
            let error = Address::parse(text).unwrap_err();
            let shown = format!("{error} {error:?} {:?}", error.hint());
            assert!(!shown.contains("sec") && !shown.contains("ret"), "{shown}");
        }
    }
}
