"""What a person wrote into the settings, or named on the command line, cannot be used. Exit status 2."""

from __future__ import annotations

from vouchml.errors.base import VouchError


class SettingsInvalid(VouchError):
    """`vouch.toml` or a `VOUCH_*` variable is missing, unreadable or says something that is not a setting."""

    code, exit_status = "settings-invalid", 2


class AnswerMissing(VouchError):
    """A command asks before it goes on, and there is no terminal to ask at: an option answers."""

    code, exit_status = "answer-missing", 2


class ApiKeyInvalid(VouchError):
    """An API key cannot be made as asked: its name, a scope or its lifetime."""

    code, exit_status = "api-key-invalid", 2


class ApiKeyNotFound(VouchError):
    """There is no API key with that id."""

    code, exit_status = "api-key-not-found", 2


class SigningKeyInvalid(VouchError):
    """A signing key cannot be made as asked: its name, e-mail or role."""

    code, exit_status = "signing-key-invalid", 2


class SigningKeyNotFound(VouchError):
    """No signing key of that name, id or role is known, or its private half is not on this machine."""

    code, exit_status = "signing-key-not-found", 2
