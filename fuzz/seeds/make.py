#!/usr/bin/env python3
"""Writes the seeds of every target: inputs worth beginning with, a story or a text each.

    fuzz/seeds/make.py

A target takes its input apart by `arbitrary`: a variant is four bytes of which the number of
variants makes a choice, a list has a 1 in front of each element and a 0 behind the last one, and
what comes last of all is the rest of the input.
"""
import hashlib
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def seed(target, name, data):
    """Writes one seed."""
    if isinstance(data, str):
        data = data.encode()
    (HERE / target).mkdir(exist_ok=True)
    (HERE / target / name).write_bytes(data)


def choice(variants, name, *fields):
    """A variant of an enum, by its name among all of them, and its fields."""
    index, count = variants.index(name), len(variants)
    number = ((index << 32) + count - 1) // count
    assert number * count >> 32 == index
    return struct.pack("<I", number) + b"".join(fields)


def u8(value):
    return bytes([value])


def u16(value):
    return struct.pack("<H", value)


def yes(value):
    return b"\1" if value else b"\0"


def maybe(value):
    return b"\0" if value is None else b"\1" + value


def many(values):
    return b"".join(b"\1" + value for value in values) + b"\0"


DIGEST = "sha256:" + hashlib.sha256(b"{}").hexdigest()
LONG = "sha512:" + hashlib.sha512(b"{}").hexdigest()
OCI = "application/vnd.oci.image."
DESCRIPTOR = f'{{"mediaType":"a/b","digest":"{DIGEST}","size":2}}'
IMAGE = (
    f'{{"schemaVersion":2,"mediaType":"{OCI}manifest.v1+json","config":{DESCRIPTOR},'
    f'"layers":[{DESCRIPTOR}],"subject":{DESCRIPTOR},"annotations":{{"a":"b"}}}}'
)
INDEX = f'{{"schemaVersion":2,"mediaType":"{OCI}index.v1+json","manifests":[{DESCRIPTOR}]}}'

# --- words ---------------------------------------------------------------------------------------
for name, text in {
    "name": "library/a.b-c__d/e",
    "name-bad": "a/../b",
    "tag": "v1.0-rc_1",
    "digest": DIGEST,
    "digest-long": LONG,
    "media-type": OCI + "layer.v1.tar+gzip",
    "upload": "abcdefghijklmnopqrstuvwxyz"[:26],
    "store-file": "file:///srv/data",
    "store-s3": "s3://bucket/prefix",
    "store-memory": "memory:",
    "image": IMAGE,
    "index": INDEX,
    "descriptor": DESCRIPTOR[:-1] + ',"artifactType":"a/b","annotations":{"k":"v"},"data":"e30="}',
    "schema1": '{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}',
    "both": '{"schemaVersion":2,"manifests":[],"layers":[]}',
    "twice": '{"schemaVersion":2,"schemaVersion":2,"manifests":[]}',
    "nested": '{"schemaVersion":2,"manifests":[],"x":' + "[" * 62 + "]" * 62 + "}",
    "escapes": '{"schemaVersion":2,"manifests":[],"annotations":{"\\u0000\\"[":"{\\\\"}}',
    "opaque": b"\x7fELF\0\1\2",
}.items():
    seed("words", name, text)

# --- heads ---------------------------------------------------------------------------------------
PLACES = (
    "Range ContentRange TagsQuery CatalogQuery UploadsQuery EndQuery ManifestQuery ReferrersQuery "
    "Path Session Reference BlobDigest IfNoneMatch IfMatch ContentType"
).split()
WHOLE = "sha256:" + hashlib.sha256(b"0123456789abc").hexdigest()
for place, texts in {
    "Range": ["bytes=0-9", "bytes=5-", "bytes=-3", "bytes=9-2", "bytes=0-1,3-4", "lines=1-2"],
    "ContentRange": ["10-14", "0-4", "14-10", "10-18446744073709551615", "bytes 10-14/*", "+10-14"],
    "TagsQuery": ["n=2", "n=2&last=latest", "n=0", "n=99999999999999999999", "last=%00&n=1"],
    "CatalogQuery": ["n=1&last=a", "n=-1", "last=a%2Fb"],
    "UploadsQuery": [
        f"digest={DIGEST}", f"mount={DIGEST}&from=a/b", f"mount={DIGEST}&from=..",
        "digest-algorithm=sha512", "digest-algorithm=md5", f"mount={DIGEST}", f"mount={LONG}",
    ],
    "EndQuery": [f"digest={WHOLE}", f"digest={DIGEST}", f"digest={LONG}", "digest=", "x=1"],
    "ManifestQuery": ["tag=a&tag=b", "tag=", "tag=..", "&".join("tag=t%d" % i for i in range(101))],
    "ReferrersQuery": ["artifactType=a/b", "artifactType=%2F", f"last={DIGEST}", "last=x"],
    "Path": [
        "", "_catalog", "a/b/tags/list", "a/b/blobs/uploads/", "..%2f..%2fetc/manifests/x",
        "a//b/manifests/x", "%2e%2e/blobs/x", "a/b/manifests/sha256%3Ax", "a\\b/tags/list",
    ],
    "Session": ["abcdefghijklmnopqrstuvwxyz", "../x", "%2e%2e", "x?digest=y"],
    "Reference": ["v1", DIGEST, LONG, "sha256:..", "sha256:" + "A" * 64, "a" * 129, "md5:00"],
    "BlobDigest": [DIGEST, LONG, "sha256%3A" + "0" * 64, "sha256-" + "0" * 64],
    "IfNoneMatch": ["*", f'"{DIGEST}"', f'W/"{DIGEST}", "x"'],
    "IfMatch": ["*", f'"{DIGEST}"', '"', "W/*"],
    "ContentType": [OCI + "index.v1+json", OCI + "index.v1+json; charset=utf-8", "x", ";", "a/b"],
}.items():
    for at, text in enumerate(texts):
        seed("heads", f"{place}-{at}", choice(PLACES, place) + text.encode())

# --- checkpoints ---------------------------------------------------------------------------------
KINDS = ["Memory", "Bucket"]
CHANGES = ["Len", "Token", "Edit", "None"]


def bucket(part, parts, loose):
    return choice(KINDS, "Bucket", u8(part), u8(parts), u8(loose))


def checkpoint(name, kind, writes, change, then):
    seed("checkpoints", name, kind + many(map(u8, writes)) + change + u8(then))


for at, kind in enumerate([bucket(9, 2, 3), bucket(0, 0, 0), bucket(30, 7, 31)]):
    for writes in ([5], [50, 3], [7, 7, 7, 100, 1]):
        name = f"{at}-{'-'.join(map(str, writes))}"
        checkpoint(name, kind, writes, choice(CHANGES, "None"), 60)
        checkpoint(name + "-len", kind, writes, choice(CHANGES, "Len", struct.pack("<Q", 3)), 9)

# --- records -------------------------------------------------------------------------------------
DAMAGES = ["Torn", "Foreign", "Edited", "Cut", "Swapped"]
ID = "abcdefghijklmnopqrstuvwxyz"[:25] + "a"
VALUES = {
    "store": f'{{"layout":2,"id":"{ID}","created":0}}',
    "blob": f'{{"life":{{"live":"{ID}"}},"size":7,"home":"a/b","trash":["{ID}"],"fenced":["{ID}"]}}',
    "blob-dead": '{"life":"dead","size":0}',
    "blob-condemned": f'{{"life":{{"condemned":"{ID}"}},"size":18446744073709551615}}',
    "link": '{"is_leaving":true}',
    "session": f'{{"stage":"open","repository":"a/b","started":0,"offset":3,"algorithm":"sha256",'
    f'"hash_state":"{"00" * 105}","token":"00"}}',
    "session-sealed": f'{{"stage":{{"sealed":"{DIGEST}"}},"repository":"c","started":0,"offset":0,'
    '"algorithm":"sha512","hash_state":"","token":""}',
    "manifest": f'{{"life":{{"live":"{ID}"}},"descriptor":{DESCRIPTOR}}}\n{IMAGE}',
    "manifest-deleted": f'{{"life":{{"deleted":"{ID}"}},"trash":["{ID}"]}}\n',
    "tag": f'{{"digest":"{DIGEST}","manifest":"{ID}","incarnation":"{ID}"}}',
    "push": f'{{"repository":"c","digest":"{DIGEST}","act":{{"push":{{"incarnation":"{ID}",'
    f'"targets":{{"blobs":["{DIGEST}"],"children":["{DIGEST}"],"subject":"{DIGEST}"}}}}}}}}',
    "untag": f'{{"repository":"a/b","digest":"{DIGEST}","act":{{"untag":{{"tag":"v1",'
    f'"incarnation":"{ID}"}}}}}}',
    "note": f'{{"repository":"c","digest":"{DIGEST}"}}',
    "empty": "{}",
}
for at, (name, value) in enumerate(VALUES.items()):
    for key in range(at, 64, len(VALUES)):
        seed("records", f"{name}-{key}", u8(key) + choice(DAMAGES, "Foreign") + value.encode())
for key in range(64):
    seed("records", f"cut-{key}", u8(key) + choice(DAMAGES, "Cut", u16(key * 7)))
    edit = choice(DAMAGES, "Edited", u16(key * 3), u16(1)) + b"0"
    seed("records", f"edit-{key}", u8(key) + edit)
    if key % 4 == 0:
        seed("records", f"swap-{key}", u8(key) + choice(DAMAGES, "Swapped", u8(key + 1)))
        seed("records", f"torn-{key}", u8(key) + choice(DAMAGES, "Torn") + b"orlop 1 ")

# --- uploads -------------------------------------------------------------------------------------
STEPS = "Begin Act GoOn Crash Collect Reopen Trouble DeliverLate".split()
ACTS = "Resume Write Pause Commit Cancel Whole".split()
TROUBLES = ["LostRequest", "LostAnswer", "Late"]
ALL = 255  # more fuel than any act needs


def begin(repository=0, long=False, fuel=ALL):
    return choice(STEPS, "Begin", yes(repository), yes(long), u8(fuel))


def act(writer, session, what, fuel=ALL):
    return choice(STEPS, "Act", u8(writer), u8(session), what, u8(fuel))


def resume(at=None):
    return choice(ACTS, "Resume", maybe(None if at is None else u16(at)))


def write(count, other=False):
    return choice(ACTS, "Write", u16(count), yes(other))


def commit(honest=True, long=False):
    return choice(ACTS, "Commit", yes(honest), yes(long))


PAUSE, CANCEL = choice(ACTS, "Pause"), choice(ACTS, "Cancel")


def whole(repository, count, honest=True, long=False):
    return choice(ACTS, "Whole", yes(repository), u16(count), yes(honest), yes(long))


def go_on(writer, fuel=ALL):
    return choice(STEPS, "GoOn", u8(writer), u8(fuel))


def crash(writer):
    return choice(STEPS, "Crash", u8(writer))


def collect(fuel=ALL):
    return choice(STEPS, "Collect", u8(fuel))


def trouble(what):
    return choice(STEPS, "Trouble", choice(TROUBLES, what))


REOPEN, LATE = choice(STEPS, "Reopen"), choice(STEPS, "DeliverLate")


def chunk(writer, session, count, at=None):
    return [act(writer, session, resume(at)), act(writer, session, write(count)),
            act(writer, session, PAUSE)]


STORIES = {
    "chunks": [begin(), *chunk(0, 0, 100), *chunk(1, 0, 70, 100), act(2, 0, resume(170)),
               act(2, 0, commit())],
    "other-algorithm": [begin(1, True), *chunk(0, 0, 33), act(0, 0, resume()), act(0, 0, commit())],
    "two-writers": [begin(), act(0, 0, resume()), act(1, 0, resume()), act(0, 0, write(50)),
                    act(1, 0, write(60, True)), act(0, 0, PAUSE), act(1, 0, PAUSE),
                    act(2, 0, resume()), act(2, 0, write(9)), act(2, 0, commit())],
    "cancel": [begin(), *chunk(0, 0, 20), act(1, 0, resume()), act(0, 0, resume()),
               act(0, 0, CANCEL), act(1, 0, write(5)), act(1, 0, commit())],
    "reopened": [begin(), *chunk(0, 0, 20), REOPEN, *chunk(0, 0, 20, 20), REOPEN,
                 act(0, 0, resume(40)), act(0, 0, commit(False)), act(0, 0, resume(40)),
                 act(0, 0, commit())],
    "whole": [act(0, 0, whole(0, 90)), act(1, 0, whole(1, 90)), act(2, 0, whole(1, 9, False)),
              act(3, 0, whole(0, 90, True, True))],
    "same-blob": [begin(), begin(1), *chunk(0, 0, 90), *chunk(1, 1, 90), act(0, 0, resume()),
                  act(1, 1, resume()), act(0, 0, commit(), 9), act(1, 1, commit(), 9),
                  go_on(0), go_on(1)],
    "collector": [begin(), *chunk(0, 0, 90), act(0, 0, resume()), act(0, 0, commit(), 6),
                  collect(20), go_on(0, 4), collect(30), go_on(0), collect()],
    "given-up": [begin(), *chunk(0, 0, 90), collect(), act(0, 0, resume()), begin(1),
                 *chunk(0, 1, 50), collect(5), REOPEN, collect()],
}
for fuel in range(1, 24, 2):
    STORIES[f"pause-{fuel}"] = [begin(), *chunk(0, 0, 30), act(0, 0, resume()),
                                act(0, 0, write(40)), act(0, 0, PAUSE, fuel), crash(0),
                                *chunk(1, 0, 20)]
    STORIES[f"commit-{fuel}"] = [begin(), *chunk(0, 0, 60), act(0, 0, resume()),
                                 act(0, 0, commit(), fuel), REOPEN, act(0, 0, resume()),
                                 act(0, 0, commit())]
for what in TROUBLES:
    STORIES[f"trouble-{what}"] = [begin(), *chunk(0, 0, 30), act(0, 0, resume()),
                                  act(0, 0, write(40)), trouble(what), act(0, 0, PAUSE),
                                  act(0, 0, resume()), LATE, act(1, 0, resume()), trouble(what),
                                  act(1, 0, commit()), LATE]
for name, story in STORIES.items():
    for kind_name, kind in {
        "memory": choice(KINDS, "Memory"),
        "parts": bucket(9, 3, 4),
        "spans": bucket(15, 1, 0),
    }.items():
        seed("uploads", f"{name}-{kind_name}", kind + many(story))

# --- http ----------------------------------------------------------------------------------------
STEPS = (
    "Begin Chunk Status Cancel Finish Whole Mount PutImage PutIndex Get GetBlob Delete DeleteBlob "
    "Tags Referrers Collect Anything"
).split()
KNOWN = ["Manifest", "Tag"]
WORDS = ["Usual", "Digest", "Number", "Any"]


def step(name, *fields):
    return choice(STEPS, name, *fields)


def sent(pieces, breaks_off=False, shift=None, length=None):
    i8 = lambda value: None if value is None else struct.pack("<b", value)
    return many(map(u8, pieces)) + yes(breaks_off) + maybe(i8(shift)) + maybe(i8(length))


def claim(honest=True, long=False):
    return yes(honest) + yes(long)


def put(tag=None, tags=(), condition=None, long=False):
    option = lambda value: maybe(None if value is None else u8(value))
    return option(tag) + many(map(u8, tags)) + option(condition) + yes(long)


def blob(repository, size):
    return step("Whole", yes(repository), sent([size]), claim())


def image(repository, blobs, subject=None, **how):
    subject = maybe(None if subject is None else u8(subject))
    return step("PutImage", yes(repository), u8(blobs[0]), u8(blobs[1]), subject, put(**how))


def get(repository, known, at):
    return step("Get", yes(repository), choice(KNOWN, known, u8(at)), maybe(None))


def delete(repository, known, at, condition=None):
    condition = maybe(None if condition is None else u8(condition))
    return step("Delete", yes(repository), choice(KNOWN, known, u8(at)), condition)


def usual(at):
    return choice(WORDS, "Usual", u8(at))


def anything(method, path, query=(), headers=(), body=b""):
    query = many(n + v for n, v in query)
    headers = many(u8(n) + v for n, v in headers)
    return step("Anything", u8(method), many(path), query, headers, many(map(u8, body)))


TWO = [blob(0, 10), blob(0, 20)]
TAGS = step("Tags", yes(0), maybe(u8(1)), maybe(None))
STORIES = {
    "chunks": [step("Begin", yes(0), yes(0)), step("Chunk", u8(0), sent([9, 9], False, 0, 0)),
               step("Chunk", u8(0), sent([5], False, 3)), step("Chunk", u8(0), sent([5], True)),
               step("Status", u8(0)), step("Finish", u8(0), sent([7], False, 0), claim())],
    "long": [step("Begin", yes(1), yes(1)), step("Chunk", u8(0), sent([50])),
             step("Finish", u8(0), sent([]), claim(False)), step("Finish", u8(0), sent([]), claim(True, True))],
    "cancel": [step("Begin", yes(0), yes(0)), step("Chunk", u8(0), sent([3])), step("Cancel", u8(0)),
               step("Finish", u8(0), sent([]), claim())],
    "image": [*TWO, image(0, [0, 1], tag=0, tags=[1, 2]), get(0, "Tag", 1), get(0, "Manifest", 0),
              TAGS, step("DeleteBlob", yes(0), u8(0)), delete(0, "Tag", 1), delete(0, "Manifest", 0),
              step("DeleteBlob", yes(0), u8(0))],
    "missing": [image(0, [0, 1], tag=0), blob(1, 10), image(0, [0, 0], tag=0)],
    "mounts": [*TWO, step("Mount", yes(1), u8(0), maybe(yes(0))), step("Mount", yes(1), u8(1), maybe(None)),
               image(1, [0, 1], tag=3), step("DeleteBlob", yes(0), u8(0))],
    "referrers": [*TWO, image(0, [0, 1], tag=0), image(0, [1, 0], subject=0),
                  step("Referrers", yes(0), u8(0), yes(1)), delete(0, "Manifest", 1),
                  step("Referrers", yes(0), u8(0), yes(0))],
    "index": [*TWO, image(0, [0, 1]), step("PutIndex", yes(0), u8(0), u8(0), put(tag=4, condition=0)),
              step("PutIndex", yes(0), u8(0), u8(0), put(tag=4, condition=0)),
              step("PutIndex", yes(0), u8(0), u8(1), put(tag=4, condition=2)), delete(0, "Tag", 4, 2)],
    "collect": [*TWO, image(0, [0, 0], tag=0), step("Collect", yes(1)), step("Begin", yes(0), yes(0)),
                step("Collect", yes(0)), step("Collect", yes(1)), step("Status", u8(0))],
    "ranges": [blob(0, 40), *(step("GetBlob", yes(0), u8(0), maybe(u8(first) + maybe(last)), yes(0))
                              for first in (0, 39, 40) for last in (None, u8(0), u8(39), u8(200)))],
    "anything": [*TWO, anything(0, [usual(0), usual(1)]),
                 anything(3, [usual(0), usual(8), usual(2), usual(3), usual(12)],
                          [(usual(15), choice(WORDS, "Digest", u8(0)))], [], b"hello"),
                 anything(2, [usual(0), usual(8), usual(9), usual(4), usual(18)], [],
                          [(0, usual(23))], b'{"schemaVersion":2,"manifests":[]}'),
                 anything(0, [usual(0), usual(10), usual(11), usual(5), usual(6)],
                          [(usual(13), choice(WORDS, "Number", struct.pack("<Q", 2**64 - 1)))])],
}
for name, story in STORIES.items():
    seed("http", name, many(story))

# --- wire ----------------------------------------------------------------------------------------
HOST = "host: registry\r\n"
BLOB = "sha256:" + hashlib.sha256(b"hello").hexdigest()
for name, text in {
    "get": f"GET /v2/ HTTP/1.1\r\n{HOST}\r\n",
    "two": f"GET /v2/ HTTP/1.1\r\n{HOST}\r\nGET /v2/_catalog?n=1 HTTP/1.1\r\n{HOST}\r\n",
    "blob": f"POST /v2/a/blobs/uploads/?digest={BLOB} HTTP/1.1\r\n{HOST}content-length: 5\r\n\r\nhello"
    f"GET /v2/a/blobs/{BLOB} HTTP/1.1\r\n{HOST}range: bytes=1-2\r\n\r\n",
    "chunked": f"POST /v2/a/blobs/uploads/?digest={BLOB} HTTP/1.1\r\n{HOST}"
    "transfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\ntrailer: 1\r\n\r\n",
    "broken-chunk": f"PUT /v2/a/manifests/x HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\nFFFFFFFFF\r\nx",
    "expect": f"PUT /v2/a/manifests/x HTTP/1.1\r\n{HOST}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{{}}",
    "manifest": f"PUT /v2/a/manifests/x HTTP/1.1\r\n{HOST}content-type: {OCI}index.v1+json\r\n"
    'content-length: 34\r\n\r\n{"schemaVersion":2,"manifests":[]}',
    "both-lengths": f"PUT /v2/a/manifests/x HTTP/1.1\r\n{HOST}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}",
    "smuggled": f"POST /v2/a/blobs/uploads/ HTTP/1.1\r\n{HOST}content-length: 4\r\n"
    "transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\n\r\n",
    "old": "GET /v2/ HTTP/1.0\r\n\r\n",
    "absolute": f"GET http://other/v2/ HTTP/1.1\r\n{HOST}\r\n",
    "connect": f"CONNECT a:1 HTTP/1.1\r\n{HOST}\r\n",
    "upgrade": f"GET /v2/ HTTP/1.1\r\n{HOST}connection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "many-headers": f"GET /v2/ HTTP/1.1\r\n{HOST}" + "x: y\r\n" * 120 + "\r\n",
}.items():
    seed("wire", name, u8(255) + text.encode())
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


# :method GET, :scheme http, :path /v2/, :authority r, of the static table
GET_V2 = b"\x82\x86\x04\x04/v2/\x01\x01r"
seed("wire", "h2-get", u8(255) + PREFACE + frame(4, 0, 0) + frame(1, 5, 1, GET_V2))
seed("wire", "h2-reset", u8(255) + PREFACE + frame(4, 0, 0) + b"".join(
    frame(1, 5, stream, GET_V2) + frame(3, 0, stream, b"\0\0\0\x08") for stream in range(1, 80, 2)))
seed("wire", "h2-body", u8(7) + PREFACE + frame(4, 0, 0) + frame(
    1, 4, 1, b"\x83\x86\x04\x13/v2/a/blobs/uploads\x01\x01r") + frame(0, 1, 1, b"hello"))
seed("wire", "h2-continuation", u8(255) + PREFACE + frame(4, 0, 0) + frame(1, 1, 1, GET_V2[:3])
     + frame(9, 0, 1, GET_V2[3:6]) + frame(9, 4, 1, GET_V2[6:]))
