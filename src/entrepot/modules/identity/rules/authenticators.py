"""What WebAuthn asks of a browser, and what its answer proves. Loaded when somebody comes with a passkey: the library and
what it stands on take a tenth of the start of everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)


class Made(msgspec.Struct, frozen=True):
    """A key that a browser has made for a site; bytes as base64url."""

    credential: str
    public_key: str
    sign_count: int


def registration(site: str, issuer: str, person: bytes, email: str, name: str, held: Sequence[str]) -> str:
    """What a browser needs to make a key for a person who holds these already (JSON)."""
    options = generate_registration_options(
        rp_id=site,
        rp_name=issuer,
        user_id=person,
        user_name=email,
        user_display_name=name,
        exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(credential)) for credential in held],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return options_to_json(options)


def made(site: str, origin: str, challenge: str, answer: str) -> Made:
    """The key that was made; ValueError where that cannot be proven."""
    with _unproven():
        proven = verify_registration_response(credential=answer, **_expected(site, origin, challenge))
    return Made(
        bytes_to_base64url(proven.credential_id), bytes_to_base64url(proven.credential_public_key), proven.sign_count
    )


def authentication(site: str) -> str:
    """What a browser needs to prove that a key and its owner are there (JSON)."""
    options = generate_authentication_options(rp_id=site, user_verification=UserVerificationRequirement.REQUIRED)
    return options_to_json(options)


def proven(site: str, origin: str, challenge: str, answer: str, public_key: str, sign_count: int) -> int:
    """How often the key has signed by now; ValueError where it proves nothing."""
    with _unproven():
        found = verify_authentication_response(
            credential=answer,
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=sign_count,
            **_expected(site, origin, challenge),
        )
    return found.new_sign_count


def _expected(site: str, origin: str, challenge: str) -> dict[str, Any]:
    """What an answer must be to: this site, this page, this question; and its owner was there."""
    return {
        "expected_challenge": base64url_to_bytes(challenge),
        "expected_rp_id": site,
        "expected_origin": origin,
        "require_user_verification": True,
    }


@contextmanager
def _unproven() -> Iterator[None]:
    """What the library refuses is a wrong value."""
    try:
        yield
    except WebAuthnException as error:
        raise ValueError(str(error)) from error
