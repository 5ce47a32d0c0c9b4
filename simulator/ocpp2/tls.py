"""How a station proves itself and whom it believes, on its way to the central system (security profiles 1-3)."""

import base64
from pathlib import Path
import ssl
import tempfile


def credentials(user: str, password: str) -> str:
    """Return an HTTP Basic header; the password is sent as text (2.0.1 part 2 A00.FR.205)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def tls_context(trusted_pem: str, certificate_pem: str, key_pem: str) -> ssl.SSLContext:
    """Return a context that believes these roots and shows this certificate, where there is one."""
    context = ssl.create_default_context(cadata=trusted_pem or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_pem:
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = Path(directory) / "certificate.pem", Path(directory) / "key.pem"
            certificate.write_text(certificate_pem)
            key.write_text(key_pem)
            context.load_cert_chain(certificate, key)
    return context
