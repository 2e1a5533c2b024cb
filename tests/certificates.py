"""Certificates for the tests, made when they are needed, as files and as contexts of those who meet the gateway."""

import ssl

import trustme
from cryptography.hazmat.primitives import serialization


class Authority:
    """A certificate authority, its own certificate in a file.

    Attributes:
        file: where its certificate is.
    """

    def __init__(self, folder, name="ca"):
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name, *hosts):
        """Write a certificate for ``hosts``, and its key; returns both files."""
        pair = self._ca.issue_cert(*hosts)
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
        pair.private_key_pem.write_to_path(str(key))
        return certificate, key

    def client(self, pair=None, **settings):
        """Make the context of a client that trusts this authority, and shows ``pair``."""
        return self._context(ssl.PROTOCOL_TLS_CLIENT, pair, settings)

    def server(self, pair, **settings):
        """Make the context of a server that shows ``pair``, and knows clients by this authority."""
        return self._context(ssl.PROTOCOL_TLS_SERVER, pair, settings)

    def _context(self, protocol, pair, settings):
        context = ssl.SSLContext(protocol)
        context.load_verify_locations(self.file)
        if pair is not None:
            context.load_cert_chain(*pair)
        for name, value in settings.items():
            setattr(context, name, value)
        return context


def encrypt(key, passphrase):
    """Lock a key's file with a passphrase."""
    secret = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(passphrase)
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
