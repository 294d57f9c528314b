"""What is not vouched for is kept out while the old version serves, with its own reason, and recorded."""

from __future__ import annotations

import json
import pickle
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vouchml.errors import NoModelLoaded
from vouchml.ledger.open import open_ledger
from vouchml.ledger.record import RecordType
from vouchml.serving.app import create_app
from vouchml.serving.following.follower import Follower
from vouchml.serving.following.watcher import Watcher
from vouchml.settings import TrustSettings
from vouchml.trust.model_signature import SIGNATURE_FILE

if TYPE_CHECKING:
    from tests.serving.admission.conftest import Vouched
    from tests.serving.conftest import Eventually, Following, Serve

Follow = Callable[..., "Following"]


def serve_one_then_promote_two(vouched: Vouched, follow: Follow) -> Following:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    assert following.serving_model().version == "1"
    vouched.project.promote("2")
    following.poll()
    return following


def test_a_version_with_signature_and_decision_serves_and_says_why(vouched: Vouched, follow: Follow) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    served = following.serving_model()
    assert following.reasons() == ()
    assert served.admitted.admission is not None
    assert served.subject.decision == served.admitted.admission.decision_sha256


def signed_and_judged(vouched: Vouched, outcome: str = "PASS", **changes: Any) -> None:
    vouched.sign(2)
    vouched.decide(2, outcome, **changes)


Prepare = Callable[["Vouched"], object]
KEPT_OUT: dict[str, tuple[Prepare, str]] = {
    "nothing is signed": (lambda _: None, "The model is not signed."),
    "moved by hand, signed and never gated": (lambda vouched: vouched.sign(2), "No gate has decided on the model."),
    "the gate said no": (
        lambda vouched: signed_and_judged(vouched, "FAIL"),
        "The gate's decision on the model is FAIL.",
    ),
    "the decision has run out": (
        lambda vouched: signed_and_judged(vouched, at=datetime.now(UTC) - timedelta(days=91)),
        "The gate's decision was valid until",
    ),
    "the decision of another version": (
        lambda vouched: signed_and_judged(vouched, digest=vouched.digest(1)),
        "The statement is not about the model",
    ),
    "the signature of another version": (
        lambda vouched: vouched.put(2, SIGNATURE_FILE, vouched.evidence(1)[SIGNATURE_FILE]),
        "other bytes",
    ),
}


@pytest.mark.parametrize("what", KEPT_OUT)
def test_a_version_that_is_not_vouched_for_is_kept_out_while_the_old_one_serves(
    vouched: Vouched, follow: Follow, what: str
) -> None:
    prepare, reason = KEPT_OUT[what]
    prepare(vouched)
    following = serve_one_then_promote_two(vouched, follow)
    assert following.serving_model().version == "1"
    (told,) = following.reasons()
    assert told.startswith("Version 2 was not loaded: ")
    assert reason in told
    assert told.endswith("Version 1 keeps serving.")


def test_the_stage_moved_by_hand_serves_if_and_only_if_the_evidence_passes(vouched: Vouched, follow: Follow) -> None:
    vouched.sign(2)
    vouched.decide(2)
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    client = vouched.project.registry.client
    with pytest.warns(FutureWarning, match="deprecated"):
        client.transition_model_version_stage(vouched.project.name, "2", "Staging", archive_existing_versions=True)
    following.poll()
    assert following.serving_model().version == "2"


def test_evidence_that_arrives_later_lets_a_version_in(
    vouched: Vouched, follow: Follow, eventually: Eventually
) -> None:
    following = serve_one_then_promote_two(vouched, follow)
    vouched.sign(2)
    vouched.decide(2)

    def serves() -> bool:
        following.poll()
        return following.serving_model().version == "2"

    eventually(serves)


@pytest.mark.parametrize("name", ["model.onnx", "MLmodel", "contract.json"])
def test_files_overwritten_in_mlflow_change_nothing_that_serves_and_are_named(
    vouched: Vouched, follow: Follow, name: str
) -> None:
    # Seen on MLflow 3.17: the files of a version in Staging can be overwritten, and its status stays READY.
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    digest = following.serving_model().model_digest
    original = vouched.files(1)
    copy = vouched.settings.root / "tampered"
    shutil.copytree(original, copy)
    changed = next(copy.rglob(name))
    changed.write_bytes(changed.read_bytes()[:-1] + b"\n ")
    number = vouched.project.registry.register(
        vouched.project.name,
        source=copy.as_uri(),
        run_id=vouched.project.registry.version(vouched.project.name, "1").run_id,
    ).number
    vouched.project.promote(str(number))
    following.poll()
    assert following.serving_model().model_digest == digest
    (told,) = following.reasons()
    assert changed.name in told
    again = Follower(vouched.settings)
    again.refresh()
    assert again.serving_model().model_digest == digest


def test_a_deleted_run_and_rewritten_tags_change_nothing(vouched: Vouched, follow: Follow) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    registry = vouched.project.registry
    version = registry.version(vouched.project.name, "1")
    assert version.run_id is not None
    registry.tag(version, "vouchml.outcome", "FAIL")
    registry.client.log_metric(version.run_id, "roc_auc", 0.1)
    registry.client.delete_run(version.run_id)
    following.poll()
    assert following.serving_model().version == "1"
    cold = follow(vouched.settings)
    cold.poll()
    assert cold.serving_model().version == "1"
    assert cold.reasons() == ()


def test_evidence_deleted_in_mlflow_does_not_take_down_what_serves_and_a_cold_start_finds_it_in_the_cache(
    vouched: Vouched, follow: Follow
) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    shutil.rmtree(vouched.evidence_folder(1))
    following.poll()
    assert following.serving_model().version == "1"
    cold = follow(vouched.settings)
    cold.poll()
    assert cold.serving_model().version == "1"


def test_who_writes_to_the_state_file_can_serve_no_other_model(vouched: Vouched, follow: Follow) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    bundles = vouched.settings.private_folder / "bundles"
    (bundle,) = bundles.iterdir()
    forged = vouched.settings.root / "forged"
    shutil.copytree(bundle, forged)
    for path in (forged, *forged.rglob("*")):
        path.chmod(0o700)
    weights = next(forged.rglob("affine.json"), None) or next(forged.rglob("model.onnx"))
    weights.write_bytes(weights.read_bytes() + b" ")
    from vouchml.model.digest import model_digest

    digest = model_digest(forged)
    forged.rename(bundles / digest)
    state = next((vouched.settings.private_folder / "serving").glob("state-*.json"))
    document = json.loads(state.read_bytes())
    before = document["champion"]["digest"]
    document["champion"]["digest"] = digest
    state.write_text(json.dumps(document))
    evidence = vouched.settings.private_folder / "evidence"
    shutil.copy(evidence / f"{before}.json", evidence / f"{digest}.json")

    cold = Follower(vouched.settings)
    cold.refresh()

    with pytest.raises(NoModelLoaded):
        cold.serving_model()
    assert any("other bytes" in reason for reason in cold.reasons())


def test_a_revoked_model_is_taken_down_at_the_next_look(vouched: Vouched, follow: Follow) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    vouched.keys.revoke_model(following.serving_model().model_digest, reason="it was trained on the wrong rows")
    following.refresh()
    with pytest.raises(NoModelLoaded, match="wrong rows"):
        following.serving_model()
    following.poll()
    with pytest.raises(NoModelLoaded):
        following.serving_model()
    cold = follow(vouched.settings)
    cold.poll()
    with pytest.raises(NoModelLoaded):
        cold.serving_model()


def test_a_revoked_key_takes_down_what_it_signed(vouched: Vouched, follow: Follow) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    vouched.keys.revoke("development-gate", reason="left on a train")
    following.poll()
    with pytest.raises(NoModelLoaded):
        following.serving_model()


@pytest.mark.parametrize("runs_out", ["the trainer's key", "the decision"])
@pytest.mark.parametrize("revoked", ["the model", "the gate's key", "the trainer's key"])
def test_what_is_revoked_ends_whatever_else_has_run_out(
    vouched: Vouched, follow: Follow, runs_out: str, revoked: str
) -> None:
    if runs_out == "the decision":
        for name in list(vouched.evidence(1)):
            if name.startswith("decision-"):
                (vouched.evidence_folder(1) / name).unlink()
        vouched.decide(1, at=datetime.now(UTC) - timedelta(days=90) + timedelta(seconds=6))
        ends = time.monotonic() + 6
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    served = following.serving_model()
    trainer = vouched.keys.signer("trainer")[1]
    if runs_out == "the decision":
        time.sleep(max(0.0, ends + 1 - time.monotonic()))
    else:
        vouched.keys.rotate("development-trainer")
    following.poll()
    assert following.serving_model().version == "1"
    revoke: dict[str, Callable[[], object]] = {
        "the model": lambda: vouched.keys.revoke_model(served.model_digest, reason="wrong rows"),
        "the gate's key": lambda: vouched.keys.revoke("development-gate", reason="stolen"),
        "the trainer's key": lambda: vouched.keys.revoke(trainer.key_id, reason="stolen"),
    }
    revoke[revoked]()
    following.refresh()
    with pytest.raises(NoModelLoaded):
        following.serving_model()


def test_a_revocation_while_the_model_loads_is_not_lost(
    vouched: Vouched, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vouchml.serving.following.served_model import load_served_model

    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.watcher.poll()
    digest = vouched.digest(1)

    def load_while_it_is_revoked(*arguments: Any, **named: Any) -> Any:
        vouched.keys.revoke_model(digest, reason="wrong rows")
        return load_served_model(*arguments, **named)

    monkeypatch.setattr("vouchml.serving.following.follower.load_served_model", load_while_it_is_revoked)
    following.refresh()
    following.refresh()
    with pytest.raises(NoModelLoaded):
        following.serving_model()


def test_a_trust_store_that_is_written_in_place_takes_nothing_down(vouched: Vouched, follow: Follow) -> None:
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    path = vouched.settings.trust_store_path
    text = path.read_text()
    for half in (None, text[: len(text) // 2]):
        path.unlink()
        if half is not None:
            path.write_text(half)
        following.refresh()
        assert following.serving_model().version == "1"
        path.write_text(text)
        following.refresh()
        assert following.serving_model().version == "1"
    path.unlink()
    following.refresh()
    time.sleep(2.1)
    following.refresh()
    with pytest.raises(NoModelLoaded):
        following.serving_model()


def test_another_decision_lets_a_version_go_on_and_is_the_one_that_is_named(
    vouched: Vouched, follow: Follow, eventually: Eventually
) -> None:
    for name in list(vouched.evidence(1)):
        if name.startswith("decision-"):
            (vouched.evidence_folder(1) / name).unlink()
    vouched.break_glass(1, seconds=4)
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    assert following.flags
    vouched.keys.add("eve", email="eve@example.org", role="approver")  # trust changes meanwhile
    following.poll()
    vouched.decide(1)

    def serves_by_the_decision() -> bool:
        following.poll()
        lineup = following.lineup
        return lineup is not None and lineup.champion.subject.decision is not None

    eventually(serves_by_the_decision)
    assert following.flags == ()
    assert following.reasons() == ()


def test_a_decision_that_runs_out_does_not_take_down_what_serves_and_is_told(vouched: Vouched, follow: Follow) -> None:
    for name in list(vouched.evidence(1)):
        if name.startswith("decision-"):
            (vouched.evidence_folder(1) / name).unlink()
    vouched.decide(1, at=datetime.now(UTC) - timedelta(days=90) + timedelta(seconds=4))
    vouched.project.promote("1")
    following = follow(vouched.settings)
    following.poll()
    assert following.serving_model().version == "1"
    time.sleep(4.5)
    following.poll()
    assert following.serving_model().version == "1"
    assert any("has run out" in reason for reason in following.reasons())
    cold = Follower(vouched.settings)
    cold.refresh()
    with pytest.raises(NoModelLoaded):
        cold.serving_model()


def test_breaking_the_glass_flags_every_answer_and_ends(
    vouched: Vouched, serve: Serve, eventually: Eventually, features: dict[str, float]
) -> None:
    vouched.sign(2)
    vouched.break_glass(2, seconds=20)
    vouched.project.promote("2")
    Watcher(vouched.settings).poll()
    with serve(create_app(vouched.settings)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        answer = client.post("/predict", json={"features": features})
        assert answer.status_code == 200
        assert "x-vouch-break-glass" in answer.headers
        assert client.get("/model-info").json()["decision"]["outcome"] == "BREAK_GLASS"
        assert any("break-glass" in warning for warning in client.get("/health").json()["warnings"])
        eventually(lambda: client.post("/predict", json={"features": features}).status_code == 503)


def test_a_refusal_is_recorded_in_the_ledger_with_its_reason(
    vouched: Vouched, serve: Serve, eventually: Eventually
) -> None:
    vouched.project.promote("1")
    Watcher(vouched.settings).poll()
    with serve(create_app(vouched.settings)) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        vouched.project.promote("2")
        eventually(lambda: client.get("/health").json()["status"] == "degraded")

        def recorded() -> bool:
            store = open_ledger(vouched.settings)
            try:
                entry = next(store.events(RecordType.ADMISSION_REFUSED), None)
            finally:
                store.close()
            return entry is not None and b"The model is not signed." in entry.leaf

        eventually(recorded)


@pytest.mark.parametrize(("mode", "text"), [("warn", "without evidence"), ("off", "Admission is off")])
def test_without_enforcement_the_service_says_so(vouched: Vouched, follow: Follow, mode: str, text: str) -> None:
    settings = vouched.settings.model_copy(update={"trust": TrustSettings.model_validate({"admission": mode})})
    vouched.project.promote("2")
    following = follow(settings)
    following.poll()
    assert following.serving_model().version == "2"
    assert any(text in warning for warning in (*following.standing_warnings, *following.status.warnings))


def test_a_signed_pickle_is_never_loaded(vouched: Vouched, follow: Follow, tmp_path: Path) -> None:
    # Even with every signature: nothing in the service reads a pickle.
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (sprung,))

    shutil.copytree(vouched.files(1), trap, dirs_exist_ok=True)
    (trap / "model.pkl").write_bytes(pickle.dumps(Trap()))
    registry = vouched.project.registry
    run_id = registry.version(vouched.project.name, "2").run_id
    number = registry.register(vouched.project.name, source=trap.as_uri(), run_id=run_id).number
    vouched.sign(number)
    vouched.decide(number)
    vouched.project.promote(str(number))
    following = follow(vouched.settings)
    following.poll()
    assert following.serving_model().version == str(number)
    assert not sprung.exists()
