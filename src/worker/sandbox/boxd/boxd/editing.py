"""Search and replace in a text file, all edits or none, and the diff of it."""

import os

from _boxd import files
from _boxd.failure import Failure, TooLong, field

INLINE_EDIT = 256 * 1024
MAX_DIFF = 20_000
CONTEXT = 3
# Beyond so many pairs of lines, what changed is shown as one block instead of being compared line by line.
MAX_COMPARED = 250_000
_CUT = "[… diff cut …]\n"


def edit(box, header, _payload, is_inline):
    import hashlib

    path, edits = field(header, "path", str), field(header, "edits", list)
    is_dry, expected = field(header, "dryRun", bool), field(header, "ifSha256", str, None)
    with box.root.locate(path) as place:
        before = _read_text(place, is_inline)
        raw = before.encode()
        if expected is not None and hashlib.sha256(raw).hexdigest() != expected.lower():
            digest = hashlib.sha256(raw).hexdigest()
            raise Failure("FILE_CHANGED", f"File has changed: {path} (its SHA-256 is {digest})", sha256=digest)
        after, replacements = apply(path, before, edits)
        data = _encoded(path, after)
        if len(data) > files.MAX_TEXT:
            raise Failure("FILE_TOO_LARGE", f"File would become too large: {path} ({len(data)} bytes, at most {files.MAX_TEXT})")
        if not is_dry:
            files.replace(place, data)
        answer = {
            "replacements": replacements,
            "bytesWritten": 0 if is_dry else len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "diff": diff(place.shown, before, after),
        }
        return answer, b""


def _read_text(place, is_inline):
    fd, state = files.open_regular(place)
    try:
        if state.st_size > files.MAX_TEXT:
            raise Failure("FILE_TOO_LARGE", f"File too large to edit: {place.path} ({state.st_size} bytes, at most {files.MAX_TEXT})")
        if is_inline and state.st_size > INLINE_EDIT:
            raise TooLong
        raw = files.read_whole(fd)
    finally:
        os.close(fd)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Failure("NOT_TEXT", f"File is not UTF-8 text: {place.path} ({len(raw)} bytes)") from None


def _encoded(path, text):
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Failure("VALIDATION_ERROR", f"a replacement in {path} is not valid text") from None


def apply(path, text, edits):
    """(text, number of replacements). Each edit sees the result of the one before it."""
    replacements = 0
    for index, step in enumerate(edits):
        if not isinstance(step, dict):
            raise Failure("VALIDATION_ERROR", f"edits[{index}] is not an object")
        search, replacement = field(step, "search", str), field(step, "replace", str)
        if not search:
            raise Failure("VALIDATION_ERROR", f"edits[{index}].search must not be empty")
        count = text.count(search)
        if count == 0:
            raise Failure("EDIT_NO_MATCH", f"edits[{index}]: search text not found in {path}", index=index, count=0)
        # Overlapping places count as well: it would not be clear which of them is meant.
        if not field(step, "replaceAll", bool) and (count > 1 or text.find(search, text.find(search) + 1) >= 0):
            count = max(count, 2)
            raise Failure("EDIT_AMBIGUOUS", f"edits[{index}]: search text found {count} times in {path}", index=index, count=count)
        text = text.replace(search, replacement)
        replacements += count
    return text, replacements


def diff(path, before, after):
    """A unified diff of at most MAX_DIFF characters; empty when nothing changed."""
    if before == after:
        return ""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    lines, size = [], 0
    for line in _hunks(path, old, new, (head, tail)):
        shown = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        if size + len(shown) > MAX_DIFF - len(_CUT):
            lines.append(_CUT)
            break
        size += len(shown)
        lines.append(shown)
    return "".join(lines)


def _hunks(path, old, new, same):
    head, tail = same
    yield f"--- a/{path}\n"
    yield f"+++ b/{path}\n"
    # Only the part that differs is compared, with the lines around it: edits are few and files may be long.
    start = max(0, head - CONTEXT)
    left = old[start : len(old) - max(0, tail - CONTEXT)]
    right = new[start : len(new) - max(0, tail - CONTEXT)]
    for group in _groups(left, right, (head - start, min(tail, CONTEXT))):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(start + first[1], start + last[2])} +{_range(start + first[3], start + last[4])} @@\n"
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (f" {line}" for line in left[a:b])
                continue
            yield from (f"-{line}" for line in left[a:b])
            yield from (f"+{line}" for line in right[c:d])


def _groups(left, right, around):
    """
    Opcodes in groups with their context. What `left` and `right` begin and end with alike stays so: aligned otherwise, the last hunk
    could end before its context does, and patch would take that for the end of the file.
    """
    import difflib

    above, below = around
    a, b = len(left), len(right)
    between = (above, a - below, above, b - below)
    matcher = difflib.SequenceMatcher(None, left[above : a - below], right[above : b - below], autojunk=False)
    if (a - above - below) * (b - above - below) <= MAX_COMPARED:
        changes = [(tag, i + above, j + above, k + above, m + above) for tag, i, j, k, m in matcher.get_opcodes()]
    else:
        changes = [("replace", *between)]
    matcher.opcodes = [("equal", 0, above, 0, above), *changes, ("equal", a - below, a, b - below, b)]
    return list(matcher.get_grouped_opcodes(CONTEXT))


def _range(start, end):
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start if length == 0 else start + 1},{length}"
