//! The binary as its user runs it: real process, real HTTP on loopback, real SQLite file.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod accounts;
mod all_districts;
mod awkward;
mod certify;
mod columnar;
mod connect;
mod console;
mod consumers;
mod contract;
mod credentials;
mod demo;
mod deployed;
mod disk;
mod drift;
mod exports;
mod failures;
#[cfg(all(feature = "fleet", unix))]
mod fleet;
mod forgetting;
mod ground;
mod killed;
mod lake;
mod matching;
mod matching_accounts;
mod matching_field;
mod measured;
mod mistakes;
mod moving;
mod nights;
mod oneroster;
mod paused;
mod pooler;
mod private;
mod proxied;
mod pruning;
mod recorded;
mod resources;
mod review;
mod roster;
mod schema;
mod seen;
mod server;
mod signing_in;
mod status;
mod terminal;
mod told;
#[cfg(feature = "otlp")]
mod traced;
mod tries;
#[cfg(unix)]
mod tutorials;
