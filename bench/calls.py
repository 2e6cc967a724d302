"""What the module asks of its host for a request, and how many instructions it executes: counted,
not timed. The module runs on wasmtime; the host here has what one request needs of Envoy's."""

import struct
import time
from collections import Counter
from pathlib import Path

import wasmtime

import keys
from instructions import render
from report import Goal, table
from stage import INPUTS, LIMITED_RULES, UNLIMITED_RULES, key, setting

WARM_UP = 1500  # requests after which stats are defined, accounts have records, and little is learned anew
ROOT, STREAM = 1, 2
OK, NOT_FOUND, CAS_MISMATCH = 0, 1, 8
REQUEST_BODY, RESPONSE_BODY, CONFIGURATION = 0, 1, 7
REQUEST_HEADERS, RESPONSE_HEADERS = 0, 2
FUEL = 10**12

GROUPS = {
    "shared data, reads": ["proxy_get_shared_data"],
    "shared data, writes": ["proxy_set_shared_data"],
    "headers and bodies": [
        "proxy_get_header_map_pairs", "proxy_get_header_map_value", "proxy_get_buffer_bytes",
        "proxy_replace_header_map_value", "proxy_add_header_map_value",
        "proxy_remove_header_map_value", "proxy_set_buffer_bytes"],
    "fields for the access log": ["proxy_set_property"],
    "metrics": ["proxy_increment_metric", "proxy_record_metric", "proxy_define_metric"],
    "the time": ["proxy_get_current_time_nanoseconds", "clock_time_get"],
    "properties": ["proxy_get_property"],
}


def count(folder: Path) -> list[Goal]:
    """Calls and instructions for a request: without limits, with everything on, and with everything
    on and very many keys."""
    print("\nA request, counted: the module on wasmtime, its host calls and its instructions")
    many = keys.rules(folder / "rules-counted", "counted", LIMITED_RULES)
    chats = {"gateway": UNLIMITED_RULES, "limited": LIMITED_RULES, "limited, many keys": many}
    counted = {name: chat(render(folder, rules)) for name, rules in chats.items()}
    rows = []
    for group, names in GROUPS.items():
        rows.append([group, *(str(sum(calls[name] for name in names))
                              for calls, _ in counted.values())])
    known = [name for names in GROUPS.values() for name in names]
    other = [str(sum(n for name, n in calls.items() if name not in known))
             for calls, _ in counted.values()]
    rows.append(["others", *other])
    rows.append(["all host calls", *(str(calls.total()) for calls, _ in counted.values())])
    rows.append(["instructions", *(f"{fuel:,}" for _, fuel in counted.values())])
    table(["", *chats], rows)
    few, many = (counted[name][1] for name in ("limited", "limited, many keys"))
    return [Goal("instructions, 10,000 keys more / few", many / few, 1.02, ".3f")]


def chat(document: Path) -> tuple[Counter, int]:
    """Host calls and instructions of one chat, once all is warm."""
    host = Host(document.read_bytes())
    for number in range(WARM_UP):
        host.chat(STREAM + number)
    host.calls.clear()
    before = host.store.get_fuel()
    host.chat(STREAM + WARM_UP)
    return host.calls, before - host.store.get_fuel()


class Host:
    """A VM with a root and one stream at a time."""

    def __init__(self, configuration: bytes):
        config = wasmtime.Config()
        config.consume_fuel = True
        self.engine = wasmtime.Engine(config)
        self.store = wasmtime.Store(self.engine)
        self.store.set_fuel(FUEL)
        self.calls: Counter = Counter()
        self.shared: dict[bytes, tuple[bytes, int]] = {}
        self.maps: dict[int, list[tuple[bytes, bytes]]] = {}
        self.buffers: dict[int, bytes] = {CONFIGURATION: configuration}
        self.metrics: dict[bytes, int] = {}
        self.replied: bytes | None = None
        self.writes = 0
        module = wasmtime.Module.from_file(self.engine, setting("TOLLGATE_MODULE"))
        linker = wasmtime.Linker(self.engine)
        for wanted in module.imports:
            linker.define_func(wanted.module, wanted.name, wanted.type, self._host_call(wanted),
                               access_caller=False)
        exports = linker.instantiate(self.store, module).exports(self.store)
        self.memory = exports["memory"]
        self.exports = exports
        self._call("_initialize")
        self._call("proxy_on_context_create", ROOT, 0)
        self._call("proxy_on_vm_start", ROOT, 0)
        if not self._call("proxy_on_configure", ROOT, len(configuration)):
            raise RuntimeError("the module refuses its configuration")
        self._call("proxy_on_tick", ROOT)

    def chat(self, stream: int) -> None:
        """A chat as Envoy's callbacks bring it, answered in one document."""
        request, answer = ((INPUTS / f"{name}.json").read_bytes() for name in ("request", "answer"))
        self.maps = {REQUEST_HEADERS: request_headers(len(request)), RESPONSE_HEADERS: [
            (b":status", b"200"), (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode())]}
        self.buffers |= {REQUEST_BODY: request, RESPONSE_BODY: answer}
        self._call("proxy_on_context_create", stream, ROOT)
        self._call("proxy_on_request_headers", stream, len(self.maps[REQUEST_HEADERS]), 0)
        self._call("proxy_on_request_body", stream, len(request), 1)
        if self.replied is not None:
            raise RuntimeError(f"the module answers itself: {self.replied!r}")
        self._call("proxy_on_response_headers", stream, len(self.maps[RESPONSE_HEADERS]), 0)
        self._call("proxy_on_response_body", stream, len(answer), 1)
        self._call("proxy_on_done", stream)
        self._call("proxy_on_log", stream)
        self._call("proxy_on_delete", stream)

    def _call(self, name: str, *arguments: int) -> int:
        return self.exports[name](self.store, *arguments)

    def _host_call(self, wanted: wasmtime.ImportType):
        implementation = getattr(self, wanted.name, None)

        def call(*arguments: int):
            self.calls[wanted.name] += 1
            if implementation is None:
                raise RuntimeError(f"the module calls {wanted.name}")
            return implementation(*arguments)
        return call

    def _read(self, at: int, length: int) -> bytes:
        return bytes(self.memory.read(self.store, at, at + length))

    def _put(self, at: int, value: int, size: int = 4) -> None:
        self.memory.write(self.store, value.to_bytes(size, "little"), at)

    def _give(self, value: bytes, at: int, length_at: int) -> int:
        """Hands over a value in memory that the module allocates."""
        place = self._call("proxy_on_memory_allocate", len(value)) if value else 0
        self.memory.write(self.store, value, place)
        self._put(at, place)
        self._put(length_at, len(value))
        return OK

    def proxy_log(self, _level, at, length):
        return OK

    def proxy_set_tick_period_milliseconds(self, _period):
        return OK

    def proxy_get_current_time_nanoseconds(self, at):
        self._put(at, time.time_ns(), 8)
        return OK

    def clock_time_get(self, _clock, _precision, at):
        self._put(at, time.monotonic_ns(), 8)
        return 0

    def random_get(self, at, length):
        self.memory.write(self.store, b"\7" * length, at)
        return 0

    def environ_sizes_get(self, count_at, size_at):
        self._put(count_at, 0)
        self._put(size_at, 0)
        return 0

    def proxy_get_buffer_bytes(self, kind, start, length, at, length_at):
        # The whole is asked for as 2**32 - 1, which arrives as -1.
        end = start + length if length >= 0 else None
        return self._give(self.buffers[kind][start:end], at, length_at)

    def proxy_set_buffer_bytes(self, _kind, _start, _size, _at, _length):
        return OK

    def proxy_get_header_map_pairs(self, kind, at, length_at):
        pairs = self.maps[kind]
        sizes = b"".join(struct.pack("<II", len(n), len(v)) for n, v in pairs)
        texts = b"".join(n + b"\0" + v + b"\0" for n, v in pairs)
        return self._give(struct.pack("<I", len(pairs)) + sizes + texts, at, length_at)

    def proxy_replace_header_map_value(self, _kind, _name, _name_length, _at, _length):
        return OK

    def proxy_remove_header_map_value(self, _kind, _name, _length):
        return OK

    def proxy_get_property(self, at, length, value_at, length_at):
        if self._read(at, length) == b"response\0flags":
            return self._give(bytes(8), value_at, length_at)
        return NOT_FOUND

    def proxy_set_property(self, _name, _name_length, _at, _length):
        return OK

    def proxy_get_shared_data(self, at, length, value_at, length_at, cas_at):
        found = self.shared.get(self._read(at, length))
        if found is None:
            return NOT_FOUND
        self._put(cas_at, found[1])
        return self._give(found[0], value_at, length_at)

    def proxy_set_shared_data(self, at, length, value_at, value_length, cas):
        name = self._read(at, length)
        current = self.shared.get(name, (b"", cas))[1]
        if cas not in (0, current):
            return CAS_MISMATCH
        self.writes += 1
        self.shared[name] = (self._read(value_at, value_length), self.writes)
        return OK

    def proxy_define_metric(self, _kind, at, length, id_at):
        self._put(id_at, self.metrics.setdefault(self._read(at, length), len(self.metrics)))
        return OK

    def proxy_increment_metric(self, _id, _amount):
        return OK

    def proxy_record_metric(self, _id, _value):
        return OK

    def proxy_send_local_response(self, *arguments):
        self.replied = self._read(arguments[3], arguments[4])
        return OK

    def proxy_done(self):
        return OK

    def proxy_set_effective_context(self, _context):
        return OK


def request_headers(length: int) -> list[tuple[bytes, bytes]]:
    """Those of OpenAI's SDK, as Envoy shows them."""
    lines = (INPUTS / "headers.txt").read_text().splitlines()
    of_client = [line.split(": ", 1) for line in lines if ": " in line]
    of_http = [[":authority", "127.0.0.1:8080"], [":path", "/v1/chat/completions"],
               [":method", "POST"], [":scheme", "http"], ["authorization", f"Bearer {key()}"],
               ["content-length", str(length)], ["x-forwarded-proto", "http"],
               ["x-request-id", "4b7c1f0e-8d0f-4c1e-9f0e-6f6b6b1b5f55"]]
    return [(name.encode(), value.encode()) for name, value in of_http + of_client]
