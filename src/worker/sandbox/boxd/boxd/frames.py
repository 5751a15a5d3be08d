"""
Frames: 4 bytes big-endian length of the body, then the body.

The body is a JSON object, or, when bytes go with it: a zero byte, 4 bytes big-endian length of the JSON, the JSON, the bytes.
"""

import json
import os
import struct

from _boxd.failure import Malformed

MAX_BODY = 32 * 1024 * 1024
_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_from_json = json.JSONDecoder().decode
_length = struct.Struct(">I")
_start = struct.Struct(">IBI")


def encode(header, payload=b""):
    """One frame as bytes."""
    text = _to_json(header).encode()
    if not payload:
        return _length.pack(len(text)) + text
    return b"".join((_start.pack(5 + len(text) + len(payload), 0, len(text)), text, payload))


def decode(body):
    """Header and payload of one body (a memoryview or bytes)."""
    try:
        if body[0] != 0:
            return _object(bytes(body)), b""
        (size,) = _length.unpack_from(body, 1)
        if 5 + size > len(body):
            raise Malformed("a frame's header is longer than the frame")
        return _object(bytes(body[5 : 5 + size])), bytes(body[5 + size :])
    except (IndexError, struct.error, ValueError, RecursionError) as error:
        raise Malformed("a frame holds no JSON object") from error


def _object(text):
    value = _from_json(text.decode())
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


class Splitter:
    """Cuts a stream of bytes into bodies of frames."""

    def __init__(self, limit=MAX_BODY):
        self._limit, self._buffer = limit, bytearray()

    def feed(self, data):
        """The bodies that are complete by now, as bytes."""
        buffer = self._buffer
        buffer += data
        bodies, at = [], 0
        while len(buffer) - at >= 4:
            (size,) = _length.unpack_from(buffer, at)
            if size == 0 or size > self._limit:
                raise Malformed("a frame is empty or too large")
            if len(buffer) - at - 4 < size:
                break
            bodies.append(bytes(buffer[at + 4 : at + 4 + size]))
            at += 4 + size
        del buffer[:at]
        return bodies


def wrap(body):
    """A body as it travels."""
    return _length.pack(len(body)) + body


class Reader:
    """Frames from a blocking descriptor, which nobody else reads."""

    def __init__(self, fd):
        self._fd, self._data = fd, bytearray()

    def next(self):
        """One frame; None at the end."""
        data = self._data
        while True:
            if len(data) >= 4:
                (size,) = _length.unpack_from(data)
                if len(data) >= 4 + size:
                    body = bytes(data[4 : 4 + size])
                    del data[: 4 + size]
                    return decode(body)
            # The usual frame comes in one read.
            part = os.read(self._fd, 65536)
            if not part:
                return None
            data += part


def write_all(fd, data):
    """Writes everything to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
