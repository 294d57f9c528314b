"""This machine: its ports, its files, the keys on it, the packages and programs on it."""

from __future__ import annotations

from vouchml.errors.base import VouchError


class PortTaken(VouchError):
    """Another program listens on a port that vouchml needs."""

    code, exit_status = "port-taken", 8


class AnonymousRefused(VouchError):
    """The service would be open to whoever reaches its address: there is no API key, and nobody said so."""

    code, exit_status = "anonymous-refused", 8


class ApiKeysUnreadable(VouchError):
    """The file of the API keys cannot be read, so nothing says who may call."""

    code, exit_status, http_status = "api-keys-unreadable", 8, 503


class SigningKeyUnreadable(VouchError):
    """The private half of a signing key cannot be read, or others than its owner can."""

    code, exit_status, http_status = "signing-key-unreadable", 8, 503


class TrustStoreInvalid(VouchError):
    """`trust.toml` cannot be read, or says something about a key that cannot be."""

    code, exit_status, http_status = "trust-store-invalid", 8, 503


class FileUnusable(VouchError):
    """A file that a command was given by name cannot be read or written."""

    code, exit_status = "file-unusable", 8


class FolderNotWritable(VouchError):
    """A folder or file that vouchml must write cannot be written."""

    code, exit_status, http_status = "folder-not-writable", 8, 503


class DependencyMissing(VouchError):
    """A package that this command needs is not installed."""

    code, exit_status, http_status = "dependency-missing", 8, 503


class ChildStopped(VouchError):
    """A program that `vouch up` started has stopped by itself or did not become ready."""

    code, exit_status = "child-stopped", 9
