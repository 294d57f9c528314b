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
from collections import Counter
from datetime import datetime
from pathlib import Path, PurePosixPath

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

INDEX, SIGNED_INDEX, LARGEST = "index.json", "index.dsse.json", 4 * 1024**3
SIGSTORE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MODEL, PACK = "https://model_signing/signature/v1.0", "https://vouchml.dev/pack/v1"
SLSA, TEST = "https://slsa.dev/provenance/v1", "https://in-toto.io/attestation/test-result/v0.1"
DECISION, APPROVAL = "https://slsa.dev/verification_summary/v1", "https://vouchml.dev/approval/v1"
GLASS = "https://vouchml.dev/break-glass/v1"
DISTRUSTED = "distrusted"
MARKS = {True: "verified   ", False: "FAILED     ", None: "not checked"}


class Wrong(Exception):
    """Something that is not as it should be; None as outcome if it cannot be told with what is there."""

    def __init__(self, message, outcome=False):
        super().__init__(message)
        self.outcome = outcome


def require(holds, message, outcome=False):
    if not holds:
        raise Wrong(message, outcome)


def unique(pairs):
    require(len(dict(pairs)) == len(pairs), "a key stands twice")
    return dict(pairs)


def parse(content):
    return json.loads(content.decode(), object_pairs_hook=unique)


def standard(text):
    content = base64.b64decode(text, validate=True)
    require(base64.b64encode(content).decode() == text, "its base64 is not canonical")
    return content


def sha256(*parts):
    return hashlib.sha256(b"".join(parts))


def names_of(signers):
    return ", ".join(f"{key['name']} <{key['email']}>" for key in signers)


class Trust:
    """The keys of a trust.toml by their ids."""

    def __init__(self, content):
        self.document, self.keys = tomllib.loads(content.decode()), {}
        for entry in self.document.get("key", []):
            text = entry["public_key"].strip()
            is_pem = text.startswith("-----BEGIN")
            key = load_pem_public_key(text.encode()) if is_pem else load_der_public_key(base64.b64decode(text))
            name = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
            self.keys[name] = {**entry, "id": name, "key": key}

    def verify(self, key_id, role, at, signature, signed):
        require(key_id in self.keys, f"a key signed that is not in trust.toml: {str(key_id)[:16]!r}", DISTRUSTED)
        entry = self.keys[key_id]
        key, who = entry["key"], f"the key of {entry['name']}"
        require("revoked" not in entry, f"{who} was revoked", DISTRUSTED)
        require(entry["role"] == role, f"{who} has the role {entry['role']}, not {role}", DISTRUSTED)
        valid = entry["valid_from"] <= at and ("valid_to" not in entry or at < entry["valid_to"])
        require(valid, f"{who} was not valid at {at:%Y-%m-%d %H:%M}", DISTRUSTED)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            require(isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1), "it is not P-256")
            key.verify(signature, signed, ECDSA(SHA256()))
        return entry

    def receipt(self, receipt):
        """The leaf of a receipt, under a checkpoint that a ledger key signed (docs/ledger-format.md)."""
        text, _, lines = receipt["checkpoint"].rpartition("\n\n")
        origin, size, root, *_ = text.split("\n")
        signers = []
        for key in [key for key in self.keys.values() if key["role"] == "ledger" and "revoked" not in key]:
            short = sha256(origin.encode(), b"\n\1", key["key"].public_bytes_raw()).digest()[:4]
            for line in re.findall(r"\u2014 (\S+) (\S+)\n", lines):
                if line[0] == origin and standard(line[1])[:4] == short:
                    key["key"].verify(standard(line[1])[4:], f"{text}\n".encode())
                    signers.append(key)
        require(signers, "no ledger key of trust.toml signed its checkpoint", DISTRUSTED)
        require(root_of(receipt, int(size)) == standard(root), "it is not in the ledger")
        return parse(receipt["leaf"].encode()), f"record {receipt['index']} of {size} in {origin}"


def root_of(receipt, size):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last, current = receipt["index"], size - 1, sha256(b"\0", receipt["leaf"].encode()).digest()
    require(type(place) is int and 0 <= place < size, "the checkpoint does not cover the record")
    for text in receipt["inclusion"]:
        sibling = standard(text.translate(str.maketrans("-_", "+/")) + "=")
        require(last > 0 and len(sibling) == 32, "the inclusion proof is too long")
        if place % 2 or place == last:
            current = sha256(b"\1", sibling, current).digest()
            while place and place % 2 == 0:
                place, last = place // 2, last // 2
        else:
            current = sha256(b"\1", current, sibling).digest()
        place, last = place // 2, last // 2
    require(last == 0, "the inclusion proof is too short")
    return current


class Pack:
    """The files of a pack. Keys must be valid at the time that it was made."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist()]
            require(len(set(names)) == len(names), "a file stands twice in it")
            require(sum(entry.file_size for entry in archive.infolist()) <= LARGEST, "it is too large")
            self.files = {name: archive.read(name) for name in names}
        self.index = self.json(INDEX)
        require(self.index["format"] == "vouchml-pack/v1", "it is of another format")
        self.model, self.at = self.index["model"], datetime.fromisoformat(self.index["created"])
        self.trust = self.trainer = None
        self.decisions, self.approvals = [], []

    def file(self, name):
        require(name in self.files, f"{name} is not in the pack", None)
        return self.files[name]

    def json(self, name):
        return parse(self.file(name))

    def sha256(self, name):
        return sha256(self.file(name)).hexdigest()

    def dated(self, kind):
        form = re.compile(rf"evidence/{kind}-\d{{8}}T\d{{6}}Z-[0-9a-f]{{8}}\.dsse\.json", re.ASCII)
        return sorted((name for name in self.files if form.fullmatch(name)), reverse=True)

    def signed(self, envelope, kind, role, least=1):
        """What a DSSE envelope says about this model (in-toto Statement v1), and whose keys signed it."""
        require(set(envelope) == {"payload", "payloadType", "signatures"}, "it is no envelope")
        payload, declared, signers = standard(envelope["payload"]), envelope["payloadType"], {}
        signed = b"DSSEv1 %d %b %d %b" % (len(declared), declared.encode(), len(payload), payload)
        for each in envelope["signatures"]:
            require(set(each) == {"keyid", "sig"}, "it has a signature of another form")
            signer = self.trust.verify(each["keyid"], role, self.at, standard(each["sig"]), signed)
            signers[signer["id"]] = signer
        require(len(signers) >= least, f"{least} keys must sign it")
        said = parse(payload)
        require(declared == "application/vnd.in-toto+json", "it is no in-toto statement")
        require(said["_type"] == "https://in-toto.io/Statement/v1" and said["predicateType"] == kind, "of another kind")
        about = [each["digest"] for each in said["subject"]]
        require(about == [{"sha256": self.model["digest"]}], "it is about another model")
        return said["predicate"], list(signers.values())

    def check_trust(self, given):
        require(given, "the keys are from the pack, which vouches for itself: give --trust", None)
        return f"{len(self.trust.keys)} keys from {given}"

    def check_files(self):
        listed = {entry["path"]: entry for entry in self.index["files"]}
        odd = sorted(set(listed) ^ (set(self.files) - {INDEX, SIGNED_INDEX}))
        require(not odd and len(listed) == len(self.index["files"]), f"other files than the index lists: {odd[:3]}")
        for name, entry in listed.items():
            found = self.sha256(name), len(self.files[name])
            require(found == (entry["sha256"], entry["size"]), f"{name} was changed")
        return f"all {len(listed)} have the SHA-256 that {INDEX} lists"

    def check_index(self):
        predicate, signers = self.signed(self.json(SIGNED_INDEX), PACK, "evaluator")
        require(predicate == {"index": {"sha256": self.sha256(INDEX)}}, f"{INDEX} is another one than was signed")
        return f"{names_of(signers)} signed the list of files, made {self.index['created']}"

    def check_model(self):
        bundle = self.json("evidence/model.sig")
        require(bundle["mediaType"] == SIGSTORE, "it is no model signature")
        predicate, (self.trainer,) = self.signed(bundle["dsseEnvelope"], MODEL, "trainer")
        asked = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
        how, resources = predicate["serialization"], predicate["resources"]
        require({**how, **asked} == how, "the files were not signed whole")
        files = {each["name"]: each["digest"] for each in resources if each["algorithm"] == "sha256"}
        paths = [PurePosixPath(each["name"]) for each in resources]
        require(paths == sorted(paths) and len(files) == len(paths), "it names a file twice, or not in order")
        root = sha256(*(bytes.fromhex(each["digest"]) for each in resources)).hexdigest()
        require(root == self.model["digest"], "the files that were signed give another model digest")
        require({each["path"]: each["sha256"] for each in self.json("model_files.json")} == files, "other files listed")
        inside = {name[6:]: self.sha256(name) for name in self.files if name.startswith("model/")}
        require(not inside or inside == files, "the model in the pack is not what was signed")
        require(files["contract.json"] == self.sha256("contract.json"), "contract.json is not the one that was signed")
        for revoked in self.trust.document.get("revoked_model", []):
            require(revoked["digest"] != root, f"the model was revoked: {revoked['reason']}")
        return f"{names_of([self.trainer])} signed {len(files)} files with the model digest {root}"

    def check_provenance(self):
        predicate, signers = self.signed(self.json("evidence/provenance.dsse.json"), SLSA, "trainer")
        byproducts = {each["name"]: each["digest"] for each in predicate["runDetails"]["byproducts"]}
        require(byproducts["run_manifest.json"]["sha256"] == self.sha256("run_manifest.json"), "of another manifest")
        inputs = {each["name"]: each["digest"] for each in predicate["buildDefinition"]["resolvedDependencies"]}
        require(inputs["data"]["sha256"] == self.model["data"], "it names other data")
        return f"{names_of(signers)} signed run_manifest.json and the data it came from"

    def check_evaluation(self):
        predicate, signers = self.signed(self.json("evidence/evaluation.dsse.json"), TEST, "evaluator")
        seen = {each["name"]: each["digest"]["sha256"] for each in predicate["configuration"]}
        wanted = {"run_manifest.json": self.sha256("run_manifest.json"), "data": self.model["data"]}
        require(seen == wanted, "it is about another manifest or other data")
        require(predicate["result"] in ("PASSED", "WARNED"), "its tests failed")
        return f"{names_of(signers)} signed the result {predicate['result']}"

    def check_approval(self, name):
        predicate, (signer,) = self.signed(self.json(name), APPROVAL, "approver")
        require((predicate["name"], predicate["email"]) == (signer["name"], signer["email"]), "in another's name")
        self.approvals.append((predicate["meaning"], signer))
        return f"{names_of([signer])}, {predicate['meaning']}: {predicate['reason']}"

    def check_break_glass(self, name):
        predicate, signers = self.signed(self.json(name), GLASS, "approver", least=2)
        return f"{names_of(signers)}, until {predicate['validUntil']}: {predicate['reason']}"

    def check_decision(self, name):
        predicate, signers = self.signed(self.json(name), DECISION, "gate")
        outcome, until = predicate["vouchml"]["outcome"], predicate["vouchml"]["validUntil"]
        require((predicate["verificationResult"] == "PASSED") == (outcome == "PASS"), "it contradicts itself")
        moments = datetime.fromisoformat(predicate["timeVerified"]), datetime.fromisoformat(until)
        self.decisions.append((*moments, name, predicate))
        return f"{names_of(signers)} decided {outcome} at {predicate['timeVerified']}, valid until {until}"

    def check_grounds(self):
        require(self.decisions, "no decision of the gate counts", None)
        begin, end, name, predicate = max(self.decisions, key=lambda each: (each[0], each[2]))
        outcome, inputs = predicate["vouchml"]["outcome"], predicate["inputAttestations"]
        accepted = any(meaning == "inconclusive accepted" for meaning, _ in self.approvals)
        require(outcome == "PASS" or (outcome == "INCONCLUSIVE" and accepted), f"the newest decision is {outcome}")
        require(begin <= self.at < end, "the newest decision was not valid when the pack was made")
        require(predicate["vouchml"]["contract"] == self.sha256("contract.json"), "it is about another contract")
        for each in inputs:
            content = self.files.get(f"evidence/{each['uri']}", b"")
            require(sha256(content).hexdigest() == each["digest"]["sha256"], f"{each['uri']} is gone or another one")
        require(predicate["policy"]["digest"]["sha256"] == self.sha256("policy.json"), "it names another policy")
        return f"{name} names contract.json, policy.json and {len(inputs)} files of evidence"

    def check_approvals(self):
        asked, last = self.json("policy.json")["approvals"], {}
        for meaning, signer in self.approvals:  # the newest first
            if meaning in ("approved", "rejected"):
                last.setdefault(signer["email"].casefold(), (meaning, signer))
        require(all(meaning == "approved" for meaning, _ in last.values()), "somebody rejected the model")
        if self.index["separation"] == "people":
            last.pop(self.trainer["email"].casefold(), None)
        roles = [signer["role"] for _, signer in last.values()]
        require(all(roles.count(role) >= least for role, least in asked.items()), "approvals that are asked for miss")
        return f"{len(roles)} people approved, and policy.json asks for {asked or 'none'}"

    def check_data(self, table):
        bom = next(part for part in self.json("bom.cdx.json")["components"] if part["type"] == "data")
        named = {
            "run_manifest.json": self.json("run_manifest.json")["data"]["bytes_sha256"],
            "contract.json": self.json("contract.json")["data_sha256"],
            "croissant.json": self.json("croissant.json")["distribution"][0]["sha256"],
            "bom.cdx.json": bom["hashes"][0]["content"],
        }
        if table is not None:
            named["the table that you gave"] = sha256(Path(table).read_bytes()).hexdigest()
        for name, found in named.items():
            require(found == self.model["data"], f"{name} is not the data {self.model['data']}")
        return f"{', '.join(named)} agree on the SHA-256 {self.model['data']}"

    def check_ledger(self):
        names, notes = sorted(name for name in self.files if name.startswith("ledger/")), set()
        require(names, "the pack has no events of the ledger", None)
        told = Counter()
        for name in names:
            leaf, said = self.trust.receipt(self.json(name))
            about = leaf.get("model") or (leaf.get("served") or {}).get("model")
            require(about == self.model["digest"], f"{name} is about another model")
            notes.add(self.json(name)["checkpoint"])
            told[leaf["type"]] += 1
        require(len(notes) == 1, "the events are under several checkpoints")
        return f"under one checkpoint ({said}): " + ", ".join(f"{count} {kind}" for kind, count in told.items())

    def check_prediction(self, file):
        leaf, said = self.trust.receipt(parse(Path(file).read_bytes()))
        require(leaf["type"] == "prediction" and leaf["served"]["model"] == self.model["digest"], "of another model")
        served, when = leaf["served"], datetime.fromisoformat(leaf["time"])
        require(served["contract"] == self.sha256("contract.json"), "it was answered under another contract")
        require(served["data"] == self.model["data"], "it names other data")
        found = [each for each in self.decisions if self.sha256(each[2]) == served["decision"]]
        require(found, "the decision that it names is not in the pack, or does not count")
        require(found[0][0] <= when < found[0][1], "its decision was not valid then")
        return f"{leaf['prediction_id']}, {said}, by this model, contract, data and {found[0][2]}"


def main(arguments):
    outcomes = []

    def link(name, check, *given, lenient=False):
        try:
            outcome, said = True, check(*given)
        except Wrong as error:
            # Anybody can put a statement there; only one by a key that counts speaks for or against the model.
            outcome, said = (None if lenient else False) if error.outcome == DISTRUSTED else error.outcome, str(error)
        except Exception as error:  # noqa: BLE001 - whatever breaks a check, the check has failed
            outcome, said = False, f"it does not fit ({type(error).__name__})"
        outcomes.append(outcome)
        print(f"{MARKS[outcome]} {name}: {said}")

    try:
        pack = Pack(arguments.pack)
        pack.trust = Trust(Path(arguments.trust).read_bytes() if arguments.trust else pack.file("trust.toml"))
    except Exception as error:  # noqa: BLE001 - as above
        print(f"{MARKS[False]} the pack or the trust store cannot be read: {error}")
        return 1
    link("trust", pack.check_trust, arguments.trust)
    for name in ("files", "index", "model", "provenance", "evaluation"):
        link(name, getattr(pack, f"check_{name}"))
    for kind in ("approval", "break-glass", "decision"):
        for name in pack.dated(kind):
            link(name, getattr(pack, f"check_{kind.replace('-', '_')}"), name, lenient=True)
    for name in ("grounds", "approvals", "ledger"):
        link(name, getattr(pack, f"check_{name}"))
    link("data", pack.check_data, arguments.data)
    if arguments.receipt:
        link("prediction", pack.check_prediction, arguments.receipt)
    return 1 if False in outcomes else 2 if None in outcomes else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack")
    for option in ("--trust", "--receipt", "--data"):
        parser.add_argument(option, metavar="FILE")
    sys.exit(main(parser.parse_args()))
