"""Signs in with Clever through django-allauth, as it comes: `python allauth_app.py PORT`."""

import sys

import common as site

site.configure(
    __name__,
    ["allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.clever"],
    ["allauth.account.middleware.AccountMiddleware"],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    ACCOUNT_EMAIL_VERIFICATION="none",
    # Most students have no address.
    ACCOUNT_SIGNUP_FIELDS=["username*", "email"],
    SOCIALACCOUNT_LOGIN_ON_GET=True,
    SOCIALACCOUNT_PROVIDERS={
        "clever": {"APPS": [{"client_id": site.CLIENT, "secret": site.SECRET}]},
    },
)

from allauth.socialaccount.models import SocialAccount  # noqa: E402
from allauth.socialaccount.providers.clever.views import CleverOAuth2Adapter  # noqa: E402
from django.urls import include, path  # noqa: E402

# Clever's addresses are constants of the class.
CleverOAuth2Adapter.access_token_url = f"{site.CLEVER}/oauth/tokens"
CleverOAuth2Adapter.authorize_url = f"{site.CLEVER}/oauth/authorize"
CleverOAuth2Adapter.identity_url = f"{site.CLEVER}/v3.0/me"
CleverOAuth2Adapter.user_details_url = f"{site.CLEVER}/v3.0/users"

# Clever documents the client's id and secret as Basic authentication; the provider sends them in the body.
CleverOAuth2Adapter.basic_auth = True


def links():
    return ((link.uid, link.user) for link in SocialAccount.objects.select_related("user"))


urlpatterns = [
    path("", site.front_page("/accounts/clever/login/", "/accounts/logout/")),
    path("users.json", site.accounts(links)),
    path("accounts/", include("allauth.urls")),
]

if __name__ == "__main__":
    site.serve(sys.argv[1])
