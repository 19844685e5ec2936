"""Tenants and who may do what in them. Secrets are kept as hashes and stay out of the audit trail."""

from entrepot.kernel.db import (
    Extensible,
    Stamped,
    Table,
    Tenanted,
    flag,
    index,
    integer,
    moment,
    moment_or_none,
    text,
    text_or_none,
    texts,
    unique,
    uuid,
    uuid_or_none,
)


class Tenant(Table, table="tenant", schema="identity", audited=False, system=True):
    """The directory of tenants: the one table whose row is its own tenant."""

    id = uuid()
    slug = text(unique=True)
    name = text()
    status = text(server_default="active")
    default_entity_id = uuid()
    database = text_or_none()
    created_at = moment()
    version = integer(server_default="1")


class BusinessEntity(Extensible, table="business_entity", schema="identity"):
    """A company of the tenant, with books and numbers of its own."""

    code = text()
    name = text()
    legal_name = text(server_default="")
    country = text(server_default="NL")
    currency = text(server_default="EUR")
    vat_number = text(server_default="")
    address = text(server_default="")
    email = text(server_default="")
    active = flag(True)
    constraints = (unique("code"),)


class User(
    Extensible,
    table="user_account",
    schema="identity",
    entity="user",
    masked=("password_hash", "pin_hash", "totp_secret"),
    system=True,
):
    """A person who logs in."""

    email = text()
    name = text()
    password_hash = text_or_none()
    pin_hash = text_or_none()
    totp_secret = text_or_none()
    roles = texts()
    locale = text(server_default="en")
    entity_id = uuid_or_none()
    active = flag(True)
    constraints = (unique("lower(email)", name="user_account_email_key"),)


class Role(Stamped, table="role", schema="identity"):
    """A bundle of permissions under a name."""

    code = text()
    name = text()
    permissions = texts()
    constraints = (unique("code"),)


class ApiKey(Stamped, table="api_key", schema="identity", masked=("secret_hash",)):
    """A key for a program: scoped, shown once, kept as a hash."""

    name = text()
    secret_hash = text()
    hint = text()
    scopes = texts()
    entity_id = uuid_or_none()
    created_by = uuid()
    expires_at = moment_or_none()
    revoked_at = moment_or_none()
    constraints = (unique("secret_hash"),)


class Session(Tenanted, table="session", schema="identity", audited=False):
    """A log-in: an access or browser credential and, for programs, the one that renews it. With `scopes` it allows no
    more than these of what its user may do."""

    id = uuid()
    user_id = uuid()
    kind = text()
    scopes = texts()
    secret_hash = text()
    refresh_hash = text_or_none()
    address = text(server_default="")
    agent = text(server_default="")
    created_at = moment()
    expires_at = moment()
    refresh_until = moment_or_none()
    revoked_at = moment_or_none()
    constraints = (unique("secret_hash"), unique("refresh_hash"), index("user_id"))


class Passkey(Tenanted, table="passkey", schema="identity", masked=("public_key",), system=True):
    """A key in somebody's phone or computer; ours is only its public half."""

    id = uuid()
    user_id = uuid()
    name = text()
    credential = text()
    public_key = text()
    sign_count = integer()
    created_at = moment()
    used_at = moment_or_none()
    constraints = (unique("credential"), index("user_id"))


class LoginFailure(Tenanted, table="login_failure", schema="identity", audited=False):
    """A wrong password; enough of them lately and the account waits."""

    id = uuid()
    email = text()
    address = text()
    at = moment()
    constraints = (index("email", "-at"),)
