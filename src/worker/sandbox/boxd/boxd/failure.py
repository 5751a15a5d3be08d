"""What a caller may be told."""


class Failure(Exception):
    """A typed outcome; `code` is one of the product's error codes. The message holds no path outside the workspace."""

    def __init__(self, code, message, hint=None, **details):
        super().__init__(message)
        self.code, self.message, self.hint, self.details = code, message, hint, details

    def to_json(self):
        shape = {"code": self.code, "message": self.message, "details": self.details}
        if self.hint is not None:
            shape["hint"] = self.hint
        return shape


class TooLong(Exception):
    """The work would block the loop; do it in a helper process."""


class Malformed(Exception):
    """The bytes on the channel are no frames; nothing after them can be trusted."""


def field(header, name, kind, default=...):
    """A field of a request, checked: the worker is trusted, but a bug there must not become a crash here."""
    value = header.get(name, default)
    if value is ...:
        raise Failure("VALIDATION_ERROR", f"field {name} is missing")
    if value is not None and value is not default and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise Failure("VALIDATION_ERROR", f"field {name} has the wrong type")
    return value


def text_map(header, name):
    """A map of string to string without NUL bytes, as an environment must be."""
    value = field(header, name, dict, {})
    for key, item in value.items():
        if not isinstance(item, str) or not key or "=" in key or "\0" in key or "\0" in item:
            raise Failure("VALIDATION_ERROR", f"field {name} has an entry that cannot be an environment variable")
    return value
