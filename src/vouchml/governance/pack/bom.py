"""The bill of materials of a model: CycloneDX 1.6 with a component for the model, one for the data, one a package.

https://cyclonedx.org/docs/1.6/json/. The library makes the components; it has no `modelCard` yet, so that is put into
the document. What comes out is held against the strict schema before anybody sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from vouchml import __version__
from vouchml.errors import EvidenceMismatch
from vouchml.governance.pack.subject import NOT_PROVIDED, PackSubject

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_MODEL, _DATA = "model", "data"


def ml_bom(subject: PackSubject) -> bytes:
    """The bill of materials as JSON.

    Raises:
        EvidenceMismatch: what is recorded of the version does not fit into a valid one.
    """
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    model, data = _model(subject), _data(subject)
    packages = [_package(line) for line in subject.manifest["environment"]["installed"]]
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"https://vouchml.dev/model/{subject.digest}"))
    bom.metadata.timestamp = datetime.fromisoformat(subject.manifest["created"])
    bom.metadata.component = model
    bom.metadata.tools.components.add(Component(type=ComponentType.APPLICATION, name="vouchml", version=__version__))
    bom.components.update([data, *packages])
    bom.register_dependency(model, [data, *packages])
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"]["component"]["modelCard"] = _model_card(subject)
    next(part for part in document["components"] if part["type"] == "data")["data"] = [_data_details(subject)]
    return _valid(document)


def _valid(document: dict[str, Any]) -> bytes:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise EvidenceMismatch(
            f"The bill of materials is not valid CycloneDX 1.6: {str(problem.data.message)[:200]}.",
            remedy="See which package or name in run_manifest.json is odd; train again if it is broken.",
        )
    return text.encode("utf-8")


def _model(subject: PackSubject) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    files = [
        Component(
            type=ComponentType.FILE,
            name=file.path,
            bom_ref=f"file:{file.path}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
        )
        for file in subject.files
    ]
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=subject.name,
        version=str(subject.version),
        bom_ref=_MODEL,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=subject.digest)],
        properties=[
            Property(name="vouchml:digest", value="root of the OpenSSF Model Signing v1.0 manifest of its files"),
            Property(name="vouchml:run", value=subject.run),
            Property(name="vouchml:contract_sha256", value=subject.manifest["contract_sha256"]),
        ],
        components=files,
    )


def _data(subject: PackSubject) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.DATA,
        name=subject.manifest["data"]["path"],
        bom_ref=_DATA,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=subject.data_sha256)],
    )


def _package(line: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name, _, version = line.partition("==")
    url = PackageURL(type="pypi", name=name.lower().replace("_", "-"), version=version or None)
    return Component(
        type=ComponentType.LIBRARY, name=name, version=version or None, purl=url, bom_ref=f"package:{line}"
    )


def _data_details(subject: PackSubject) -> dict[str, Any]:
    data = subject.manifest["data"]
    return {
        "type": "dataset",
        "name": data["path"],
        "description": f"{data['rows']} rows, {data['columns']} features. {subject.answer('data_description')}",
    }


def _model_card(subject: PackSubject) -> dict[str, Any]:
    settings, evaluation = subject.manifest["settings"], subject.manifest["evaluation"]
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "binary classification",
            "architectureFamily": settings["model"]["estimator"],
            "modelArchitecture": settings["model"]["estimator"],
            "datasets": [{"ref": _DATA}],
            "inputs": [{"format": f"float64, {len(subject.contract.features)} features"}],
            "outputs": [{"format": f"probability of {subject.contract.positive.label}"}],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [_metric(name, found) for name, found in evaluation["metrics"].items()]
        },
        "considerations": {
            "users": [subject.answer("users")],
            "useCases": [subject.answer("intended_use")],
            "technicalLimitations": [subject.answer("limitations")],
            "performanceTradeoffs": [subject.answer("metric_choice")],
            "ethicalConsiderations": [
                {"name": subject.answer("impact_assessment"), "mitigationStrategy": subject.answer("risk_management")}
            ],
            "fairnessAssessments": [{"groupAtRisk": NOT_PROVIDED, "mitigationStrategy": subject.answer("fairness")}],
        },
        "properties": [
            {"name": f"vouchml:parameter:{key}", "value": str(value)} for key, value in _parameters(settings)
        ],
    }


def _parameters(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(settings["model"]["parameters"].items())


def _metric(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    bounds: Final = {"lowerBound": str(found["low"]), "upperBound": str(found["high"])}
    return {"type": name, "value": str(found["value"]), "confidenceInterval": bounds}
