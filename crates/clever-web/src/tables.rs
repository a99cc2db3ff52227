//! The tables beside those of the account store.

use clever_sql::{Tables, Version};

/// Sessions, refusals, tries and who is in whose Library class; in the database of the account store.
pub(crate) const TABLES: Tables = Tables {
    store: "web",
    versions: &[Version::both(include_str!("schema.sql"))],
};
