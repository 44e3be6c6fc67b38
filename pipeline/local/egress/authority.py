"""The certificate authority of a state folder, which makes clients trust the proxy as a host of AWS.

It can sign for nobody but AWS's hosts (a name constraint says so), its key never leaves the folder, and it is made when
first needed. Clients are given a bundle of it and every other root that they would have without it.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import re
import secrets
import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.local.http.hosts import SUFFIXES

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n", re.DOTALL)
_YEARS: Final = datetime.timedelta(days=3650)
_DAY: Final = datetime.timedelta(days=1)
_NAME: Final = "SageMaker on localhost"


class Authority:
    """The key and certificate in one folder, made once whoever asks first; processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / "authority.pem"
        self._bundle = folder / "ca-bundle.pem"
        self.context = functools.lru_cache(maxsize=64)(self._context)

    def bundle(self, more: Iterable[Path] = ()) -> Path:
        """The file of roots for clients: ours, the system's, certifi's, and those in `more`, which the user has set.

        What it has once been given it keeps. Raises OSError.
        """
        before = _certificates([self._bundle])
        if not before or not self._own.exists():
            before = {**_certificates([self._made()]), **_certificates(_usual())}
        found = {**before, **_certificates(path for path in more if path != self._bundle)}
        if len(found) > len(before) or not self._bundle.exists():
            _write(self._bundle, "".join(found).encode(), 0o644)
        return self._bundle

    def _context(self, host: str) -> ssl.SSLContext:
        """TLS as that host."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import ExtendedKeyUsageOID

        issuer, issuer_key = self._loaded()
        certificate = (
            _begun(self._leaf_key, issuer.subject)
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        # OpenSSL takes the chain from a file alone.
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".pem") as file:
            file.write(_pem(certificate, self._leaf_key))
            file.flush()
            context.load_cert_chain(file.name)
        return context

    @functools.cached_property
    def _leaf_key(self) -> EllipticCurvePrivateKey:
        return _key()

    def _loaded(self) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        data = self._made().read_bytes()
        key = load_pem_private_key(data, None)
        assert isinstance(key, EllipticCurvePrivateKey), "as it was made"
        return x509.load_pem_x509_certificate(data), key

    def _made(self) -> Path:
        if not self._own.exists():
            self._folder.mkdir(exist_ok=True, mode=0o700)
            key = _key()
            _write(self._own, _pem(_root(key), key), 0o600, replace=False)
        return self._own


def _root(key: EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{_NAME} {secrets.token_hex(4)}")])
    usage = {name: False for name in _USAGES} | {"key_cert_sign": True, "digital_signature": True}
    return (
        _begun(key, name)
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName(suffix) for suffix in SUFFIXES], None), critical=True)
        .sign(key, hashes.SHA256())
    )


_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _begun(key: EllipticCurvePrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + private


def _usual() -> list[Path]:
    """The roots that clients have by themselves: botocore and requests bring certifi's, OpenSSL has the system's."""
    import certifi

    system = ssl.get_default_verify_paths().cafile
    return [Path(certifi.where())] + ([Path(system)] if system else [])


def _certificates(files: Iterable[Path]) -> dict[str, None]:
    found: dict[str, None] = {}
    for file in files:
        with contextlib.suppress(OSError):
            found.update(dict.fromkeys(_PEM.findall(file.read_text(errors="replace"))))
    return found


def _write(path: Path, data: bytes, mode: int, *, replace: bool = True) -> None:
    """Whole or not at all, for others read it at any time; without `replace` whoever was first wins."""
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            fresh.replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
