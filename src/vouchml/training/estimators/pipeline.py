"""From `[model] estimator` and `[model.parameters]` to an unfitted scikit-learn pipeline.

Names and values are checked before anything is fitted, values by scikit-learn's own constraints, and all
that is wrong is said at once.

```python
build_pipeline("logistic_regression", {"C": 0.5}, random_state=42)
```
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vouchml.errors import TrainingRefused
from vouchml.model import Feature
from vouchml.training.estimators.base import Estimator
from vouchml.training.estimators.table import find_estimator, nearest

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

ENCODE: Final = "encode"


def build_pipeline(
    name: str, parameters: Mapping[str, Any], *, random_state: int, features: Sequence[Feature] = ()
) -> Pipeline:
    """The unfitted pipeline of the estimator `name`: steps `encode`, `scale` and `classify`.

    `encode` is there when one of `features` is a category or may be null, `scale` where it helps the estimator.

    Raises:
        TrainingRefused: the estimator is unknown, or a parameter is unknown, withheld or out of bounds.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    estimator = find_estimator(name)
    classifier = estimator.make()
    problems = [text for key, value in parameters.items() if (text := _problem(estimator, classifier, key, value))]
    if problems:
        raise TrainingRefused(
            f"[model.parameters] for {name}: {'; '.join(problems)}.",
            remedy=f"Parameters of {name}: {', '.join(settable_parameters(name))}.",
        )
    classifier.set_params(**{**estimator.defaults, **parameters, **estimator.fixed, "random_state": random_state})
    encode = [] if all(map(_is_plain, features)) else [(ENCODE, _encoder(features))]
    scale = [("scale", StandardScaler())] if estimator.scaled else []
    return Pipeline([*encode, *scale, ("classify", classifier)])


def settable_parameters(name: str) -> tuple[str, ...]:
    """The parameters that `[model.parameters]` may hold for the estimator `name`, sorted."""
    estimator = find_estimator(name)
    return tuple(key for key in sorted(estimator.make().get_params(deep=False)) if not estimator.why_withheld(key))


def _is_plain(feature: Feature) -> bool:
    return feature.type == "number" and not feature.nullable


def _encoder(features: Sequence[Feature]) -> Any:
    """What makes numbers of a table of numbers, gaps and texts: nothing in it is chosen by the data but the medians.

    Null is a category of its own. `vouchml.model.expansion` reads the fitted encoder, and does the same to a row.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    numbers = [feature.name for feature in features if _is_plain(feature)]
    gaps = [feature.name for feature in features if feature.type == "number" and feature.nullable]
    texts = [feature for feature in features if feature.type == "category"]
    values = [[*(feature.categories or ()), *([math.nan] if feature.nullable else [])] for feature in texts]
    groups = [
        ("number", "passthrough", numbers),
        # A fold of the cross-validation may have no value of a column at all; it stays a column then.
        ("nullable", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), gaps),
        ("category", OneHotEncoder(categories=values, sparse_output=False), [feature.name for feature in texts]),
    ]
    return ColumnTransformer([group for group in groups if group[2]])


def _problem(estimator: Estimator, classifier: Any, key: str, value: Any) -> str | None:
    if reason := estimator.why_withheld(key):
        return f"{key!r} cannot be set: {reason}"
    known = classifier.get_params(deep=False)
    if key not in known:
        return f"{key!r} is not a parameter{nearest(key, known)}"
    return _value_problem(classifier, key, value)


def _value_problem(classifier: Any, key: str, value: Any) -> str | None:
    from sklearn.base import clone
    from sklearn.utils._param_validation import InvalidParameterError

    # For scikit-learn `true` is the integer 1; in a settings file it is a mistake.
    if isinstance(value, bool) and "boolean" not in classifier._parameter_constraints.get(key, ("boolean",)):
        return f"{key!r} must not be true or false"
    try:
        clone(classifier).set_params(**{key: value})._validate_params()
    except InvalidParameterError as error:
        allowed = str(error).partition(" must be ")[2].rpartition(" Got ")[0].rstrip(".")
        return f"{key!r} must be {_in_order(allowed)}, it is {value!r}"
    return None


def _in_order(allowed: str) -> str:
    # scikit-learn writes a set, in another order in every process, and a None that TOML cannot say.
    ordered = re.sub(r"\{([^{}]*)\}", lambda found: ", ".join(sorted(found[1].split(", "))), allowed)
    return ordered.removesuffix(" or None")
