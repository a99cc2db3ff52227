//! `cleverctl accounts`: the app's accounts, as the roster and their holders made them.

mod import;
mod show;
mod sync;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use clever_provision::store::AccountStore;

use crate::diagnostics::Exit;
use crate::ui::Ui;
use crate::vault::VaultArgs;

/// Arguments of `accounts`.
#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: AccountsCommand,
}

/// Where the accounts are.
#[derive(Debug, Args)]
struct Place {
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

/// What to do with the accounts.
#[derive(Debug, Subcommand)]
enum AccountsCommand {
    /// Bring the accounts in step with the roster in the store.
    ///
    /// Who comes gets an account or waits for a review, who left is archived, who is back is restored.
    Sync(sync::SyncArgs),
    /// List the accounts.
    List(show::ListArgs),
    /// Show one account.
    ///
    /// It tells who opens the account, what is known of its holder, and what happened to it.
    Show(show::ShowArgs),
    /// Say why a person has the account that they have, or none.
    Explain(show::ExplainArgs),
    /// Take over the app's accounts from a CSV file or a query.
    Import(import::ImportArgs),
}

/// Does what is asked.
pub(crate) async fn run(args: &AccountsArgs, ui: &Ui) -> Result<Exit> {
    let mut accounts = args.place.open().await?;
    match &args.command {
        AccountsCommand::Sync(args) => sync::run(&mut accounts, args, ui).await,
        AccountsCommand::List(args) => show::list(&mut accounts, args, ui).await,
        AccountsCommand::Show(args) => show::show(&mut accounts, args, ui).await,
        AccountsCommand::Explain(args) => show::explain(&mut accounts, args, ui).await,
        AccountsCommand::Import(args) => import::run(&mut accounts, args, ui).await,
    }
}

impl Place {
    async fn open(&self) -> Result<AccountStore> {
        let address = self.accounts.as_deref();
        let address =
            address.context("name the database of accounts with --accounts or CLEVER_ACCOUNTS")?;
        AccountStore::open(address, self.vault.key(true)?)
            .await
            .context("could not open the accounts")
    }
}
