#!/usr/bin/env python3
"""Reads a plan by docs/plan-format.md alone and prints what is in it as JSON. Proves that the page is sufficient.

Usage: read_plan.py FILE.plan     Checksums need the module xxhash; without it they are not verified.
"""

import json
import struct
import sys

try:
    import xxhash
except ImportError:
    xxhash = None

SECTIONS = """text info extents values steps references attributes bindings properties tuning targets kernels launches
arguments images weights""".split()
STORAGES = "constant arena input output alias grows".split()
STEPS = "kernel view jump branch_false clear append launch to_host to_device".split()
ARGUMENTS = "value number tickets".split()
KINDS = "symbol add mul floor_div ceil_div mod min max".split()
TYPES = """none float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128
bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2""".split()
FIRST_EXPRESSION = -(2**63) + 1
ABSENT = 0xFFFFFFFF


class Malformed(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Malformed(what)


class Plan:
    def __init__(self, data):
        self.data = data
        need(len(data) >= 64 and data[:8] == b"HONEPLAN", "no plan")
        self.version, n, size, checksum, device, producer = struct.unpack_from("<IIQQ16s16s", data, 8)
        need(self.version == 2 and n == len(SECTIONS) and size == len(data), "version, sections or size")
        self.device, self.producer = (t.split(b"\0")[0].decode() for t in (device, producer))
        self.check(data[64 : 64 + 32 * n], checksum, "section table")
        self.sections = {}
        for i, name in enumerate(SECTIONS):
            kind, _, offset, length, checksum = struct.unpack_from("<IIQQQ", data, 64 + 32 * i)
            need(kind == i and offset % 64 == 0 and offset + length <= size, f"section {name}")
            self.sections[name] = memoryview(data)[offset : offset + length]
            self.check(self.sections[name], checksum, name)

    @staticmethod
    def check(data, checksum, name):
        if xxhash:
            need(xxhash.xxh3_64_intdigest(bytes(data)) == checksum, f"checksum of {name}")

    def records(self, section, form):
        return list(struct.iter_unpack(form, self.sections[section]))

    def text(self, reference):
        data = bytes(self.sections["text"])
        need(reference < len(data), "text reference")
        return data[reference : data.index(b"\0", reference)].decode()

    def extent(self, e):
        """A number, the name of a symbol, an expression as text, or ?."""
        if e == FIRST_EXPRESSION - 1:
            return "?"
        if e > FIRST_EXPRESSION + 2**30:
            return e
        index = e - FIRST_EXPRESSION
        kind, name, a, b = self.records("extents", "<IIqqqqqII")[index][:4]
        if kind == 0:
            return self.text(name)
        return f"{KINDS[kind]}({self.extent(a)}, {self.extent(b)})"

    def values(self):
        for name, kind, dtype, rank, storage, offset, room, *rest in self.records("values", "<IBBbBQQ8qII"):
            yield {
                "name": self.text(name),
                "type": TYPES[dtype],
                "shape": None if rank < 0 else [self.extent(e) for e in rest[:rank]],
                "storage": STORAGES[storage],
                "offset": offset,
                "room": room,
                "packed": bool(rest[8] & 1),
                "side": "device" if rest[8] & 2 else "host",
            }

    def steps(self):
        references = [r[0] for r in self.records("references", "<I")]
        for kind, flags, n_in, n_out, op, name, first, target, at, size, scratch, flop, moved in self.records(
            "steps", "<HHHHIIIIIIQdd"
        ):
            uses = [None if r == ABSENT else r for r in references[first : first + n_in + n_out]]
            yield {
                "kind": STEPS[kind],
                "op": self.text(op),
                "name": self.text(name),
                "in": uses[:n_in],
                "out": uses[n_in:],
                "target": target if kind in (2, 3) else None,
                "attributes": bytes(self.sections["attributes"][at : at + size]).hex(),
                "scratch": scratch,
                "flop": flop,
                "bytes": moved,
                "inferred_late": bool(flags & 1),
            }

    def kernels(self):
        for function, tactic, is_ptx, _, image, size in self.records("kernels", "<IIIIQQ"):
            need(image % 64 == 0 and image + size <= len(self.sections["images"]), "image")
            yield {
                "function": self.text(function),
                "tactic": self.text(tactic),
                "is_ptx": bool(is_ptx),
                "image": image,
                "size": size,
            }

    def arguments(self):
        """Each launch's arguments come as lists of fields: more than one where an argument is a struct."""
        for kind, size, is_joined, _, value, number in self.records("arguments", "<BBBBIq"):
            yield {
                "kind": ARGUMENTS[kind],
                "bytes": size,
                "joined": bool(is_joined),
                "value": value if kind == 0 else None,
                "number": number,
            }

    def launches(self):
        arguments = list(self.arguments())
        for step, kernel, *rest in self.records("launches", "<II9IIIIfI"):
            shared, first, n, us, flags = rest[9:]
            need(first + n <= len(arguments), "arguments of a launch")
            yield {
                "step": step,
                "kernel": kernel,
                "grid": rest[:3],
                "block": rest[3:6],
                "cluster": rest[6:9],
                "shared_bytes": shared,
                "us": us,
                "waits": bool(flags),
                "arguments": arguments[first : first + n],
            }

    def targets(self):
        launches = list(self.launches())
        for name, arch, is_exact, n_sms, first, n in self.records("targets", "<IIIIII"):
            need(first + n <= len(launches), "launches of a target")
            yield {
                "name": self.text(name),
                "arch": arch,
                "is_exact": bool(is_exact),
                "multiprocessors": n_sms,
                "launches": launches[first : first + n],
            }

    def bindings(self):
        values = list(self.values())
        for value, is_input, *extents in self.records("bindings", "<II24q"):
            rank = len(values[value]["shape"] or [])
            yield {
                "name": values[value]["name"],
                "type": values[value]["type"],
                "is_input": bool(is_input),
                "min": extents[:rank],
                "opt": extents[8 : 8 + rank],
                "max": extents[16 : 16 + rank],
            }

    def info(self):
        model, precision, weights, arena, live, scratch, flags, _, device_weights, device_arena, tickets, _ = self.records(
            "info", "<IIQQQQIIQQQQ"
        )[0]
        return {
            "model": self.text(model),
            "precision": self.text(precision),
            "device": self.device,
            "producer": self.producer,
            "weight_bytes": weights,
            "arena_bytes": arena,
            "live_bytes": live,
            "scratch_bytes": scratch,
            "device_weight_bytes": device_weights,
            "device_arena_bytes": device_arena,
            "ticket_bytes": tickets,
            "bounded": not flags & 1,
        }

    def document(self):
        return {
            **self.info(),
            "bindings": list(self.bindings()),
            "values": list(self.values()),
            "steps": list(self.steps()),
            "targets": list(self.targets()),
            "kernels": list(self.kernels()),
            "properties": {self.text(k): self.text(v) for k, v in self.records("properties", "<II")},
            "tuning": bytes(self.sections["tuning"]).decode().splitlines(),
        }


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    try:
        json.dump(Plan(data).document(), sys.stdout, indent=1)
    except (Malformed, struct.error, IndexError, ValueError) as why:
        sys.exit(f"{sys.argv[1]}: malformed plan: {why}")
    print()


if __name__ == "__main__":
    main()
