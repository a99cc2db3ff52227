"""What both apps have in common: Django's settings, the front page, and the accounts for the rehearsal."""

import os
import tempfile

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.utils.html import escape

# The Clever of the rehearsal answers for both of Clever's addresses.
CLEVER = os.environ.get("CLEVER_URL", "http://127.0.0.1:8787").rstrip("/")
CLIENT = os.environ.get("CLEVER_CLIENT_ID", "")
SECRET = os.environ.get("CLEVER_CLIENT_SECRET", "")


def configure(urls, apps, middleware=(), **more):
    """Sets Django up, with a database that goes with the process."""
    folder = tempfile.mkdtemp(prefix="certified-")
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF=urls,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/app.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            *apps,
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            *middleware,
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        LOGIN_REDIRECT_URL="/",
        LOGOUT_REDIRECT_URL="/",
        **more,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def front_page(login, logout, by_link=True):
    """The front page: who is signed in and how to leave, or how to come in."""

    def button(request, action, words):
        token = get_token(request)
        hidden = f"<input type=hidden name=csrfmiddlewaretoken value={token}>"
        return f"<form method=post action={action}>{hidden}<button>{words}</button></form>"

    def page(request):
        if request.user.is_authenticated:
            name = escape(request.user.get_full_name())
            said = f"<p>{name}</p>" + button(request, logout, "Log out")
        elif by_link:
            said = f"<a href={login}>Log in with Clever</a>"
        else:
            said = button(request, login, "Log in with Clever")
        return HttpResponse(f"<!doctype html><title>Sums</title>{said}")

    return page


def accounts(links):
    """The accounts, as the rehearsal reads them: `links` gives pairs of a Clever id and a user."""

    def page(request):
        users = [
            {"clever_id": clever_id, "account_id": str(user.pk), "is_active": user.is_active}
            for clever_id, user in links()
        ]
        return JsonResponse({"users": users})

    return page


def serve(port):
    """Serves until the process is ended."""
    call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, verbosity=0)
