"""The data of a version as Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html), JSON-LD.

The table is named by its SHA-256 and described by its columns; its rows are not in it. What only people know stands in
`model_card.toml`, and what they have not answered is NOT PROVIDED, or left out where the specification wants a URL or
a date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from vouchml.governance.pack.subject import NOT_PROVIDED, PackSubject

_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FORMATS: Final = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}
_TABLE, _ROWS = "table", "rows"


def croissant(subject: PackSubject) -> bytes:
    """The description of the table that a version was trained on."""
    data = subject.manifest["data"]
    path = PurePosixPath(data["path"])
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": path.stem,
        "description": subject.answer("data_description"),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": subject.answer("data_license"),
        "creator": {"@type": "sc:Organization", "name": subject.answer("data_creator")},
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": _TABLE,
                "name": path.name,
                "description": f"{data['file_rows']} rows; SHA-256 of what they say, however it is spelled: "
                f"{data['content_sha256']}.",
                "contentUrl": str(path),
                "encodingFormat": _FORMATS.get(path.suffix.lower(), "application/octet-stream"),
                "sha256": subject.data_sha256,
            }
        ],
        "recordSet": [{"@type": "cr:RecordSet", "@id": _ROWS, "name": _ROWS, "field": list(_fields(subject))}],
    }
    for field, key in (("data_url", "url"), ("data_published", "datePublished")):
        if (answer := subject.answer(field)) != NOT_PROVIDED:
            document[key] = answer
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _fields(subject: PackSubject) -> Iterator[dict[str, Any]]:
    contract = subject.contract
    for number, feature in enumerate(contract.features, start=1):
        if feature.categories:
            kind, about = "sc:Text", f"One of {', '.join(feature.categories)}."
        else:
            kind, about = "sc:Float", f"From {feature.minimum} to {feature.maximum} in training."
        yield _field(f"feature-{number}", feature.name, kind, about + (" May be missing." if feature.nullable else ""))
    labels = ", ".join(f"{each.value} is {each.label}" for each in contract.classes)
    whole = all(isinstance(each.value, int) for each in contract.classes)
    yield _field("target", contract.target, "sc:Integer" if whole else "sc:Text", f"The class: {labels}.")


def _field(identifier: str, column: str, kind: str, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{_ROWS}/{identifier}",  # a column's name may hold a space, which an @id may not
        "name": column,
        "description": about,
        "dataType": kind,
        "source": {"fileObject": {"@id": _TABLE}, "extract": {"column": column}},
    }
