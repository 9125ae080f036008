"""Where is a member, and how is it told from an impostor?"""

import asyncio
import ssl
from ipaddress import ip_address
from pathlib import Path

from hafailover.errors import StoreError
from hafailover.system.etcd_connection import Endpoint, NoAnswerError
from hafailover.system.name_lookup import look_up


class Place:
    """One member's endpoint, its addresses, and what it is authenticated with."""

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
        self.endpoint = endpoint
        self.tls = tls if endpoint.is_tls else None
        self._known: tuple[str, ...] = ()
        self._looking: asyncio.Task[None] | None = None
        self._problem = ""

    async def addresses(self) -> tuple[str, ...]:
        """Return the member's addresses.

        A name is looked up in the background; once it was found, nobody waits for a resolver again:
        it may be gone just when the other node is.

        Raises:
            NoAnswerError: The name has never been found.
        """
        try:
            return (str(ip_address(self.endpoint.host)),)
        except ValueError:
            pass
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        if not self._known:
            await asyncio.shield(self._looking)
        if not self._known:
            raise NoAnswerError(f"{self.endpoint.authority}: {self._problem}")
        return self._known

    async def _look(self) -> None:
        try:
            self._known = await look_up(self.endpoint.host, self.endpoint.port)
        except OSError as error:
            self._problem = f"the name is not found: {error.strerror or error}"


def tls_context(
    *, ca_file: Path | None, cert_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """Return what members are checked with, and what this node shows of itself.

    Raises:
        StoreError: A file cannot be read or does not hold what it should.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ValueError) as error:
            raise StoreError(ca_file, f"no certificates can be read from it: {error}") from error
    if cert_file is not None and key_file is not None:
        try:
            # An empty password instead of a question on the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except (OSError, ValueError) as error:
            text = f"it and {key_file} are no certificate with its key: {error}"
            raise StoreError(cert_file, text) from error
    return context
