"""Verify a vouchml evidence pack offline: python verify_pack.py PACK.zip --trust TRUST.toml.

Written from docs/evidence_pack.md and nothing of vouchml: it needs Python 3.11 and the package `cryptography`.
TRUST.toml is your own copy of the project's trust store. Without it the pack's own is used, which vouches for itself.
With --receipt FILE the prediction of that receipt is followed through the pack to its data; --data FILE is held against
the SHA-256 of the data. Exit status: 0 all verified, 1 something failed, 2 something could not be checked.
"""

import argparse
import base64
import json
import re
import tomllib
import zipfile
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

DISTRUSTED, ACCEPTED = "the key does not count", "inconclusive accepted"
CARE = ("PASS", "INCONCLUSIVE", "FAIL")  # of decisions in one second the last one counts
ASKED = "ml_bom https://cyclonedx.org/bom trainer", "model_card https://vouchml.dev/model-card/v1 evaluator"
Wrong = type("Wrong", (Exception,), {})  # what is not as it should be; with None as outcome what cannot be checked
MARKS = {True: "verified   ", False: "FAILED     ", None: "not checked"}


def require(holds, message, outcome=False):
    if not holds:
        raise Wrong(message, outcome)


def parse(content):
    return json.loads(content.decode(), object_pairs_hook=lambda x: require(len(dict(x)) == len(x), "twice") or dict(x))


def standard(text):
    content = base64.b64decode(text, validate=True)
    require(base64.b64encode(content).decode() == text, "its base64 is not canonical")
    return content


def root_of(receipt, size):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last, current = receipt["index"], size - 1, sha256(b"\0" + receipt["leaf"].encode()).digest()
    require(type(place) is int and 0 <= place < size, "the checkpoint does not cover the record")
    for text in receipt["inclusion"]:
        sibling = standard(text.translate(str.maketrans("-_", "+/")) + "=")
        require(last > 0 and len(sibling) == 32, "the inclusion proof is too long")
        is_right = place % 2 or place == last
        current = sha256(b"\1" + (sibling + current if is_right else current + sibling)).digest()
        while is_right and place and place % 2 == 0:
            place, last = place // 2, last // 2
        place, last = place // 2, last // 2
    require(last == 0, "the inclusion proof is too short")
    return current


class Pack:  # its files, and the keys to check it with, which must be valid at the time that it was made
    def __init__(self, path, trust):
        with zipfile.ZipFile(path) as archive:
            names, size = archive.namelist(), sum(entry.file_size for entry in archive.infolist())
            require(len(set(names)) == len(names) and size <= 4 * 1024**3, "it is too large, or has a file twice")
            self.files = {name: archive.read(name) for name in names}
        self.index = self.json("index.json")
        require(self.index["format"] == "vouchml-pack/v1", "it is of another format")
        self.model, self.at = self.index["model"], datetime.fromisoformat(self.index["created"])
        self.trust = tomllib.loads((Path(trust).read_bytes() if trust else self.files["trust.toml"]).decode())
        self.keys, self.trainer, self.decisions, self.approvals = {}, None, [], []
        for entry in self.trust.get("key", []):
            key = load_der_public_key(base64.b64decode(re.sub("-----.*-----", "", entry["public_key"])))  # DER, or PEM
            name = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
            self.keys[name] = {**entry, "key": key, "id": name, "person": normalize("NFKC", entry["email"]).casefold()}

    def json(self, name):
        require(name in self.files, f"{name} is not in the pack", None)
        return parse(self.files[name])

    def sha256(self, name):
        require(name in self.files, f"{name} is not in the pack", None)
        return sha256(self.files[name]).hexdigest()

    def signed(self, envelope, kind, role, least=1):
        """What a DSSE envelope says about this model (in-toto Statement v1), whose keys signed it, and their names."""
        require(set(envelope) == {"payload", "payloadType", "signatures"}, "it is no envelope")
        payload, declared = standard(envelope["payload"]), envelope["payloadType"]
        signed, signers = b"DSSEv1 %d %b %d %b" % (len(declared), declared.encode(), len(payload), payload), {}
        for each in envelope["signatures"]:
            require(set(each) == {"keyid", "sig"}, "it has a signature of another form")
            name, key = each["keyid"], self.keys.get(each["keyid"])
            require(key, f"a key signed that is not in trust.toml: {str(name)[:16]!r}", DISTRUSTED)
            good = "revoked" not in key and key["role"] == role and key["valid_from"] <= self.at
            good = good and ("valid_to" not in key or self.at < key["valid_to"])
            require(good, f"the key of {key['name']} is no {role}'s, was revoked, or was not valid then", DISTRUSTED)
            algorithm = [] if isinstance(key["key"], ed25519.Ed25519PublicKey) else [ec.ECDSA(SHA256())]
            key["key"].verify(standard(each["sig"]), signed, *algorithm)
            signers[name] = key
        require(len(signers) >= least, f"{least} keys must sign it")
        said = parse(payload)
        found = declared, said["_type"], said["predicateType"]
        require(found == ("application/vnd.in-toto+json", "https://in-toto.io/Statement/v1", kind), "of another kind")
        ours = {"name": self.model["name"], "digest": {"sha256": self.model["digest"]}}
        require(said["subject"] == [ours], "it is about another model")
        names = ", ".join(f"{key['name']} <{key['email']}>" for key in signers.values())
        return said["predicate"], list(signers.values()), names

    def dated(self, name, time, keys):
        """The time that was signed, which with a key gives the name of the file, so that a copy has another one."""
        ends = tuple(f"-{re.sub('[-:]', '', time)}-{key['id'][:8]}.dsse.json" for key in keys)
        require(name.endswith(ends), "its name is not that of its time and key")
        return datetime.fromisoformat(time)

    def apart(self, one, others=()):
        """Whether a key is as far as the index says from other keys, those of the model's authors if none are given."""
        others = others or [self.trainer, *(key for _, _, word, key, _ in self.approvals if word == "authored")]
        by = {"none": "", "roles": "id", "people": "person"}[self.index["separation"]]
        return not by or all(one[by] != other[by] for other in others)

    def require_served(self, care, name):
        """A decision lets a model serve when it is PASS, or when somebody accepted this very INCONCLUSIVE."""
        by = [key for *_, word, key, seen in self.approvals if word == ACCEPTED and self.sha256(name) in seen]
        require(care == 0 or (care == 1 and any(map(self.apart, by))), f"{name} is {CARE[care]}, and not accepted")

    def leaf(self, receipt):
        """The leaf of a receipt, under a checkpoint that a ledger key signed (docs/ledger-format.md)."""
        text, _, lines = receipt["checkpoint"].rpartition("\n\n")
        origin, size, root, *_ = text.split("\n")
        keys = [key["key"] for key in self.keys.values() if key["role"] == "ledger" and "revoked" not in key]
        short = {sha256(origin.encode() + b"\n\1" + key.public_bytes_raw()).digest()[:4]: key for key in keys}
        found = [standard(each) for name, each in re.findall(r"\u2014 (\S+) (\S+)\n", lines) if name == origin]
        require(any(each[:4] in short for each in found), "no ledger key of trust.toml signed its checkpoint")
        for each in (each for each in found if each[:4] in short):
            short[each[:4]].verify(each[4:], f"{text}\n".encode())
        require(root_of(receipt, int(size)) == standard(root), "it is not in the ledger")
        return parse(receipt["leaf"].encode()), f"record {receipt['index']} of {size} in {origin}"

    def check_files(self):
        listed = {entry["path"]: (entry["sha256"], entry["size"]) for entry in self.index["files"]}
        names = self.files.keys() - {"index.json", "index.dsse.json"}
        there = {name: (self.sha256(name), len(self.files[name])) for name in names}
        odd = sorted({name for name, _ in there.items() ^ listed.items()})
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
        said, (self.trainer,), names = self.signed(bundle["dsseEnvelope"], kind, "trainer")
        how, resources = said["serialization"], said["resources"]
        require((how["method"], how["hash_type"]) == ("files", "sha256"), "the files were not signed whole")
        files = {each["name"]: each["digest"] for each in resources if each["algorithm"] == "sha256"}
        paths = [PurePosixPath(each["name"]) for each in resources]
        require(paths == sorted(paths) and len(files) == len(paths), "it names a file twice, or not in order")
        root = sha256(b"".join(bytes.fromhex(each["digest"]) for each in resources)).hexdigest()
        require(root == self.model["digest"], "the files that were signed give another model digest")
        listed = {each["path"]: each["sha256"] for each in self.json("model_files.json")}
        inside = {name[6:]: self.sha256(name) for name in self.files if name.startswith("model/")}
        require(listed == files and inside in ({}, files), "the files of the model are not those that were signed")
        require(files["contract.json"] == self.sha256("contract.json"), "contract.json is not the one that was signed")
        revoked = [each["reason"] for each in self.trust.get("revoked_model", []) if each["digest"] == root]
        require(not revoked, f"the model was revoked: {', '.join(revoked)}")
        return f"{names} signed {len(files)} files with the model digest {root}"

    def check_run(self, name, kind, role):
        predicate, _, names = self.signed(self.json(f"evidence/{name}.dsse.json"), kind, role)
        named = predicate.get("configuration") or predicate["runDetails"]["byproducts"]
        named = named + predicate.get("buildDefinition", {}).get("resolvedDependencies", [])
        seen = {each["name"]: each["digest"].get("sha256") for each in named}
        ours = (self.sha256("run_manifest.json"), self.model["data"])
        require((seen["run_manifest.json"], seen["data"]) == ours, "it is about another run_manifest.json or data")
        require(predicate.get("result", "PASSED") in ("PASSED", "WARNED"), "its tests failed")
        return f"{names} signed it, about run_manifest.json and the data"

    def check_approval(self, name):
        predicate, (key,), names = self.signed(self.json(name), "https://vouchml.dev/approval/v1", "approver")
        require((predicate["name"], predicate["email"]) == (key["name"], key["email"]), "it is in another's name")
        word, seen = predicate["meaning"], {each["digest"]["sha256"] for each in predicate["evidence"]}
        self.approvals.append((self.dated(name, predicate["time"], [key]), word == "rejected", word, key, seen))
        return f"{names}, {predicate['meaning']}: {predicate['reason']}"

    def check_break(self, name):
        predicate, keys, names = self.signed(self.json(name), "https://vouchml.dev/break-glass/v1", "approver", least=2)
        begin, until = self.dated(name, predicate["time"], keys), datetime.fromisoformat(predicate["validUntil"])
        require(begin <= self.at and until - begin <= timedelta(hours=4), "it was for over 4 hours, or is of later")
        require(any(self.apart(one, [other]) for one in keys for other in keys), "its signers are not apart")
        return f"{names}, until {predicate['validUntil']}: {predicate['reason']}"

    def check_decision(self, name):
        said, keys, names = self.signed(self.json(name), "https://slsa.dev/verification_summary/v1", "gate")
        outcome, end = said["vouchml"]["outcome"], datetime.fromisoformat(said["vouchml"]["validUntil"])
        require((said["verificationResult"] == "PASSED") == (outcome == "PASS"), "it contradicts itself")
        require(said["resourceUri"] == f"models:/{self.model['name']}", "it is about another model")
        self.decisions.append((self.dated(name, said["timeVerified"], keys), CARE.index(outcome), name, end, said))
        return f"{names} decided {outcome} at {said['timeVerified']}, valid until {end}"

    def check_grounds(self):
        require(self.decisions, "no decision of the gate counts", None)
        begin, care, name, end, said = max(self.decisions, key=lambda each: each[:3])
        require(begin <= self.at < end, "the newest decision was not valid")
        self.require_served(care, name)
        require(said["vouchml"]["contract"] == self.sha256("contract.json"), "it is about another contract")
        for each in said["inputAttestations"]:
            content = self.files.get(f"evidence/{each['uri']}", b"")
            require(sha256(content).hexdigest() == each["digest"]["sha256"], f"{each['uri']} is gone or another one")
        require(said["policy"]["digest"]["sha256"] == self.sha256("policy.json"), "it names another policy")
        return f"{name} names contract.json, policy.json and {len(said['inputAttestations'])} files of evidence"

    def check_approvals(self):
        asked, said = self.json("policy.json")["approvals"], sorted(self.approvals, key=lambda each: each[:2])
        last = {key["person"]: (word, key) for _, _, word, key, _ in said if word in ("approved", "rejected")}
        require(all(word == "approved" for word, _ in last.values()), "somebody rejected the model")
        roles = [key["role"] for _, key in last.values() if self.apart(key)]
        require(all(roles.count(role) >= least for role, least in asked.items()), "approvals are missing")
        return f"{len(roles)} people approved, and policy.json asks for {asked or 'none'}"

    def check_ledger(self):
        receipts = [self.json(name) for name in self.files if name.startswith("ledger/")]
        require(receipts, "the pack has no events of the ledger", None)
        require(len({each["checkpoint"] for each in receipts}) == 1, "they are under several checkpoints")
        leaves = [self.leaf(receipt)[0] for receipt in receipts]
        about = {leaf.get("model") or (leaf.get("served") or {}).get("model") for leaf in leaves}
        require(about == {self.model["digest"]}, "some are about another model")
        return f"{len(leaves)} events under one checkpoint: {', '.join(sorted({leaf['type'] for leaf in leaves}))}"

    def check_data(self, table):
        names = ["run_manifest.json", "contract.json", "croissant.json", "bom.cdx.json"]
        manifest, contract, croissant, bom = map(self.json, names)
        found = [manifest["data"]["bytes_sha256"], contract["data_sha256"], croissant["distribution"][0]["sha256"]]
        found.append(next(part["hashes"][0]["content"] for part in bom["components"] if part["type"] == "data"))
        if table:
            names, found = [*names, "the table that you gave"], [*found, sha256(Path(table).read_bytes()).hexdigest()]
        odd = [name for name, digest in zip(names, found, strict=True) if digest != self.model["data"]]
        require(not odd, f"other data than {self.model['data']}: {', '.join(odd)}")
        return f"{', '.join(names)} agree on the SHA-256 {self.model['data']}"

    def check_prediction(self, file):
        leaf, place = self.leaf(parse(Path(file).read_bytes()))
        require(leaf["type"] == "prediction", "the receipt is not of a prediction")
        served, when = leaf["served"], datetime.fromisoformat(leaf["time"])
        ours = (self.model["digest"], self.sha256("contract.json"), self.model["data"])
        require((served["model"], served["contract"], served["data"]) == ours, "by another model, contract or data")
        counts = {self.sha256(each[2]): each for each in self.decisions if each[0] <= when < each[3]}
        require(served["decision"] in counts, "its decision is not in the pack, does not count or was not valid then")
        self.require_served(*counts[served["decision"]][1:3])
        return f"{leaf['prediction_id']}, {place}, by this model, contract, data and {counts[served['decision']][2]}"


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
        print("".join(each if each.isprintable() else "?" for each in f"{MARKS[outcome]} {name}: {said}"))

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
    for name, *who in map(str.split, ASKED):  # these are there where the policy asks for them
        if (file := f"evidence/{name}.dsse.json") in pack.files:
            link(name, lambda file, *who: f"{pack.signed(pack.json(file), *who)[2]} signed it", file, *who)
    dated = re.compile(r"evidence/(approval|break-glass|decision)-[0-9TZ]{16}-[0-9a-f]{8}\.dsse\.json")
    for name in filter(dated.fullmatch, sorted(pack.files, reverse=True)):  # the newest statement of a kind first
        link(name, getattr(pack, f"check_{re.split('[/-]', name)[1]}"), name, lenient=True)
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
    raise SystemExit(main(parser.parse_args()))
