"""All settings of the portal. Every value that differs between installations comes from the environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.templatetags.static import static
from django.utils.csp import CSP

from connie_portal.database import database_files, database_settings
from connie_portal.env import (
    as_sent,
    env_api_address,
    env_bool,
    env_directory,
    env_hosts,
    env_port,
    env_redis_url,
    env_secret,
    env_str,
    env_web_address,
    env_word,
    load_env_file,
)
from connie_portal.mail import mailer_settings
from connie_portal.private import keep_to_the_owner, make_private
from integrations.storage.redis import pool_options

BASE_DIR = Path(__file__).resolve().parent.parent

# -- Where things are --------------------------------------------------------------------------------------------
keep_to_the_owner()
DATA_DIR = env_directory("CONNIE_DATA_DIR", "var", BASE_DIR)
load_env_file(DATA_DIR / "demo.env")
SOURCES_DIR = Path(env_str("CONNIE_SOURCES_DIR", str(DATA_DIR / "sources"))).resolve()
PORT = env_port("CONNIE_PORT")
SANDBOX_PORT = env_port("CONNIE_SANDBOX_PORT")
PUBLIC_URL = env_web_address("CONNIE_PUBLIC_URL")

# -- Keys --------------------------------------------------------------------------------------------------------
_MAKE_KEY = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'."
SECRET_KEY = env_secret("CONNIE_SECRET_KEY", _MAKE_KEY)
ENCRYPTION_KEYS = [key.strip() for key in env_secret("CONNIE_ENCRYPTION_KEYS", _MAKE_KEY).split(",") if key.strip()]
INDEX_KEY = env_secret("CONNIE_INDEX_KEY", _MAKE_KEY)

# -- Network -----------------------------------------------------------------------------------------------------
ALLOW_PRIVATE = env_bool("CONNIE_ALLOW_PRIVATE")
DATABASE_URL = env_str("CONNIE_DATABASE_URL")
REDIS_URL = env_redis_url("CONNIE_REDIS_URL")
ALLOWED_HOSTS = env_hosts("CONNIE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
if PUBLIC_URL:
    ALLOWED_HOSTS.append(as_sent(str(urlsplit(PUBLIC_URL).hostname)))
TWILIO_TASKROUTER_URL = env_api_address("CONNIE_TWILIO_TASKROUTER_URL", "https://taskrouter.twilio.com", plain=ALLOW_PRIVATE)
TWILIO_EVENTS_URL = env_api_address("CONNIE_TWILIO_EVENTS_URL", "https://events.twilio.com", plain=ALLOW_PRIVATE)
HTTPS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

# What differs from connie_portal.protocol.Limits: for tests, which cannot wait as long.
SERVE_LIMITS: dict[str, Any] = {}

# -- Application -------------------------------------------------------------------------------------------------
DEBUG = False
ROOT_URLCONF = "connie_portal.urls"
ASGI_APPLICATION = "connie_portal.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    # Not Unfold's default configuration, which would put its own site in the place of the portal's.
    "unfold.apps.BasicAppConfig",
    "integrations.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "integrations.apps.IntegrationsConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "connie_portal.problems.BlankPages",
]
# Below /api/v1/ only: see connie_portal.asgi.
API_MIDDLEWARE = ["connie_portal.headers.api_headers"]
STATIC_MIDDLEWARE = ["connie_portal.headers.api_headers", "connie_portal.static_files.StaticFilesMiddleware"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# -- Storage -----------------------------------------------------------------------------------------------------
DATABASES = {"default": database_settings(DATABASE_URL, DATA_DIR)}
for _sentence in make_private(DATA_DIR, *database_files(DATABASES["default"])):
    print(_sentence, file=sys.stderr)
if REDIS_URL:
    # A server that is away costs what was cached and nothing else: sessions and failed log-ins are in the database.
    options = {"CONNECTION_POOL_KWARGS": pool_options(REDIS_URL), "IGNORE_EXCEPTIONS": True}
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "connie",
            "OPTIONS": options,
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 50_000}}}
SESSION_ENGINE = "integrations.dashboard.session_store"
STATIC_URL = "static/"
STATIC_ROOT = None
STATICFILES_DIRS = [BASE_DIR / "static"]
# WhiteNoise serves from the finders, so a fresh clone needs no collectstatic.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# Uploaded lists hold people: they are kept in memory and never written to a temporary file. Larger ones are dropped.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 21 * 1024 * 1024

# -- Stored work -------------------------------------------------------------------------------------------------
TASKS = {"default": {"BACKEND": "connie_portal.queue.QueueBackend"}}

# -- People ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "integrations.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
CSRF_FAILURE_VIEW = "connie_portal.problems.forged_request"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
AXES_HANDLER = "integrations.dashboard.lockout.LockOut"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username", "ip_address"]
AXES_USERNAME_CALLABLE = "integrations.dashboard.lockout.digest_of_name"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True  # who logged in is in the audit trail
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False  # its rows are of no organisation

# -- Mail --------------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = env_str("CONNIE_EMAIL_FROM", "connie@localhost")
MAIL_IS_SENT = bool(env_str("CONNIE_EMAIL_URL"))  # without a server, mails are files
MAILERS = {"default": mailer_settings(env_str("CONNIE_EMAIL_URL"), DATA_DIR)}

# -- Language and time -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = ["connie_portal.formats"]
TIME_ZONE = "UTC"

# -- Browser safety ----------------------------------------------------------------------------------------------
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# -- Admin ------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Connie portal",
    "SITE_HEADER": "Connie portal",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": True,
    # The portal's one blue.
    "COLORS": {
        "primary": {
            "50": "#eff5fd",
            "100": "#e6effb",
            "200": "#c6dbf7",
            "300": "#9dc0f2",
            "400": "#5f97e6",
            "500": "#2b72d6",
            "600": "#0b57c5",
            "700": "#0a4aa8",
            "800": "#0b3d87",
            "900": "#0d336b",
            "950": "#0a2148",
        }
    },
    "STYLES": [lambda _request: static("css/tokens.css"), lambda _request: static("css/admin.css")],
    "DASHBOARD_CALLBACK": "integrations.admin.home.overview",
    "SIDEBAR": {"show_search": False, "navigation": "integrations.admin.navigation.sidebar"},
}

# -- API ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "integrations.api.errors.as_error",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Connie portal",
    "DESCRIPTION": "Caller context for Twilio Studio and scripts.",
    "VERSION": "1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_NAME_OVERRIDES": {"ErrorCode": "integrations.api.schema.CODES", "Consent": "integrations.consents.ANSWERS"},
    "SECURITY": [{"bearer": []}, {"basic": []}],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
            "basic": {"type": "http", "scheme": "basic", "description": "An API key as the password; any user name."},
            "twilio": {
                "type": "apiKey",
                "in": "header",
                "name": "X-Twilio-Signature",
                "description": "Twilio's signature, made with the auth token of one of the organisation's accounts.",
            },
        }
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# -- Logging (structlog is set up in connie_portal.logs) ---------------------------------------------------------
LOGGING_CONFIG = "connie_portal.logs.configure"
LOGGING = {"level": env_word("CONNIE_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")}
