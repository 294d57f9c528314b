"""Verify a vouchml receipt offline: python verify_receipt.py receipt.json VKEY_OR_PEM_FILE.

Written from docs/ledger-format.md and from nothing of vouchml: it needs Python 3.9 and the package `cryptography`.
The second argument is the verifier key of the ledger (NAME+HASH+BASE64), a file with that line, or a file with the
Ed25519 public key in PEM. Exit status: 0 all verified, 1 something failed, 2 something could not be checked.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

KEYS = {"format", "leaf", "index", "inclusion", "checkpoint", "payload", "salt", "erased"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
MARKS = {True: "verified   ", False: "FAILED     ", None: "not checked"}


class Wrong(Exception):
    """Something that is not as the format says."""


def require(holds, message):
    if not holds:
        raise Wrong(message)


def unique(pairs):
    require(len(dict(pairs)) == len(pairs), "a key stands twice")
    return dict(pairs)


def parse(text):
    return json.loads(text, object_pairs_hook=unique)


def standard(text):
    """Base64 of RFC 4648 section 4, in its canonical form."""
    content = base64.b64decode(text, validate=True)
    require(base64.b64encode(content).decode() == text, "its base64 is not canonical")
    return content


def thirty_two(text):
    require(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]{43}", text), "a hash is not base64url")
    return standard(text.translate(str.maketrans("-_", "+/")) + "=")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def read_receipt(content):
    receipt = parse(content.decode())
    require(isinstance(receipt, dict) and set(receipt) == KEYS, "it has other keys than a receipt")
    require(receipt["format"] == "vouchml-receipt/v1", "it is of another format")
    require(isinstance(receipt["checkpoint"], str), "it has no checkpoint")
    require(isinstance(receipt["payload"], (str, type(None))), "its payload is not a text")
    for each in [receipt] if receipt["erased"] is None else [receipt, receipt["erased"]]:
        require(isinstance(each, dict) and {"leaf", "index", "inclusion"} <= set(each) <= KEYS, "no record")
        require(isinstance(each["leaf"], str) and type(each["index"]) is int, "no leaf or index")
        require(isinstance(each["inclusion"], list) and len(each["inclusion"]) <= 64, "no inclusion proof")
        each["path"] = [thirty_two(one) for one in each["inclusion"]]
    receipt["salt"] = None if receipt["salt"] is None else thirty_two(receipt["salt"])
    return receipt


def read_leaf(text):
    fields = parse(text)
    require(isinstance(fields, dict), "the leaf is not an object")
    require(type(fields.get("v")) is int and fields["v"] == 1, "the leaf is of another format")
    require(isinstance(fields.get("type"), str), "the leaf has no type")
    require(isinstance(fields.get("time"), str) and TIME.fullmatch(fields["time"]), "the leaf has no time")
    if "commitment" in fields:
        thirty_two(fields["commitment"])
    return fields


def root_of(leaf, index, size, path):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    require(0 <= index < size, "the checkpoint does not cover the record")
    current, place, last = sha256(b"\x00", leaf.encode()), index, size - 1
    for sibling in path:
        require(last > 0, "the inclusion proof is too long")
        if place % 2 or place == last:
            current = sha256(b"\x01", sibling, current)
            while place and place % 2 == 0:
                place, last = place // 2, last // 2
        else:
            current = sha256(b"\x01", current, sibling)
        place, last = place // 2, last // 2
    require(last == 0, "the inclusion proof is too short")
    return current


def read_checkpoint(note):
    text, gap, lines = note.rpartition("\n\n")
    require(gap and lines.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f]", note), "it is not a signed note")
    origin, size, root = [*text.split("\n"), "", "", ""][:3]
    require("" not in text.split("\n") and re.fullmatch(r"0|[1-9][0-9]{0,18}", size), "it is not a checkpoint")
    require(len(standard(root)) == 32, "its root is not 32 bytes")
    signatures = [re.fullmatch(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)", line) for line in lines[:-1].split("\n")]
    require(all(signatures) and len(signatures) <= 100, "a signature line is malformed")
    return text + "\n", origin, int(size), standard(root), [(each[1], standard(each[2])) for each in signatures]


def read_key(argument):
    text = Path(argument).read_text() if Path(argument).is_file() else argument
    if "-----BEGIN" in text:
        key = load_pem_public_key(text.encode())
        require(isinstance(key, Ed25519PublicKey), "the key is not Ed25519")
        return None, key.public_bytes_raw()
    parts = text.strip().split("+", 2)
    require(len(parts) == 3, "it is no verifier key")
    content = standard(parts[2])
    require(len(content) == 33 and content[0] == 1, "it is no Ed25519 verifier key")
    require(key_id(parts[0], content[1:]).hex() == parts[1], "the hash of the verifier key does not fit")
    return parts[0], content[1:]


def key_id(name, public):
    return sha256(name.encode(), b"\n\x01", public)[:4]


def check_inclusion(record, size, root):
    require(root_of(record["leaf"], record["index"], size, record["path"]) == root, "it is not in the ledger")
    return True, f"record {record['index']} of {size}"


def check_signature(text, origin, signatures, name, public):
    """The ledger's own key, whose name is the origin, must have signed."""
    require(name in (None, origin), "the checkpoint is of another ledger than the key")
    ours = [content[4:] for signer, content in signatures if (signer, content[:4]) == (origin, key_id(origin, public))]
    require(ours, "the key did not sign it")
    for signature in ours:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    return True, f"the key of {origin} signed it"


def check_payload(fields, receipt):
    payload, salt = receipt["payload"], receipt["salt"]
    require((payload is None) == (salt is None), "a payload has a salt, and a salt a payload")
    require(payload is None or "commitment" in fields, "the leaf commits to no payload")
    if "commitment" not in fields:
        return True, "the record has none"
    if payload is None:
        return None, "it was erased" if receipt["erased"] else "it is not in the receipt"
    require(receipt["erased"] is None, "it is there although it is said to be erased")
    opened = sha256(b"vouchml/payload/v1\n", salt, payload.encode())
    require(opened == thirty_two(fields["commitment"]), "it is not the one that the leaf commits to")
    return True, "it is the one that the leaf commits to"


def check_erasure(erased, index, size, root):
    fields = read_leaf(erased["leaf"])
    require(fields["type"] in ("erasure", "retention_prune") and erased["index"] > index, "it is no erasure")
    require(any(start <= index < end for start, end in fields.get("erased", [])), "it erases something else")
    check_inclusion(erased, size, root)
    return True, f"record {erased['index']} erased it at {fields['time']}: {fields.get('basis')}"


def main(receipt_file, key):
    outcomes = []

    def link(name, check):
        try:
            outcome, said = check()
        except (Wrong, InvalidSignature, ValueError, TypeError, KeyError, RecursionError) as error:
            outcome, said = False, str(error) if isinstance(error, Wrong) else "it does not fit"
        outcomes.append(outcome)
        print(f"{MARKS[outcome]} {name}: {said}")

    try:
        name, public = read_key(key)
        receipt = read_receipt(Path(receipt_file).read_bytes())
        text, origin, size, root, signatures = read_checkpoint(receipt["checkpoint"])
        fields = read_leaf(receipt["leaf"])
    except (Wrong, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        print(f"{MARKS[False]} the key or the receipt cannot be read: {error}")
        return 1

    link("leaf", lambda: (True, f"{fields['type']} of {fields['time']}"))
    link("payload", lambda: check_payload(fields, receipt))
    link("inclusion", lambda: check_inclusion(receipt, size, root))
    link("signature", lambda: check_signature(text, origin, signatures, name, public))
    if receipt["erased"] is not None:
        link("erasure", lambda: check_erasure(receipt["erased"], receipt["index"], size, root))
    return 1 if False in outcomes else 2 if None in outcomes else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(0 if print(__doc__) or "--help" in sys.argv else 64)
    sys.exit(main(*sys.argv[1:]))
