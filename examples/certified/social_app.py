"""Signs in with Clever through social-auth-core, as it comes: `python social_app.py PORT`."""

import sys

import common as site

site.configure(
    __name__,
    ["social_django"],
    ["social_django.middleware.SocialAuthExceptionMiddleware"],
    AUTHENTICATION_BACKENDS=[f"{__name__}.Clever", "django.contrib.auth.backends.ModelBackend"],
    SOCIAL_AUTH_CLEVER_KEY=site.CLIENT,
    SOCIAL_AUTH_CLEVER_SECRET=site.SECRET,
    SOCIAL_AUTH_URL_NAMESPACE="social",
    SOCIAL_AUTH_LOGIN_ERROR_URL="/",
)

from django.contrib.auth.views import LogoutView  # noqa: E402
from django.urls import include, path  # noqa: E402
from social_core.backends.clever import CleverOAuth2  # noqa: E402
from social_django.models import UserSocialAuth  # noqa: E402


class Clever(CleverOAuth2):
    """The backend as it is, at another address: that of the API is written in its code."""

    AUTHORIZATION_URL = f"{site.CLEVER}/oauth/authorize"
    ACCESS_TOKEN_URL = f"{site.CLEVER}/oauth/tokens"

    # Clever documents the client's id and secret as Basic authentication; the backend sends them in the body.
    USE_BASIC_AUTH = True

    def request(self, url, *args, **kwargs):
        return super().request(url.replace("https://api.clever.com", site.CLEVER), *args, **kwargs)


def links():
    return ((link.uid, link.user) for link in UserSocialAuth.objects.select_related("user"))


urlpatterns = [
    path("", site.front_page("/login/clever/", "/leave/", by_link=False)),
    path("users.json", site.accounts(links)),
    path("leave/", LogoutView.as_view()),
    path("", include("social_django.urls", namespace="social")),
]

if __name__ == "__main__":
    site.serve(sys.argv[1])
