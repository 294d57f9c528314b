"""Write a fitted pipeline as an ONNX model in float64.

The model has one input, `features` (double, rows by columns), and two outputs: `label` and `probabilities`
(rows by two classes, in the order of `classes_`). The same pipeline gives the same bytes every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vouchml.model import Scorer
from vouchml.model.expansion import Expansion
from vouchml.model.scorers.onnx import INPUT, MODEL_FILE, PROBABILITIES, OnnxScorer, open_session
from vouchml.training.forms.base import ExportFailed, Form, Matrix
from vouchml.training.forms.onnx_expansion import put_expansion_before

if TYPE_CHECKING:
    import onnx
    from sklearn.pipeline import Pipeline

OUTPUT_LABEL = "label"

#: Pinned, so that a newer skl2onnx does not change the bytes; opset 21 writes IR version 10.
OPSETS = {"": 21, "ai.onnx.ml": 3}

_GRAPH_NAME = "vouchml"
_REASON_LENGTH = 200


def export_onnx(pipeline: Pipeline, feature_count: int) -> onnx.ModelProto | ExportFailed:
    """The ONNX form of the fitted `pipeline`, checked by `onnx.checker`, or why there is none."""
    import onnx
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    classifier = pipeline[-1]
    try:
        model = to_onnx(
            pipeline,
            name=_GRAPH_NAME,
            initial_types=[(INPUT, DoubleTensorType([None, feature_count]))],
            options={id(classifier): {"zipmap": False}},
            target_opset=OPSETS,
        )
        # skl2onnx takes them from a set, whose order differs from process to process.
        imports = sorted(model.opset_import, key=lambda opset: opset.domain)
        del model.opset_import[:]
        model.opset_import.extend(imports)
        onnx.checker.check_model(model, full_check=True)
    # A converter raises whatever it stumbles over (ValueError, TypeError, RuntimeError, AttributeError seen);
    # none of it may cost the user a trained model.
    except Exception as error:  # noqa: BLE001
        return ExportFailed(f"skl2onnx cannot convert {type(classifier).__name__}: {_first_line(error)}")
    names = tuple(output.name for output in model.graph.output)
    if names != (OUTPUT_LABEL, PROBABILITIES):
        return ExportFailed(f"skl2onnx gave {type(classifier).__name__} the outputs {', '.join(names)}")
    return model


def _first_line(error: BaseException) -> str:
    # skl2onnx puts every node of a tree into its message and keeps what went wrong as the cause.
    text = str(error.__cause__ or error).strip() or type(error).__name__
    line = text.splitlines()[0].rstrip(".")
    return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}…"


def _export(pipeline: Pipeline, training_rows: Matrix, _: int, expansion: Expansion | None) -> bytes | ExportFailed:
    model = export_onnx(pipeline, training_rows.shape[1])
    if isinstance(model, ExportFailed):
        return model
    if expansion is not None:
        put_expansion_before(model, expansion)
    return bytes(model.SerializeToString())


def _load(content: bytes, positive_index: int) -> Scorer:
    return OnnxScorer(session=open_session(content), positive_index=positive_index)


ONNX = Form(scorer="onnx", title="ONNX model", file=MODEL_FILE, export=_export, load=_load)
