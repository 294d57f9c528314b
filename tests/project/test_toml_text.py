import tomllib

from hypothesis import given
from hypothesis import strategies as st

from vouchml.project.toml_text import toml_key, toml_lines, toml_string, toml_table

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_a_string_is_read_back_as_it_was_and_stays_on_one_line(text: str) -> None:
    written = toml_string(text)
    assert tomllib.loads(f"value = {written}") == {"value": text}
    assert written.isprintable()


@given(TEXT)
def test_a_string_in_a_comment_never_ends_the_comment(text: str) -> None:
    assert tomllib.loads(f"# {toml_string(text)} [\nvalue = 1") == {"value": 1}


@given(st.dictionaries(TEXT, TEXT, min_size=1))
def test_a_table_is_read_back_as_it_was(values: dict[str, str]) -> None:
    assert tomllib.loads(f"value = {toml_table(values)}") == {"value": values}


@given(st.lists(TEXT))
def test_a_list_is_read_back_as_it_was(values: list[str]) -> None:
    assert tomllib.loads(f"value = {toml_lines(values)}") == {"value": values}


def test_a_plain_key_stays_bare_and_any_other_is_quoted() -> None:
    assert [toml_key(key) for key in ("0", "-1", "a_b", "1.5", "é", "")] == ["0", "-1", "a_b", '"1.5"', '"é"', '""']
