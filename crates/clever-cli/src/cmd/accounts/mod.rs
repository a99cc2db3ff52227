//! `cleverctl accounts`: the app's accounts, as the roster and their holders made them.

pub(crate) mod import;
pub(crate) mod show;
pub(crate) mod sync;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::accounts_at::AccountsAt;
use crate::diagnostics::Exit;
use crate::ui::Ui;

/// Arguments of `accounts`.
#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    place: AccountsAt,
    #[command(subcommand)]
    command: AccountsCommand,
}

/// What to do with the accounts.
#[derive(Debug, Subcommand)]
enum AccountsCommand {
    /// Bring the accounts in step with the roster in the store.
    ///
    /// Newcomers get an account or wait for a review, leavers are archived, and those who return are restored.
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
    let writes = matches!(
        args.command,
        AccountsCommand::Sync(_) | AccountsCommand::Import(_)
    );
    let mut accounts = args.place.open(writes).await?;
    match &args.command {
        AccountsCommand::Sync(args) => sync::run(&mut accounts, args, ui).await,
        AccountsCommand::List(args) => show::list(&mut accounts, args, ui).await,
        AccountsCommand::Show(args) => show::show(&mut accounts, args, ui).await,
        AccountsCommand::Explain(args) => show::explain(&mut accounts, args, ui).await,
        AccountsCommand::Import(args) => import::run(&mut accounts, args, ui).await,
    }
}
