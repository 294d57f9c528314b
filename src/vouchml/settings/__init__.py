"""The settings of a project: `vouch.toml`, overridden by `VOUCH_<SECTION>__<KEY>` variables.

Settings are read once, at the door, into frozen models and passed on; nothing below reads the environment again.

```python
settings = load_settings(Path("vouch.toml"))
settings.data_path, settings.serving.port
```
"""

from vouchml.settings.loading import (
    MLFLOW_VARIABLE,
    SETTINGS_FILE,
    SETTINGS_FILE_VARIABLE,
    load_settings,
    setting_names,
    settings_from,
    settings_path,
)
from vouchml.settings.policy import Bound, EvidenceKind, Margin, PolicySettings
from vouchml.settings.sections import (
    AnchorSettings,
    CanarySettings,
    DataSettings,
    LedgerSettings,
    ModelSettings,
    Probability,
    ProjectSettings,
    Section,
    ServingSettings,
    TrainingSettings,
    TrustSettings,
)
from vouchml.settings.settings import ENVIRONMENT_PREFIX, Settings, sqlite_file, sqlite_uri

__all__ = [
    "ENVIRONMENT_PREFIX",
    "MLFLOW_VARIABLE",
    "SETTINGS_FILE",
    "SETTINGS_FILE_VARIABLE",
    "AnchorSettings",
    "Bound",
    "CanarySettings",
    "DataSettings",
    "EvidenceKind",
    "LedgerSettings",
    "Margin",
    "ModelSettings",
    "PolicySettings",
    "Probability",
    "ProjectSettings",
    "Section",
    "ServingSettings",
    "Settings",
    "TrainingSettings",
    "TrustSettings",
    "load_settings",
    "setting_names",
    "settings_from",
    "settings_path",
    "sqlite_file",
    "sqlite_uri",
]
