"""How does a client come out of the configuration? Its files are read once, before anything starts."""

from pathlib import Path
from typing import Final

from hafailover.errors import KeyFileError, UnusableConfigurationError
from hafailover.runtime.settings import EtcdSettings
from hafailover.system.etcd_client import EtcdClient
from hafailover.system.etcd_connection import Endpoint, parse_endpoint
from hafailover.system.etcd_gateway import Credentials, EtcdGateway
from hafailover.system.etcd_place import Place, tls_context
from hafailover.system.private_file import read_private

_PASSWORD_BYTES_MAX: Final = 1024
_MAKE: Final = "write the password of arbiter.user into it, and nothing else; chmod 600 FILE"


def open_etcd(settings: EtcdSettings) -> EtcdClient:
    """Return a client of the configured cluster; nobody is asked yet.

    Raises:
        UnusableConfigurationError: An endpoint is no client URL.
        StoreError: A certificate or key cannot be read.
        KeyFileError: The password cannot be read, or others can read it too.
    """
    endpoints = tuple(_endpoint(url) for url in settings.endpoints)
    tls = None
    if any(endpoint.is_tls for endpoint in endpoints):
        tls = tls_context(
            ca_file=settings.ca_file, cert_file=settings.cert_file, key_file=settings.key_file
        )
    places = tuple(Place(endpoint, tls) for endpoint in endpoints)
    return EtcdClient(EtcdGateway(places, _credentials(settings)))


def _endpoint(url: str) -> Endpoint:
    try:
        return parse_endpoint(url)
    except ValueError as error:
        raise UnusableConfigurationError(f"arbiter.endpoints: {url}: {error}") from error


def _credentials(settings: EtcdSettings) -> Credentials | None:
    if not settings.user:
        return None
    return Credentials(user=settings.user, password=_password(settings.password_file))


def _password(path: Path | None) -> str:
    if path is None:
        return ""
    content = read_private(path, _PASSWORD_BYTES_MAX, what="the password", make=_MAKE)
    try:
        password = content.decode()
    except UnicodeDecodeError as error:
        raise KeyFileError(path, "is not UTF-8", hint=_MAKE) from error
    if not password or len(content) > _PASSWORD_BYTES_MAX or "\n" in password:
        raise KeyFileError(path, "does not hold one line with a password", hint=_MAKE)
    return password
