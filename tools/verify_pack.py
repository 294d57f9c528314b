"""Verify a vouchml evidence pack offline: python verify_pack.py PACK.zip --trust TRUST.toml.

Written from docs/evidence_pack.md and from nothing of vouchml: it needs Python 3.11 and the package `cryptography`.
TRUST.toml is your own copy of the project's trust store. Without it the one in the pack is used, which vouches for
itself. With --receipt FILE the prediction of that receipt is followed through the pack to its data; --data FILE is held
against the SHA-256 of the data. Exit status: 0 all verified, 1 something failed, 2 something could not be checked.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import tomllib
import zipfile
from datetime import datetime
from pathlib import Path, PurePosixPath

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

DISTRUSTED = "the key does not count"
MARKS = {True: "verified   ", False: "FAILED     ", None: "not checked"}


class Wrong(Exception):
    """Something that is not as it should be; with None as outcome something that cannot be checked."""


def require(holds, message, outcome=False):
    if not holds:
        raise Wrong(message, outcome)


def parse(content):
    def unique(pairs):
        require(len(dict(pairs)) == len(pairs), "a key stands twice")
        return dict(pairs)

    return json.loads(content.decode(), object_pairs_hook=unique)


def standard(text):
    content = base64.b64decode(text, validate=True)
    require(base64.b64encode(content).decode() == text, "its base64 is not canonical")
    return content


def sha256(*parts):
    return hashlib.sha256(b"".join(parts))


def root_of(receipt, size):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last, current = receipt["index"], size - 1, sha256(b"\0", receipt["leaf"].encode()).digest()
    require(type(place) is int and 0 <= place < size, "the checkpoint does not cover the record")
    for text in receipt["inclusion"]:
        sibling = standard(text.translate(str.maketrans("-_", "+/")) + "=")
        require(last > 0 and len(sibling) == 32, "the inclusion proof is too long")
        is_right = place % 2 or place == last
        current = sha256(b"\1", *((sibling, current) if is_right else (current, sibling))).digest()
        while is_right and place and place % 2 == 0:
            place, last = place // 2, last // 2
        place, last = place // 2, last // 2
    require(last == 0, "the inclusion proof is too short")
    return current


class Pack:
    """The files of a pack, and the keys to check it with; they must be valid at the time that it was made."""

    def __init__(self, path, trust):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            size = sum(entry.file_size for entry in archive.infolist())
            require(len(set(names)) == len(names) and size <= 4 * 1024**3, "it is too large, or has a file twice")
            self.files = {name: archive.read(name) for name in names}
        self.index = self.json("index.json")
        require(self.index["format"] == "vouchml-pack/v1", "it is of another format")
        self.model, self.at = self.index["model"], datetime.fromisoformat(self.index["created"])
        self.trust = tomllib.loads((Path(trust).read_bytes() if trust else self.files["trust.toml"]).decode())
        self.keys, self.trainer, self.decisions, self.approvals = {}, None, [], []
        for entry in self.trust.get("key", []):
            lines = entry["public_key"].split("\n")  # base64 of DER, or PEM, which has a line before and one after it
            key = load_der_public_key(base64.b64decode("".join(line for line in lines if "-----" not in line)))
            name = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
            self.keys[name] = {**entry, "key": key}

    def json(self, name):
        require(name in self.files, f"{name} is not in the pack", None)
        return parse(self.files[name])

    def sha256(self, name):
        require(name in self.files, f"{name} is not in the pack", None)
        return sha256(self.files[name]).hexdigest()

    def signer(self, key_id, role, signature, signed):
        require(key_id in self.keys, f"a key signed that is not in trust.toml: {str(key_id)[:16]!r}", DISTRUSTED)
        entry = self.keys[key_id]
        good = "revoked" not in entry and entry["role"] == role and entry["valid_from"] <= self.at
        good = good and ("valid_to" not in entry or self.at < entry["valid_to"])
        require(good, f"the key of {entry['name']} is no {role}'s, was revoked, or was not valid then", DISTRUSTED)
        algorithm = [] if isinstance(entry["key"], Ed25519PublicKey) else [ECDSA(SHA256())]
        entry["key"].verify(signature, signed, *algorithm)
        return entry

    def signed(self, envelope, kind, role, least=1):
        """What a DSSE envelope says about this model (in-toto Statement v1), whose keys signed it, and their names."""
        require(set(envelope) == {"payload", "payloadType", "signatures"}, "it is no envelope")
        payload, declared = standard(envelope["payload"]), envelope["payloadType"]
        signed, signers = b"DSSEv1 %d %b %d %b" % (len(declared), declared.encode(), len(payload), payload), {}
        for each in envelope["signatures"]:
            require(set(each) == {"keyid", "sig"}, "it has a signature of another form")
            signers[each["keyid"]] = self.signer(each["keyid"], role, standard(each["sig"]), signed)
        require(len(signers) >= least, f"{least} keys must sign it")
        said = parse(payload)
        found = declared, said["_type"], said["predicateType"]
        require(found == ("application/vnd.in-toto+json", "https://in-toto.io/Statement/v1", kind), "of another kind")
        about = [each["digest"] for each in said["subject"]]
        require(about == [{"sha256": self.model["digest"]}], "it is about another model")
        names = ", ".join(f"{key['name']} <{key['email']}>" for key in signers.values())
        return said["predicate"], list(signers.values()), names

    def leaf(self, receipt):
        """The leaf of a receipt, under a checkpoint that a ledger key signed (docs/ledger-format.md)."""
        text, _, lines = receipt["checkpoint"].rpartition("\n\n")
        origin, size, root, *_ = text.split("\n")
        signers = []
        for key in [key for key in self.keys.values() if key["role"] == "ledger" and "revoked" not in key]:
            short = sha256(origin.encode(), b"\n\1", key["key"].public_bytes_raw()).digest()[:4]
            found = [standard(each[1]) for each in re.findall(r"\u2014 (\S+) (\S+)\n", lines) if each[0] == origin]
            for signature in (each for each in found if each[:4] == short):
                key["key"].verify(signature[4:], f"{text}\n".encode())
                signers.append(key)
        require(signers, "no ledger key of trust.toml signed its checkpoint")
        require(root_of(receipt, int(size)) == standard(root), "it is not in the ledger")
        return parse(receipt["leaf"].encode()), f"record {receipt['index']} of {size} in {origin}"

    def check_files(self):
        listed = {entry["path"]: (entry["sha256"], entry["size"]) for entry in self.index["files"]}
        there = set(self.files) - {"index.json", "index.dsse.json"}
        same = {name for name in there if listed.get(name) == (self.sha256(name), len(self.files[name]))}
        odd = sorted(there.union(listed) - same)
        require(not odd, f"not as the index says: {', '.join(odd[:3])}")
        return f"all {len(listed)} have the SHA-256 that index.json lists"

    def check_index(self):
        predicate, _, names = self.signed(self.json("index.dsse.json"), "https://vouchml.dev/pack/v1", "evaluator")
        require(predicate == {"index": {"sha256": self.sha256("index.json")}}, "another index.json was signed")
        return f"{names} signed the list of files, made {self.index['created']}"

    def check_model(self):
        bundle = self.json("evidence/model.sig")
        require(bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json", "it is no model signature")
        kind = "https://model_signing/signature/v1.0"
        predicate, (self.trainer,), names = self.signed(bundle["dsseEnvelope"], kind, "trainer")
        how, resources = predicate["serialization"], predicate["resources"]
        require((how["method"], how["hash_type"]) == ("files", "sha256"), "the files were not signed whole")
        files = {each["name"]: each["digest"] for each in resources if each["algorithm"] == "sha256"}
        paths = [PurePosixPath(each["name"]) for each in resources]
        require(paths == sorted(paths) and len(files) == len(paths), "it names a file twice, or not in order")
        root = sha256(*(bytes.fromhex(each["digest"]) for each in resources)).hexdigest()
        require(root == self.model["digest"], "the files that were signed give another model digest")
        listed = {each["path"]: each["sha256"] for each in self.json("model_files.json")}
        inside = {name[6:]: self.sha256(name) for name in self.files if name.startswith("model/")}
        require(listed == files and inside in ({}, files), "the files of the model are not those that were signed")
        require(files["contract.json"] == self.sha256("contract.json"), "contract.json is not the one that was signed")
        for revoked in self.trust.get("revoked_model", []):
            require(revoked["digest"] != root, f"the model was revoked: {revoked['reason']}")
        return f"{names} signed {len(files)} files with the model digest {root}"

    def check_run(self, name, kind, role):
        predicate, _, names = self.signed(self.json(f"evidence/{name}.dsse.json"), kind, role)
        named = predicate.get("configuration") or predicate["runDetails"]["byproducts"]
        named = named + predicate.get("buildDefinition", {}).get("resolvedDependencies", [])
        seen = {each["name"]: each["digest"].get("sha256") for each in named}
        require(seen["run_manifest.json"] == self.sha256("run_manifest.json"), "it is about another run_manifest.json")
        require(seen["data"] == self.model["data"], "it is about other data")
        require(predicate.get("result", "PASSED") in ("PASSED", "WARNED"), "its tests failed")
        return f"{names} signed it, about run_manifest.json and the data"

    def check_approval(self, name):
        predicate, (key,), names = self.signed(self.json(name), "https://vouchml.dev/approval/v1", "approver")
        require((predicate["name"], predicate["email"]) == (key["name"], key["email"]), "it is in another's name")
        self.approvals.append((predicate["meaning"], key))
        return f"{names}, {predicate['meaning']}: {predicate['reason']}"

    def check_break(self, name):
        predicate, _, names = self.signed(self.json(name), "https://vouchml.dev/break-glass/v1", "approver", least=2)
        return f"{names}, until {predicate['validUntil']}: {predicate['reason']}"

    def check_decision(self, name):
        predicate, _, names = self.signed(self.json(name), "https://slsa.dev/verification_summary/v1", "gate")
        outcome, until = predicate["vouchml"]["outcome"], datetime.fromisoformat(predicate["vouchml"]["validUntil"])
        require((predicate["verificationResult"] == "PASSED") == (outcome == "PASS"), "it contradicts itself")
        self.decisions.append((datetime.fromisoformat(predicate["timeVerified"]), until, name, predicate))
        return f"{names} decided {outcome} at {predicate['timeVerified']}, valid until {until}"

    def check_grounds(self):
        require(self.decisions, "no decision of the gate counts", None)
        begin, end, name, predicate = max(self.decisions, key=lambda each: (each[0], each[2]))
        outcome, inputs = predicate["vouchml"]["outcome"], predicate["inputAttestations"]
        allowed = ("PASS", *(["INCONCLUSIVE"] if "inconclusive accepted" in dict(self.approvals) else []))
        require(outcome in allowed and begin <= self.at < end, f"the newest decision is {outcome}, or was not valid")
        require(predicate["vouchml"]["contract"] == self.sha256("contract.json"), "it is about another contract")
        for each in inputs:
            content = self.files.get(f"evidence/{each['uri']}", b"")
            require(sha256(content).hexdigest() == each["digest"]["sha256"], f"{each['uri']} is gone or another one")
        require(predicate["policy"]["digest"]["sha256"] == self.sha256("policy.json"), "it names another policy")
        return f"{name} names contract.json, policy.json and {len(inputs)} files of evidence"

    def check_approvals(self):
        asked, said = self.json("policy.json")["approvals"], reversed(self.approvals)  # the last word is the newest
        last = {key["email"].casefold(): (word, key) for word, key in said if word in ("approved", "rejected")}
        require(all(word == "approved" for word, _ in last.values()), "somebody rejected the model")
        if self.index["separation"] == "people":
            last.pop(self.trainer["email"].casefold(), None)
        roles = [key["role"] for _, key in last.values()]
        require(all(roles.count(role) >= least for role, least in asked.items()), "approvals are missing")
        return f"{len(roles)} people approved, and policy.json asks for {asked or 'none'}"

    def check_ledger(self):
        receipts = {name: self.json(name) for name in self.files if name.startswith("ledger/")}
        require(receipts, "the pack has no events of the ledger", None)
        require(len({each["checkpoint"] for each in receipts.values()}) == 1, "they are under several checkpoints")
        leaves = {name: self.leaf(receipt)[0] for name, receipt in receipts.items()}
        for name, leaf in leaves.items():
            about = leaf.get("model") or (leaf.get("served") or {}).get("model")
            require(about == self.model["digest"], f"{name} is about another model")
        kinds = ", ".join(sorted({leaf["type"] for leaf in leaves.values()}))
        return f"{len(leaves)} events about the model under one checkpoint: {kinds}"

    def check_data(self, table):
        bom = next(part for part in self.json("bom.cdx.json")["components"] if part["type"] == "data")
        named = {
            "run_manifest.json": self.json("run_manifest.json")["data"]["bytes_sha256"],
            "contract.json": self.json("contract.json")["data_sha256"],
            "croissant.json": self.json("croissant.json")["distribution"][0]["sha256"],
            "bom.cdx.json": bom["hashes"][0]["content"],
            **({"the table that you gave": sha256(Path(table).read_bytes()).hexdigest()} if table else {}),
        }
        odd = [name for name, digest in named.items() if digest != self.model["data"]]
        require(not odd, f"other data than {self.model['data']}: {', '.join(odd)}")
        return f"{', '.join(named)} agree on the SHA-256 {self.model['data']}"

    def check_prediction(self, file):
        leaf, place = self.leaf(parse(Path(file).read_bytes()))
        require(leaf["type"] == "prediction", "the receipt is not of a prediction")
        served, when = leaf["served"], datetime.fromisoformat(leaf["time"])
        ours = (self.model["digest"], self.sha256("contract.json"), self.model["data"])
        require((served["model"], served["contract"], served["data"]) == ours, "by another model, contract or data")
        counts = {self.sha256(name): name for begin, end, name, _ in self.decisions if begin <= when < end}
        require(served["decision"] in counts, "its decision is not in the pack, does not count or was not valid then")
        return f"{leaf['prediction_id']}, {place}, by this model, contract, data and {counts[served['decision']]}"


def main(arguments):
    outcomes = []

    def link(name, check, *given, lenient=False):
        try:
            said, outcome = check(*given), True
        except Exception as error:  # noqa: BLE001 - whatever breaks a check, the check has failed
            said, outcome = error.args if isinstance(error, Wrong) else (type(error).__name__, False)
        # Anybody can put a dated statement there: signed by a key that does not count, it says nothing.
        outcome = (None if lenient else False) if outcome == DISTRUSTED else outcome
        outcomes.append(outcome)
        print(f"{MARKS[outcome]} {name}: {said}")

    try:
        pack = Pack(arguments.pack, arguments.trust)
    except Exception as error:  # noqa: BLE001 - as above
        print(f"{MARKS[False]} the pack or the trust store cannot be read: {error}")
        return 1
    link("trust", lambda: arguments.trust or require(False, "the pack vouches for itself; give --trust", None))
    for name in ("files", "index", "model"):
        link(name, getattr(pack, f"check_{name}"))
    link("provenance", pack.check_run, "provenance", "https://slsa.dev/provenance/v1", "trainer")
    link("evaluation", pack.check_run, "evaluation", "https://in-toto.io/attestation/test-result/v0.1", "evaluator")
    for name in sorted(pack.files, reverse=True):  # the newest statement of a kind first
        kind = re.fullmatch(r"evidence/(approval|break|decision)(?:-glass)?-[0-9TZ]{16}-[0-9a-f]{8}\.dsse\.json", name)
        if kind:
            link(name, getattr(pack, f"check_{kind[1]}"), name, lenient=True)
    for name in ("grounds", "approvals", "ledger"):
        link(name, getattr(pack, f"check_{name}"))
    link("data", pack.check_data, arguments.data)
    if arguments.receipt:
        link("prediction", pack.check_prediction, arguments.receipt)
    return 1 if False in outcomes else 2 if None in outcomes else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("pack", "--trust", "--receipt", "--data"):
        parser.add_argument(option)
    sys.exit(main(parser.parse_args()))
