#!/usr/bin/env python3
"""Restores a point of a Stillframe repository of format 2, written from docs/105-repository-format-2.md alone.

reader.py REPOSITORY POINT INTO [--key FILE] [--trusted FILE]

REPOSITORY and INTO are directories. INTO gets manifest.json, NAME.raw for each disk, and blob-DIGEST for the definition and
NVRAM. Needs the package cryptography and the program zstd.
"""

import argparse, base64, hashlib, hmac, json, os, subprocess, sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK, PAGE, BLOB = 1, 2, 3
DIRECTORIES = {CHUNK: "chunks", PAGE: "pages", BLOB: "blobs"}
ZSTD, ENCRYPTED = 1, 2
PAGE_DIGESTS = 4096
LONGEST_RAW = 64 * 1024 * 1024


def demand(holds, problem):
    if not holds:
        sys.exit("reader.py: %s" % problem)


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def gcm_open(key, iv, ciphertext, aad):
    """The plain bytes, or None; the tag is the end of the ciphertext."""
    try:
        return AESGCM(key).decrypt(iv, ciphertext, aad)
    except (InvalidTag, ValueError):
        return None


# HPKE, RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message without additional data.

KEM = b"KEM\x00\x20"
SUITE = b"HPKE\x00\x20\x00\x01\x00\x02"


def labeled_extract(suite, salt, label, ikm):
    return hmac256(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, key, label, info, length):
    # One block of HKDF is enough for all that is derived here.
    return hmac256(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01")[:length]


def hpke_open(private, sealed, info):
    """The secret, or None when it was sealed to another key or for another purpose."""
    enc, ciphertext = sealed[:32], sealed[32:]
    key = x25519.X25519PrivateKey.from_private_bytes(private)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    dh = key.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    shared = labeled_expand(KEM, labeled_extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + raw, 32)
    context = b"\x00" + labeled_extract(SUITE, b"", b"psk_id_hash", b"") + labeled_extract(SUITE, b"", b"info_hash", info)
    secret = labeled_extract(SUITE, shared, b"secret", b"")
    key, nonce = (labeled_expand(SUITE, secret, label, context, size) for label, size in ((b"key", 32), (b"base_nonce", 12)))
    return gcm_open(key, nonce, ciphertext, b"")


class Repository:
    def __init__(self, place, key_file):
        self.place = place
        about = json.loads(self.read("repository.json"))
        demand(about["format"] == 2, "repository.json has format %r" % about["format"])
        self.id = about["id"]
        self.chunk_bytes = about["chunkBytes"]
        self.encrypted = about["cipher"] == "aes-256-gcm"
        demand(self.encrypted or about["cipher"] == "none", "the cipher is not known")
        self.sessions = {}
        demand(key_file or not self.encrypted, "the repository is encrypted: name a reader's key with --key")
        if self.encrypted:
            key = json.load(open(key_file, encoding="utf-8"))
            demand(key["stillframe"] == "reader key" and key["repository"] == self.id, "the key is of another role or repository")
            self.private = base64.b64decode(key["x25519"])

    def read(self, name):
        path = os.path.join(self.place, name)
        demand(os.path.isfile(path), "%s is missing" % name)
        with open(path, "rb") as file:
            return file.read()

    def keys(self, session):
        """(data key, structure key, dedup key)"""
        if session not in self.sessions:
            key = x25519.X25519PrivateKey.from_private_bytes(self.private).public_key()
            raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            sealed = self.read("sessions/%s/%s" % (session, hashlib.sha256(raw).hexdigest()[:16]))
            opened = hpke_open(self.private, sealed, ("stillframe session\n%s\n%s\nreader" % (self.id, session)).encode())
            demand(opened and len(opened) == 96, "the key opens nothing of session %s" % session)
            self.sessions[session] = (opened[:32], opened[32:64], opened[64:])
        return self.sessions[session]

    def object(self, kind, owner, digest):
        """The raw bytes of an object."""
        name = "%s/%s/%s/%s" % (DIRECTORIES[kind], owner, digest.hex()[:2], digest.hex())
        stored = self.read(name)
        header, body = stored[:64], stored[64:]
        demand(len(header) == 64 and header[:4] == b"SFO2" and header[4] == kind, "%s is no such object" % name)
        flags, raw_length = header[5], int.from_bytes(header[8:12], "big")
        demand(raw_length <= LONGEST_RAW and int.from_bytes(header[12:16], "big") == len(body), "%s has another size" % name)
        demand(header[6:8] == bytes(2) and header[60:] == bytes(4) and flags <= 3, "%s has an unknown header" % name)
        demand(bool(flags & ENCRYPTED) == self.encrypted, "%s is not encrypted as the repository is" % name)
        if self.encrypted:
            data, structure, dedup = self.keys(header[16:32].hex())
            aad = header[:44] + bytes(16) + header[60:] + digest + ("%s\n%s" % (self.id, owner)).encode()
            body = gcm_open(structure if kind == PAGE else data, header[32:44], body + header[44:60], aad)
            demand(body is not None, "%s was altered, or belongs elsewhere" % name)
        else:
            demand(header[16:60] == bytes(44), "%s has an unknown header" % name)
            dedup = hmac256(b"stillframe dedup", self.id.encode())
        if flags & ZSTD:
            done = subprocess.run(["zstd", "-dcq"], input=body, stdout=subprocess.PIPE, check=False)
            demand(done.returncode == 0, "%s cannot be decompressed" % name)
            body = done.stdout
        demand(len(body) == raw_length, "%s has another size" % name)
        demand(hmac.compare_digest(hmac256(dedup, body), digest), "%s does not hold what its digest says" % name)
        return body

    def point(self, point, trusted):
        """(manifest, owner); trusted: a list of (host, public key), or None to accept any origin."""
        signed, _, rest = self.read("points/" + point).partition(b"\n")
        envelope = json.loads(signed)
        demand(envelope["format"] == 2, "the point has format %r" % envelope["format"])
        demand((envelope["repository"], envelope["point"]) == (self.id, point), "the point belongs elsewhere")
        owner, body = envelope["owner"], base64.b64decode(envelope["body"])
        if self.encrypted:
            aad = "stillframe point\n%s\n%s\n%s\n%s" % (self.id, point, owner, envelope["session"])
            body = gcm_open(self.keys(envelope["session"])[1], body[:12], body[12:], aad.encode())
            demand(body is not None, "the point was altered, or belongs elsewhere")
        manifest = json.loads(body)
        if trusted is not None:
            signature = json.loads(rest)
            key = base64.b64decode(signature["key"])
            demand((manifest["host"], signature["key"]) in trusted, "the key of the signature is not trusted for the host")
            demand(hashlib.sha256(key).hexdigest()[:16] == owner, "the point names the objects of another host")
            text = b"stillframe restore point\n" + self.id.encode() + b"\n" + signed
            try:
                ed25519.Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(signature["signature"]), text)
            except InvalidSignature:
                demand(False, "the signature does not fit")
        return manifest, owner

    def disk(self, owner, disk, into):
        demand(len(disk["pages"]) == -(-disk["bytes"] // (self.chunk_bytes * PAGE_DIGESTS)), "a disk has other pages")
        left = -(-disk["bytes"] // self.chunk_bytes)
        for number, page in enumerate(disk["pages"]):
            count = min(PAGE_DIGESTS, left)
            left -= count
            if page == "00" * 32:
                continue
            digests = self.object(PAGE, owner, bytes.fromhex(page))
            demand(len(digests) == 32 * count, "a page has another size")
            for index in range(count):
                digest = digests[32 * index : 32 * index + 32]
                if digest == bytes(32):
                    continue
                offset, raw = (number * PAGE_DIGESTS + index) * self.chunk_bytes, self.object(CHUNK, owner, digest)
                demand(len(raw) == min(self.chunk_bytes, disk["bytes"] - offset), "a chunk has another size")
                into.seek(offset)
                into.write(raw)
        into.truncate(disk["bytes"])


def main():
    parser = argparse.ArgumentParser()
    for name in ("repository", "point", "into", "--key", "--trusted"):
        parser.add_argument(name)
    args, trusted = parser.parse_args(), None
    repository = Repository(args.repository, args.key)
    if args.trusted:
        lines = [line.split() for line in open(args.trusted, encoding="utf-8") if not line.startswith("#")]
        trusted = [(host, key) for host, _, key in filter(None, lines)]
    manifest, owner = repository.point(args.point, trusted)
    os.makedirs(args.into, exist_ok=True)
    create = lambda name: open(os.path.join(args.into, name), "xb")
    with create("manifest.json") as file:
        file.write(json.dumps(manifest).encode())
    for disk in manifest["disks"]:
        demand("/" not in disk["name"] and not disk["name"].startswith("."), "a disk has a name that is a path")
        with create(disk["name"] + ".raw") as into:
            repository.disk(owner, disk, into)
    for blob in filter(None, (manifest["definition"], manifest["nvram"])):
        with create("blob-" + blob["digest"]) as into:
            into.write(repository.object(BLOB, owner, bytes.fromhex(blob["digest"])))


if __name__ == "__main__":
    main()
