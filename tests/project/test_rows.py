import json
from pathlib import Path

import pytest

from vouchml.errors import BodyMalformed, TableInvalid
from vouchml.project.rows import file_row, json_row, table_row
from vouchml.settings import DataSettings, ProjectSettings, Settings


def project(tmp_path: Path) -> Settings:
    (tmp_path / "t.csv").write_text("a,b,t\n1,2,0\n1,2,0\n3,4,1\n5,6.5,1\n")
    return Settings(
        project=ProjectSettings(registered_model="m", experiment="e"),
        data=DataSettings(
            path="t.csv", target="t", labels={"0": "no", "1": "yes"}, positive_class="yes", duplicates="drop"
        ),
        root=tmp_path,
    )


def test_rows_are_counted_from_one_in_the_file_also_where_some_are_dropped(tmp_path: Path) -> None:
    row = table_row(project(tmp_path), 4)
    assert json.loads(row.body) == {"features": {"a": 5.0, "b": 6.5}}
    assert row.known_label == "yes"
    assert "row 4 of" in row.source
    assert "(line 5)" in row.source


def test_a_row_of_categories_and_gaps_is_sent_as_the_service_takes_it(tmp_path: Path) -> None:
    settings = project(tmp_path)
    (tmp_path / "t.csv").write_text("sex,a,t\nm,1,0\nf,,0\n,3,1\nm,4,1\n")
    declared = settings.data.model_copy(update={"categorical": ("sex",), "nullable": ("sex", "a")})
    settings = settings.model_copy(update={"data": declared})
    assert json.loads(table_row(settings, 2).body) == {"features": {"sex": "f", "a": None}}
    assert json.loads(table_row(settings, 3).body) == {"features": {"sex": None, "a": 3.0}}


@pytest.mark.parametrize(("number", "words"), [(5, "has 4 rows"), (2, "drops that row")])
def test_a_row_that_is_not_there_is_refused(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(TableInvalid, match=words):
        table_row(project(tmp_path), number)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (b'{"a": 1}', b'{"features": {"a": 1}}'),
        (b'{"a": 1, "a": 2}', b'{"features": {"a": 1, "a": 2}}'),
        (b'\xef\xbb\xbf{"a": NaN}\n', b'{"features": {"a": NaN}\n}'),
        (b'{"features": {"a": 1}}', b'{"features": {"a": 1}}'),
        (b'{"request_id": "x", "features": {"a": 1}}', b'{"request_id": "x", "features": {"a": 1}}'),
        (b'{"features": 3, "a": 1}', b'{"features": {"features": 3, "a": 1}}'),
    ],
)
def test_features_alone_are_wrapped_and_nothing_else_is_changed(text: bytes, body: bytes) -> None:
    assert json_row(text, "standard input").body == body


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is not JSON: line 1"),
        (b"[1]", "does not hold a JSON object"),
        (b"\xff", "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_not_a_json_object_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(BodyMalformed, match=words):
        json_row(text, "standard input")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BodyMalformed, match="cannot be read: No such file"):
        file_row(tmp_path / "none.json")
