"""Settings of the whole project, driven by environment variables. `docs/operations.md` lists every variable.

Secrets may come from files: for any variable X, `X_FILE` names a file whose content is the value.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import dj_database_url
import django_stubs_ext
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from oms.flow.intervals import EVERY_SECONDS

# Lets classes say what they are about at run time too: `class OrderAdmin(ModelAdmin[Order])`.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent


def env_str(name: str, default: str = "") -> str:
    """The variable, or the content of the file that `<name>_FILE` names, or the default."""
    file_name = os.environ.get(f"{name}_FILE")
    if file_name:
        return Path(file_name).read_text(encoding="utf-8").strip()
    return os.environ.get(name, default)


def env_bool(name: str, default: bool = False) -> bool:
    """True for 1, true, yes, on; false for 0, false, no, off; anything else is refused."""
    value = env_str(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; expected true or false.")


def env_int(name: str, default: int) -> int:
    """A whole number, or the default where the variable is not set."""
    value = env_str(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; expected a whole number.") from error


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list without blanks."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


# -- what runs --------------------------------------------------------------------------------------------------------

#: web, worker, relay, beat or manage; only the web process uses a connection pool.
PROCESS = env_str("OMS_PROCESS", "manage")
DEBUG = env_bool("OMS_DEBUG", False)
TESTING = "pytest" in sys.modules
DEMO = env_bool("OMS_DEMO", False)
#: Orders of the past that `load_demo` tells unless asked for another number; fewer load sooner.
DEMO_ORDERS = env_int("OMS_DEMO_ORDERS", 2000)
#: Where the simulated store, carrier and provider of messages of the demo world answer.
DEMO_STORE_URL = env_str("DEMO_STORE_URL", "http://127.0.0.1:8701").rstrip("/")
DEMO_CARRIER_URL = env_str("DEMO_CARRIER_URL", "http://127.0.0.1:8702").rstrip("/")
DEMO_MESSAGES_URL = env_str("DEMO_MESSAGES_URL", "http://127.0.0.1:8703").rstrip("/")
SECRET_KEY = env_str("OMS_SECRET_KEY") or ("insecure-key-for-tests-and-evaluation-only" if DEBUG or TESTING else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("OMS_SECRET_KEY is not set. Give it a long random value; `make run` makes its own.")
#: Former keys: sessions, and pickup codes of letters that were sent under them, stay good.
SECRET_KEY_FALLBACKS = env_list("OMS_SECRET_KEY_FALLBACKS")
#: Keys that encrypt stored credentials, newest first; old ones stay readable until `rotate_keys` has run.
SALT_KEY = env_list("OMS_SALT_KEYS") or [SECRET_KEY]
ALLOWED_HOSTS = env_list("OMS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("OMS_TRUSTED_ORIGINS")
#: Address under which customers and carriers reach this installation; used in e-mails and tracking links.
PUBLIC_URL = env_str("OMS_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_cotton",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "ninja",
    "django_celery_beat",
    "django_prometheus",
    "oms.core",
    "oms.accounts",
    "orders",
    "inventory",
    "carriers",
    "routing",
    "fulfillment",
    "returns",
    "channels",
    "oms.notifications",
    "oms.reporting",
    "oms.integrations",
    "oms.flow",
    "oms.dashboard",
    "oms.store",
    "oms.portal",
    "oms.api",
    "oms.demo",
    "oms.embedded",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
    "oms.accounts.middleware.DomainErrorMiddleware",
    "oms.store.sharing.SharedPhoneMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "oms.urls"
WSGI_APPLICATION = "oms.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "oms.accounts.context.shell",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton"],
        },
    }
]
COTTON_DIR = "components"
COTTON_SNAKE_CASED_NAMES = True

# -- data -------------------------------------------------------------------------------------------------------------

DATABASE_URL = env_str("DATABASE_URL")
if not DATABASE_URL:
    raise ImproperlyConfigured("DATABASE_URL is not set. `make run` and `make test` start a PostgreSQL of their own.")


def database() -> dict[str, Any]:
    """The one database, with the time-outs every process has; a pool in the web process only."""
    config: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL))
    options = config.setdefault("OPTIONS", {})
    timeouts = {
        "statement_timeout": env_str("OMS_STATEMENT_TIMEOUT", "15s" if PROCESS == "web" else "300s"),
        "lock_timeout": env_str("OMS_LOCK_TIMEOUT", "3s" if PROCESS == "web" else "20s"),
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        "jit": "off",
        "random_page_cost": "1.1",
    }
    # A statement is planned once per connection; 0 for a pooler that cannot keep prepared statements.
    options["prepare_threshold"] = env_int("OMS_PREPARE_AFTER", 3) or None
    options["options"] = " ".join(f"-c {key}={value}" for key, value in timeouts.items())
    if PROCESS == "web":
        options["pool"] = {"min_size": 2, "max_size": env_int("OMS_WEB_THREADS", 8) + 2, "timeout": 5}
    else:
        config["CONN_MAX_AGE"] = 0 if TESTING else 60
        config["CONN_HEALTH_CHECKS"] = True
    return config


DATABASES = {"default": database()}
REDIS_URL = env_str("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"

MEDIA_ROOT = Path(env_str("OMS_MEDIA_ROOT", str(BASE_DIR / ".oms" / "media")))
MEDIA_URL = "media/"
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env_str("OMS_STATIC_ROOT", str(BASE_DIR / ".oms" / "static")))
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder",
                       "django.contrib.staticfiles.finders.AppDirectoriesFinder"]  # fmt: skip
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
#: Serve straight from the source tree unless the files were collected (the container image collects them).
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()
WHITENOISE_MAX_AGE = 0 if DEBUG else 3600
MAX_UPLOAD_BYTES = env_int("OMS_MAX_UPLOAD_MB", 50) * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

#: Lets webhooks go to plain http and to addresses of one's own network; see `oms.integrations.addresses`.
WEBHOOKS_ALLOW_PRIVATE = env_bool("OMS_WEBHOOKS_ALLOW_PRIVATE", DEBUG)

# -- jobs -------------------------------------------------------------------------------------------------------------

#: How long a worker may hold what it claimed before others take it for dead and do it themselves. Longer than the
#: slowest batch, or a slow network step is done twice (carriers and channels bear that, but it costs calls).
LEASE_SECONDS = env_int("OMS_LEASE_SECONDS", 120)
#: Where files for WMS lie, a directory for each node; empty: they are fetched from the screen or over the API only.
HAND_OFF_DIR = env_str("OMS_HAND_OFF_DIR", "")
#: The longest life of a hold on stock, in seconds since it was made: units kept from others must not be so for ever.
HOLD_MAX_SECONDS = env_int("OMS_HOLD_MAX_SECONDS", 3600)
#: How long promises believe calendars, services and corrections that they read; 0 reads them for every question.
PROMISE_REMEMBER_SECONDS = env_int("OMS_PROMISE_REMEMBER_SECONDS", 2)
#: A shared phone of a store locks after so long without a touch.
STORE_IDLE_SECONDS = env_int("OMS_STORE_IDLE_SECONDS", 300)
#: Simulations of rules are deleted so many days after they were played.
SIMULATION_KEPT_DAYS = env_int("OMS_SIMULATION_KEPT_DAYS", 90)
#: An order whose channel names no date is promised ours once it is routed.
PROMISE_WHERE_NONE = env_bool("OMS_PROMISE_WHERE_NONE", True)
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    name: {"task": "flow.scheduled", "schedule": seconds, "args": [name], "options": {"expires": seconds}}
    for name, seconds in EVERY_SECONDS.items()
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# -- people -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if TESTING
    else ["django.contrib.auth.hashers.Argon2PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "oms.accounts.adapter.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
# Beside AXES below, which closes one address from one place and says so on a page: attempts at one address from many
# places, at many addresses from one, and at the codes of the second step, which AXES does not see.
ACCOUNT_RATE_LIMITS = {"login_failed": "60/m/ip,20/15m/key"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "OMS"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "oms.accounts.adapter.attempted_address"
AXES_RESET_ON_SUCCESS = True
# The page promises a quarter of an hour: who tries in between does not start it anew.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_DISABLE_ACCESS_LOG = True
# What was typed beside a wrong password is kept without these.
AXES_SENSITIVE_PARAMETERS = ["password", "pin", "again", "current", "code"]
AXES_VERBOSE = False

# -- the browser ------------------------------------------------------------------------------------------------------

HTTPS = env_bool("OMS_HTTPS", False)
SECURE_SSL_REDIRECT = HTTPS and env_bool("OMS_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "oms_session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "oms_csrf"
CSRF_COOKIE_HTTPONLY = False
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE, "'wasm-unsafe-eval'"],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "frame-ancestors": [SELF],
        "frame-src": [SELF, "blob:"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

# -- words and time ---------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("hi", "हिन्दी")]
LOCALE_PATHS = [BASE_DIR / "oms" / "locale"]
TIME_ZONE = env_str("OMS_TIME_ZONE", "Asia/Kolkata")
USE_I18N = True
USE_TZ = True
DEFAULT_CURRENCY = env_str("OMS_CURRENCY", "INR")
DEFAULT_COUNTRY = env_str("OMS_COUNTRY", "IN")

#: Units that may come on top of a line of a purchase order without being asked about, in percent of the line.
#: A driver signs, or says the code of the pickup, before parcels are handed over; else the name is enough.
HANDOVER_NEEDS_PROOF = env_bool("OMS_HANDOVER_NEEDS_PROOF", False)
PACK_WEIGHT_TOLERANCE_PERCENT = env_int("OMS_PACK_WEIGHT_TOLERANCE_PERCENT", 10)
RECEIVE_OVER_PERCENT = env_int("OMS_RECEIVE_OVER_PERCENT", 5)

# -- e-mail -----------------------------------------------------------------------------------------------------------

EMAIL_BACKEND = env_str("OMS_EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = env_str("OMS_EMAIL_FILE_PATH", str(BASE_DIR / ".oms" / "mail"))
EMAIL_HOST = env_str("OMS_EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("OMS_EMAIL_PORT", 25)
EMAIL_HOST_USER = env_str("OMS_EMAIL_USER")
EMAIL_HOST_PASSWORD = env_str("OMS_EMAIL_PASSWORD")
EMAIL_USE_TLS = env_bool("OMS_EMAIL_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("OMS_EMAIL_FROM", "orders@example.com")

# -- logs -------------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env_str("OMS_LOG_LEVEL", "INFO")},
    "loggers": {"axes": {"level": "WARNING"}, "django.server": {"level": "WARNING"}},
}
PROMETHEUS_EXPORT_MIGRATIONS = False
SILENCED_SYSTEM_CHECKS: list[str] = []
