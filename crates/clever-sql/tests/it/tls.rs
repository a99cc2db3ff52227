//! Case 04 of the field: a PostgreSQL that demands TLS.

use std::error::Error as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clever_sql::{Address, Backend, Database, DatabaseError, Open, Postgres, TlsError};
use tempfile::TempDir;
use tracing_subscriber::fmt::MakeWriter;

use crate::server::{Authority, Server, self_signed};

/// A server and the files of its clients.
struct Ground {
    server: Server,
    files: TempDir,
    ours: Authority,
}

impl Ground {
    fn new() -> Option<Self> {
        Some(Self {
            server: Server::start()?,
            files: TempDir::new().unwrap(),
            ours: Authority::new(),
        })
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    async fn connect(&self, host: &str, query: &str) -> Result<Database, DatabaseError> {
        let port = self.server.port;
        let address = format!("postgres://postgres:hush@{host}:{port}/postgres?{query}");
        Database::open(&Address::parse(&address).unwrap(), Open::Create).await
    }

    /// Connects, and says what the server knows of the encryption.
    async fn encrypted(&self, host: &str, query: &str) -> bool {
        let mut db = match self.connect(host, query).await {
            Ok(db) => db,
            Err(error) => panic!("{host} {query}: {error} {:?}", error.source()),
        };
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let told = db.one(sql, &[]).await.unwrap().int(0).unwrap() != 0;
        let Database::Postgres(db) = db else {
            panic!("PostgreSQL was asked for");
        };
        assert_eq!(db.is_encrypted(), told, "{host} {query}");
        told
    }

    async fn refused(&self, host: &str, query: &str) -> DatabaseError {
        let error = self.connect(host, query).await.err();
        let error = error.unwrap_or_else(|| panic!("{host} {query}: let in"));
        assert!(error.hint().is_some(), "{error}");
        let mut shown = format!("{error} {error:?} {:?}", error.hint());
        let mut source = error.source();
        while let Some(one) = source {
            shown += &format!(" {one}");
            source = one.source();
        }
        assert!(!shown.contains("hush"), "{shown}");
        error
    }
}

const TLS_ONLY: &str = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";
const EITHER: &str = "local all all trust\nhost all all 127.0.0.1/32 trust\n";

#[tokio::test]
async fn field_04_a_server_that_demands_tls_is_reached_and_what_is_wrong_told_apart() {
    let Some(ground) = Ground::new() else {
        return;
    };
    let ca = ground.file("ca.pem", &ground.ours.pem());
    let other = ground.file("other.pem", &Authority::new().pem());
    let both = ground.file("both.pem", &(Authority::new().pem() + &ground.ours.pem()));
    let full = format!("sslmode=verify-full&sslrootcert={ca}");

    // A server that speaks no TLS at all.
    assert!(!ground.encrypted("localhost", "").await);
    for demand in ["sslmode=require", &full] {
        let error = ground.refused("localhost", demand).await;
        assert!(
            matches!(&error, DatabaseError::Tls(TlsError::NotOffered { host }) if host == "localhost"),
            "{error:?}"
        );
    }
    assert!(!ground.encrypted("localhost", "sslmode=disable").await);

    // One that offers it: it is taken also by who says nothing.
    ground.server.allow(EITHER);
    ground.server.encrypt(
        &ground.ours.sign("db", &["localhost", "127.0.0.1"], false),
        "",
    );
    assert!(ground.encrypted("localhost", "").await);
    assert!(ground.encrypted("127.0.0.1", "sslmode=prefer").await);
    assert!(!ground.encrypted("localhost", "sslmode=disable").await);

    // One that demands it.
    ground.server.allow(TLS_ONLY);
    ground.server.reload();
    for query in [
        String::new(),
        "sslmode=require".to_owned(),
        format!("sslmode=require&sslrootcert={ca}"),
        format!("sslmode=verify-ca&sslrootcert={ca}"),
        format!("sslmode=verify-full&sslrootcert={both}"),
        format!("sslrootcert={ca}"),
        full.clone(),
    ] {
        for host in ["localhost", "127.0.0.1"] {
            assert!(ground.encrypted(host, &query).await, "{query}");
        }
    }
    let error = ground.refused("localhost", "sslmode=disable").await;
    assert!(
        matches!(error, DatabaseError::Tls(TlsError::Demanded)),
        "{error:?}"
    );

    // Another authority of the same name, with `require` too, if it is named; the system's, which does not know ours.
    for query in [
        format!("sslmode=verify-full&sslrootcert={other}"),
        format!("sslmode=verify-ca&sslrootcert={other}"),
        format!("sslmode=require&sslrootcert={other}"),
    ] {
        let error = ground.refused("localhost", &query).await;
        assert!(
            matches!(&error, DatabaseError::Tls(TlsError::UnknownAuthority { trusted, .. }) if *trusted == other),
            "{query}: {error:?}"
        );
    }
    let error = ground.refused("localhost", "sslrootcert=system").await;
    assert!(
        matches!(
            error,
            DatabaseError::Tls(TlsError::UnknownAuthority { .. } | TlsError::NoSystemRoots)
        ),
        "{error:?}"
    );

    // A name that is not in the certificate, and names that are no alternative names.
    ground
        .server
        .encrypt(&ground.ours.sign("localhost", &["db.example"], false), "");
    let error = ground.refused("localhost", &full).await;
    let DatabaseError::Tls(TlsError::WrongName { host, names }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (host.as_str(), names.as_str()),
        ("localhost", "`db.example`")
    );
    assert!(
        ground
            .encrypted("localhost", &format!("sslmode=verify-ca&sslrootcert={ca}"))
            .await
    );
    ground
        .server
        .encrypt(&ground.ours.sign("localhost", &[], false), "");
    let error = ground.refused("localhost", &full).await;
    assert!(error.to_string().contains("no `subjectAltName`"), "{error}");

    // One that ended.
    ground
        .server
        .encrypt(&ground.ours.sign("db", &["localhost"], true), "");
    let error = ground.refused("localhost", &full).await;
    assert!(error.to_string().contains("it has expired"), "{error}");

    // Files that are none.
    let missing = ground.files.path().join("no.pem").display().to_string();
    let empty = ground.file("empty.pem", "no certificate\n");
    for path in [missing, empty] {
        let query = format!("sslrootcert={path}");
        let error = ground.refused("localhost", &query).await;
        assert!(
            matches!(&error, DatabaseError::Tls(TlsError::File { option: "sslrootcert", path: of, .. }) if *of == path),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn field_04_a_certificate_that_signs_itself_is_trusted_if_it_is_the_named_one() {
    let Some(ground) = Ground::new() else {
        return;
    };
    ground.server.allow(TLS_ONLY);
    let own = self_signed("localhost", false);
    ground.server.encrypt(&own, "");
    let named = ground.file("server.pem", &own.0);
    assert!(
        ground
            .encrypted("localhost", &format!("sslrootcert={named}"))
            .await
    );
    let error = ground
        .refused("127.0.0.1", &format!("sslrootcert={named}"))
        .await;
    assert!(
        matches!(error, DatabaseError::Tls(TlsError::WrongName { .. })),
        "{error:?}"
    );
    // Another one of the same name.
    let other = ground.file("other.pem", &self_signed("localhost", false).0);
    for mode in ["verify-ca", "verify-full"] {
        let query = format!("sslmode={mode}&sslrootcert={other}");
        let error = ground.refused("localhost", &query).await;
        assert!(matches!(error, DatabaseError::Tls(_)), "{error:?}");
    }
    let own = self_signed("localhost", true);
    ground.server.encrypt(&own, "");
    let named = ground.file("server.pem", &own.0);
    let error = ground
        .refused("localhost", &format!("sslrootcert={named}"))
        .await;
    assert!(error.to_string().contains("it has expired"), "{error}");
}

#[tokio::test]
async fn a_client_proves_itself_by_certificate_or_by_a_password_bound_to_the_channel() {
    let Some(ground) = Ground::new() else {
        return;
    };
    let ca = ground.file("ca.pem", &ground.ours.pem());
    let full = format!("sslrootcert={ca}");
    let server = ground.ours.sign("db", &["localhost"], false);
    ground.server.encrypt(&server, &ground.ours.pem());
    ground
        .server
        .allow("local all all trust\nhostssl all all 127.0.0.1/32 cert\n");
    ground.server.reload();
    let (certificate, key) = ground.ours.sign("postgres", &[], false);
    let certificate = ground.file("client.pem", &certificate);
    let key = ground.file("client.key", &key);
    let query = format!("{full}&sslcert={certificate}&sslkey={key}");
    assert!(ground.encrypted("localhost", &query).await);
    let error = ground.refused("localhost", &full).await;
    assert!(matches!(error, DatabaseError::Refused { .. }), "{error:?}");
    let (stranger, stranger_key) = Authority::new().sign("postgres", &[], false);
    let stranger = ground.file("stranger.pem", &stranger);
    let stranger_key = ground.file("stranger.key", &stranger_key);
    let query = format!("{full}&sslcert={stranger}&sslkey={stranger_key}");
    let error = ground.refused("localhost", &query).await;
    assert!(
        matches!(error, DatabaseError::Tls(TlsError::Client { .. })),
        "{error:?}"
    );
    let query = format!("{full}&sslcert={certificate}&sslkey={ca}");
    let error = ground.refused("localhost", &query).await;
    assert!(
        matches!(
            error,
            DatabaseError::Tls(TlsError::File {
                option: "sslkey",
                ..
            })
        ),
        "{error:?}"
    );

    ground.server.psql("ALTER ROLE postgres PASSWORD 'hush'");
    ground
        .server
        .allow("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n");
    ground.server.reload();
    let query = format!("{full}&channel_binding=require");
    assert!(ground.encrypted("localhost", &query).await);
    ground.server.psql("ALTER ROLE postgres PASSWORD 'other'");
    let error = ground.refused("localhost", &full).await;
    assert!(matches!(error, DatabaseError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_socket_and_an_address_where_nobody_is() {
    let Some(ground) = Ground::new() else {
        return;
    };
    let address = format!(
        "postgres://postgres@/postgres?host={}&port={}&sslmode=verify-full",
        ground.server.socket(),
        ground.server.port
    );
    let Address::Postgres(address) = Address::parse(&address).unwrap() else {
        panic!("an address of PostgreSQL");
    };
    assert!(!Postgres::connect(&address).await.unwrap().is_encrypted());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let nobody = Address::parse(&format!("postgres://u:hush@localhost:{port}/d")).unwrap();
    let error = Database::open(&nobody, Open::Create).await.unwrap_err();
    assert!(
        matches!(&error, DatabaseError::Unreachable { host, .. } if host == "localhost"),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("hush"));
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn field_04_clear_text_to_another_machine_is_a_warning_unless_it_is_said_aloud() {
    let Some(ground) = Ground::new() else {
        return;
    };
    let lines = Lines::default();
    let log = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .finish();
    let guard = tracing::subscriber::set_default(log);
    let told = || String::from_utf8(std::mem::take(&mut lines.0.lock().unwrap())).unwrap();
    // Leads to this machine, and is no loopback address by its form.
    let far = "0.0.0.0";
    for quiet in [("localhost", ""), (far, "sslmode=disable")] {
        assert!(!ground.encrypted(quiet.0, quiet.1).await);
        assert_eq!(told(), "", "{quiet:?}");
    }
    assert!(!ground.encrypted(far, "sslmode=prefer").await);
    let first = told();
    assert!(
        first.contains("WARN") && first.contains("PostgreSQL at 0.0.0.0 is not encrypted"),
        "{first}"
    );
    assert!(
        first.contains("?sslmode=verify-full") && !first.contains("hush"),
        "{first}"
    );
    assert!(!ground.encrypted(far, "").await);
    assert_eq!(told(), "", "once a host and process");
    drop(guard);
}
