"""How much memory a module has.

Envoy has no statistic for it. But V8 reserves 8 GiB of addresses for each WebAssembly memory and
makes just so many of them accessible as the module has asked for, so the kernel's map of the
process shows every memory's exact size: one for each worker's VM, one for the main thread's, one
for the base VM that they are cloned from. They never shrink.
"""

import re
from pathlib import Path

from processes import StackError

RESERVED = 8 << 30
MIB = 1 << 20


def of_modules(pid: int) -> list[int]:
    """Bytes of each WebAssembly memory of this process, sorted."""
    sizes = []
    accessible = 0  # bytes of the mapping before
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, permissions, *_ = line.split()
        start, end = (int(address, 16) for address in addresses.split("-"))
        size = end - start
        if permissions == "---p" and accessible + size == RESERVED:
            sizes.append(accessible)
        accessible = size if permissions == "rw-p" else 0
    if not sizes:
        raise StackError(f"process {pid} has no WebAssembly memory that looks like V8's")
    return sorted(sizes)


def resident(pid: int) -> int:
    """Bytes of the whole process in memory, Envoy's own included."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024
