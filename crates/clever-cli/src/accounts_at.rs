//! Where the app's accounts are kept, and how the commands over them open the database.

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::seal::SealingKeys;
use clever_provision::store::AccountStore;
use clever_sync::erase::NotesKey;

use crate::diagnostics::Usage;
use crate::vault::VaultArgs;

/// The database of accounts, and the key to what is sealed in it.
#[derive(Debug, Args)]
pub(crate) struct AccountsAt {
    /// The database of accounts: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    ///
    /// Put an address that contains a password in CLEVER_ACCOUNTS.
    #[arg(
        long,
        env = "CLEVER_ACCOUNTS",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    accounts: Option<String>,
    #[command(flatten)]
    vault: VaultArgs,
}

impl AccountsAt {
    /// Says whether a database is named.
    pub(crate) fn is_named(&self) -> bool {
        self.accounts.is_some()
    }

    /// The key that signs the notes of what was forgotten; `make` makes one where there is none.
    pub(crate) fn notes_key(&self, make: bool) -> Result<NotesKey> {
        self.vault.notes_key(make)
    }

    /// The address of the database, and the key to what is sealed in it.
    pub(crate) fn address(&self, make_key: bool) -> Result<(String, SealingKeys)> {
        let Some(address) = &self.accounts else {
            return Err(Usage::new("no database of accounts is named")
                .hint("name it with --accounts or CLEVER_ACCOUNTS")
                .into());
        };
        Ok((address.clone(), self.vault.key(make_key)?))
    }

    /// Opens the database. With `make_key`, a missing key is made: only a command that writes accounts may need one.
    pub(crate) async fn open(&self, make_key: bool) -> Result<AccountStore> {
        let (address, key) = self.address(make_key)?;
        AccountStore::open(&address, key)
            .await
            .context("could not open the accounts")
    }
}
