import json
import logging
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vouchml.errors import (
    ApiKeyInvalid,
    ApiKeyNotFound,
    ApiKeysUnreadable,
    CredentialsInvalid,
    FolderNotWritable,
    VouchError,
)
from vouchml.trust import ApiKey, ApiKeysFile, api_keys_path, create_api_key, read_api_keys, revoke_api_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return api_keys_path(tmp_path / ".vouch")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def create(path: Path, name: str = "ci", *scopes: str, expires: str | None = None) -> tuple[ApiKey, str]:
    return create_api_key(path, name=name, scopes=scopes or ("predict",), expires=expires)


def test_the_file_and_its_folders_are_for_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        create(path)
    finally:
        os.umask(before)
    assert [mode(place) for place in (path, path.with_suffix(".lock"))] == [0o600, 0o600]
    assert [mode(place) for place in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_a_change_closes_a_folder_and_a_file_that_stood_open(path: Path) -> None:
    create(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    create(path)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_the_file_is_canonical_json_without_any_key(path: Path) -> None:
    texts = [create(path, "a", "predict", "operate")[1], create(path, "b", expires="90d")[1]]
    content = path.read_text()
    document = json.loads(content)
    assert document["format"] == "vouchml-api-keys-v1"
    assert [key["name"] for key in document["keys"]] == ["a", "b"]
    assert content == json.dumps(document, sort_keys=True, separators=(",", ":"))
    for text in texts:
        assert text not in content
        assert text.split("_", 2)[2][:43] not in content


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    create(path)
    create(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["api-keys.json", "api-keys.lock"]


def test_a_revoked_key_stays_in_the_file_with_its_first_time(path: Path) -> None:
    key, _ = create(path)
    revoked = revoke_api_key(path, key.id)
    assert revoked.revoked is not None
    assert revoke_api_key(path, key.id) == revoked
    assert read_api_keys(path) == (revoked,)


def test_a_key_that_leaked_can_be_revoked_by_its_text(path: Path) -> None:
    key, text = create(path)
    assert revoke_api_key(path, text).id == key.id
    assert read_api_keys(path)[0].revoked is not None


def test_a_mistyped_id_suggests_the_nearest(path: Path) -> None:
    key, _ = create(path)
    with pytest.raises(ApiKeyNotFound, match=f"Did you mean {key.id}") as refusal:
        revoke_api_key(path, key.id[:-1])
    assert "vouch keys api list" in refusal.value.remedy


def test_a_name_in_place_of_an_id_suggests_the_keys_of_that_name(path: Path) -> None:
    keys = [create(path, "ci")[0], create(path, "ci")[0], create(path, "other")[0]]
    with pytest.raises(ApiKeyNotFound, match=f"Did you mean {keys[0].id} or {keys[1].id}"):
        revoke_api_key(path, "ci")


def test_revoking_where_no_key_was_ever_made_makes_nothing(path: Path) -> None:
    with pytest.raises(ApiKeyNotFound):
        revoke_api_key(path, "0" * 12)
    assert not path.parent.exists()


@pytest.mark.parametrize("cut", [slice(1, None), slice(6, -1), slice(19, None)])
def test_a_mistyped_key_is_not_repeated(path: Path, cut: slice) -> None:
    _, text = create(path)
    mistyped = text[cut].replace(text[6:18], text[6:17] + "x")
    with pytest.raises(ApiKeyNotFound) as refusal:
        revoke_api_key(path, mistyped)
    assert text[19:62] not in refusal.value.diagnostics()


def test_nothing_that_happens_to_a_key_writes_it_into_a_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, text = create(path)
    keys = ApiKeysFile(path).current()
    keys.authenticate(text.encode())
    with pytest.raises(CredentialsInvalid):
        keys.authenticate(text.encode() + b"x")
    revoke_api_key(path, text)
    assert text[19:62] not in caplog.text


MAKE_TWENTY = """
import sys
from pathlib import Path
from vouchml.trust import create_api_key
for number in range(20):
    print(create_api_key(Path(sys.argv[1]), name=f"{sys.argv[2]}-{number}", scopes=["read"])[1])
"""


def test_two_programs_that_make_keys_at_once_lose_none_and_a_reader_sees_whole_files(path: Path) -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", MAKE_TWENTY, str(path), who], stdout=subprocess.PIPE, text=True)
        for who in ("one", "other")
    ]
    seen = [0]
    while any(program.poll() is None for program in programs):
        seen.append(len(read_api_keys(path)))
    made = [text for program in programs for text in program.communicate()[0].split()]
    assert [program.returncode for program in programs] == [0, 0]
    assert seen == sorted(seen)
    assert len(made) == 40
    assert {key.name for key in read_api_keys(path)} == {f"{who}-{i}" for who in ("one", "other") for i in range(20)}
    keys = ApiKeysFile(path).current()
    assert len({keys.authenticate(text.encode()).key_id for text in made}) == 40


NOT_KEYS: dict[str, str] = {
    "empty": "",
    "half": '{"format":"vouchml-api-keys-v1","keys":[{"id":"0123',
    "no_object": "[]",
    "another_format": '{"format":"vouchml-api-keys-v2","keys":[]}',
    "a_field_too_many": '{"format":"vouchml-api-keys-v1","keys":[],"admin":true}',
}


def one_key(**changes: object) -> str:
    key = {"id": "0" * 12, "name": "a", "scopes": ["read"], "created": "2026-01-01T00:00:00Z", "sha256": "0" * 64}
    return json.dumps({"format": "vouchml-api-keys-v1", "keys": [key | changes]})


BAD_KEYS: dict[str, str] = {
    "unknown_scope": one_key(scopes=["admin"]),
    "no_scope": one_key(scopes=[]),
    "short_hash": one_key(sha256="00"),
    "time_without_zone": one_key(created="2026-01-01T00:00:00"),
    "name_with_a_line_break": one_key(name="a\nb"),
    "id_in_another_alphabet": one_key(id="G" * 12),
    "an_id_twice": json.dumps({"keys": json.loads(one_key())["keys"] * 2}),
}


def test_a_file_written_by_hand_with_the_same_fields_is_read(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(one_key())
    assert [key.name for key in read_api_keys(path)] == ["a"]


@pytest.mark.parametrize("defect", [*NOT_KEYS, *BAD_KEYS])
def test_a_broken_file_is_refused_left_as_it_is_and_no_service_starts_on_it(path: Path, defect: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text((NOT_KEYS | BAD_KEYS)[defect])
    attempts: list[Callable[[], object]] = [
        lambda: read_api_keys(path),
        lambda: create(path),
        lambda: revoke_api_key(path, "0" * 12),
        lambda: ApiKeysFile(path),
    ]
    for attempt in attempts:
        with pytest.raises(ApiKeysUnreadable, match="is not a list of API keys"):
            attempt()
    assert path.read_text() == (NOT_KEYS | BAD_KEYS)[defect]


def test_a_folder_in_the_place_of_the_file_is_told_and_not_taken_for_no_keys(path: Path) -> None:
    path.mkdir(parents=True)
    for attempt in (read_api_keys, ApiKeysFile):
        with pytest.raises(ApiKeysUnreadable, match="cannot be opened"):
            attempt(path)


def test_a_file_in_the_place_of_the_folder_is_told(path: Path) -> None:
    path.parent.parent.mkdir()
    path.parent.touch()
    with pytest.raises(FolderNotWritable, match="cannot be written"):
        create(path)


def test_a_name_that_is_refused_leaves_no_key(path: Path) -> None:
    with pytest.raises(ApiKeyInvalid):
        create(path, "")
    assert read_api_keys(path) == ()


class Live:
    """A service's view of the file, which looks at each call."""

    def __init__(self, path: Path) -> None:
        self.reports: list[VouchError] = []
        self.file = ApiKeysFile(path, look_every=0.0, report=self.reports.append)

    def knows(self, text: str) -> bool:
        try:
            self.file.current().authenticate(text.encode())
        except CredentialsInvalid:
            return False
        return True


def test_a_running_service_follows_what_is_made_and_revoked(path: Path) -> None:
    live = Live(path)
    assert not live.file.current().exist
    (first, first_text), (_, second_text) = create(path), create(path)
    assert live.knows(first_text)
    assert live.knows(second_text)
    revoke_api_key(path, first.id)
    assert not live.knows(first_text)
    assert live.knows(second_text)
    assert live.reports == []


def test_the_file_is_looked_at_no_more_often_than_asked(path: Path) -> None:
    rarely = ApiKeysFile(path, look_every=3600)
    often = ApiKeysFile(path, look_every=0.2)
    create(path)
    time.sleep(0.25)
    assert not rarely.current().exist
    assert often.current().exist


def test_an_unchanged_file_is_not_read_again(path: Path) -> None:
    create(path)
    live = Live(path)
    assert live.file.current() is live.file.current()


@pytest.mark.parametrize("defect", [*NOT_KEYS, *BAD_KEYS])
def test_a_file_that_breaks_keeps_the_last_good_keys_and_is_reported_once(path: Path, defect: str) -> None:
    key, text = create(path)
    whole = path.read_bytes()
    live = Live(path)
    path.write_text((NOT_KEYS | BAD_KEYS)[defect])
    assert live.knows(text)
    assert live.knows(text)
    assert live.file.problem is not None
    assert [report.message for report in live.reports] == [live.file.problem.message]
    assert key.sha256 not in live.file.problem.diagnostics()
    path.write_bytes(whole)
    assert live.knows(text)
    assert live.file.problem is None


def test_a_file_that_goes_away_opens_the_service_to_nobody(path: Path) -> None:
    _, text = create(path)
    live = Live(path)
    path.unlink()
    assert live.knows(text)
    assert live.knows(text)
    assert live.file.current().exist
    assert [report.message for report in live.reports] == ["The file of the API keys is gone."]
    create(path)
    assert not live.knows(text)
    assert live.file.problem is None


def test_a_problem_that_comes_back_is_reported_again(path: Path) -> None:
    create(path)
    live = Live(path)
    whole = path.read_bytes()
    for content in (b"", whole, b""):
        path.write_bytes(content)
        live.file.current()
    assert len(live.reports) == 2
