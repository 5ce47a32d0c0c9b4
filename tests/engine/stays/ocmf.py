"""OCMF records: one that was published, and a meter that signs its own."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# A begin and an end of a KEBA KCP30, published with its key by S.A.F.E. e.V. for the tests of its Transparenzsoftware.
KEBA_KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D030107034200043AEEB45C392357820A58FDFB0857BD77ADA31585C61C430531DFA53B440A"
    "FBFDD95AC887C658EA55260F808F55CA948DF235C2108A0D6DC7D4AB1A5E1A7955BE"
)
KEBA = (
    'OCMF|{"FV":"1.0","GI":"KEBA_KCP30","GS":"17619300","GV":"2.8.5","PG":"T32","IS":false,"IL":"NONE",'
    '"IF":["RFID_NONE","OCPP_NONE","ISO15118_NONE","PLMN_NONE"],"IT":"NONE","ID":"","RD":[{"TM":'
    '"2019-08-13T10:03:15,000+0000 I","TX":"B","EF":"","ST":"G","RV":0.2596,"RI":"1-b:1.8.0","RU":"kWh"},{"TM":'
    '"2019-08-13T10:03:36,000+0000 R","TX":"E","EF":"","ST":"G","RV":0.2597,"RI":"1-b:1.8.0","RU":"kWh"}]}|'
    '{"SD":"304502200E2F107C987A300AC1695CA89EA149A8CDFA16188AF0A33EE64B67964AA943F9022100889A72B6D65364BEA8562E7F6A0253'
    '157ACFF84FE4929A93B5964D23C4265699"}'
)


class Meter:
    """A meter with a key of its own."""

    def __init__(self, curve: ec.EllipticCurve | None = None, method: str = "ECDSA-secp256r1-SHA256") -> None:
        self._key = ec.generate_private_key(curve or ec.SECP256R1())
        self._method = method

    @property
    def der(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def key(self) -> str:
        """Return the public key as a station tells it (OCA, "Signed Meter Values in OCPP")."""
        return base64.b64encode(f"oca:base16:asn1:{self.der.hex()}".encode()).decode()

    def sign(self, *registers_kwh: float | str, tag: str = "", unit: str = "kWh") -> str:
        """Return OCMF of some registers."""
        readings = [
            {"TM": "2026-06-01T10:00:00,000+0000 S", "TX": "B", "RV": kwh, "RI": "1-b:1.8.0", "RU": unit, "ST": "G"}
            for kwh in registers_kwh
        ]
        payload = json.dumps(
            {"FV": "1.0", "GS": "1", "PG": "T1", "IS": True, "IT": "ISO14443", "ID": tag, "RD": readings}
        )
        signature = self._key.sign(payload.encode(), ec.ECDSA(SHA256())).hex()
        return f"OCMF|{payload}|{json.dumps({'SA': self._method, 'SD': signature})}"
