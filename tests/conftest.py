"""What all tests share: a project in a folder of its own, and one that has been trained, once a session."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from tests.shared_folders import SharedFolders
from tests.started import STARTED

from vouchml.registry import ModelRegistry
from vouchml.settings import ModelSettings, Settings, TrainingSettings, load_settings, sqlite_uri
from vouchml.training import TrainedVersion, train

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
# A property is not refuted by a machine that is busy with something else.
hypothesis.settings.register_profile("vouchml", deadline=None)
hypothesis.settings.load_profile("vouchml")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    """Run as on a machine where nobody has set anything."""
    for name in list(os.environ):
        if name.startswith(("VOUCH_", "MLFLOW_")):
            del os.environ[name]
    # Without it each of the hundreds of processes that tests start compiles all of vouchml anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A shell starts what runs in its background with SIGINT ignored, and what we start would ignore it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _nothing_outlives_pytest() -> Iterator[None]:
    yield
    STARTED.close()


@pytest.fixture(autouse=True)
def _what_a_test_starts_ends_with_it() -> Iterator[None]:
    """Also when it fails half-way. What fixtures of a wider scope start is there before a test is set up."""
    before = STARTED.groups
    yield
    STARTED.end_all_but(before)


@pytest.fixture(scope="session")
def shared_folders() -> SharedFolders:
    """Have a folder watched that many tests read: `return shared_folders.watch(folder)`."""
    return SharedFolders()


@pytest.fixture(autouse=True, scope="module")
def _shared_folders_stay_as_they_are(shared_folders: SharedFolders, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the file of tests that has written into a folder that others read. What it needs to write to, it copies."""
    yield
    changes = shared_folders.changes()
    assert not changes, "\n  ".join([f"{request.node.nodeid} changed what all tests share:", *changes])


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Settings]:
    """Make the shipped project anew in an empty folder with a space in its name, and hand out its settings."""

    def make() -> Settings:
        folder = tmp_path_factory.mktemp("a project")
        (folder / "data").mkdir()
        shutil.copy(REPOSITORY / "vouch.toml", folder)
        shutil.copy(REPOSITORY / "data" / "breast_cancer.csv", folder / "data")
        return load_settings(folder / "vouch.toml")

    return make


@pytest.fixture
def project(make_project: Callable[[], Settings]) -> Settings:
    """The shipped project, untrained, in a folder of its own."""
    return make_project()


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory, shared_folders: SharedFolders) -> Path:
    """MLflow's database as it is when it has just been made, once a session: to copy, not to change."""
    path = tmp_path_factory.mktemp("new") / "mlflow.db"
    ModelRegistry.connect(sqlite_uri(path), create=True)
    shared_folders.watch(path.parent)
    return path


@pytest.fixture(scope="session")
def trained(make_project: Callable[[], Settings], shared_folders: SharedFolders) -> tuple[Settings, TrainedVersion]:
    """The shipped project, trained once a session: to read, not to change."""
    settings = make_project()
    began = time.perf_counter()
    result = train(settings)
    print(f"trained the shipped project in {time.perf_counter() - began:.1f} s")
    shared_folders.watch(settings.root)
    return settings, result


@pytest.fixture(scope="session")
def trained_folder(make_project: Callable[[], Settings], shared_folders: SharedFolders) -> Path:
    """Versions 1 (C = 1) and 2 (C = 0.01) in one MLflow database, nothing promoted: to copy, not to change."""
    quick = TrainingSettings(cv_folds=2, bootstrap_resamples=100)
    settings = make_project().model_copy(update={"training": quick})
    with pytest.MonkeyPatch.context() as environment:
        # MLflow writes the address of its store into the environment, where the next settings would find it.
        environment.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
        environment.setenv("MLFLOW_REGISTRY_URI", settings.tracking_uri)
        for strength in (1.0, 0.01):
            model = ModelSettings(parameters={"C": strength, "max_iter": 1000})
            train(settings.model_copy(update={"model": model}))
    return shared_folders.watch(settings.root)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `pytest -n 2`, run each file in one process, and some folders in one process each, in our order."""
    from tests.distribution import ByFileOrFolder

    config.option.loadscopereorder = False
    return ByFileOrFolder(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, when there are several processes."""
    if hasattr(config, "workerinput"):  # and not the variable of the environment, which a pytest of a test has too
        from tests.distribution import FIRST, folder_of

        items.sort(key=lambda item: folder_of(item.nodeid) not in FIRST)
