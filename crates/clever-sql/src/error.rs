//! What can go wrong with a database, in words that somebody can act on.
//!
//! No error has a password, and none has a value of a row: of a server's message only those are kept that name
//! tables, columns and roles.

use std::error::Error;
use std::io;

use crate::address::AddressError;

/// Why a database can't be used. A transaction that it happens in is rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no database, or the store's tables are not in it, and none are to be made.
    #[error("there is no store at {place}")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// A file can't be opened or made.
    #[error("could not open {place}")]
    Unreadable {
        /// The file.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is no SQLite database, or a broken one.
    #[error("{place} is no SQLite database, or a broken one")]
    Broken {
        /// The file.
        place: String,
    },
    /// A file is another program's database.
    #[error("{place} is another program's database")]
    Foreign {
        /// The file.
        place: String,
    },
    /// The tables are of a version that this program does not read.
    #[error("the tables in {place} have version {found}; this program reads version {expected}")]
    Version {
        /// Where the tables are.
        place: String,
        /// The version that they have.
        found: u32,
        /// The version that this program reads.
        expected: u32,
    },
    /// A table of somebody else has the name of one of the store's.
    #[error("{place} has a table already that this store would make: {message}")]
    Taken {
        /// The schema or the file.
        place: String,
        /// What the database said.
        message: String,
    },
    /// Another connection is writing, and was waited for in vain.
    #[error("the database is locked by another process")]
    Locked,
    /// There is no room to write.
    #[error("the disk is full")]
    Full,
    /// The file, the role or the server allows no writing.
    #[error("the store can only be read")]
    ReadOnly,
    /// Another transaction wrote the same rows first.
    #[error("another transaction changed the same rows first")]
    Conflict,
    /// The connection can't be encrypted as the address demands.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody answers at the address.
    #[error("could not connect to PostgreSQL at {host}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server does not let the role in.
    #[error("the server refused the connection: {message}")]
    Refused {
        /// What the server said.
        message: String,
    },
    /// The role lacks a right.
    #[error("the server refused: {message}")]
    Forbidden {
        /// What the server said.
        message: String,
    },
    /// The database does not keep text as UTF-8.
    #[error("the database keeps text as {encoding}, which can't hold every name")]
    Encoding {
        /// Its encoding.
        encoding: String,
    },
    /// A pooler stands between that gives each transaction another connection.
    #[error("the address leads to a connection pooler in transaction mode: {evidence}")]
    Pooler {
        /// By what it shows.
        evidence: &'static str,
    },
    /// The server ended the statement or the connection.
    #[error("the server ended the statement: {message}")]
    Ended {
        /// What the server said.
        message: String,
    },
    /// The connection broke. Whether a COMMIT that was sent took place is not known.
    #[error("the connection to the database was lost")]
    Lost(#[source] Box<dyn Error + Send + Sync>),
    /// A row does not hold what its column promises: someone else wrote it.
    #[error("column {column} of a row holds something else than the store writes")]
    OddRow {
        /// The column's place in the answer, from 0.
        column: usize,
    },
    /// The server refused something else.
    #[error("PostgreSQL error {code}{message}")]
    Server {
        /// The SQLSTATE.
        code: String,
        /// What the server said, after a colon; empty where it might quote a row.
        message: String,
    },
    /// The driver failed, or SQLite refused something else.
    #[error("the database failed")]
    Driver(#[source] Box<dyn Error + Send + Sync>),
}

impl DatabaseError {
    /// Says whether the same may work later although nobody changed the address, the database or the program: another
    /// process ends, a server comes back, somebody makes room.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreadable { .. }
            | Self::Locked
            | Self::Full
            | Self::Conflict
            | Self::Unreachable { .. }
            | Self::Ended { .. }
            | Self::Lost(_)
            | Self::Server { .. }
            | Self::Driver(_)
            // A server that starts or is full says so in the same way as one that refuses the role.
            | Self::Refused { .. }
            // A server that takes over can only be read at first; a certificate is renewed.
            | Self::ReadOnly
            | Self::Tls(_) => true,
            Self::Address(_)
            | Self::Missing { .. }
            | Self::Broken { .. }
            | Self::Foreign { .. }
            | Self::Version { .. }
            | Self::Taken { .. }
            | Self::Forbidden { .. }
            | Self::Encoding { .. }
            | Self::Pooler { .. }
            | Self::OddRow { .. } => false,
        }
    }

    /// Says what to do next, as a sentence without a full stop; `None` where nothing helps but the text.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address(error) => return error.hint(),
            Self::Tls(error) => return Some(error.hint()),
            Self::Unreadable { .. } => "check that the path is right and that you may write there",
            Self::Broken { .. } | Self::Foreign { .. } => "it was left as it is; name another file",
            Self::Version {
                found, expected, ..
            } if found > expected => {
                "a later program wrote them: use that one, or name another place"
            }
            Self::Taken { .. } => {
                "give the store a schema of its own: end the address with `?schema=NAME`"
            }
            Self::Locked => "another process is writing: run again when it is done",
            Self::Full => "free some space and run again; nothing was written",
            Self::ReadOnly => {
                "status, changes, explain and export need no more than that; whatever writes needs a store, its folder and a server that it may write to"
            }
            Self::Conflict => "run again: the next run starts from what the other one wrote",
            Self::Unreachable { .. } => {
                "check the host and the port in the address, and that the server runs and accepts connections from here"
            }
            Self::Refused { .. } => {
                "check the user, the password and the database in the address, and the server's pg_hba.conf"
            }
            Self::Forbidden { .. } => {
                "nothing was written; docs/sync.md says which rights the role needs, and that the owner makes the tables"
            }
            Self::Encoding { .. } => {
                "make a database with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
            }
            Self::Pooler { .. } => {
                "a store keeps things in its connection: use the pooler's session mode (PgBouncer: pool_mode = session), or the server's own address"
            }
            Self::Ended { .. } => {
                "nothing was written; if it was a time limit, set statement_timeout to 0 for this role (`ALTER ROLE … SET statement_timeout = 0`)"
            }
            Self::Lost(_) => "run again: it finds out by itself what was written",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Why a connection can't be encrypted as the address demands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The server speaks no TLS, and the address demands it.
    #[error("the server {host} offers no TLS, and the address demands it")]
    NotOffered {
        /// The host.
        host: String,
    },
    /// The server demands TLS, and the address forbids it.
    #[error("the server accepts encrypted connections only, and the address says sslmode=disable")]
    Demanded,
    /// No authority that is trusted signed the certificate.
    #[error("the certificate of {host} is signed by no authority in {trusted}")]
    UnknownAuthority {
        /// The host.
        host: String,
        /// Where the trusted authorities are from.
        trusted: String,
    },
    /// The certificate is another host's.
    #[error("the certificate is not for the host `{host}`, but for {names}")]
    WrongName {
        /// The host of the address.
        host: String,
        /// The names in the certificate.
        names: String,
    },
    /// The certificate is bad in itself: out of date, say.
    #[error("the certificate of {host} can't be accepted: {what}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        what: String,
    },
    /// The server does not accept our certificate, or wants one.
    #[error("the server {host} does not accept this client: {what}")]
    Client {
        /// The host.
        host: String,
        /// What the server said.
        what: String,
    },
    /// A file of the address can't be read.
    #[error("could not read {option} from {path}: {what}")]
    File {
        /// The parameter of the address.
        option: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The system has no certificates of authorities.
    #[error("no certificates of authorities were found on this system")]
    NoSystemRoots,
    /// The handshake failed in another way.
    #[error("the TLS handshake with {host} failed")]
    Handshake {
        /// The host.
        host: String,
        /// What failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl TlsError {
    /// Says what to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotOffered { .. } => {
                "switch `ssl` on in the server's settings; within one machine, sslmode=disable will do"
            }
            Self::Demanded => "say sslmode=verify-full, with sslrootcert=FILE if the authority is your own",
            Self::UnknownAuthority { .. } => {
                "name the file with the authority's certificate in sslrootcert=FILE (providers offer it for download)"
            }
            Self::WrongName { .. } => {
                "use the host name that the certificate has; sslmode=verify-ca checks the authority alone"
            }
            Self::Certificate { .. } => "let the server's administrator renew its certificate",
            Self::Client { .. } => "name a certificate that the server accepts in sslcert=FILE and its key in sslkey=FILE",
            Self::File { .. } => "name a file in PEM format that you may read",
            Self::NoSystemRoots => {
                "install the system's package of them (ca-certificates), or name a file in sslrootcert=FILE"
            }
            Self::Handshake { .. } => "check that the server speaks TLS 1.2 or 1.3",
        }
        .to_owned()
    }
}
