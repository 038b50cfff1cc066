"""Certificates for TLS on loopback, made anew in each process that asks for them."""

from __future__ import annotations

import atexit
import shutil
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Files(NamedTuple):
    """A certificate for localhost and 127.0.0.1, its key, and the authority that signed it."""

    cert: Path
    key: Path
    authority: Path


@cache
def files() -> Files:
    """The files; the key is PKCS #8, which every server reads."""
    import trustme
    from cryptography.hazmat.primitives import serialization

    folder = Path(tempfile.mkdtemp(prefix="asgilive-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = trustme.CA()
    made = authority.issue_cert("localhost", "127.0.0.1")
    found = Files(folder / "cert.pem", folder / "key.pem", folder / "authority.pem")
    found.cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    authority.cert_pem.write_to_path(str(found.authority))
    return found


def client(protocols: list[str]) -> ssl.SSLContext:
    """What a client needs to trust that certificate, offering these protocols by ALPN."""
    context = ssl.create_default_context(cafile=str(files().authority))
    context.set_alpn_protocols(protocols)
    return context
