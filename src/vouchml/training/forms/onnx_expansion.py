"""Let an ONNX model take rows as the contract has them, where it takes the columns that are made of them.

The nodes do what `vouchml.model.expansion.Expander` does: gather, fill, compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vouchml.model.expansion import Expansion
from vouchml.model.scorers.onnx import INPUT

if TYPE_CHECKING:
    import onnx

_PREFIX: Final = "expansion_"


def put_expansion_before(model: onnx.ModelProto, expansion: Expansion) -> None:
    """Put the nodes of `expansion` before those of `model`, whose input becomes that of the expansion."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    columns = expansion.columns
    arrays: dict[str, Any] = {
        "sources": np.array([column.feature for column in columns], dtype=np.int64),
        "fills": np.array([np.nan if column.fill is None else column.fill for column in columns]),
        "places": np.array([np.nan if column.category is None else float(column.category) for column in columns]),
        "is_category": np.array([column.holds == "category" for column in columns]),
        "is_null": np.array([column.holds == "null" for column in columns]),
    }

    def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
        names = [name if name == INPUT else _PREFIX + name for name in inputs.split()]
        return helper.make_node(kind, names, [_PREFIX + output], name=_PREFIX + output, **attributes)

    before = [
        node("Gather", f"{INPUT} sources", "cells", axis=1),
        node("IsNaN", "cells", "missing"),
        node("Where", "missing fills cells", "numbers"),
        node("Equal", "cells places", "same"),
        node("Cast", "same", "ones", to=TensorProto.DOUBLE),
        node("Cast", "missing", "nulls", to=TensorProto.DOUBLE),
        node("Where", "is_category ones numbers", "with_categories"),
        node("Where", "is_null nulls with_categories", "columns"),
    ]
    graph = model.graph
    for each in graph.node:
        each.input[:] = [f"{_PREFIX}columns" if name == INPUT else name for name in each.input]
    after = list(graph.node)
    del graph.node[:]
    graph.node.extend([*before, *after])
    graph.initializer.extend(numpy_helper.from_array(array, _PREFIX + name) for name, array in arrays.items())
    features = 1 + max(column.feature for column in columns)
    graph.input[0].CopyFrom(helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, features]))
    onnx.checker.check_model(model, full_check=True)
