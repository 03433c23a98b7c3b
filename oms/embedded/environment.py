"""Fill in what the settings need, from the embedded services, wherever the environment does not say it already."""

import os
import secrets
from collections.abc import MutableMapping

from oms.embedded.postgres import PostgresServer
from oms.embedded.programs import are_installed, find_programs
from oms.embedded.state import StateDirectory, state_directory
from oms.embedded.valkey import ValkeyServer

NEEDED = ("DATABASE_URL", "REDIS_URL", "OMS_SECRET_KEY")


def is_set(environment: MutableMapping[str, str], name: str) -> bool:
    """True when the variable, or the file with its value, is named."""
    return bool(environment.get(name) or environment.get(f"{name}_FILE"))


def point_at_embedded_services(environment: MutableMapping[str, str]) -> None:
    """Let every management command of this checkout find the services that `manage.py up` runs.

    What the environment names already stays as it is. Without the wheels, as in production, nothing is filled in and
    the settings ask for what is missing. Raises EmbeddedError when the machine cannot run the services.
    """
    if not are_installed() or all(is_set(environment, name) for name in NEEDED):
        return
    state = state_directory(environment)
    state.create()
    programs = find_programs(state)
    if not is_set(environment, "DATABASE_URL"):
        environment["DATABASE_URL"] = PostgresServer(state, programs).url
    if not is_set(environment, "REDIS_URL"):
        environment["REDIS_URL"] = ValkeyServer(state, programs).url
    if not is_set(environment, "OMS_SECRET_KEY"):
        environment["OMS_SECRET_KEY"] = own_secret_key(state)
    if "OMS_STATE_DIR" in environment:
        environment.setdefault("OMS_MEDIA_ROOT", str(state.root / "media"))
        environment.setdefault("OMS_EMAIL_FILE_PATH", str(state.root / "mail"))


def own_secret_key(state: StateDirectory) -> str:
    """The key of this installation, made on first use and readable to its owner alone."""
    path = state.root / "secret_key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    key = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    return key
