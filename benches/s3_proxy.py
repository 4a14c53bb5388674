#!/usr/bin/env python3
"""A proxy before an S3 server that writes every request down.

    s3_proxy.py SERVER LOG      (SERVER is http://host:port)

Listens on a free port of loopback, and prints the URL. Everything goes through as it is, also the
Host header, because it is signed: whoever comes here must have that URL as endpoint. LOG gets a
line for each request when its answer has gone through, tab-separated: kind, status, bytes of the
request's body, bytes of the answer's body, milliseconds from the request's head to the answer's,
target.
"""

import asyncio
import sys
import time
from collections import namedtuple
from urllib.parse import parse_qs, urlsplit

BUFFER_BYTES = 1 << 20

Streams = namedtuple("Streams", "reader writer")


def kind(method, target, headers):
    """The name that S3 has for a request, with all ways to list as one and all to delete."""
    url = urlsplit(target)
    query = parse_qs(url.query, keep_blank_values=True)
    copies = "x-amz-copy-source" in headers
    if method == "PUT":
        if "partNumber" in query:
            return "UploadPartCopy" if copies else "UploadPart"
        return "CopyObject" if copies else "PutObject"
    if method == "POST":
        if "uploads" in query:
            return "CreateMultipartUpload"
        if "uploadId" in query:
            return "CompleteMultipartUpload"
        return "DeleteObjects" if "delete" in query else "POST"
    if method == "DELETE":
        return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
    if method == "GET":
        is_object = "/" in url.path.strip("/") and not {"uploads", "uploadId"} & query.keys()
        return "GetObject" if is_object else "List"
    return "HeadObject" if method == "HEAD" else method


async def read_head(reader):
    """The bytes of a head, the words of its first line, and its headers."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return head, first.split(" ", 2), {name.lower(): value.strip() for name, value in pairs}


async def pass_bytes(reader, writer, count):
    """Passes so many bytes on, or with None all there are; returns how many that were."""
    passed = 0
    while count is None or passed < count:
        left = BUFFER_BYTES if count is None else min(BUFFER_BYTES, count - passed)
        data = await reader.read(left)
        if not data:
            if count is None:
                break
            raise EOFError
        writer.write(data)
        await writer.drain()
        passed += len(data)
    return passed


async def pass_body(reader, writer, headers, until_close=False):
    """Passes on what follows a head."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        passed, size = 0, None
        while size != 0:
            line = await reader.readline()
            size = int(line.split(b";")[0], 16)
            writer.write(line)
            passed += size
            await pass_bytes(reader, writer, size + 2)  # with the line's end
        return passed
    if "content-length" in headers:
        return await pass_bytes(reader, writer, int(headers["content-length"]))
    return await pass_bytes(reader, writer, None) if until_close else 0


async def exchange(request, client, server, log):
    """Passes on a request whose head was read from `client`, and its answer."""
    head, (method, target, _), headers = request
    start = time.monotonic()
    sent, received, status, answer = 0, 0, "-", None
    try:
        server.writer.write(head)
        if headers.get("expect", "").lower() == "100-continue":
            answer = await read_head(server.reader)
            client.writer.write(answer[0])
        if not answer or answer[1][1] == "100":
            sent = await pass_body(client.reader, server.writer, headers)
            await server.writer.drain()
            answer = await read_head(server.reader)
            client.writer.write(answer[0])
        elapsed, status = time.monotonic() - start, answer[1][1]
        if method != "HEAD" and status not in ("204", "304"):
            received = await pass_body(server.reader, client.writer, answer[2], until_close=True)
        await client.writer.drain()
    finally:
        if status == "-":
            elapsed = time.monotonic() - start  # it broke off
        name = kind(method, target, headers)
        print(name, status, sent, received, f"{elapsed * 1000:.1f}", target, sep="\t", file=log)


async def main(server_url, log_path):
    address = urlsplit(server_url)
    log = open(log_path, "a", buffering=1, encoding="latin-1")

    async def connect():
        streams = asyncio.open_connection(address.hostname, address.port, limit=BUFFER_BYTES)
        return Streams(*await streams)

    async def connected(*streams):
        client = Streams(*streams)
        server = await connect()
        try:
            while True:
                request = await read_head(client.reader)
                if server.reader.at_eof():  # it has waited too long
                    server.writer.close()
                    server = await connect()
                await exchange(request, client, server, log)
        except (EOFError, ConnectionError):  # an incomplete read is an EOFError
            pass
        finally:
            client.writer.close()
            server.writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, limit=BUFFER_BYTES)
    print("http://%s:%s" % listener.sockets[0].getsockname(), flush=True)
    await listener.serve_forever()


asyncio.run(main(*sys.argv[1:]))
