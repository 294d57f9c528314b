from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from vouchml.errors import BundleInvalid
from vouchml.model import Contract, Feature, LabelledClass
from vouchml.model.contract import read_contract

MakeContract = Callable[..., Contract]

finite = st.floats(allow_nan=False, allow_infinity=False)
ranges = st.tuples(finite, finite).map(sorted)
exact_integers = st.integers(-(2**53) + 1, 2**53 - 1)
sha256 = st.text("0123456789abcdef", min_size=64, max_size=64)


def features(name: str) -> st.SearchStrategy[Feature]:
    """A number or a category, null or not."""
    texts = st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5, unique=True).map(sorted)
    numbers = st.builds(
        lambda ends, nullable: Feature(name=name, nullable=nullable, minimum=ends[0], maximum=ends[1]),
        ranges,
        st.booleans(),
    )
    categories = st.builds(
        lambda found, nullable: Feature(name=name, type="category", nullable=nullable, categories=tuple(found)),
        texts,
        st.booleans(),
    )
    return numbers | categories


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    names = draw(st.lists(st.text(), min_size=1, max_size=6, unique=True))
    labels = draw(st.lists(st.text(), min_size=2, max_size=2, unique=True))
    values = draw(st.lists(exact_integers | st.text(), min_size=2, max_size=2, unique=True))
    return Contract(
        features=tuple(draw(features(name)) for name in names),
        target=draw(st.text()),
        classes=(
            LabelledClass(value=values[0], label=labels[0]),
            LabelledClass(value=values[1], label=labels[1]),
        ),
        positive_class=draw(st.sampled_from(labels)),
        threshold=draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
        scorer=draw(st.sampled_from(["onnx", "sklearn"])),
        estimator=draw(st.text()),
        data_sha256=draw(sha256),
        data_content_sha256=draw(sha256),
    )


@given(contracts())
def test_a_contract_reads_back_equal_and_its_bytes_are_canonical(contract: Contract) -> None:
    content = contract.to_bytes()
    again = Contract.model_validate_json(content)
    assert again == contract
    assert again.to_bytes() == content
    assert rfc8785.dumps(json.loads(content, parse_int=float)) == content


@given(contracts(), st.randoms(use_true_random=False))
def test_the_bytes_do_not_depend_on_how_the_file_was_spelled(contract: Contract, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            entries = [(key, shuffled(entry)) for key, entry in value.items()]
            random.shuffle(entries)
            return dict(entries)
        return [shuffled(entry) for entry in value] if isinstance(value, list) else value

    spelled = json.dumps(shuffled(json.loads(contract.to_bytes())), indent=3, ensure_ascii=random.random() < 0.5)
    assert Contract.model_validate_json(spelled.encode()).to_bytes() == contract.to_bytes()


def test_a_contract_is_read_from_the_files_of_a_version(make_contract: MakeContract, tmp_path: Path) -> None:
    contract = make_contract("age", "größe, in cm", scorer="sklearn")
    (tmp_path / "contract.json").write_bytes(contract.to_bytes())
    assert read_contract(tmp_path) == contract
    assert contract.feature_names == ("age", "größe, in cm")


@pytest.mark.parametrize(("positive", "index"), [("no", 0), ("yes", 1)])
def test_the_positive_class_may_be_either_and_is_decided_from_the_threshold_on(
    make_contract: MakeContract, positive: str, index: int
) -> None:
    contract = make_contract("age", positive_class=positive, threshold=0.25)
    assert contract.positive_index == index
    assert (contract.positive.value, contract.negative.value) == (index, 1 - index)
    assert contract.decide(0.25).label == positive
    assert contract.decide(0.24999999999999997) == contract.negative


def test_a_contract_cannot_be_changed(make_contract: MakeContract) -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_contract("age").threshold = 0.1  # type: ignore[misc]


def set_in_feature(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["features"][0].update(values)


def a_category(*categories: Any) -> dict[str, Any]:
    return {"name": "b", "type": "category", "nullable": False, "categories": categories}


def set_in_class(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["classes"][0].update(values)


def set_at_the_top(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(values)


BREACHES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a feature named twice": lambda document: document["features"].append(document["features"][0]),
    "no feature": lambda document: document["features"].clear(),
    "an extra key at the top": set_at_the_top(policy={}),
    "an extra key in a feature": set_in_feature(unit="cm"),
    "an extra key in a class": set_in_class(colour="red"),
    "a missing key": lambda document: document.pop("threshold"),
    "a minimum that is NaN": set_in_feature(minimum=float("nan")),
    "a maximum that is infinite": set_in_feature(maximum=float("inf")),
    "a minimum above the maximum": set_in_feature(minimum=3),
    "a minimum written as text": set_in_feature(minimum="0.5"),
    "a NaN written as text": set_in_feature(minimum="NaN"),
    "a minimum that is a boolean": set_in_feature(minimum=True),
    "a type that is none": set_in_feature(type="text"),
    "a nullable that is a number": set_in_feature(nullable=1),
    "a number without a range": lambda document: document["features"][0].pop("minimum"),
    "a number with categories": set_in_feature(categories=["a"]),
    "a category with a range": set_in_feature(type="category", categories=["a"]),
    "a category without categories": lambda document: document["features"].append({"name": "b", "type": "category"}),
    "no category at all": lambda document: document["features"].append(a_category()),
    "categories out of order": lambda document: document["features"].append(a_category("b", "a")),
    "a category twice": lambda document: document["features"].append(a_category("a", "a")),
    "a category that is blank": lambda document: document["features"].append(a_category(" ", "a")),
    "a category that is a number": lambda document: document["features"].append(a_category(1)),
    "a positive class that is no label": set_at_the_top(positive_class="maybe"),
    "a positive class given by its value": set_at_the_top(positive_class="1"),
    "the same label twice": set_in_class(label="yes"),
    "the same value twice": set_in_class(value=1),
    "one class": lambda document: document["classes"].pop(),
    "three classes": lambda document: document["classes"].append({"value": 2, "label": "maybe"}),
    "a value that is a boolean": set_in_class(value=False),
    "a value that is a fraction": set_in_class(value=0.5),
    "a value that JSON cannot carry": set_in_class(value=2**53),
    "a threshold of 0": set_at_the_top(threshold=0),
    "a threshold of 1": set_at_the_top(threshold=1),
    "a threshold written as text": set_at_the_top(threshold="0.5"),
    "a scorer that there is not": set_at_the_top(scorer="pickle"),
    "another format": set_at_the_top(format="vouchml-contract-v2"),
    "a digest that is none": set_at_the_top(data_sha256="0" * 63),
    "a digest in capitals": set_at_the_top(data_content_sha256="A" * 64),
    "a digest with a line end": set_at_the_top(data_content_sha256="0" * 64 + "\n"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_file_that_is_no_contract_is_refused_in_one_line(
    make_contract: MakeContract, tmp_path: Path, breach: str
) -> None:
    document = json.loads(make_contract("age").to_bytes())
    BREACHES[breach](document)
    (tmp_path / "contract.json").write_text(json.dumps(document))
    refused(tmp_path, "contract.json is not a contract: ")


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff\xfe", b"{" * 100_000, b'{"format": "vouchml'])
def test_a_file_that_is_no_json_object_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "contract.json").write_bytes(content)
    refused(tmp_path, "contract.json is not a contract: ")


def test_a_version_without_a_contract_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "The version has no contract.json")
    (tmp_path / "contract.json").mkdir()
    refused(tmp_path, "The version has no contract.json")


def refused(folder: Path, words: str) -> None:
    with pytest.raises(BundleInvalid) as caught:
        read_contract(folder)
    assert caught.value.message.startswith(words)
    assert "\n" not in caught.value.message
    assert "  " not in caught.value.message
    assert caught.value.remedy
