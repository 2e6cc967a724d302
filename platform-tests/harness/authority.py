"""A certificate authority in place of cert-manager: what its Certificates would put into Secrets."""

import subprocess
from pathlib import Path


class Authority:
    """Signs with one root. `secret` gives the data of a Secret of type kubernetes.io/tls."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.crt",
            "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip

    def secret(
        self, common_name: str, serial: int, dns_name: str | None = None, address: str | None = None
    ) -> dict[str, str]:
        names = [f"DNS:{dns_name}"] * bool(dns_name) + [f"IP:{address}"] * bool(address)
        extensions = f"subjectAltName={','.join(names)}\n" if names else ""
        (self.folder / "extensions").write_text(extensions + "basicConstraints=CA:FALSE\n")
        self._openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={common_name}", "-keyout", "tls.key", "-out", "tls.csr",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "1",
            "-set_serial", str(serial), "-extfile", "extensions", "-out", "tls.crt",
        )  # fmt: skip
        return {name: (self.folder / name).read_text() for name in ("tls.crt", "tls.key", "ca.crt")}

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
