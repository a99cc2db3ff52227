//! `cleverctl console token`: who may use the API of a console. The store keeps digests, and no token.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use clever_console::{Role, new_token};
use clever_model::{Clock as _, DistrictId, SystemClock, Timestamp, is_word, read_span};
use clever_sync::look::Token;
use serde::Serialize;

use crate::audit;
use crate::diagnostics::{Exit, NotThere, Usage};
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Ui};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and show it once.
    #[command(after_help = "\
Example:
  cleverctl console token add nightly --role viewer --days 90")]
    Add(AddArgs),
    /// List the tokens, without the tokens themselves.
    List(StoreArgs),
    /// Take a token away: what it opened is closed at once.
    Remove {
        /// Its name.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// Arguments of `console token add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name, which the audit keeps: letters, digits, `-`, `_`, `.`.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it may do: viewer, operator or admin.
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    role: Role,
    /// The one district that it may see.
    #[arg(long, value_name = "ID")]
    district: Option<DistrictId>,
    /// How long it is good (`90d`, `12h`); for ever without this option.
    #[arg(long = "for", value_name = "TIME", value_parser = read_span)]
    lasts: Option<Duration>,
    #[command(flatten)]
    store: StoreArgs,
}

/// A token that was made.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Made {
    /// The token, for `Authorization: Bearer`. It is shown once.
    token: String,
    #[serde(flatten)]
    kept: Token,
}

impl Document for Made {
    const NAME: &'static str = "console-token";
}

/// The tokens.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Tokens {
    tokens: Vec<Token>,
}

impl Document for Tokens {
    const NAME: &'static str = "console-tokens";
}

/// The token that was taken away.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Removed<'a> {
    removed: &'a str,
}

impl Document for Removed<'_> {
    const NAME: &'static str = "console-token-removed";
}

/// Makes, lists or takes away.
pub(super) async fn run(command: &TokenCommand, ui: &Ui) -> Result<Exit> {
    match command {
        TokenCommand::Add(args) => add(args, ui).await,
        TokenCommand::List(store) => {
            let tokens = store.url()?.look().await?.tokens().await?;
            if ui.json {
                ui.document(&Tokens { tokens })?;
                return Ok(Exit::Done);
            }
            if tokens.is_empty() {
                ui.line("There is no token. `cleverctl console token add NAME` makes one.")?;
                return Ok(Exit::Done);
            }
            let mut table = ui::table(&["Name", "Role", "District", "Made", "Good until"], 5);
            for one in tokens {
                let day = |at: Timestamp| at.strftime("%F").to_string();
                table.add_row([
                    one.name,
                    one.role,
                    one.district_id,
                    day(one.made_at),
                    one.ends_at.map_or_else(|| "for ever".to_owned(), day),
                ]);
            }
            ui.rows(&table)?;
            Ok(Exit::Done)
        }
        TokenCommand::Remove { name, store } => {
            let mut store = store.url()?.open_existing().await?;
            if !store.remove_token(name).await? {
                return Err(NotThere::new(
                    format!("there is no token {name}"),
                    "`cleverctl console token list` shows the tokens".to_owned(),
                )
                .into());
            }
            audit::note(&mut store, "", "remove_token", &format!("token {name}"), ui).await;
            if ui.json {
                ui.document(&Removed { removed: name })?;
            } else {
                ui.line(format!("Token {name} opens nothing any more."))?;
            }
            Ok(Exit::Done)
        }
    }
}

async fn add(args: &AddArgs, ui: &Ui) -> Result<Exit> {
    if !is_word(&args.name) {
        return Err(Usage::new("a token's name is letters, digits, `-`, `_` and `.`").into());
    }
    let now = SystemClock.now();
    let ends = args
        .lasts
        .map(|lasts| clever_sync::turns::later(now, lasts));
    let district = args.district.as_ref().map(DistrictId::as_str);
    let made = new_token(&args.name, args.role, district, now, ends)?;
    let mut store = args.store.url()?.open_existing().await?;
    if !store.add_token(&made.digest, &made.kept).await? {
        return Err(
            Usage::new(format!("there is a token {} already", args.name))
                .hint("take it away with `cleverctl console token remove`, or choose another name")
                .into(),
        );
    }
    let subject = format!("token {}", args.name);
    audit::note(
        &mut store,
        district.unwrap_or_default(),
        "add_token",
        &subject,
        ui,
    )
    .await;
    if ui.json {
        ui.document(&Made {
            token: made.token,
            kept: made.kept,
        })?;
        return Ok(Exit::Done);
    }
    ui.line("This is the token. It is shown once; the store keeps its digest.")?;
    ui.command(&made.token)?;
    Ok(Exit::Done)
}
