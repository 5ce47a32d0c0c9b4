"""The roots a station believes and its own certificate (OCPP 2.0.1 part 2 A02, A03, M03-M05)."""

from dataclasses import dataclass
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from simulator.ocpp.file_transfer import issued_by
from simulator.ocpp.json import Json, Payload, text

from .device_model import DeviceModel
from .options import StationOptions2

CSMS_ROOT, FIRMWARE_ROOT = "CSMSRootCertificate", "ManufacturerRootCertificate"
TYPES = frozenset({CSMS_ROOT, FIRMWARE_ROOT, "V2GRootCertificate", "MORootCertificate"})
MOST = 10


@dataclass(frozen=True, slots=True)
class Root:
    """A certificate the station believes, and for what."""

    kind: str
    certificate: x509.Certificate

    def identity(self) -> Payload:
        """Write its CertificateHashDataType; roots are their own issuers."""
        return hash_data(self.certificate, self.certificate)


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate) -> Payload:
    """Write what names a certificate, as OCSP does (RFC 6960 section 4.1.1)."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256()).build()
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{request.serial_number:x}",
    }


class Certificates:
    """The store; it survives reboots."""

    def __init__(self, options: StationOptions2, model: DeviceModel) -> None:
        """Begin with what was built in."""
        self._options = options
        self._model = model
        self.certificate_pem, self.key_pem = options.certificate_pem, options.key_pem
        self._new_key: ec.EllipticCurvePrivateKey | None = None
        self.roots: list[Root] = []
        for kind, pem in ((CSMS_ROOT, options.trusted_pem), (FIRMWARE_ROOT, options.firmware_root_pem)):
            if pem:
                self.roots += [Root(kind, each) for each in x509.load_pem_x509_certificates(pem.encode())]
        self._count()

    @property
    def makers(self) -> list[x509.Certificate]:
        """Return the roots that may vouch for firmware."""
        return [root.certificate for root in self.roots if root.kind == FIRMWARE_ROOT]

    def trusted_pem(self, kind: str = CSMS_ROOT) -> str:
        """Return all roots of a kind."""
        encoding = serialization.Encoding.PEM
        return "".join(root.certificate.public_bytes(encoding).decode() for root in self.roots if root.kind == kind)

    def install(self, kind: str, pem: str) -> str:
        """Take up a root and return the status."""
        if kind not in TYPES:
            return "Rejected"
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return "Rejected"
        if len(self.roots) >= MOST:
            return "Failed"
        self.roots = [root for root in self.roots if (root.kind, root.certificate) != (kind, certificate)]
        self.roots.append(Root(kind, certificate))
        self._count()
        return "Accepted"

    def delete(self, wanted: Payload) -> str:
        """Remove the root of this hash and return the status; the last CSMS root stays where TLS is in use."""
        asked = {key: text(wanted, key).lower() for key in ("issuerNameHash", "issuerKeyHash", "serialNumber")}
        found = [root for root in self.roots if _matches(root, asked)]
        if not found:
            return "NotFound"
        left = [root for root in self.roots if root not in found]
        needs_one = self._model.integer("SecurityCtrlr", "SecurityProfile") >= 2
        if needs_one and not any(root.kind == CSMS_ROOT for root in left):
            return "Failed"
        self.roots = left
        self._count()
        return "Accepted"

    def ids(self, kinds: list[Json] | None) -> list[Json]:
        """Return CertificateHashDataChainType objects of these kinds, or of all."""
        return [
            {"certificateType": root.kind, "certificateHashData": root.identity()}
            for root in self.roots
            if kinds is None or root.kind in kinds
        ]

    def request(self) -> str:
        """Make a new key and return a PEM request for a certificate (A02.FR.02: serial number, organization)."""
        self._new_key = ec.generate_private_key(ec.SECP256R1())
        organization = self._model.text("SecurityCtrlr", "OrganizationName")
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, self._options.serial or self._options.station_id),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            ]
        )
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self._new_key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def signed(self, chain_pem: str) -> bool:
        """Use a certificate that answers the request; False where it does not, or nobody trusted signed it."""
        try:
            chain = x509.load_pem_x509_certificates(chain_pem.encode())
        except ValueError:
            return False
        key = self._new_key
        if key is None or chain[0].public_key() != key.public_key() or not self._believed(chain):
            return False
        self.certificate_pem = chain_pem
        self.key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self._new_key = None
        return True

    def _believed(self, chain: list[x509.Certificate]) -> bool:
        roots = [root.certificate for root in self.roots if root.kind == CSMS_ROOT]
        return any(issued_by(chain[-1], issuer) or chain[-1] == issuer for issuer in roots) and all(
            issued_by(lower, upper) for lower, upper in pairwise(chain)
        )

    def _count(self) -> None:
        self._model.put("SecurityCtrlr", "CertificateEntries", str(len(self.roots)))


def _matches(root: Root, asked: dict[str, str]) -> bool:
    own = root.identity()
    return all(str(own[key]).lower().lstrip("0") == value.lstrip("0") for key, value in asked.items())
