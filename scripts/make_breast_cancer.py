"""Write `data/breast_cancer.csv` from scikit-learn's copy of the Breast Cancer Wisconsin (diagnostic) data.

Each number is the shortest text that reads back as the same float64. The file is the same on every run.

    python scripts/make_breast_cancer.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

SHIPPED = Path(__file__).parent.parent / "data" / "breast_cancer.csv"


def breast_cancer_csv() -> str:
    """The table as CSV text: 30 features by scikit-learn's names, then `target`."""
    bunch = load_breast_cancer()
    lines = [",".join([*bunch.feature_names, "target"])]
    for features, target in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True):
        lines.append(",".join([*map(repr, features), str(target)]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the file that is named, else the shipped one."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(breast_cancer_csv(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
