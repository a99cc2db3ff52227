//! Where the sign-in's pages are, as browsers see them.
//!
//! A router may be nested below a path, and a proxy may strip one before the application sees it. The
//! redirect address is registered as browsers see it, so what stands before its last part is where the
//! other pages are too.

use axum::http::Uri;
use clever_auth::SafePath;
use tracing::warn;

/// The route of Clever's answers where the redirect address names none that could be one.
const CALLBACK: &str = "/callback";
pub(super) const LOGIN: &str = "/login";
pub(super) const LOGOUT: &str = "/logout";

/// A page of the application, with the page that a person wanted as `return_to` in its query.
pub(super) fn with_wish(page: &SafePath, wish: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", wish)
        .finish();
    let joint = if page.as_str().contains('?') {
        '&'
    } else {
        '?'
    };
    format!("{page}{joint}{query}")
}

/// The paths of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What stands before each of them; empty or `/…`.
    base: String,
    callback: String,
}

impl Place {
    /// Derives the paths from the redirect address's; `base` overrides what stands before them.
    pub(super) fn new(redirect: &str, base: Option<&SafePath>) -> Self {
        let (before, last) = redirect.rsplit_once('/').unwrap_or_default();
        let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
        let callback = format!("/{last}");
        let usable = !last.is_empty()
            && last.bytes().all(fine)
            && ![LOGIN, LOGOUT].contains(&callback.as_str());
        let before = match base {
            Some(base) => base.as_str().trim_end_matches('/'),
            None => before,
        };
        // Where every page leads to must be on this site.
        let safe = SafePath::new(&format!("{before}/")).is_ok() && !before.contains(['?', '#']);
        if !usable || !safe {
            warn!(
                redirect,
                "the redirect address has no path of its own for Clever's answers: end it with /callback"
            );
        }
        Self {
            base: if safe {
                before.to_owned()
            } else {
                String::new()
            },
            callback: if usable {
                callback
            } else {
                CALLBACK.to_owned()
            },
        }
    }

    /// The route of Clever's answers, within the router.
    pub(super) fn callback(&self) -> &str {
        &self.callback
    }

    /// The address that begins a sign-in.
    pub(super) fn login(&self, return_to: Option<&str>) -> String {
        let Some(path) = return_to else {
            return format!("{}{LOGIN}", self.base);
        };
        SafePath::new(&format!("{}{LOGIN}", self.base))
            .map_or_else(|_| LOGIN.to_owned(), |page| with_wish(&page, path))
    }

    /// The address that ends a session.
    pub(super) fn logout(&self) -> String {
        format!("{}{LOGOUT}", self.base)
    }

    /// What a proxy has stripped, derived from a `route` of ours and the address under which the application
    /// saw it: `/tool` if browsers ask for `/tool/login` and `/login` comes here.
    pub(super) fn stripped(&self, seen: &Uri, route: &str) -> &str {
        let mount = seen.path().strip_suffix(route);
        mount
            .and_then(|mount| self.base.strip_suffix(mount))
            .unwrap_or_default()
    }

    /// A path that the application saw, as browsers see it; pages of the sign-in itself are no way on.
    pub(super) fn public(&self, stripped: &str, path: SafePath) -> Option<SafePath> {
        let below = |base: &str| {
            let rest = path.as_str().strip_prefix(base);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
        };
        let path = if stripped.is_empty() || below(stripped) {
            path
        } else {
            SafePath::new(&format!("{stripped}{path}")).ok()?
        };
        let plain = path.as_str().split(['?', '#']).next().unwrap_or_default();
        let own = [LOGIN, LOGOUT, &self.callback];
        let ours = plain
            .strip_prefix(&*self.base)
            .is_some_and(|rest| own.contains(&rest.trim_end_matches('/')));
        (!ours).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SafePath {
        SafePath::new(text).unwrap()
    }

    #[test]
    fn field_f5_pages_are_beside_the_redirect_address() {
        for (redirect, base, login, callback) in [
            ("/callback", None, "/login", "/callback"),
            ("/auth/callback", None, "/auth/login", "/callback"),
            ("/a/b/clever", None, "/a/b/login", "/clever"),
            ("/auth/callback/", None, "/auth/callback/login", "/callback"),
            ("/callback", Some("/x/"), "/x/login", "/callback"),
            ("/", None, "/login", "/callback"),
            ("/auth/login", None, "/auth/login", "/callback"),
            ("//evil.example/callback", None, "/login", "/callback"),
            ("/:id", None, "/login", "/callback"),
        ] {
            let base = base.map(path);
            let place = Place::new(redirect, base.as_ref());
            assert_eq!(place.login(None), login, "{redirect}");
            assert_eq!(place.callback(), callback, "{redirect}");
        }
        let place = Place::new("/auth/callback", None);
        assert_eq!(
            place.login(Some("/a?b=c")),
            "/auth/login?return_to=%2Fa%3Fb%3Dc"
        );
    }

    #[test]
    fn field_f5_what_a_proxy_strips_is_put_back_and_what_a_router_nests_is_not() {
        // Redirect address, where the application saw `/login`, a path that it saw, and as browsers see it.
        for (redirect, seen, there, public) in [
            ("/callback", "/login", "/page", Some("/page")),
            (
                "/auth/callback",
                "/auth/login",
                "/area/page",
                Some("/area/page"),
            ),
            (
                "/tool/callback",
                "/login",
                "/area/page",
                Some("/tool/area/page"),
            ),
            (
                "/tool/callback",
                "/login",
                "/tool/page?a=b",
                Some("/tool/page?a=b"),
            ),
            (
                "/tool/callback",
                "/login",
                "/toolbox",
                Some("/tool/toolbox"),
            ),
            ("/tool/auth/callback", "/auth/login", "/", Some("/tool/")),
            ("/other/callback", "/auth/login", "/page", Some("/page")),
            // The sign-in's own pages would go round, or sign out who has just signed in.
            (
                "/auth/callback",
                "/auth/login",
                "/auth/login?return_to=/a",
                None,
            ),
            ("/auth/callback", "/auth/login", "/auth/logout", None),
            ("/tool/callback", "/login", "/callback?code=x", None),
            ("/tool/callback", "/login", "/tool/login/", None),
        ] {
            let place = Place::new(redirect, None);
            let stripped = place.stripped(&seen.parse().unwrap(), LOGIN).to_owned();
            let found = place.public(&stripped, path(there));
            assert_eq!(found, public.map(path), "{redirect} {seen} {there}");
        }
    }
}
