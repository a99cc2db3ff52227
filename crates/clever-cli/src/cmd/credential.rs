//! `cleverctl credential`: tokens and apps under names, sealed in a file; secrets are never shown.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use clever_auth::DistrictAppToken;
use clever_auth::credential::{Credential, Secret};
use clever_model::DistrictId;
use serde::Serialize;

use crate::access::MissingApp;
use crate::diagnostics::Exit;
use crate::settings::{self, MissingToken, TOKEN_VARIABLE};
use crate::ui::{self, Document, Ui};
use crate::vault::{NoCredential, VaultArgs};

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Keep a district-app token, or with --client-id an app's id and secret.
    Add(AddArgs),
    /// Replace a token or client secret that was rotated.
    Replace(ReplaceArgs),
    /// List names and descriptions, no secrets.
    List(VaultArgs),
    /// Forget a credential.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        vault: VaultArgs,
    },
}

/// Arguments of `credential add`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl credential add north --secret-file token.txt
  cleverctl credential add our-app --client-id ID --secret-file -")]
pub(crate) struct AddArgs {
    /// Its name: letters, digits, `-`, `_`, `.`.
    name: String,
    /// What it is for, in your words.
    #[arg(long, default_value = "", value_name = "TEXT")]
    description: String,
    /// Keep an app: its client id, with the secret from --secret-file.
    ///
    /// Without --secret-file, the secret is read from CLEVER_CLIENT_SECRET.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The district that the token opens.
    #[arg(long, value_name = "ID", conflicts_with = "client_id")]
    district: Option<DistrictId>,
    /// Read the token or client secret from FILE (`-` for standard input).
    ///
    /// Without this option, it is read from CLEVER_TOKEN or CLEVER_CLIENT_SECRET.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

/// Arguments of `credential replace`.
#[derive(Debug, Args)]
pub(crate) struct ReplaceArgs {
    /// Its name; what it opens stays as it is.
    name: String,
    /// A new description.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Read the new token or client secret from FILE (`-` for standard input).
    ///
    /// Without this option, it is read from CLEVER_TOKEN or CLEVER_CLIENT_SECRET.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
}

/// The name of the credential that was added, replaced or removed.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Default, Serialize)]
pub(crate) struct Changed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<&'a str>,
    /// `district token` or `app`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

impl Document for Changed<'_> {
    const NAME: &'static str = "credential";
}

/// What is kept, without a secret.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Kept<'a> {
    credentials: Vec<Shown<'a>>,
}

impl Document for Kept<'_> {
    const NAME: &'static str = "credentials";
}

/// A credential without its secret.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    /// `district token` or `app`.
    kind: &'static str,
    /// The district or the client id.
    opens: Option<&'a str>,
    description: &'a str,
}

/// Adds, replaces, lists or removes.
pub(crate) fn run(command: CredentialCommand, ui: &Ui) -> Result<Exit> {
    match command {
        CredentialCommand::Add(args) => add(args, ui)?,
        CredentialCommand::Replace(args) => replace(&args, ui)?,
        CredentialCommand::List(vault) => list(&vault, ui)?,
        CredentialCommand::Remove { name, vault } => {
            vault.change(|all| {
                all.remove(&name)
                    .map(drop)
                    .ok_or_else(|| NoCredential(name.clone()).into())
            })?;
            if ui.json {
                ui.document(&Changed {
                    removed: Some(&name),
                    ..Changed::default()
                })?;
            } else {
                ui.line(format!("removed `{name}`"))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn add(args: AddArgs, ui: &Ui) -> Result<()> {
    let file = args.secret_file.as_deref();
    let secret = match args.client_id {
        Some(client_id) => app(client_id, file)?,
        None => district(args.district, file)?,
    };
    let kind = kind(&secret);
    let credential = Credential {
        description: args.description,
        secret,
    };
    args.vault
        .change(|all| Ok(all.add(&args.name, credential)?))?;
    if ui.json {
        ui.document(&Changed {
            added: Some(&args.name),
            kind: Some(kind),
            ..Changed::default()
        })
    } else {
        ui.line(format!("added `{}` ({kind})", args.name))
    }
}

/// Reads an app's secret, with the same checks as where it is used.
fn app(client_id: String, file: Option<&Path>) -> Result<Secret> {
    let (text, source) = settings::secret(file, "CLEVER_CLIENT_SECRET")?.ok_or(MissingApp)?;
    let client_secret = text.trim().to_owned();
    clever_auth::App::new(
        &client_id,
        client_secret.clone(),
        crate::access::no_redirect()?,
    )
    .with_context(|| format!("the app with the client secret in {source} can't be used"))?;
    Ok(Secret::App {
        client_id,
        client_secret: client_secret.into(),
    })
}

/// Reads a district's token.
fn district(district: Option<DistrictId>, file: Option<&Path>) -> Result<Secret> {
    let (text, source) = settings::secret(file, TOKEN_VARIABLE)?.ok_or(MissingToken)?;
    let token = DistrictAppToken::new(text)
        .with_context(|| format!("the token in {source} can't be used"))?;
    Ok(Secret::DistrictApp { district, token })
}

fn replace(args: &ReplaceArgs, ui: &Ui) -> Result<()> {
    let file = args.secret_file.as_deref();
    // Which secret it is decides where the new one is read.
    let kept = crate::access::kept(&args.vault, &args.name)?;
    let secret = match kept.secret {
        Secret::App { client_id, .. } => app(client_id, file)?,
        Secret::DistrictApp { district: id, .. } => district(id, file)?,
    };
    let kind = kind(&secret);
    args.vault.change(|all| {
        // Another `cleverctl` may have been faster.
        let now = all.get(&args.name);
        let now = now.ok_or_else(|| NoCredential(args.name.clone()))?;
        if opens(&now.secret) != opens(&secret) || self::kind(&now.secret) != kind {
            bail!(
                "`{}` was changed meanwhile; nothing was replaced",
                args.name
            );
        }
        let description = args.description.clone();
        let credential = Credential {
            description: description.unwrap_or_else(|| now.description.clone()),
            secret,
        };
        Ok(all.replace(&args.name, credential).map(drop)?)
    })?;
    if ui.json {
        ui.document(&Changed {
            replaced: Some(&args.name),
            kind: Some(kind),
            ..Changed::default()
        })
    } else {
        ui.line(format!("replaced the secret of `{}` ({kind})", args.name))
    }
}

fn kind(secret: &Secret) -> &'static str {
    match secret {
        Secret::DistrictApp { .. } => "district token",
        Secret::App { .. } => "app",
    }
}

/// What a credential is for, as far as that is public.
fn opens(secret: &Secret) -> Option<&str> {
    match secret {
        Secret::DistrictApp { district, .. } => district.as_ref().map(DistrictId::as_str),
        Secret::App { client_id, .. } => Some(client_id),
    }
}

fn list(vault: &VaultArgs, ui: &Ui) -> Result<()> {
    let all = vault.read()?;
    if ui.json {
        let shown = all.iter().map(|(name, one)| Shown {
            name,
            kind: kind(&one.secret),
            opens: opens(&one.secret),
            description: &one.description,
        });
        return ui.document(&Kept {
            credentials: shown.collect(),
        });
    }
    let mut table = ui::table(&["Name", "Kind", "District or client id", "Description"], 4);
    let mut rows = 0;
    for (name, one) in all.iter() {
        rows += 1;
        table.add_row([
            name,
            kind(&one.secret),
            opens(&one.secret).unwrap_or("?"),
            &one.description,
        ]);
    }
    if rows == 0 {
        return ui.line("No credential is kept; `cleverctl credential add` keeps one.");
    }
    ui.rows(&table)
}
