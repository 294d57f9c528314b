"""Train the project in `vouch.toml`: the same as `vouch train`, under the name that users of MLflow stacks type.

`python3 trainer/train.py [--config FILE] [--no-register] [--json] [--quiet]`
"""

import sys

from vouchml.cli.main import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
