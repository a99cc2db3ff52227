//! A PostgreSQL of the tests' own: Debian's package, a folder and a port of its own, thrown away afterwards.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::say::say;

/// The variable by which tests find the server.
pub(crate) const VARIABLE: &str = "CLEVER_TEST_POSTGRES";

/// A running server; dropping it ends it and removes its files.
pub(crate) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    root: bool,
    port: u16,
    pub(crate) url: String,
}

/// Who may come in: the role `secure` encrypted only.
const RULES: &str = "local all all trust
hostssl all secure 127.0.0.1/32 trust
host all secure all reject
host all all 127.0.0.1/32 trust
";

/// Starts a private server. `None` where the environment names one already.
pub(crate) fn start() -> Result<Option<Server>> {
    if std::env::var_os(VARIABLE).is_some() {
        say(&format!("PostgreSQL: the server that {VARIABLE} names"));
        return Ok(None);
    }
    let root = output("id", &["-u"])?.trim() == "0";
    let programs = match find() {
        Some(programs) => programs,
        None if root => {
            say("PostgreSQL is missing: installing Debian's package");
            run("apt-get", &["install", "-y", "-qq", "postgresql"])?;
            find().context("the package `postgresql` has no programs in /usr/lib/postgresql")?
        }
        None => bail!(
            "PostgreSQL is missing: install your system's package `postgresql`, or name a server's address in {VARIABLE}"
        ),
    };
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = std::env::temp_dir().join(format!("clever-postgres-{}", std::process::id()));
    fs::create_dir(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let server = Server {
        programs,
        folder,
        root,
        port,
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    };
    if root {
        // The server refuses to run as root.
        run("chown", &["postgres", &shown(&server.folder)])?;
    }
    let data = shown(&server.folder.join("data"));
    server.program(
        "initdb",
        &["-D", &data, "-U", "postgres", "--auth=trust", "-E", "UTF8"],
    )?;
    // Thrown away, it need not survive a power cut.
    let options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off",
        server.folder.display()
    );
    let log = shown(&server.folder.join("log"));
    server.program(
        "pg_ctl",
        &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
    )?;
    say(&format!("PostgreSQL: {}", server.url));
    Ok(Some(server))
}

impl Server {
    /// Has the server speak TLS too, with a certificate of an authority of its own, and returns the address of a role that is let
    /// in over TLS alone.
    pub(crate) fn secure(&self) -> Result<String> {
        let file = |name: &str| shown(&self.folder.join(name));
        let (authority, authority_key) = (file("ca.pem"), file("ca.key"));
        let (certificate, key) = (file("data/server.crt"), file("data/server.key"));
        let make = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ];
        let openssl = |rest: &[&str]| {
            let mut all = make.to_vec();
            all.extend(["-nodes", "-days", "30"]);
            all.extend(rest);
            run("openssl", &all).context("a certificate for the tests' PostgreSQL")
        };
        let own = [
            "-subj",
            "/CN=Tests",
            "-out",
            &authority,
            "-keyout",
            &authority_key,
        ];
        openssl(&own)?;
        let signed = [
            "-CA",
            &authority,
            "-CAkey",
            &authority_key,
            "-subj",
            "/CN=Tests' PostgreSQL",
        ];
        let server = [
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=CA:FALSE",
        ];
        let files = ["-out", &certificate, "-keyout", &key];
        openssl(&[signed.as_slice(), &server, &files].concat())?;
        let port = self.port.to_string();
        let socket = shown(&self.folder);
        self.program(
            "createuser",
            &["-h", &socket, "-p", &port, "-U", "postgres", "-s", "secure"],
        )?;
        fs::write(self.folder.join("data/pg_hba.conf"), RULES)?;
        fs::write(self.folder.join("data/postgresql.auto.conf"), "ssl = on\n")?;
        if self.root {
            run("chown", &["postgres", &certificate, &key])?;
        }
        self.program("pg_ctl", &["-D", &file("data"), "-w", "restart"])?;
        Ok(format!(
            "postgres://secure@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={authority}"
        ))
    }

    fn program(&self, name: &str, args: &[&str]) -> Result<()> {
        let program = shown(&self.programs.join(name));
        if !self.root {
            return run(&program, args);
        }
        let mut all = vec!["-u", "postgres", "--", program.as_str()];
        all.extend(args);
        run("runuser", &all)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = shown(&self.folder.join("data"));
        if let Err(error) = self.program("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]) {
            say(&format!("PostgreSQL could not be stopped: {error}"));
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            say(&format!("{} stays: {error}", self.folder.display()));
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The newest version's programs.
fn find() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(Result::ok)
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            let programs = version.path().join("bin");
            programs
                .join("initdb")
                .is_file()
                .then_some((number, programs))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("could not start {program}"))?;
    if !status.success() {
        bail!("{program} failed ({status})");
    }
    Ok(())
}

fn output(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("could not start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_server_answers_and_leaves_nothing() {
        if find().is_none() || std::env::var_os(VARIABLE).is_some() {
            say("skipped: no PostgreSQL of our own to start");
            return;
        }
        let server = start().unwrap().unwrap();
        let address = server.url.split(['@', '/']).nth(3).unwrap().to_owned();
        let folder = server.folder.clone();
        std::net::TcpStream::connect(&address).unwrap();
        let secure = server.secure().unwrap();
        assert!(
            secure.starts_with("postgres://secure@localhost:"),
            "{secure}"
        );
        let (_, authority) = secure.split_once("sslrootcert=").unwrap();
        assert!(
            fs::read_to_string(authority)
                .unwrap()
                .contains("BEGIN CERTIFICATE")
        );
        // The server came back, and its own role is let in as before.
        std::net::TcpStream::connect(&address).unwrap();
        drop(server);
        assert!(std::net::TcpStream::connect(&address).is_err());
        assert!(!folder.exists());
    }
}
