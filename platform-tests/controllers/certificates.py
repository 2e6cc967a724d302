"""Certificates, by what openssl says of them."""

import subprocess
from pathlib import Path


class Certificate:
    """One, or the first of a chain."""

    def __init__(self, text: str):
        self.text = text

    def names(self) -> set[str]:
        lines = self._shown("-ext", "subjectAltName").splitlines()[1:]
        return {name.strip() for line in lines for name in line.split(",")}

    def usages(self) -> set[str]:
        lines = self._shown("-ext", "extendedKeyUsage").splitlines()[1:]
        return {usage.strip() for line in lines for usage in line.split(",")}

    def subject(self) -> str:
        return self._shown("-subject", "-nameopt", "RFC2253").strip().removeprefix("subject=")

    def issuer(self) -> str:
        return self._shown("-issuer", "-nameopt", "RFC2253").strip().removeprefix("issuer=")

    def serial(self) -> str:
        return self._shown("-serial").strip().removeprefix("serial=")

    def key(self) -> str:
        return self._shown("-pubkey")

    def is_authority(self) -> bool:
        return "CA:TRUE" in self._shown("-ext", "basicConstraints")

    def lasts(self, seconds: int) -> bool:
        return self._run("x509", "-noout", "-checkend", str(seconds)).returncode == 0

    def trouble(self, authority: str, purpose: str, folder: Path) -> str:
        """Why a peer that trusts `authority` would refuse it; '' where it would not."""
        (folder / "authority.pem").write_text(authority)
        done = self._run("verify", "-CAfile", str(folder / "authority.pem"), "-no-CApath", "-purpose", purpose)
        return "" if done.returncode == 0 else done.stderr

    def _shown(self, *options: str) -> str:
        done = self._run("x509", "-noout", *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(["openssl", *command], input=self.text, capture_output=True, text=True, timeout=20)
