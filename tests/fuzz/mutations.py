"""Ways in which a file may be wrong: bytes, texts, values of JSON, and the containers that hold them.

A mutation gets bytes and a ``random.Random`` and gives other bytes, so that a seed is all that a case needs. Containers
(safetensors, zip archives) are taken apart and put together again, with their lengths and sums right: a reader that
only ever sees a wrong checksum is not tested beyond it.
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

TEXTS = ["", "Dense", "relu", "\ud800", "a" * 1000, "__proto__", "1", "../x", "é", "\x00", "nan"]
NUMBERS = [0, 1, -1, 3, 2**31, 2**53 + 1, 2**63, 2**64, 2**70, 10**12, 10**400, -3, 0.5, 1e308, -1e-320, True, False]
OTHERS = [None, [], {}, [[]], [None], {"name": "adam"}, [1] * 40, {"a": {"b": []}}, "NaN", "Infinity"]
PIECES = ["", '"', "[", "[" * 5000, "{", "}", ",", "NaN", "Infinity", "1e999", "-", "\\ud800", "9" * 5000]
BYTES = [b"\0", b"\xff", b"\x7f", b"\x80", b'"', b"\n", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"]
WHOLE = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]


def some(*mutations: Mutation) -> Mutation:
    """One of several, sometimes two or three after another."""

    def mutate(data: bytes, draw: random.Random) -> bytes:
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            try:
                data = draw.choice(mutations)(data, draw)
            except Exception:  # what one has made may be no container any more
                data = of_bytes(data, draw)
        return data

    return mutate


# -- bytes ------------------------------------------------------------------------------------------


def of_bytes(data: bytes, draw: random.Random) -> bytes:
    """Some bytes left out, doubled, or others in their place; or the end cut off."""
    if not data:
        return draw.randbytes(draw.choice([1, 4, 40]))
    at, length = draw.randrange(len(data)), draw.choice([1, 1, 1, 2, 8, 50])
    if draw.random() < 0.1:
        return data[:at]
    pieces = [b"", draw.randbytes(length), data[at : at + length] * 2, b"\xff" * length, b"\0" * length]
    piece = draw.choice([*pieces, draw.choice(BYTES)])
    return data[:at] + piece + data[at + length :]


def of_bits(data: bytes, draw: random.Random) -> bytes:
    """A few single bits, bytes or whole numbers of 16, 32 or 64 bits; the length stays."""
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 4, 8])):
        at, way = draw.randrange(len(data)), draw.randrange(4)
        if way == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif way == 1:
            changed[at] = draw.randrange(256)
        elif way == 2:
            changed[at] = (changed[at] + draw.choice([-1, 1])) % 256
        else:
            size, order = draw.choice([2, 4, 8]), draw.choice(["little", "big"])
            number = draw.choice(WHOLE) % 256**size
            changed[at : at + size] = number.to_bytes(size, order)[: len(data) - at]
    return bytes(changed)


def of_places(data: bytes, draw: random.Random) -> bytes:
    """A stretch moved, or copied over another one."""
    if not data:
        return data
    first, second = draw.randrange(len(data)), draw.randrange(len(data))
    piece = data[first : first + draw.choice([1, 4, 16, 100, 1000])]
    rest = data[second + len(piece) :] if draw.random() < 0.5 else data[second:]
    return data[:second] + piece + rest


def at_the_end(size: int) -> Mutation:
    """Bytes of the last ``size`` alone: where Parquet and zip have their tables."""

    def mutate(data: bytes, draw: random.Random) -> bytes:
        return data[:-size] + draw.choice([of_bits, of_bytes])(data[-size:], draw)

    return mutate


# -- texts and values of JSON -----------------------------------------------------------------------


def of_text(text: str, draw: random.Random, pieces: list[str] = PIECES) -> str:
    """A text with a piece put in, in place of some letters or between them."""
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice(pieces) + text[at + draw.choice([0, 1, 3]) :]


def of_value(value: Any, draw: random.Random) -> Any:
    """A copy with something somewhere in it replaced, left out, added, or there twice."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return draw.choice(OTHERS)
    inside, key = draw.choice(places)
    way = draw.randrange(6)
    if way == 0:
        del inside[key]
    elif way == 1 and isinstance(inside, list):
        inside.insert(0, copy.deepcopy(inside[key]))
    elif way == 1:
        inside[draw.choice([*TEXTS, "name", "parameter"])] = inside[key]
    elif way == 2 and isinstance(inside[key], int | float):
        was = inside[key]
        inside[key] = draw.choice([-was, was + 1, was * 10**9, float(was), str(was)])
    elif way == 3:
        other, name = draw.choice(places)
        inside[key] = copy.deepcopy(other[name])
    else:
        inside[key] = copy.deepcopy(draw.choice([*TEXTS, *NUMBERS, *OTHERS]))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(inner)


def of_json(data: bytes, draw: random.Random) -> bytes:
    """The value of a JSON text, or the text."""
    if draw.random() < 0.3:
        return of_text(data.decode(), draw).encode("utf-8", "surrogatepass")
    return json.dumps(of_value(json.loads(data), draw)).encode()


# -- safetensors ------------------------------------------------------------------------------------


def parts(data: bytes) -> tuple[dict, bytes]:
    """Header and arrays of a safetensors file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def file_of(header: str | bytes | dict, arrays: bytes) -> bytes:
    """A safetensors file, whatever its header is."""
    text = json.dumps(header) if isinstance(header, dict) else header
    text = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return len(text).to_bytes(8, "little") + text + arrays


def of_header(data: bytes, draw: random.Random) -> bytes:
    """The header as text, or a value in it."""
    header, arrays = parts(data)
    if draw.random() < 0.5:
        return file_of(of_text(json.dumps(header), draw), arrays)
    return file_of(of_value(header, draw), arrays)


def of_description(data: bytes, draw: random.Random) -> bytes:
    """What the metadata says, as text or a value in it; the encoding of a table is a text in that text."""
    header, arrays = parts(data)
    stored = header["__metadata__"]
    described = {key: json.loads(value) for key, value in stored.items() if value[:1] in "[{"}
    key = draw.choice([*described, *(["model"] if "model" in described else [])])
    value = described[key]
    if draw.random() < 0.25:
        stored[key] = of_text(json.dumps(value), draw)
    elif key == "metadata" and "table" in value and draw.random() < 0.9:
        stored[key] = json.dumps(value | {"table": json.dumps(of_value(json.loads(value["table"]), draw))})
    else:
        stored[key] = json.dumps(of_value(value, draw))
    return file_of(header, arrays)


of_safetensors = some(of_description, of_description, of_description, of_header, of_bytes, of_bits)


# -- other containers -------------------------------------------------------------------------------


def of_members(mutate: Mutation) -> Mutation:
    """A member of a zip archive, which is packed again with its right sum and lengths; or one gone, or twice."""

    def mutation(data: bytes, draw: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        at, way = draw.randrange(len(members)), draw.randrange(12)
        name, content = members[at]
        if way == 0:
            del members[at]
        elif way == 1:
            members[at] = (of_text(name, draw, ["", "/", "..", "x", ".npy", "é"]), content)
        else:
            members[at] = (name, mutate(content, draw))
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content)
        return file.getvalue()

    return mutation


def unpacked(opener: Callable[[bytes], bytes], packer: Callable[[bytes], bytes], mutate: Mutation) -> Mutation:
    """What is inside a compressed file."""
    return lambda data, draw: packer(mutate(opener(data), draw))


def of_npy(data: bytes, draw: random.Random) -> bytes:
    """The text in front of an array of NumPy, with its length right; or any bytes."""
    if draw.random() < 0.3:
        return of_bits(data, draw)
    length = struct.unpack("<H", data[8:10])[0]
    pieces = ["", "-", "9" * 20, "(", ")", ",", "'", "|O", "<f8", "<U9999", ">i2", "True", "None", "L" * 300, "**9"]
    header = of_text(data[10 : 10 + length].decode("latin-1"), draw, pieces).encode("latin-1")
    return data[:8] + struct.pack("<H", len(header)) + header + data[10 + length :]


def of_sizes(data: bytes, draw: random.Random) -> bytes:
    """The head of an IDX file: type, number of axes, sizes."""
    changed = bytearray(data)
    if draw.random() < 0.3:
        changed[draw.choice([0, 1, 2, 2, 3, 3])] = draw.randrange(16)
    else:
        at = 4 + 4 * draw.randrange(max(data[3], 1))
        changed[at : at + 4] = struct.pack(">I", draw.choice([*WHOLE, 1, 2, 3, draw.randrange(50)]))
    return bytes(changed)


def of_protobuf(data: bytes, draw: random.Random) -> bytes:
    """A field somewhere in nested messages of protobuf: others in its place, left out, or twice; lengths are right."""
    fields = list(_fields(data))
    if not fields:
        return of_bytes(data, draw)
    at = draw.randrange(len(fields))
    number, kind, value = fields[at]
    way = draw.randrange(8)
    if way == 0:
        del fields[at]
    elif way == 1:
        fields.insert(draw.randrange(len(fields)), fields[at])
    elif way == 2:
        fields[at] = (draw.choice([number + 1, max(number - 1, 1), draw.randrange(1, 30)]), kind, value)
    elif kind == 2 and _is_message(value) and draw.random() < 0.85:
        fields[at] = (number, kind, of_protobuf(value, draw))
    elif kind == 2:
        fields[at] = (number, kind, draw.choice([of_bytes, of_bits])(value, draw))
    else:
        fields[at] = (number, 0, draw.choice([*WHOLE, 2**63, 2**64 - 1, 3, 7]))
    return b"".join(_field(*field) for field in fields)


def _is_message(data: bytes) -> bool:
    try:
        return len(data) > 1 and bool(list(_fields(data)))
    except (IndexError, ValueError):
        return False


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("no protobuf")
        if not number or at > len(data):
            raise ValueError("no protobuf")
        yield number, kind, value


def _field(number: int, kind: int, value: Any) -> bytes:
    head = _as_varint(number << 3 | kind)
    if kind == 0:
        return head + _as_varint(value)
    return head + (_as_varint(len(value)) + value if kind == 2 else value)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
