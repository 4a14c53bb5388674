"""Fills two registries with the same images, and deletes the first hundredth of them.

    offline_gc.py IMAGES PEER-DIRECTORY ORLOP-URL

Orlop's over HTTP; that of CNCF Distribution by writing the files that pushes and deletes leave.
"""

import hashlib
import http.client
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import local

BLOBS, BLOB_BYTES, CONNECTIONS = 10, 1024, 8
REPOSITORY = "app"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"

connections = local()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def blobs_of(image):
    """Blobs that no other image has; the first is a config that docker-registry accepts."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "note": str(image)})
    contents = [config.ljust(BLOB_BYTES).encode()]
    for number in range(1, BLOBS):
        contents.append(f"blob {number} of {image}".ljust(BLOB_BYTES).encode())
    return contents


def manifest_of(contents):
    def descriptor(content, media_type):
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    return json.dumps({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(contents[0], CONFIG),
        "layers": [descriptor(content, LAYER) for content in contents[1:]],
    }).encode()


def write_peer(root, image, is_deleted):
    top = os.path.join(root, "docker/registry/v2")
    home = os.path.join(top, "repositories", REPOSITORY)
    contents = blobs_of(image)
    manifest = manifest_of(contents)
    for content in [*contents, manifest]:
        name = digest(content)[7:]
        write(os.path.join(top, "blobs/sha256", name[:2], name, "data"), content)
        if content is not manifest:
            link = os.path.join(home, "_layers/sha256", name, "link")
            write(link, digest(content).encode())
    if not is_deleted:
        name = digest(manifest)
        link = name.encode()
        write(os.path.join(home, "_manifests/revisions/sha256", name[7:], "link"), link)
        tag = os.path.join(home, "_manifests/tags", f"v{image}")
        write(os.path.join(tag, "current/link"), link)
        write(os.path.join(tag, "index/sha256", name[7:], "link"), link)


def send(address, method, path, body, expected, headers=None):
    if not hasattr(connections, "one"):
        connections.one = http.client.HTTPConnection(address)
    connections.one.request(method, path, body, headers or {})
    answer = connections.one.getresponse()
    answer.read()
    if answer.status != expected:
        sys.exit(f"{method} {path}: {answer.status}, expected {expected}")


def push_orlop(address, image, is_deleted):
    contents = blobs_of(image)
    manifest = manifest_of(contents)
    for content in contents:
        path = f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest(content)}"
        send(address, "POST", path, content, 201)
    path = f"/v2/{REPOSITORY}/manifests/v{image}"
    send(address, "PUT", path, manifest, 201, {"Content-Type": MANIFEST})
    if is_deleted:
        send(address, "DELETE", f"/v2/{REPOSITORY}/manifests/{digest(manifest)}", None, 202)


def main():
    images, root, url = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    address = url.removeprefix("http://")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        deleted = images // 100
        list(pool.map(lambda image: push_orlop(address, image, image < deleted), range(images)))
    for image in range(images):
        write_peer(root, image, image < deleted)


main()
