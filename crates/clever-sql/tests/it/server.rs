//! A PostgreSQL of the tests' own, with certificates of an authority that nobody knows.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

/// A running server; dropping it ends it and removes its files.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    root: bool,
    pub(crate) port: u16,
}

/// An authority, and what it signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// All are called alike; only their keys tell them apart.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Our authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key for these names.
    pub(crate) fn sign(&self, name: &str, alternative: &[&str], expired: bool) -> (String, String) {
        let names: Vec<String> = alternative.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.0).unwrap();
        (signed.pem(), key.serialize_pem())
    }
}

/// As PostgreSQL's manual makes one: signed by itself, as an authority.
pub(crate) fn self_signed(name: &str, expired: bool) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    if expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

impl Server {
    /// Starts a server without TLS. `None`, said aloud, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = find() else {
            eprintln!("skipped: no PostgreSQL in /usr/lib/postgresql");
            return None;
        };
        let id = Command::new("id").arg("-u").output().unwrap();
        let folder = TempDir::with_prefix("clever-sql-").unwrap();
        let server = Self {
            programs,
            root: id.stdout == b"0\n",
            port: TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            folder,
        };
        server.own(server.folder.path());
        let data = shown(&server.data());
        server.run(
            "initdb",
            &["-N", "-D", &data, "-U", "postgres", "-E", "UTF8"],
        );
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off",
            server.port,
            server.folder.path().display()
        );
        server.allow("local all all trust\nhost all all 127.0.0.1/32 trust\n");
        let log = shown(&server.folder.path().join("log"));
        server.run(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
        );
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes who may come in.
    pub(crate) fn allow(&self, rules: &str) {
        self.write("pg_hba.conf", rules);
    }

    /// Writes a file of the server's.
    fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap();
        self.own(&path);
    }

    /// Speaks TLS from now on, with this certificate; to who shows one of `clients`, if that is not empty.
    pub(crate) fn encrypt(&self, certificate: &(String, String), clients: &str) {
        self.write("server.crt", &certificate.0);
        self.write("server.key", &certificate.1);
        self.write("clients.crt", clients);
        run("chmod", &["600", &shown(&self.data().join("server.key"))]);
        let ca = if clients.is_empty() {
            ""
        } else {
            "clients.crt"
        };
        self.write(
            "postgresql.auto.conf",
            &format!("ssl = on\nssl_ca_file = '{ca}'\n"),
        );
        self.reload();
    }

    /// Has the server read its settings again, and waits until it did.
    pub(crate) fn reload(&self) {
        let socket = shown(self.folder.path());
        let psql = shown(&self.programs.join("psql"));
        let ask = |sql: &str| {
            let port = self.port.to_string();
            let args = ["-h", &socket, "-p", &port, "-U", "postgres", "-Atc", sql];
            let out = Command::new(&psql)
                .args(args)
                .current_dir("/")
                .output()
                .unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        let before = ask("SELECT pg_conf_load_time()");
        // The clock of the load has microseconds; the signal is handled a moment later.
        self.run("pg_ctl", &["-D", &shown(&self.data()), "reload"]);
        while ask("SELECT pg_conf_load_time()") == before {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Runs statements as the owner, over the socket.
    pub(crate) fn psql(&self, sql: &str) {
        let psql = shown(&self.programs.join("psql"));
        let (socket, port) = (shown(self.folder.path()), self.port.to_string());
        run(
            &psql,
            &[
                "-q", "-h", &socket, "-p", &port, "-U", "postgres", "-c", sql,
            ],
        );
    }

    /// The folder of the socket.
    pub(crate) fn socket(&self) -> String {
        shown(self.folder.path())
    }

    fn own(&self, path: &Path) {
        if self.root {
            // The server refuses to run as root.
            run("chown", &["postgres", &shown(path)]);
        }
    }

    fn run(&self, name: &str, args: &[&str]) {
        let program = shown(&self.programs.join(name));
        if !self.root {
            return run(&program, args);
        }
        let mut all = vec!["-u", "postgres", "--", program.as_str()];
        all.extend(args);
        run("runuser", &all);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run(
            "pg_ctl",
            &["-D", &shown(&self.data()), "-m", "immediate", "stop"],
        );
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The newest version's programs.
fn find() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = |one: fs::DirEntry| {
        let number: u32 = one.file_name().to_str()?.parse().ok()?;
        let programs = one.path().join("bin");
        programs
            .join("initdb")
            .is_file()
            .then_some((number, programs))
    };
    let newest = versions.filter_map(Result::ok).filter_map(programs).max();
    newest.map(|(_, programs)| programs)
}

fn run(program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    let command = command.args(args).current_dir("/").stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{program} failed ({status})");
}
