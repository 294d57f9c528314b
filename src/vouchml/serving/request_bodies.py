"""What the doors take from the model that serves, as JSON Schema: exact names, and a body that can be sent as it is.

A schema cannot say all of it. Numbers must be finite, and an integer must be one that a 64-bit float holds; the
lengths of arrays that must agree are written out for one row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from vouchml.model import Contract, Feature
from vouchml.model.cells import cells_of
from vouchml.model.request import REQUEST_ID_PATTERN
from vouchml.serving.doors.open_inference_request import MATRIX, NOT_OFFERED, input_type, output_types
from vouchml.serving.following.served_model import ServedModel, example_row
from vouchml.settings import ServingSettings

Schema = dict[str, Any]
Content = dict[str, Schema]

JSON: Final = "application/json"
INFER: Final = ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer")
_NUMBER: Final = r"-?[0-9]{1,9}(\.[0-9]{1,9})?"
_SPECIAL: Final = re.compile(r"[\\^$.*+?()\[\]{}|/]")
_REQUEST_ID: Final[Schema] = {"type": "string", "pattern": REQUEST_ID_PATTERN}


def request_bodies(served: ServedModel, settings: ServingSettings) -> Mapping[str, Content]:
    """The content of the body of each door, by its path in the document."""
    contract = served.contract
    row = cells_of(contract.features, example_row(contract))
    features = _object({feature.name: _cell(feature, settings) for feature in contract.features}, required="all")
    features["description"] = f"The features of version {served.version} of {served.name}."
    rows = {"type": "array", "items": features, "minItems": 1, "maxItems": settings.max_batch_rows}
    inference = _inference(served, settings)
    return {
        "/predict": {
            JSON: {
                "schema": _object(
                    {"request_id": _REQUEST_ID, "features": features, "explain": {"type": "boolean"}},
                    required=["features"],
                ),
                "example": {"features": row},
            }
        },
        "/predict/batch": {
            JSON: {
                "schema": _object({"request_id": _REQUEST_ID, "rows": rows}, required=["rows"]),
                "example": {"rows": [row, row]},
            }
        },
        "/invocations": _invocations(contract, settings, rows, row),
        **dict.fromkeys(INFER, inference),
    }


def _cell(feature: Feature, settings: ServingSettings) -> Schema:
    """What the feature may be: a number or one of its categories, and null where the contract has that."""
    null = [None] if feature.nullable else []
    if feature.categories is not None:
        return {"enum": [*feature.categories, *null]}
    low, high = feature.range
    number: Schema = {"type": ["number", "null"] if null else "number", "format": "double"}
    if settings.out_of_range == "refuse":
        return {**number, "minimum": low, "maximum": high}
    return {**number, "description": f"In training from {low!r} to {high!r}."}


def _object(properties: Mapping[str, Schema], *, required: Any) -> Schema:
    names = list(properties) if required == "all" else required
    return {"type": "object", "properties": dict(properties), "required": names, "additionalProperties": False}


def _cells(contract: Contract, settings: ServingSettings) -> Schema:
    """The cells of one row in the order of the contract."""
    cells = [_cell(feature, settings) for feature in contract.features]
    return {"type": "array", "prefixItems": cells, "items": False, "minItems": len(cells)}


def _invocations(contract: Contract, settings: ServingSettings, rows: Schema, row: Mapping[str, Any]) -> Content:
    names = list(contract.feature_names)
    split = _object(
        {
            "columns": {"const": names, "description": "In this order or another one."},
            "data": {**rows, "items": _cells(contract, settings)},
        },
        required="all",
    )
    split["description"] = "May have `index` too: an array with a text or a number for each row, which is not used."
    forms = {"dataframe_split": split, "dataframe_records": rows, "instances": rows, "inputs": rows}
    nothing = {"type": ["object", "null"], "maxProperties": 0}
    return {
        JSON: {
            "schema": {
                "oneOf": [_object({name: form, "params": nothing}, required=[name]) for name, form in forms.items()]
            },
            "example": {"dataframe_split": {"columns": names, "data": [list(row.values())]}},
        },
        "text/csv": _csv(contract, row, settings),
        "application/vnd.apache.parquet": {},
    }


def _csv(contract: Contract, row: Mapping[str, Any], settings: ServingSettings) -> Schema:
    header = ",".join(_quoted(name) for name in row)
    line = ",".join(_quoted(cell) if isinstance(cell, str) else repr(cell) for cell in row.values())
    example = f"{header}\n{line}\n"
    if contract.is_plain:
        cells = rf"{_NUMBER}(,{_NUMBER}){{{len(row) - 1}}}"
    else:
        cells = ",".join(_csv_cell(feature) for feature in contract.features)
    pattern = rf"^{_literal(header)}(\n{cells})+\n?$"
    # A pattern cannot say that a number lies in a range; where that is asked, what is written out is the example.
    form = {"const": example} if settings.out_of_range == "refuse" else {"pattern": pattern}
    about = (
        "The columns may stand in another order, and numbers be written in other decimal ways. An empty cell is null."
    )
    return {"schema": {"type": "string", **form, "description": about}, "example": example}


def _csv_cell(feature: Feature) -> str:
    """A pattern for the cells of one column. A line cannot be empty, so where there is one column only, null is not."""
    values = [_NUMBER] if feature.categories is None else [_literal(_quoted(text)) for text in feature.categories]
    return f"({'|'.join([*values, *([''] if feature.nullable else [])])})"


def _literal(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _quoted(name: str) -> str:
    odd = any(character in name for character in ',"\r\n')
    return '"' + name.replace('"', '""') + '"' if odd else name


def _inference(served: ServedModel, settings: ServingSettings) -> Content:
    contract = served.contract
    inputs, example = (_columns if contract.has_categories else _matrix)(contract, settings)
    output = _object(
        {
            "name": {"enum": [name for name, _ in output_types(contract)]},
            "parameters": _parameters({"binary_data": {"type": "boolean"}}),
        },
        required=["name"],
    )
    schema = _object(
        {
            "id": {**_REQUEST_ID, "type": ["string", "null"]},
            "model_name": {"const": served.name},
            "parameters": _parameters({"binary_data_output": {"type": "boolean"}}),
            "inputs": inputs,
            "outputs": {
                "type": ["array", "null"],
                "items": output,
                "maxItems": 1,
                "description": "Each output may be named once; all of them are given when none is.",
            },
        },
        required=["inputs"],
    )
    return {JSON: {"schema": schema, "example": {"inputs": example}}}


def _matrix(contract: Contract, settings: ServingSettings) -> tuple[Schema, list[Schema]]:
    """The inputs as one tensor of numbers, and an example of them."""
    count = len(contract.features)
    matrix = _tensor(MATRIX, [1, count], "FP64", _cells(contract, settings))
    matrix["description"] = (
        f"For one row. Of n rows the shape is [n, {count}], and there are as many numbers, row by row, flat or nested. "
        "Or one tensor a feature, of shape [n] or [n, 1]. Other datatypes of numbers are taken where they are exact."
    )
    example = {"name": MATRIX, "shape": [1, count], "datatype": "FP64", "data": list(example_row(contract))}
    return {"type": "array", "items": matrix, "minItems": 1, "maxItems": 1}, [example]


def _columns(contract: Contract, settings: ServingSettings) -> tuple[Schema, list[Schema]]:
    """The inputs as one tensor a feature, and an example of them: texts and numbers cannot stand in one."""
    row = cells_of(contract.features, example_row(contract))
    tensors, example = [], []
    for feature in contract.features:
        datatype = input_type(feature)
        cells = {"type": "array", "prefixItems": [_cell(feature, settings)], "items": False, "minItems": 1}
        tensors.append(_tensor(feature.name, [1], datatype, cells))
        example.append({"name": feature.name, "shape": [1], "datatype": datatype, "data": [row[feature.name]]})
    about = "For one row, in any order. Of n rows every shape is [n] or [n, 1]. A text of no bytes is null."
    inputs = {"type": "array", "prefixItems": tensors, "items": False, "minItems": len(tensors), "description": about}
    return inputs, example


def _tensor(name: str, shape: list[int], datatype: str, data: Schema) -> Schema:
    properties: dict[str, Schema] = {
        "name": {"const": name},
        "shape": {"const": shape},
        "datatype": {"const": datatype},
        "data": data,
        "parameters": _parameters({}),
    }
    return _object(properties, required=["name", "shape", "datatype", "data"])


def _parameters(known: Mapping[str, Schema]) -> Schema:
    """Parameters: hints that are passed over, and those that mean something here."""
    return {
        "type": ["object", "null"],
        "properties": dict(known),
        "propertyNames": {"not": {"enum": list(NOT_OFFERED)}},
    }
