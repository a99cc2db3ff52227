//! A PostgreSQL of one test's own, to be killed or to demand TLS.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// A server in a folder and on a port of its own; it ends with the value.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    root: bool,
    port: u16,
}

impl Server {
    /// Starts one; none where Debian's package is not installed.
    pub(crate) fn start() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let programs = versions
            .filter_map(Result::ok)
            .map(|version| version.path().join("bin"))
            .filter(|programs| programs.join("initdb").is_file())
            .max();
        let Some(programs) = programs else {
            eprintln!("skipped: no PostgreSQL in /usr/lib/postgresql");
            return None;
        };
        let id = Command::new("id").arg("-u").output().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            programs,
            folder: TempDir::new().unwrap(),
            root: id.stdout.starts_with(b"0\n"),
            port: listener.local_addr().unwrap().port(),
        };
        drop(listener);
        if server.root {
            // The server refuses to run as root.
            let folder = server.folder.path();
            let done = Command::new("chown").arg("postgres").arg(folder).status();
            assert!(done.unwrap().success());
        }
        let data = server.data();
        let args = [
            "-D",
            &data,
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "-N",
        ];
        assert!(server.program("initdb", &args));
        server.start_again();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Lets nobody in but over TLS, with a certificate of an authority that nobody knows; gives that authority's own
    /// certificate.
    pub(crate) fn demand_tls(&self) -> String {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().pem();
        for (name, text) in [
            ("server.crt", certificate.as_str()),
            ("server.key", &key.serialize_pem()),
            ("postgresql.auto.conf", "ssl = on\n"),
            (
                "pg_hba.conf",
                "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
            ),
        ] {
            let path = format!("{}/{name}", self.data());
            fs::write(&path, text).unwrap();
            let owner = if self.root { "postgres" } else { "" };
            for command in [&["chmod", "600", &path][..], &["chown", owner, &path]] {
                if command[1].is_empty() {
                    continue;
                }
                let done = Command::new(command[0]).args(&command[1..]).status();
                assert!(done.unwrap().success());
            }
        }
        let data = self.data();
        assert!(self.program("pg_ctl", &["-D", &data, "-m", "fast", "-w", "stop"]));
        self.start_again();
        authority.pem()
    }

    /// The address for whoever speaks TLS and believes this authority alone.
    pub(crate) fn tls_url(&self, authority: &str) -> String {
        format!(
            "postgres://postgres@localhost:{}/postgres?sslmode=verify-full&sslrootcert={authority}",
            self.port
        )
    }

    /// Everything that its tables hold, as text.
    pub(crate) fn dump(&self) -> String {
        let socket = self.folder.path().display().to_string();
        let output = Command::new(self.programs.join("pg_dump"))
            .args([
                "-h",
                &socket,
                "-p",
                &self.port.to_string(),
                "-U",
                "postgres",
            ])
            .arg("postgres")
            .current_dir("/")
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn program(&self, name: &str, args: &[&str]) -> bool {
        let program = self.programs.join(name).display().to_string();
        let mut command = if self.root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", &program]);
            command
        } else {
            Command::new(&program)
        };
        let command = command.args(args).current_dir("/").stdin(Stdio::null());
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    /// Kills the server's first process; the others notice and end.
    pub(crate) fn kill(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        let killed = Command::new("kill").args(["-s", "KILL", &pid]).status();
        assert!(killed.unwrap().success());
    }

    /// Starts it over its old files, as often as it takes for the old processes to be gone.
    pub(crate) fn start_again(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("log").display().to_string();
        let data = self.data();
        let args = ["-D", &data, "-w", "-l", &log, "-o", &options, "start"];
        for _ in 0..100 {
            if self.program("pg_ctl", &args) && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{}", fs::read_to_string(log).unwrap_or_default());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        self.program("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]);
    }
}
