import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vouchml.data import check_unseen, read_table, split_rows
from vouchml.errors import FolderNotWritable, SettingsInvalid, TableInvalid, TableUnreadable
from vouchml.project.init import ESTIMATORS, path_for, registry_name, write_project
from vouchml.project.inspection import Inspection, inspect_table
from vouchml.settings import PolicySettings, Settings, load_settings

ROWS = 60


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    return path


def plain(path: Path, *, targets: Sequence[object] = (0, 1), rows: int = ROWS) -> Path:
    body = [[i * 0.5 + i % 7, (i * 37) % 101, targets[i % len(targets)]] for i in range(rows)]
    return write_csv(path, ["a", "b", "t"], body)


def made(table: Path, *, target: str = "t", positive: str | None = None, exclude: Sequence[str] = ()) -> Settings:
    file = table.parent / "vouch.toml"
    write_project(inspect_table(table, target=target, positive=positive, exclude=exclude), file, force=True)
    return load_settings(file)


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda name: name.strip() and not name.startswith("__index_level_")
)


@given(
    names=st.lists(NAMES, min_size=4, max_size=4, unique=True),
    labels=st.lists(NAMES, min_size=2, max_size=2, unique=True),
)
@settings(deadline=None, max_examples=60)
def test_any_names_are_read_back_as_they_stand_in_the_table(names: list[str], labels: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        feature, other, text, target = names
        body = [[i, (i * 37) % 101, "word", labels[i % 2]] for i in range(ROWS)]
        table = write_csv(Path(folder) / "table.csv", names, body)
        try:
            inspection = inspect_table(table, target=target, positive=None)
        except (TableInvalid, TableUnreadable, SettingsInvalid):
            return  # the reader sees other names or classes, such as a carriage return, and says so
        file = Path(folder) / "vouch.toml"
        write_project(inspection, file, force=False)
        found = load_settings(file)
        assert found.data.target == inspection.target == target
        assert found.data.exclude == tuple(column.name for column in inspection.left_out)
        assert text in found.data.exclude
        assert found.data.labels == inspection.labels
        assert found.data.positive_class == inspection.positive_class in inspection.labels.values()
        assert set(read_table(found.data_path, found.data).names) <= {feature, other}


@given(stem=NAMES)
@settings(deadline=None, max_examples=100)
def test_any_file_name_gives_a_name_that_mlflow_takes(stem: str) -> None:
    name = registry_name(stem)
    assert name
    assert not set(name) & set("/:@'\" #\n")
    assert name.isprintable()
    assert name.strip(".") == name


def test_names_with_quotes_spaces_unicode_hash_and_newlines(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a #1 "folder"'
    folder.mkdir()
    header = ['say "a"', "b c", "größe # x", "line\nend", "tar'get"]
    body = [[i, i * 0.5 + i % 3, (i * 37) % 101, i % 11, ["no, #1", 'yes "2"'][i % 2]] for i in range(ROWS)]
    found = made(write_csv(folder / "té st.csv", header, body), target="tar'get")
    assert read_table(found.data_path, found.data).names == tuple(header[:-1])
    assert found.data.labels == {"no, #1": "no, #1", 'yes "2"': 'yes "2"'}
    assert found.project.registered_model == "té_st_classifier"
    assert found.data.path == "té st.csv"


@pytest.mark.parametrize(
    ("targets", "positive"),
    [
        ((0, 1), "1"),
        ((-1, 1), "1"),
        (("true", "false"), "true"),
        (("no", "yes", "yes"), "yes"),
        (("Yes", "No"), "Yes"),
        (("good", "good", "bad"), "bad"),
        ((1, 2, 2), "1"),
        (("b", "a"), "b"),
    ],
)
def test_the_positive_class_is_guessed(tmp_path: Path, targets: Sequence[object], positive: str) -> None:
    assert made(plain(tmp_path / "t.csv", targets=targets)).data.positive_class == positive


def test_the_positive_class_can_be_named_and_the_other_one_is_told(tmp_path: Path) -> None:
    found = made(plain(tmp_path / "t.csv"), positive="0")
    assert found.data.positive_class == "0"
    assert 'write the other label here: "1"' in (tmp_path / "vouch.toml").read_text()


def test_columns_that_cannot_be_features_are_left_out_and_each_reason_is_told(tmp_path: Path) -> None:
    header = ["id", "fine", "constant", "word", "missing", "infinite", "huge", "", "t"]
    body = [
        [100 + i, i * 0.5, 7, f"w{i}", "" if i == 3 else i, "inf" if i == 4 else i, 2**53 + 1 + i, i, i % 2]
        for i in range(ROWS)
    ]
    found = made(write_csv(tmp_path / "t.csv", header, body))
    assert found.data.exclude == ("constant", "word", "infinite", "huge", "")
    assert found.data.nullable == ("missing",)
    text = (tmp_path / "vouch.toml").read_text()
    for reason in (
        '"constant" has the same value in every row',
        '"word" is not numeric and has 60 different texts; if these are categories, list it in categorical',
        '"missing" has no value in 1 row',
        '"infinite" has 1 infinite value (first on line 6)',
        '"" has no name',
    ):
        assert f"#   {reason}\n" in text
    assert '# Another whole number in every row: "id".' in text


def test_text_of_few_values_is_declared_as_categories_and_trained_on(tmp_path: Path) -> None:
    header = ["a", "sex", "region", "blank", "same", "t"]
    body = [[i * 0.5, "fm"[i % 2], ["n", "s", ""][i % 3], ["x", " ", "y"][i % 3], "x", i % 2] for i in range(ROWS)]
    found = made(write_csv(tmp_path / "t.csv", header, body))
    assert found.data.categorical == ("sex", "region", "blank")
    assert found.data.nullable == ("region", "blank")
    assert found.data.exclude == ("same",)
    text = (tmp_path / "vouch.toml").read_text()
    assert '#   "region" has 2 values\n' in text
    assert '#   "region" has no value in 20 rows\n' in text
    table = read_table(found.data_path, found.data)
    check_unseen(table, split_rows(table, test_size=found.training.test_size, random_state=42), found.data)


def test_a_column_with_a_category_that_only_test_rows_would_have_is_left_out(tmp_path: Path) -> None:
    frame = plain(tmp_path / "t.csv")
    found = made(frame)
    split = split_rows(read_table(found.data_path, found.data), test_size=found.training.test_size, random_state=42)
    lines = frame.read_text().splitlines()
    rare = int(split.test[0])
    lines = [f"{line},{'rare' if place == rare else 'often'}" for place, line in enumerate(lines[1:])]
    frame.write_text("\n".join(["a,b,t,word", *lines]))
    assert made(frame).data.exclude == ("word",)
    assert "of categories in no training row: 'rare'" in (tmp_path / "vouch.toml").read_text()


def test_a_column_named_by_the_user_is_left_out_too(tmp_path: Path) -> None:
    assert made(plain(tmp_path / "t.csv"), exclude=["b"]).data.exclude == ("b",)


def test_identical_rows_are_dropped_and_told(tmp_path: Path) -> None:
    body = [[i % 40, (i % 40) * 37 % 101, i % 2] for i in range(ROWS)]
    found = made(write_csv(tmp_path / "t.csv", ["a", "b", "t"], body))
    assert found.data.duplicates == "drop"
    assert "# 20 rows repeat an earlier one" in (tmp_path / "vouch.toml").read_text()


@pytest.mark.parametrize("rows", [8, 12, 20, 30, 60])
def test_few_rows_get_a_split_that_works(tmp_path: Path, rows: int) -> None:
    found = made(plain(tmp_path / "t.csv", rows=rows))
    table = read_table(found.data_path, found.data)
    split = split_rows(table, test_size=found.training.test_size, random_state=found.training.random_state)
    assert min((table.targets[split.train] == value).sum() for value in (0, 1)) >= found.training.cv_folds


@pytest.mark.parametrize("rows", [4, 60, 240, 260, 1000])
def test_the_policy_of_the_gate_can_be_met_by_the_test_rows_that_there_are(tmp_path: Path, rows: int) -> None:
    settings = made(plain(tmp_path / "t.csv", rows=rows))
    table = read_table(settings.data_path, settings.data)
    split = split_rows(table, test_size=settings.training.test_size, random_state=settings.training.random_state)
    positives = int((table.targets[split.test] == 1).sum())
    assert len(split.test) >= settings.policy.minimum_rows
    assert min(positives, len(split.test) - positives) >= settings.policy.minimum_positives
    assert (settings.policy == PolicySettings()) == (rows >= 260)


def test_parquet_is_read_too(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"a": [i * 0.5 for i in range(ROWS)], "t": [bool(i % 2) for i in range(ROWS)]})
    parquet.write_table(table, tmp_path / "t.parquet")
    found = made(tmp_path / "t.parquet")
    assert found.data.labels == {"0": "false", "1": "true"}
    assert found.data.positive_class == "true"


@pytest.mark.parametrize(
    ("targets", "words"),
    [((1, 1), "one value only"), ((0, 1, 2), "3 classes"), ((0.5, 1.5), "whole|integer"), ((0, ""), "missing value")],
)
def test_a_target_that_is_not_two_classes_is_refused(tmp_path: Path, targets: Sequence[object], words: str) -> None:
    with pytest.raises(TableInvalid, match=words):
        inspect_table(plain(tmp_path / "t.csv", targets=targets), target="t", positive=None)


def test_a_table_without_a_usable_column_is_refused_with_the_reasons(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "t.csv", ["word", "t"], [[f"w{i}", i % 2] for i in range(ROWS)])
    with pytest.raises(TableInvalid, match=r"no feature columns.*'word' is not numeric"):
        inspect_table(table, target="t", positive=None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "T"}, "has no column 'T' .did you mean 't'.*--target"),
        ({"target": "t", "exclude": ["bb"]}, "no column 'bb'.*--exclude"),
        ({"target": "t", "positive": "yes"}, "--positive 'yes' is not a value"),
    ],
)
def test_a_name_that_the_table_does_not_have_is_refused(
    tmp_path: Path, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        inspect_table(plain(tmp_path / "t.csv"), **{"positive": None, **arguments})  # type: ignore[arg-type]


def test_a_class_with_one_row_is_refused(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "t.csv", ["a", "t"], [[i, int(i == 5)] for i in range(ROWS)])
    with pytest.raises(TableInvalid, match="1 row"):
        inspect_table(table, target="t", positive=None)


def inspection_of(table: Path) -> Inspection:
    return inspect_table(plain(table), target="t", positive=None)


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "vouch.toml"
    file.write_text("mine")
    inspection = inspection_of(tmp_path / "t.csv")
    with pytest.raises(SettingsInvalid, match="exists already"):
        write_project(inspection, file, force=False)
    assert file.read_text() == "mine"
    write_project(inspection, file, force=True)
    assert load_settings(file).data.target == "t"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderNotWritable, match="cannot be written"):
        write_project(inspection_of(tmp_path / "t.csv"), tmp_path / "none" / "vouch.toml", force=False)


@pytest.mark.parametrize(
    ("table", "folder", "written"),
    [
        ("/home/a/p/data/t.csv", "/home/a/p", "data/t.csv"),
        ("/home/a/data/t.csv", "/home/a/p", "../data/t.csv"),
        ("/srv/data/t.csv", "/home/a/p", "/srv/data/t.csv"),
    ],
)
def test_the_table_is_named_relative_to_the_project_where_they_share_a_folder(
    table: str, folder: str, written: str
) -> None:
    assert path_for(Path(table), Path(folder)) == written


def test_the_comment_names_all_estimators() -> None:
    from vouchml.training.estimators import ESTIMATORS as KNOWN

    assert set(ESTIMATORS) == set(KNOWN)
