"""Several benchmarks write one RESULTS.md."""

from pathlib import Path

from benchmarks.results_file import markdown_table, write_part


def test_a_benchmark_writes_its_own_part_anew_and_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    write_part(file, "Serving", ["old", "## Bars", "| # of rows |"])
    write_part(file, "The ledger", ["flat"])
    write_part(file, "Serving", ["new", "## Bars", "| # of rows |"])
    assert file.read_text() == "# Serving\n\nnew\n\n## Bars\n\n| # of rows |\n\n# The ledger\n\nflat\n"


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    write_part(tmp_path / "RESULTS.md", "The ledger", ["flat"])
    assert (tmp_path / "RESULTS.md").read_text() == "# The ledger\n\nflat\n"


def test_words_stand_left_and_numbers_right_in_a_table_and_a_bar_in_a_word_is_no_border() -> None:
    assert markdown_table(("what", "ms"), [("a|b", "1")]) == "| what | ms |\n| --- | ---: |\n| a\\|b | 1 |"
