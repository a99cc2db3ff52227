//! The beginning of a login without a browser: up to the callback with its code, which is not delivered yet.

use crate::CertificationUser;
use url::Url;

use super::page;
use super::visitor::{Answer, VisitError, Visitor, Way};
use crate::certify::app::AppUnderTest;
use crate::certify::clever::RehearsalClever;

/// The beginning of a login.
pub(crate) struct Start {
    /// What the app asked Clever for, if it did.
    pub(crate) authorize: Option<Url>,
    /// The login, if it came as far as the callback.
    pub(crate) begun: Option<Begun>,
}

/// A login that has come as far as the callback.
pub(crate) struct Begun {
    pub(crate) visitor: Visitor,
    /// The callback with its code, not yet asked for.
    pub(crate) callback: Url,
    user: CertificationUser,
}

/// How a login ended.
pub(crate) struct Ended {
    pub(crate) way: Way,
    /// Whether the person is signed in.
    pub(crate) is_in: bool,
}

/// Begins a login of `user` at the app's button; where it has none that can be followed without a browser, in the
/// portal.
pub(crate) async fn begin(
    app: &AppUnderTest,
    clever: &RehearsalClever,
    user: CertificationUser,
) -> Result<Start, VisitError> {
    let mut visitor = Visitor::new()?;
    visitor.get(&clever.portal(user)).await?;
    let stops = |url: &Url| app.is_callback(url);
    let mut authorize = None;
    let mut note = |way: &Way| {
        let mut asked = way
            .answers
            .iter()
            .filter(|answer| clever.is_own(&answer.url) && answer.url.path() == "/oauth/authorize");
        authorize = asked
            .next()
            .map(|answer| answer.url.clone())
            .or(authorize.take());
    };
    let mut way = visitor.walk(&app.login_url, stops).await?;
    note(&way);
    if way.stopped_at.is_none()
        && let Some(button) = way.answers.last().and_then(|page| button(page, clever))
    {
        way = visitor.walk(&button, stops).await?;
        note(&way);
    }
    if way.stopped_at.is_none() {
        let launch = clever.door("/portal/launch", user);
        way = visitor.walk(&launch, stops).await?;
        if let Some(stateless) = way.stopped_at.take() {
            // The app begins again: the second callback has a `state`.
            let first = stateless.query().map(ToOwned::to_owned);
            let again = |url: &Url| app.is_callback(url) && url.query() != first.as_deref();
            way = visitor.walk(&stateless, again).await?;
            note(&way);
        }
    }
    let begun = way.stopped_at.map(|callback| Begun {
        visitor,
        callback,
        user,
    });
    Ok(Start { authorize, begun })
}

/// The link to Clever on a login page.
fn button(page: &Answer, clever: &RehearsalClever) -> Option<Url> {
    let links = &page.page.links;
    let leads = links.iter().find(|(to, _)| clever.is_own(to));
    let says = || {
        links
            .iter()
            .find(|(to, words)| says_clever(words) || says_clever(to.path()))
    };
    leads.or_else(says).map(|(to, _)| to.clone())
}

fn says_clever(text: &str) -> bool {
    text.to_lowercase().contains("clever")
}

impl Begun {
    /// Delivers the callback and goes on to where it leads.
    pub(crate) async fn deliver(&mut self, app: &AppUnderTest) -> Result<Ended, VisitError> {
        let way = self.visitor.walk(&self.callback, |_| false).await?;
        let name = self.user.name();
        let last = way.answers.last();
        let mut is_in = last.is_some_and(|page| {
            page.status < 400 && app.is_own(&page.url) && page::shows(&page.page.text, name)
        });
        if !is_in {
            let home = self.visitor.walk(&app.url, |url| !app.is_own(url)).await?;
            let home = home.answers.last();
            is_in = home.is_some_and(|page| page::shows(&page.page.text, name));
        }
        Ok(Ended { way, is_in })
    }
}
