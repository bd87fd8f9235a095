"""Django, with what is not needed left out: no admin, no sessions, no templates."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

_url = urlsplit(os.environ["BENCH_DATABASE_URL"])
SECRET_KEY = os.environ["BENCH_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["rest_framework", "benchmarks.rivals.drf"]
# The second one sets Content-Length.
MIDDLEWARE = ["benchmarks.rivals.drf.middleware.around", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "benchmarks.rivals.drf.urls"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
APPEND_SLASH = False
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.request": {"level": "ERROR"}},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["benchmarks.rivals.drf.authentication.ApiKey"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
DATABASE: dict[str, Any]
if _url.scheme.startswith("postgresql"):
    DATABASE = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path[1:],
        "USER": _url.username,
        "PASSWORD": unquote(_url.password or ""),
        "HOST": _url.hostname,
        "PORT": _url.port,
        "OPTIONS": {"options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"},
    }
else:
    DATABASE = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _url.path[1:],
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000",
        },
    }
DATABASES = {"default": {**DATABASE, "CONN_MAX_AGE": None}}
