"""Hostile tables of captions, each in an archive with the two images `a.png` and `b.png`."""

from collections.abc import Iterator
from dataclasses import replace

from tests.hostile.items import HostileArchive, sound_files
from tests.hostile.zip_writing import DEFLATED, members, zipped

_HEADER = b"image,caption\n"
_MIB = 2**20


def hostile_tables() -> Iterator[HostileArchive]:
    """Each with what must become of it."""
    for made in (_encodings, _shapes, _headers, _captions, _json):
        for item in made():
            yield replace(item, name=f"table: {item.name}")


def giant_tables() -> Iterator[HostileArchive]:
    """Tables that are small as archives and large in memory. They take seconds each, so only the benchmark has them."""
    names = b"".join(b",x%d" % n for n in range(998))
    commas = (b"a.png,one" + b"," * 998 + b"\n") * 55_000
    yield _refused("giant: 55,000 rows of commas", b"image,caption" + names + b"\n" + commas, "too_many_values")
    nested = b'{"image": "a.png", "caption": "one", "x": [' + b"[]," * 99_999 + b"[]]}\n"
    yield _refused("giant: 7 million empty lists", nested * 70, "too_many_values", manifest="captions.jsonl")
    many = b'{"image": "a.png", "caption": [' + b'"a",' * 99_999 + b'"a"]}\n'
    yield _refused("giant: 2 million captions in few lines", many * 21, "too_many_rows", manifest="captions.jsonl")


def _imported(
    name: str, table: bytes, n_accepted: int, *, manifest: str = "captions.csv", **rejected: int
) -> HostileArchive:
    return HostileArchive(name, _archive(table, manifest), n_accepted=n_accepted, rejected=rejected)


def _refused(name: str, table: bytes, code: str, *, manifest: str = "captions.csv") -> HostileArchive:
    return HostileArchive(name, _archive(table, manifest), refusal=code)


def _archive(table: bytes, manifest: str) -> bytes:
    files = {manifest: table} | {name: data for name, data in sound_files().items() if name != "captions.csv"}
    return zipped(members(files, method=DEFLATED))


def _encodings() -> Iterator[HostileArchive]:
    text = "image,caption\na.png,one\nb.png,two\n"
    yield _imported("a byte order mark", b"\xef\xbb\xbf" + text.encode(), 2)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        yield _imported(encoding, text.encode(encoding), 2)
    yield _refused("utf-32", text.encode("utf-32"), "not_utf8")
    yield _imported("Latin-1", _HEADER + b"a.png,caf\xe9\nb.png,two\n", 1, not_utf8=1)
    yield _imported("overlong UTF-8", _HEADER + b"a.png,\xc0\xaf\nb.png,two\n", 1, not_utf8=1)
    yield _imported("surrogates in UTF-8", _HEADER + b"a.png,\xed\xa0\x80\nb.png,two\n", 1, not_utf8=1)
    yield _imported("a NUL", _HEADER + b"a.png,o\0ne\nb.png,two\n", 1, malformed_row=1)
    yield _imported(
        "a NUL in the image's name", _HEADER + b"a.png\0,one\nb.png,two\n", 1, malformed_row=1, no_caption_for_image=1
    )
    yield _imported("CR only", text.replace("\n", "\r").encode(), 2)
    yield _imported("CR and LF mixed", b"image,caption\r\na.png,one\rb.png,two\n", 2)


def _shapes() -> Iterator[HostileArchive]:
    huge = b"x" * (20 * _MIB)
    yield _imported(
        "a field of 20 MiB", _HEADER + b"a.png," + huge + b"\nb.png,two\n", 1, malformed_row=1, no_caption_for_image=1
    )
    yield _imported("20 MiB without a line's end", _HEADER + b"a.png,one\nb.png,two\n" + huge, 2, malformed_row=1)
    yield _imported(
        "a quote that is never closed", _HEADER + b'a.png,"one\nb.png,two\n', 1, malformed_row=1, no_caption_for_image=1
    )
    yield _imported("rows of other lengths", _HEADER + b"a.png\na.png,one,more\nb.png,two\n", 1, malformed_row=2)
    yield _imported("blank lines", _HEADER + b"\n\n\na.png,one\n\nb.png,two\n\n" + b"\n" * 100_000, 2)
    yield _imported("200,000 quotes", _HEADER + b'a.png,"' + b'""' * 100_000 + b'"\nb.png,two\n', 1, caption_too_long=1)
    commas = b",".join([b"a.png", *[b"x"] * 100_000])
    yield _imported("100,000 columns in a row", _HEADER + commas + b"\nb.png,two\n", 1, malformed_row=1)
    yield _imported(
        "rows for images that are not there",
        _HEADER + b"c.png,one\n../../etc/passwd,two\n/etc/passwd,3\n",
        0,
        missing_image=3,
        no_caption_for_image=2,
    )
    yield _imported(
        "a path in another case", _HEADER + b"A.PNG,one\nb.png,two\n", 1, missing_image=1, no_caption_for_image=1
    )
    yield _imported("an image without a caption", _HEADER + b"a.png,one\n", 1, no_caption_for_image=1)
    yield _imported("no row", _HEADER, 0, no_caption_for_image=2)


def _headers() -> Iterator[HostileArchive]:
    yield _refused("empty", b"", "no_caption_column")
    yield _refused("one line without an end", b"x" * (2 * _MIB), "no_caption_column")
    yield _refused("no header", b"a.png,one\nb.png,two\n", "no_caption_column")
    yield _refused("a caption column twice", b"image,caption,caption\na.png,one,two\n", "ambiguous_manifest")
    yield _imported("another column twice", b"image,caption,x,x,x\na.png,one,1,2,3\nb.png,two,1,2,3\n", 2)
    many = b"image,caption" + b",x" * 200_000
    yield _refused("200,000 columns of one name", many + b"\na.png,one" + b"," * 200_000 + b"\n", "too_many_columns")
    names = b"".join(b",x%d" % n for n in range(100_000))
    yield _refused("100,000 columns", b"image,caption" + names + b"\n", "too_many_columns")
    yield _imported("Formula as a column", b"image,caption,=cmd\na.png,one,1\nb.png,two,1\n", 2)


def _captions() -> Iterator[HostileArchive]:
    for what, caption in {
        "a script": "<script>alert(1)</script>",
        "a formula": "=cmd|'/c calc'!A1",
        "a formula in full width": "\uff1dcmd",
        "right to left": "\u202egnp.exe\u202c \u2067\u05d0\u2069",
        "joined emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "a thousand combining marks": "a" + "\u0301" * 1_000,
        "control characters": "\x01\x02\x1b[31mred\x7f",
        "SQL": "'); DROP TABLE pairs; --",
        "a template": "{{7*7}}${7*7}<%= 7*7 %>",
        "a format": "%s%n{0.__class__}",
        "no character": "\ufffe\uffff",
        "10,000 characters": "x" * 10_000,
    }.items():
        table = _HEADER + f"a.png,{caption}\nb.png,two\n".encode()
        yield _imported(f"caption of {what}", table, 2)
    yield _imported("empty captions", _HEADER + b'a.png,\nb.png,"  "\n', 0, empty_caption=2)
    yield _imported(
        "captions of spaces that are not ASCII",
        _HEADER + "a.png,\u00a0\u2003\nb.png,two\n".encode(),
        1,
        empty_caption=1,
    )
    long = _HEADER + b"a.png," + b"x" * 120_000 + b"\nb.png,two\n"
    yield _imported("a caption of 120,000 characters", long, 1, caption_too_long=1)
    longer = _HEADER + b"a.png," + b"x" * 1_000_000 + b"\nb.png,two\n"
    yield _imported("a caption of 1,000,000 characters", longer, 1, malformed_row=1, no_caption_for_image=1)
    deep = b"".join(b"a.png,one\n" for _ in range(5_000))
    yield _imported("one pair 5,000 times", _HEADER + deep + b"b.png,two\n", 5_001)


def _json() -> Iterator[HostileArchive]:
    good = b'{"image": "a.png", "caption": "one"}\n{"image": "b.png", "caption": "two"}\n'
    lines = {
        "depth 100,000": b'{"image": "a.png", "caption": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "objects of depth 100,000": b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
        "half of depth 100,000": b"[" * 100_000,
        "NaN": b'{"image": "a.png", "caption": "one", "x": NaN}',
        "infinity": b'{"image": "a.png", "caption": "one", "x": -Infinity}',
        "a number beyond all": b'{"image": "a.png", "caption": "one", "x": 1e999}',
        "a key twice": b'{"image": "a.png", "caption": "one", "caption": "two"}',
        "an integer of 100,000 digits": b'{"image": "a.png", "caption": "one", "x": ' + b"1" * 100_000 + b"}",
        "a list": b'["a.png", "one"]',
        "a text": b'"a.png"',
        "nothing": b"null",
        "no JSON": b"{image: a.png}",
        "two objects": b'{"image": "a.png"} {"caption": "one"}',
        "no end": b'{"image": "a.png", "caption": "one"',
        "a comma too many": b'{"image": "a.png", "caption": "one",}',
        "a caption that is a number": b'{"image": "a.png", "caption": 7}',
        "an image that is an object": b'{"image": {"path": "a.png"}, "caption": "one"}',
        "a NUL": b'{"image": "a.png", "caption": "o\\u0000ne"}',
        "a line of 20 MiB": b'{"image": "a.png", "caption": "' + b"x" * (20 * _MIB) + b'"}',
    }
    for what, line in lines.items():
        yield _imported(f"JSON: {what}", good + line + b"\n", 2, manifest="captions.jsonl", malformed_row=1)
    lone = b'{"image": "a.png", "caption": "\\ud800"}'
    yield _imported("JSON: a lone surrogate", good + lone, 2, manifest="captions.jsonl", not_utf8=1)
    yield _imported(
        "JSON: Latin-1", good + b'{"image": "a.png", "caption": "caf\xe9"}', 2, manifest="captions.jsonl", not_utf8=1
    )
    digits = b'{"image": "a.png", "caption": "one", "x": ' + b"1" * 4_000 + b"}\n"
    yield _imported("JSON: an integer of 4,000 digits", good + digits, 3, manifest="captions.jsonl")
    wide = b'{"image": "a.png", "caption": "one"' + b"".join(b',"x%d":1' % n for n in range(5_000)) + b"}\n"
    yield _imported("JSON: 5,000 keys", good + wide, 3, manifest="captions.jsonl")
    yield _imported("JSON: utf-16", good.decode().encode("utf-16"), 2, manifest="captions.jsonl")
    yield _refused("JSON: no line with a caption", b"{}\n" * 200, "no_caption_column", manifest="captions.jsonl")
