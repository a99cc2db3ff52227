//! The issuer of OpenID Connect at which people sign in to the console.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::issuer::Issuer;
use clever_console::{OpenId, Role, RolesBy};
use url::Url;

use crate::diagnostics::Usage;
use crate::settings;

const OPENID: &str = "Sign-in by OpenID Connect";

/// The variable with the app's secret at the issuer.
const SECRET_VARIABLE: &str = "CLEVER_CONSOLE_SECRET";

/// Where people sign in, and what they may do.
#[derive(Debug, Args)]
pub(crate) struct OpenIdArgs {
    /// Let people sign in at this issuer, as in `https://login.example.com`.
    ///
    /// Register the address of the console there, with `/enter/back` behind it.
    #[arg(long, value_name = "URL", help_heading = OPENID, requires = "openid_client_id", requires = "openid_role")]
    openid_issuer: Option<Url>,
    /// The console's client id at the issuer.
    #[arg(long, value_name = "ID", help_heading = OPENID, requires = "openid_issuer")]
    openid_client_id: Option<String>,
    /// Read the client secret from FILE, and not from CLEVER_CONSOLE_SECRET.
    #[arg(long, value_name = "FILE", help_heading = OPENID, requires = "openid_issuer")]
    openid_secret_file: Option<PathBuf>,
    /// Ask the issuer for these scopes too, as in `profile groups`.
    #[arg(long, value_name = "SCOPES", help_heading = OPENID, default_value = "profile")]
    openid_scopes: String,
    /// The claim that says what somebody may do; with dots if it lies within another.
    #[arg(long, value_name = "CLAIM", help_heading = OPENID, default_value = "groups")]
    openid_claim: String,
    /// What a value of the claim may do, as in `clever-operators=operator`. May be given several times.
    #[arg(long, value_name = "VALUE=ROLE", help_heading = OPENID, value_parser = role_of)]
    openid_role: Vec<(String, Role)>,
    /// The claim with the name that the audit keeps.
    #[arg(long, value_name = "CLAIM", help_heading = OPENID, default_value = "preferred_username")]
    openid_name: String,
}

fn role_of(text: &str) -> Result<(String, Role), String> {
    let (value, role) = text.rsplit_once('=').ok_or("write VALUE=ROLE")?;
    let role = role
        .parse()
        .map_err(|error: clever_console::NoRole| error.to_string())?;
    Ok((value.to_owned(), role))
}

impl OpenIdArgs {
    /// The issuer, if one is named; `console` is the address of the console.
    pub(super) fn openid(&self, console: &str) -> Result<Option<OpenId>> {
        let (Some(issuer), Some(client)) = (&self.openid_issuer, &self.openid_client_id) else {
            return Ok(None);
        };
        let secret = settings::secret(self.openid_secret_file.as_deref(), SECRET_VARIABLE)?;
        // An editor ends a file with a line's end, which is no part of the secret.
        let secret = secret.map(|(text, _)| text.trim().to_owned());
        let secret = secret.filter(|text| !text.is_empty()).ok_or_else(|| {
            Usage::new("the issuer's client secret is missing").hint(format!(
                "put it into {SECRET_VARIABLE}, or name its file with --openid-secret-file"
            ))
        })?;
        let back = Url::parse(&format!("{console}/enter/back"))?;
        let issuer = Issuer::new(issuer.clone(), client, secret, back)
            .map_err(|error| {
                Usage::new(format!("the issuer can't be used: {error}"))
                    .hint("name an address that begins with https://")
            })?
            .with_scopes(&self.openid_scopes);
        let roles: BTreeMap<String, Role> = self.openid_role.iter().cloned().collect();
        let by = RolesBy {
            claim: self.openid_claim.clone(),
            roles,
            name: self.openid_name.clone(),
        };
        Ok(Some(
            OpenId::new(issuer, by).context("the HTTP client could not be prepared")?,
        ))
    }
}
