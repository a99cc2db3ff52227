//! A schema of its own in the server that `CLEVER_TEST_POSTGRES` names.

use clever_sql::{Address, Backend, Database, Open};

/// The address of an empty schema; `None` where no server is named.
pub(crate) async fn emptied(name: &str) -> Option<String> {
    let server = std::env::var("CLEVER_TEST_POSTGRES").ok()?;
    let schema = format!("classroom_{name}_{}", std::process::id());
    let address = Address::parse(&server).unwrap();
    let mut db = Database::open(&address, Open::Existing).await.unwrap();
    let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    db.batch(&drop).await.unwrap();
    let joint = if server.contains('?') { '&' } else { '?' };
    Some(format!("{server}{joint}schema={schema}"))
}
