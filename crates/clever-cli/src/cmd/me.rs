//! `cleverctl me`: what a token is and whose, by Clever's word; the token must be our app's.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::{AnswerError, Authority, RawToken};
use clever_client::{District, LoginService, SignInError};
use serde::Serialize;

use crate::access::{AppArgs, ServiceArgs, no_redirect};
use crate::cmd::districts;
use crate::diagnostics::Exit;
use crate::settings::{self, MissingToken, TOKEN_VARIABLE};
use crate::ui::{Document, Ui};

/// Arguments of `me`.
#[derive(Debug, Args)]
pub(crate) struct MeArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// Read the token, a user's or a district's, from FILE (`-` for standard input).
    ///
    /// Without this option, it is read from CLEVER_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// What a token is, and whose.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(tag = "kind")]
pub(crate) enum Whose {
    /// A user's.
    #[serde(rename = "user token")]
    User {
        user: String,
        /// None for a Clever Library teacher.
        district: Option<String>,
        /// `district` or `teacher`.
        shared_by: &'static str,
        /// The role of this login.
        role: Option<String>,
    },
    /// A district's, for the app.
    #[serde(rename = "district-app token")]
    District {
        district: String,
        name: Option<String>,
        state: Option<String>,
    },
}

impl Document for Whose {
    const NAME: &'static str = "me";
}

/// Asks Clever and prints.
pub(crate) async fn run(args: &MeArgs, ui: &Ui) -> Result<Exit> {
    let app = args.app.app(&args.service, &no_redirect()?)?;
    let (text, source) =
        settings::secret(args.token_file.as_deref(), TOKEN_VARIABLE)?.ok_or(MissingToken)?;
    let raw =
        RawToken::new(text).with_context(|| format!("the token in {source} can't be used"))?;
    let service = LoginService::new(args.service.options())?;
    let own = service
        .confirm(&app, raw)
        .await
        .context("Clever does not say that this is our app's token")?;
    match service.holder(&app, &own).await {
        Ok(holder) => {
            let authority = match holder.authority {
                Authority::District => "district",
                Authority::Teacher => "teacher",
            };
            if ui.json {
                ui.document(&Whose::User {
                    user: holder.user.to_string(),
                    district: holder.district.as_ref().map(ToString::to_string),
                    shared_by: authority,
                    role: holder.role,
                })?;
            } else {
                ui.line(format!("user token of {}", holder.user))?;
                ui.line(match &holder.district {
                    Some(district) => format!("district: {district}"),
                    None => "district: none (a Clever Library teacher)".to_owned(),
                })?;
                ui.line(format!("shared by: the {authority}"))?;
                if let Some(role) = holder.role {
                    ui.line(format!("role of this login: {role}"))?;
                }
            }
        }
        // No user's: then it is a district's, or nothing.
        Err(SignInError::Answer(AnswerError::Refused {
            status: 400 | 401 | 403 | 404,
        })) => {
            let district = District::new(args.service.options(), own.into_district_app()?)?;
            let shown = districts::record(&district)
                .await
                .context("the token is neither a user's nor a district's")?;
            let id = shown.id.unwrap_or_else(|| "?".to_owned());
            if ui.json {
                ui.document(&Whose::District {
                    district: id,
                    name: shown.name,
                    state: shown.state,
                })?;
            } else {
                ui.line(format!("district-app token of {id}"))?;
                ui.line(format!("name: {}", shown.name.as_deref().unwrap_or("?")))?;
                ui.line(format!("state: {}", shown.state.as_deref().unwrap_or("?")))?;
            }
        }
        Err(error) => return Err(error).context("could not ask whose the token is"),
    }
    Ok(Exit::Done)
}
