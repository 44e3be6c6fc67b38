"""The authority of a state folder: strict TLS clients believe it for AWS's hosts, and for no other."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certifi
import pytest

from pipeline.local.egress.authority import Authority


def _shake_hands(bundle: Path, context: ssl.SSLContext, host: str) -> str:
    """The name in the certificate that a client takes for that of the host."""
    client = ssl.create_default_context(cafile=str(bundle))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with theirs, context.wrap_socket(theirs, server_side=True) as tls:
                tls.recv(1)
        except OSError:
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, client.wrap_socket(ours, server_hostname=host) as tls:
            certificate = tls.getpeercert()
            assert certificate is not None
            return str(certificate["subjectAltName"][0][1])  # type: ignore[index,misc]
    finally:
        thread.join()


def test_a_client_believes_that_it_is_aws(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "egress")
    for host in ("sts.us-east-1.amazonaws.com", "a.b.s3.amazonaws.com", "b" * 63 + ".s3.us-east-1.amazonaws.com"):
        assert _shake_hands(authority.bundle(), authority.context(host), host) == host


def test_no_client_believes_that_it_is_anybody_else(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "egress")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        _shake_hands(authority.bundle(), authority.context("example.org"), "example.org")


def test_another_process_signs_with_the_same_key_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "egress"
    with ThreadPoolExecutor(4) as pool:
        bundles = list(pool.map(lambda _: Authority(folder).bundle().read_text(), range(8)))
    assert len(set(bundles)) == 1
    host = "sts.amazonaws.com"
    assert _shake_hands(Authority(folder).bundle(), Authority(folder).context(host), host) == host
    assert stat.S_IMODE((folder / "authority.pem").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_the_bundle_keeps_every_root_that_clients_would_have_without_it(tmp_path: Path) -> None:
    own = tmp_path / "company.pem"
    own.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    authority = Authority(tmp_path / "egress")
    bundle = authority.bundle([own, tmp_path / "absent.pem"])
    loaded = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    text = bundle.read_text()
    assert all(ssl.DER_cert_to_PEM_cert(root) in text for root in loaded)
    assert own.read_text() in text
    assert authority.bundle([bundle]) == bundle and own.read_text() in bundle.read_text(), "as at a second time"
    assert "PRIVATE" not in text
