//! Which Clever to call, and as whom: the arguments that several commands share, and what they open.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::credential::{Credential, Secret};
use clever_auth::{App, DistrictAppToken, RedirectUri, tokens::grants};
use clever_client::{ApiVersion, ClientOptions, ConnectError, District, LoginService};
use clever_model::DistrictId;
use secrecy::SecretString;
use url::Url;

use crate::diagnostics::Usage;
use crate::settings::{self, MissingToken, TOKEN_VARIABLE};
use crate::vault::{APP, NoCredential, VaultArgs};

const SECRET_VARIABLE: &str = "CLEVER_CLIENT_SECRET";
/// Clever's own login service, for Clever's own API.
const CLEVER_API: &str = "api.clever.com";
const CLEVER_AUTH: &str = "https://clever.com";

/// Headings of the help.
const CLEVER: &str = "Clever";
/// Which Clever.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// Clever's API, or an emulator of it.
    #[arg(
        long,
        help_heading = CLEVER,
        env = "CLEVER_API_URL",
        default_value = "https://api.clever.com",
        value_name = "URL"
    )]
    pub(crate) api_url: Url,
    /// Clever's login service.
    ///
    /// Without this option, it is clever.com for Clever's own API, and the address of the API for every other one.
    #[arg(long, help_heading = CLEVER, env = "CLEVER_AUTH_URL", value_name = "URL")]
    pub(crate) auth_url: Option<Url>,
    /// Also call http:// hosts other than this machine.
    ///
    /// For an emulator in a closed network of containers: everybody on the way can read tokens. Clever itself is always
    /// called over https.
    #[arg(long, help_heading = CLEVER, env = "CLEVER_INSECURE_HTTP")]
    pub(crate) insecure_http: bool,
    /// The version of the API.
    #[arg(long, help_heading = CLEVER, default_value = "v3.1", value_name = "VERSION")]
    pub(crate) api: ApiVersion,
}

impl ServiceArgs {
    pub(crate) fn auth_url(&self) -> Result<Url> {
        match &self.auth_url {
            Some(url) => Ok(url.clone()),
            None if self.api_url.host_str() == Some(CLEVER_API) => Ok(CLEVER_AUTH.parse()?),
            None => Ok(self.api_url.clone()),
        }
    }

    pub(crate) fn options(&self) -> ClientOptions {
        ClientOptions {
            api_url: self.api_url.clone(),
            version: self.api,
            insecure_http: self.insecure_http,
            ..ClientOptions::default()
        }
    }
}

/// Which app.
#[derive(Debug, Clone, Args)]
pub(crate) struct AppArgs {
    /// Use the credential that is kept under NAME.
    ///
    /// `cleverctl credential` keeps credentials. `sync --all` takes several.
    #[arg(long, help_heading = APP, value_name = "NAME")]
    credential: Vec<String>,
    /// The app's client id, from your Clever dashboard.
    #[arg(long, help_heading = APP, env = "CLEVER_CLIENT_ID", value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Read the client secret from FILE (`-` for standard input).
    ///
    /// Without this option, it is read from CLEVER_CLIENT_SECRET.
    #[arg(long, help_heading = APP, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
}

/// No app was given.
#[derive(Debug)]
pub(crate) struct MissingApp;

impl fmt::Display for MissingApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no app: neither a client id with its secret nor a kept credential is given"
        )
    }
}

impl std::error::Error for MissingApp {}

/// The app has no district.
#[derive(Debug, thiserror::Error)]
#[error("no district has connected the app")]
pub(crate) struct NoneConnected;

/// The app has several districts, and none was named.
#[derive(Debug, thiserror::Error)]
#[error("the app has {0} districts, and none is named")]
pub(crate) struct SeveralDistricts(pub(crate) usize);

impl AppArgs {
    /// The kept credentials of these names; all that are kept if there are none.
    #[cfg(feature = "fleet")]
    pub(crate) fn kept(names: Vec<String>, vault: VaultArgs) -> Self {
        Self {
            credential: names,
            client_id: None,
            client_secret_file: None,
            vault,
        }
    }

    /// The credentials that were named.
    pub(crate) fn names(&self) -> &[String] {
        &self.credential
    }

    /// The credential that was named, if one was.
    fn name(&self) -> Result<Option<&str>> {
        match self.credential.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            _ => Err(Usage::new("several credentials are named")
                .hint("name one; only `cleverctl sync --all` takes several")
                .into()),
        }
    }

    /// An app by its id and secret.
    pub(crate) fn made(
        &self,
        service: &ServiceArgs,
        redirect: &RedirectUri,
        id: &str,
        secret: SecretString,
    ) -> Result<App> {
        Ok(App::new(id, secret, redirect.clone())?
            .served_at(
                service.auth_url()?,
                service.api_url.clone(),
                service.insecure_http,
            )?
            .version(service.api.as_str()))
    }

    /// The app, if one was given.
    pub(crate) fn find(
        &self,
        service: &ServiceArgs,
        redirect: &RedirectUri,
    ) -> Result<Option<App>> {
        let (id, secret) = match self.name()? {
            Some(name) => match kept(&self.vault, name)?.secret {
                Secret::App {
                    client_id,
                    client_secret,
                } => (client_id, client_secret),
                Secret::DistrictApp { .. } => return Ok(None),
            },
            None => {
                let secret = settings::secret(self.client_secret_file.as_deref(), SECRET_VARIABLE)?;
                match (&self.client_id, secret) {
                    (Some(id), Some((secret, _))) => (id.clone(), secret.trim().to_owned().into()),
                    (None, None) => return Ok(None),
                    (Some(_), None) => {
                        return Err(Usage::new("the client id has no secret")
                            .hint(format!(
                                "set {SECRET_VARIABLE} or name a file with --client-secret-file"
                            ))
                            .into());
                    }
                    (None, Some(_)) => {
                        return Err(Usage::new("the client secret has no id")
                            .hint("set CLEVER_CLIENT_ID or use --client-id")
                            .into());
                    }
                }
            }
        };
        self.made(service, redirect, &id, secret).map(Some)
    }

    /// The app.
    pub(crate) fn app(&self, service: &ServiceArgs, redirect: &RedirectUri) -> Result<App> {
        match (self.find(service, redirect)?, self.name()?) {
            (Some(app), _) => Ok(app),
            (None, Some(name)) => {
                Err(Usage::new(format!(
                    "the credential `{name}` is a district's token; an app's is needed"
                ))
                .hint("keep the app with `cleverctl credential add NAME --client-id ID`, and name that one")
                .into())
            }
            (None, None) => Err(MissingApp.into()),
        }
    }
}

/// A redirect address for calls that redirect nobody.
pub(crate) fn no_redirect() -> Result<RedirectUri> {
    Ok("http://127.0.0.1/callback".parse()?)
}

/// Reads a kept credential.
pub(crate) fn kept(vault: &VaultArgs, name: &str) -> Result<Credential> {
    vault
        .read()?
        .get(name)
        .cloned()
        .ok_or_else(|| NoCredential(name.to_owned()).into())
}

/// A way into a district.
#[derive(Clone)]
pub(crate) enum Way {
    /// A token: a file's, a kept one, the environment's.
    Token(DistrictAppToken),
    /// The app's own: the district's token is asked for, and asked for again when it has changed.
    App(Box<(App, LoginService)>, DistrictId),
}

impl Way {
    /// The district that it is to open, if that is known: a token does not say.
    pub(crate) fn district(&self) -> Option<&DistrictId> {
        match self {
            Self::Token(_) => None,
            Self::App(_, district) => Some(district),
        }
    }

    /// Opens the district with `options`.
    pub(crate) async fn open(self, options: ClientOptions) -> Result<District> {
        Ok(match self {
            Self::Token(token) => District::new(options, token)?,
            Self::App(both, district) => {
                let (app, service) = *both;
                District::connect(options, service, app, district).await?
            }
        })
    }
}

/// Finds the way into the district that the arguments mean.
pub(crate) async fn way(
    app: &AppArgs,
    token_file: Option<&Path>,
    district: Option<&DistrictId>,
    service: &ServiceArgs,
) -> Result<Way> {
    if token_file.is_some() {
        return settings::district_token(token_file).map(Way::Token);
    }
    let name = app.name()?;
    if let Some(name) = name
        && let Secret::DistrictApp { token, .. } = kept(&app.vault, name)?.secret
    {
        return Ok(Way::Token(token));
    }
    if name.is_none() && std::env::var_os(TOKEN_VARIABLE).is_some() {
        return settings::district_token(None).map(Way::Token);
    }
    let Some(app) = app.find(service, &no_redirect()?)? else {
        return Err(MissingToken.into());
    };
    let login = LoginService::new(service.options())?;
    if let Some(district) = district {
        return Ok(Way::App(Box::new((app, login)), district.clone()));
    }
    let grants = login
        .district_grants(&app, None)
        .await
        .context("could not read the districts' tokens")?;
    let mut districts: Vec<&DistrictId> = grants.iter().map(|grant| &grant.district).collect();
    districts.sort();
    districts.dedup();
    match districts.as_slice() {
        [only] => Ok(Way::App(Box::new((app, login)), (*only).clone())),
        [] => Err(NoneConnected.into()),
        many => Err(SeveralDistricts(many.len()).into()),
    }
}

/// Finds the district-app token of now.
pub(crate) async fn district_token(
    app: &AppArgs,
    token_file: Option<&Path>,
    district: Option<&DistrictId>,
    service: &ServiceArgs,
) -> Result<DistrictAppToken> {
    match way(app, token_file, district, service).await? {
        Way::Token(token) => Ok(token),
        Way::App(both, district) => {
            let (app, login) = *both;
            let grants = login.district_grants(&app, Some(&district)).await?;
            grants::current(&grants, &district)
                .map(|grant| grant.token.clone())
                .ok_or_else(|| ConnectError::NotConnected(district).into())
        }
    }
}
