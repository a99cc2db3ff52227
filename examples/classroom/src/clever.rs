//! The Clever that the app speaks to: Clever itself, an emulator elsewhere, or one that the app brings.

use std::sync::Arc;

use clever_auth::{App, DistrictAppToken, IdTokenVerifier, OpenId};
use clever_client::{ClientOptions, LoginService};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::Role;
use url::Url;

use crate::config::Config;
use crate::members::Members;
use crate::site::Demo;
use crate::sync::Tokens;

/// The password of every account from before, in the demonstration.
const PASSWORD: &str = "worksheets";

/// A Clever.
pub(crate) struct Clever {
    client: (String, String),
    at: Option<Url>,
    own: Option<Emulator>,
}

impl Clever {
    /// Finds the Clever of the settings, or starts one.
    pub(crate) async fn find(config: &Config, callback: &str) -> anyhow::Result<Self> {
        if let Some(client) = config.client.clone() {
            return Ok(Self {
                client,
                at: config.clever.clone(),
                own: None,
            });
        }
        let own = clever_emulator::start(EmulatorConfig {
            world: WorldSource::Generated {
                seed: 17,
                students: 300,
            },
            redirect_uris: vec![callback.to_owned()],
            openid: true,
            ..EmulatorConfig::default()
        });
        let own = own.await?;
        Ok(Self {
            client: (own.client_id().to_owned(), own.client_secret().to_owned()),
            at: Some(own.base_url().clone()),
            own: Some(own),
        })
    }

    /// The app as Clever knows it.
    pub(crate) fn app(&self, callback: &str) -> anyhow::Result<App> {
        let (id, secret) = &self.client;
        let app = App::new(id, secret.clone(), callback.parse()?)?;
        Ok(match &self.at {
            Some(at) => app.at(at.clone(), at.clone())?,
            None => app,
        })
    }

    /// How Clever's API is called.
    pub(crate) fn options(&self) -> ClientOptions {
        let mut options = ClientOptions::default();
        if let Some(at) = &self.at {
            options.api_url = at.clone();
        }
        options
    }

    /// Id tokens are checked where there are some. `OpenId::Off` is for apps without OpenID Connect.
    pub(crate) fn openid(&self, app: &App) -> OpenId<IdTokenVerifier> {
        OpenId::Checked(IdTokenVerifier::new(app))
    }

    /// Where the tokens of the background sync come from.
    pub(crate) fn tokens(&self, service: LoginService, app: App) -> anyhow::Result<Tokens> {
        Ok(match &self.own {
            Some(own) => Tokens::Own(DistrictAppToken::new(own.district_token())?),
            None => Tokens::App(Box::new(service), Box::new(app)),
        })
    }

    /// What the sign-in page shows of a Clever of our own; makes the accounts from before at the first start.
    pub(crate) async fn demo(&self, members: &Members) -> anyhow::Result<Option<Arc<Demo>>> {
        let Some(own) = &self.own else {
            return Ok(None);
        };
        let teachers: Vec<String> = own.with_world(|world| {
            let teachers = world.with_role(Role::Teacher);
            let names = teachers.iter().take(2).map(|(_, user)| {
                let name = &user.value()["name"];
                let part = |part: &str| name[part].as_str().unwrap_or_default().to_owned();
                format!("{} {}", part("first"), part("last"))
            });
            names.collect()
        });
        let mut before = Vec::new();
        for name in teachers {
            let address = name.to_lowercase().replace([' ', '\''], ".");
            let email = format!("{address}@mail.example");
            members.sign_up_once(&email, PASSWORD).await?;
            before.push((name, email, PASSWORD.to_owned()));
        }
        let (base, id) = (own.base_url(), own.client_id());
        let district = own.with_world(|world| world.district_id().to_owned());
        let ways = [
            ("Clever's portal", format!("portal/launch?client_id={id}")),
            ("Clever Library", format!("library/install?client_id={id}")),
            (
                "An instant-login link",
                format!("oauth/instant-login?client_id={id}&district_id={district}"),
            ),
        ];
        Ok(Some(Arc::new(Demo {
            ways: ways
                .map(|(name, path)| (name, format!("{base}{path}")))
                .into(),
            before,
        })))
    }
}
