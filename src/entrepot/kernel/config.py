"""Typed configuration: defaults, then `entrepot.toml` in the home, then the environment (`ENTREPOT_PORT=...`)."""

from __future__ import annotations

import os
import secrets
import tomllib
from pathlib import Path
from typing import Any

import msgspec

CONTAINER = Path("/sys/fs/cgroup/cpu.max")  # microseconds of processor in so many microseconds (Linux, cgroup v2)
MOST_WORKERS = 4  # processes that answer requests, unless somebody says how many


class ConfigError(RuntimeError):
    """The configuration cannot be used; the message says which setting and why."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of the process. `docs/configuration.md` is generated from `EXPLAINED`."""

    home: str = ".entrepot"
    database_url: str = ""
    database_name: str = "entrepot"
    postgres_binaries: str = ""
    pool: int = 16
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0
    path_prefix: str = ""
    base_domain: str = ""
    public_url: str = ""
    trusted_proxies: str = ""
    cors_origins: str = ""
    log_level: str = "info"
    log_format: str = "auto"
    topology: str = ""
    service: str = ""
    broker_url: str = ""
    redis_url: str = ""
    files_url: str = ""
    smtp_url: str = ""
    mail_from: str = "Entrepot <no-reply@localhost>"
    secret: str = ""
    address_limit: int = 6000
    tenant_limit: int = 60000
    body_limit: int = 10_000_000
    far_timeout: float = 1.0
    locale: str = "en"
    demo: bool = True

    @property
    def folder(self) -> Path:
        return Path(self.home).expanduser().resolve()

    @property
    def address(self) -> str:
        """Where links in mails lead. Never taken from a request: whoever sends one can name any host."""
        return (self.public_url or f"http://{self.host}:{self.port}{self.path_prefix}").rstrip("/")

    @property
    def processes(self) -> int:
        """How many processes answer requests. By itself it leaves the database as many processors as they take."""
        if self.workers > 0:
            return self.workers
        if self.topology or not hasattr(os, "sched_getaffinity"):
            return 1  # services share a machine as it is, and elsewhere than on Linux nobody shares a port out
        return min(MOST_WORKERS, max(1, _processors() // 2))

    def origins(self) -> list[str]:
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]


def _processors() -> int:
    """How many processors this process may use, of those there are and of what its container is given."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = CONTAINER.read_text().split()
        return min(allowed, int(quota) // int(period))
    except (OSError, ValueError):  # no container, or one that is given all it wants ("max")
        return allowed


EXPLAINED: dict[str, str] = {
    "home": "folder of everything local; two homes are two independent systems",
    "database_url": "PostgreSQL 16 or newer, as a role that may create databases and roles; empty starts the embedded server",
    "database_name": "the database inside that server",
    "postgres_binaries": "folder with the PostgreSQL programs to start instead of the embedded ones",
    "pool": "database connections per process",
    "host": "address to listen on",
    "port": "port to listen on",
    "workers": "processes that answer requests; 0 is one for two processors, four at most, and one for each service",
    "path_prefix": "path under which a reverse proxy serves us, such as /erp",
    "public_url": "address people reach us at, for links in mails; empty is this process on its own port",
    "base_domain": "domain whose subdomains name tenants: acme.example.com is the tenant acme",
    "trusted_proxies": "addresses whose X-Forwarded-* headers are believed, comma separated",
    "cors_origins": "origins of other front ends that may call the API, comma separated; * for any",
    "log_level": "debug, info, warning or error",
    "log_format": "json, text, or auto: text on a terminal",
    "topology": "file that places modules in services; empty is one process",
    "service": "which service of the topology this process is",
    "broker_url": "RabbitMQ for events between services",
    "redis_url": "Redis for what processes share and may lose",
    "files_url": "where files live: empty for the home folder, or s3://bucket/prefix",
    "smtp_url": "mail server, smtp://user:password@host:port; empty keeps mails in the home folder",
    "mail_from": "sender of mails",
    "secret": "key that signs what leaves the process; made once in the home when empty",
    "address_limit": "requests a minute from one address",
    "tenant_limit": "requests a minute of one tenant and key",
    "body_limit": "largest request body in bytes",
    "far_timeout": "seconds to wait for another service",
    "locale": "language when neither the user nor the request says otherwise",
    "demo": "fill an empty database with the demo tenant",
}
SECRET_SETTINGS = frozenset({"secret", "database_url", "broker_url", "redis_url", "smtp_url"})


def load(environ: dict[str, str] | None = None, **overrides: Any) -> Config:
    """The configuration of this process; refuses with ConfigError what does not fit its type."""
    environ = dict(os.environ) if environ is None else environ
    values: dict[str, Any] = {}
    home = overrides.get("home") or environ.get("ENTREPOT_HOME") or ".entrepot"
    file = Path(home).expanduser() / "entrepot.toml"
    if file.is_file():
        try:
            values.update(tomllib.loads(file.read_text()))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file.name} is not valid TOML: {error}") from error
    for name in Config.__struct_fields__:
        given = environ.get(f"ENTREPOT_{name.upper()}")
        if given is not None and given != "":
            values[name] = given
    values["home"] = str(home)
    values.update({key: value for key, value in overrides.items() if value is not None})
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration: {error}") from error


def with_secret(config: Config) -> Config:
    """The configuration with its signing key, made once and kept readable by us alone."""
    if config.secret:
        return config
    file = config.folder / "secret"
    if not file.exists():
        config.folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return with_secret(config)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(48))
    return msgspec.structs.replace(config, secret=file.read_text().strip())


def shown(config: Config) -> dict[str, Any]:
    """Every setting with its value, secrets masked."""
    values = msgspec.to_builtins(config)
    return {k: ("***" if k in SECRET_SETTINGS and v else v) for k, v in values.items()}
