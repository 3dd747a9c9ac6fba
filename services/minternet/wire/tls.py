"""The test authority: certificates that clients can really verify, made once and kept between runs.

On disk, `authority-N/` holds a CA, and in it `leaf-<names>-N/` a certificate each. A directory is built under another name
and renamed into place: of several processes that start at once one wins and the others use what it made. One that expires is
never replaced, as somebody may be reading it: N grows. Making keys needs cryptography, whose import takes longer than all
else at start; so it is imported only when something has to be made.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import os
import shutil
import ssl
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import trustme
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

NAMES = ("localhost", "127.0.0.1", "::1", "example.test", "*.example.test")
LEAF_DAYS = 397  # the longest life some platforms accept of a server's certificate
AUTHORITY_DAYS = 3650
RENEW_DAYS = 30  # renewed when it has less than this to live
BACKDATED_DAYS = 2  # clients whose clock is behind still accept it
DAY = 86400.0
WEAK_BITS = 1024  # of an RSA key; OpenSSL's default security level wants 2048
ELSEWHERE = "elsewhere.invalid"  # whose certificate one with a wrong name is
Flaw = Literal["expired", "wrong name", "self-signed", "weak"]
"""What a client must find wrong with a certificate."""


class Leaf(msgspec.Struct, frozen=True):
    """A server's certificate: PEM files of its chain and its private key."""

    chain_file: Path
    key_file: Path


class Authority:
    """A certificate authority in `folder` ($XDG_CACHE_HOME/minternet by default; a temporary one if that is not writable).

    Its own leaf is valid for localhost, 127.0.0.1, ::1, example.test, *.example.test and the extra `names`.
    """

    def __init__(
        self, folder: Path | None = None, *, names: Iterable[str] = (), now: Callable[[], float] = time.time
    ) -> None:
        self.names = tuple(dict.fromkeys((*NAMES, *names)))
        self._folder = folder
        self._now = now
        self._home: Path | None = None
        self._temporary: Path | None = None
        self._ca: trustme.CA | None = None
        self._leaves: dict[tuple[str, ...], Leaf] = {}
        self._contexts: dict[tuple[tuple[str, ...], tuple[str, ...]], ssl.SSLContext] = {}
        self._client: ssl.SSLContext | None = None
        self._flawed: dict[Flaw, Leaf] = {}

    @property
    def ca_file(self) -> Path:
        """The authority's certificate (PEM): what clients are to trust."""
        return self._place() / "ca.pem"

    @property
    def chain_file(self) -> Path:
        """The certificate chain (PEM) of the authority's own leaf."""
        return self.leaf().chain_file

    @property
    def key_file(self) -> Path:
        """The private key (PEM, mode 0600) of the authority's own leaf."""
        return self.leaf().key_file

    def leaf(self, *names: str) -> Leaf:
        """A certificate for these DNS names and addresses (by default the authority's own), made when first asked for."""
        names = names or self.names
        if names not in self._leaves:
            self._leaves[names] = self._make_leaf(names)
        return self._leaves[names]

    def server_context(self, alpn: Iterable[str] | None = None, *, names: Iterable[str] = ()) -> ssl.SSLContext:
        """A server's context, TLS 1.2 and later, that shows the leaf for `names`; one per instance, names and protocols."""
        key = tuple(names), tuple(alpn or ())
        if key not in self._contexts:
            leaf = self.leaf(*key[0])
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(leaf.chain_file, leaf.key_file)
            if key[1]:
                context.set_alpn_protocols(list(key[1]))
            self._contexts[key] = context
        return self._contexts[key]

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this authority alone, and verifies strictly (as Python 3.13 does)."""
        if self._client is None:
            self._client = ssl.create_default_context(cafile=str(self.ca_file))
            self._client.verify_flags |= ssl.VERIFY_X509_STRICT
        return self._client

    def flawed(self, flaw: Flaw) -> Leaf:
        """A certificate that clients must refuse."""
        if flaw == "wrong name":
            return self.leaf(ELSEWHERE)
        if flaw not in self._flawed:

            def write(folder: Path) -> float:
                return self._write_flawed(folder, flaw)

            label = f"leaf-{flaw}"
            try:
                made = self._find_or_make(self._place(), label, write)
            except OSError:
                made = self._find_or_make(self._temporary_folder(), label, write)
            self._flawed[flaw] = Leaf(made / "chain.pem", made / "key.pem")
        return self._flawed[flaw]

    def flawed_context(self, flaw: Flaw) -> ssl.SSLContext:
        """A server's context that shows such a certificate."""
        key = ("flawed", flaw), ()
        if key not in self._contexts:
            leaf = self.flawed(flaw)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else OpenSSL would refuse to show a weak one
            context.load_cert_chain(leaf.chain_file, leaf.key_file)
            self._contexts[key] = context
        return self._contexts[key]

    # -- making -----------------------------------------------------------------------------------------------------

    def _place(self) -> Path:
        """The directory of the authority in use."""
        if self._home is None:
            try:
                self._home = self._find_or_make(self._folder or _cache_folder(), "authority", self._write_authority)
                (self._home / "ca.key").open("rb").close()  # another user's is of no use
            except (OSError, RuntimeError):
                self._home = self._find_or_make(self._temporary_folder(), "authority", self._write_authority)
        return self._home

    def _make_leaf(self, names: tuple[str, ...]) -> Leaf:
        label = "leaf-" + hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]

        def write(folder: Path) -> float:
            return self._write_leaf(folder, names)

        try:
            made = self._find_or_make(self._place(), label, write)
        except OSError:
            made = self._find_or_make(self._temporary_folder(), label, write)
        return Leaf(made / "chain.pem", made / "key.pem")

    def _find_or_make(self, parent: Path, label: str, write: Callable[[Path], float]) -> Path:
        """The newest `label-N` in `parent` that lives on for a while; made by `write`, which returns when it expires."""
        parent.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name.rpartition("-")[2]) for path in parent.glob(f"{label}-[0-9]*")), default=0)
        while True:
            wanted = parent / f"{label}-{max(number, 1)}"
            if wanted.exists() and self._lives(wanted):
                return wanted
            if wanted.exists():
                number += 1
                continue
            built = Path(tempfile.mkdtemp(prefix=f".{label}-", dir=parent))
            try:
                expires = write(built)
                (built / "expires").write_text(f"{expires:.0f}\n")
                built.chmod(0o755)
                with contextlib.suppress(OSError):
                    built.rename(wanted)  # fails if another process was quicker: then its is used
            finally:
                shutil.rmtree(built, ignore_errors=True)
            number = max(number, 1)
            if not wanted.exists():
                raise OSError(f"cannot create {wanted}")

    def _lives(self, folder: Path) -> bool:
        try:
            expires = float((folder / "expires").read_text())
        except (OSError, ValueError):
            return False
        return expires - self._now() > RENEW_DAYS * DAY

    def _temporary_folder(self) -> Path:
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="minternet-"))
            weakref.finalize(self, shutil.rmtree, self._temporary, ignore_errors=True)
        return self._temporary

    def _write_authority(self, folder: Path) -> float:
        import trustme

        made = trustme.CA(organization_name="minternet", organization_unit_name="minternet test authority")
        _write(folder / "ca.pem", made.cert_pem.bytes())
        _write(folder / "ca.key", made.private_key_pem.bytes(), mode=0o600)
        return self._now() + AUTHORITY_DAYS * DAY

    def _write_leaf(self, folder: Path, names: tuple[str, ...]) -> float:
        today = self._now()
        made = self._signer().issue_cert(
            *names,
            common_name=names[0][:64],  # the longest RFC 5280 allows
            organization_name="minternet",
            organization_unit_name="minternet test server",
            not_before=_utc(today - BACKDATED_DAYS * DAY),
            not_after=_utc(today + LEAF_DAYS * DAY),
        )
        _write(folder / "chain.pem", b"".join(pem.bytes() for pem in made.cert_chain_pems))
        _write(folder / "key.pem", made.private_key_pem.bytes(), mode=0o600)
        return today + LEAF_DAYS * DAY

    def _write_flawed(self, folder: Path, flaw: Flaw) -> float:
        """A certificate by hand: trustme makes none that are wrong."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

        today = self._now()
        days = (-BACKDATED_DAYS, -1) if flaw == "expired" else (-BACKDATED_DAYS, LEAF_DAYS)
        key = rsa.generate_private_key(65537, WEAK_BITS) if flaw == "weak" else ec.generate_private_key(ec.SECP256R1())
        signer: CertificateIssuerPrivateKeyTypes = key
        name = issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.names[0][:64])])
        extensions: list[tuple[x509.ExtensionType, bool]] = [(_alternative_names(self.names), False)]
        if flaw != "self-signed":
            place = self._place()
            ca = x509.load_pem_x509_certificate((place / "ca.pem").read_bytes())
            signer = _issuer_key(serialization.load_pem_private_key((place / "ca.key").read_bytes(), None))
            issuer = ca.subject
            extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
        extensions.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_utc(today + days[0] * DAY))
            .not_valid_after(_utc(today + days[1] * DAY))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        made = builder.sign(signer, hashes.SHA256())
        _write(folder / "chain.pem", made.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        _write(folder / "key.pem", pem, mode=0o600)
        return today + LEAF_DAYS * DAY  # an expired one stays expired: it need not be made again

    def _signer(self) -> trustme.CA:
        if self._ca is None:
            import trustme

            place = self._place()
            self._ca = trustme.CA.from_pem((place / "ca.pem").read_bytes(), (place / "ca.key").read_bytes())
        return self._ca


def _alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    """DNS names and addresses as a certificate has them."""
    from cryptography import x509

    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(found)


def _issuer_key(key: object) -> ec.EllipticCurvePrivateKey:
    """The authority's key: trustme makes elliptic ones."""
    from cryptography.hazmat.primitives.asymmetric import ec

    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _cache_folder() -> Path:
    configured = os.environ.get("XDG_CACHE_HOME")
    return (Path(configured) if configured else Path.home() / ".cache") / "minternet"


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def _utc(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
