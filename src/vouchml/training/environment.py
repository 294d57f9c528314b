"""What a run ran on: versions, threads, commit, lock; and how threads are kept from changing its result.

Nothing here names the machine, the user, a path or a package index, so it can be published with the model.

Git state: `clean` and `dirty` are about tracked files in the whole repository. Untracked files do not count:
the table and the settings of a run are recorded by digest, and a scratch file changes no result. `none` means
that git knows nothing about the project: not installed, no repository, no commit, or a folder that the commit
does not hold (a project inside somebody's home repository).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

LOCK = Path("requirements", "trainer.lock")

#: The packages that can change a probability, a file format or a check.
LIBRARIES = (
    "vouchml",
    "mlflow",
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "onnx",
    "skl2onnx",
    "onnxruntime",
    "skops",
)

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_GIT_SECONDS = 10.0


@dataclass(frozen=True)
class ThreadPool:
    """One library that starts threads for arithmetic, and how many it would use outside of a fit."""

    library: str
    version: str
    architecture: str
    threads: int


@dataclass(frozen=True)
class GitState:
    """The commit of the project, and whether tracked files differ from it."""

    commit: str | None
    state: Literal["clean", "dirty", "none"]


@dataclass(frozen=True)
class Environment:
    """What a run ran on."""

    python: str
    implementation: str
    platform: str
    cpu_count: int
    libraries: Mapping[str, str | None]
    thread_pools: tuple[ThreadPool, ...]
    thread_variables: Mapping[str, str]
    git: GitState
    lock_sha256: str | None
    installed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON for `run_manifest.json`."""
        return asdict(self)

    def as_tags(self) -> dict[str, str]:
        """As tags of an MLflow run; what is unknown has no tag."""
        tags: dict[str, str | None] = {
            "vouch.git_commit": self.git.commit,
            "vouch.git_state": self.git.state,
            "vouch.lock_sha256": self.lock_sha256,
            "vouch.python": self.python,
            "vouch.platform": self.platform,
            "vouch.cpu_count": str(self.cpu_count),
            "vouch.threads": "; ".join(_pool_text(pool) for pool in self.thread_pools),
            **{f"vouch.env.{name}": value for name, value in self.thread_variables.items()},
            **{f"vouch.{name.replace('-', '_')}": version for name, version in self.libraries.items()},
        }
        return {name: value for name, value in tags.items() if value}

    def as_text(self) -> str:
        """As `environment.txt`: for a person, with every installed distribution."""
        lines = [
            f"python       {self.implementation} {self.python}",
            f"platform     {self.platform}",
            f"processors   {self.cpu_count}",
            f"git commit   {self.git.commit or 'none'} ({self.git.state})",
            f"lock sha256  {self.lock_sha256 or 'none'}",
            "",
            "# Libraries that matter to the result",
            *(
                f"{name}=={version}" if version else f"{name} is not installed"
                for name, version in self.libraries.items()
            ),
            "",
            "# Threads of the linear algebra (a fit uses one)",
            *(_pool_text(pool) for pool in self.thread_pools),
            *(f"{name}={value}" for name, value in self.thread_variables.items()),
            "",
            "# All installed distributions",
            *self.installed,
        ]
        return "\n".join(lines) + "\n"


def describe_environment(root: Path) -> Environment:
    """What a run of the project in `root` runs on now."""
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=_platform(),
        cpu_count=os.cpu_count() or 1,
        libraries={name: _version(name) for name in LIBRARIES},
        thread_pools=_thread_pools(),
        thread_variables=_thread_variables(),
        git=_git_state(root),
        lock_sha256=_lock_sha256(root / LOCK),
        installed=_installed(),
    )


@contextlib.contextmanager
def single_threaded_linear_algebra() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread inside the block.

    Floating-point sums depend on their order, and threads split a sum by their number: with one thread a fit
    gives the same bits on 2 cores and on 64. It does not make different processors agree: OpenBLAS chooses its
    kernels by architecture, which is why `ThreadPool` names it.
    """
    with _threadpoolctl().threadpool_limits(limits=1):
        yield


def _threadpoolctl() -> Any:
    # It sees only libraries that are loaded: these two load BLAS and OpenMP.
    importlib.import_module("scipy.linalg")
    importlib.import_module("sklearn.utils")
    return importlib.import_module("threadpoolctl")


def _platform() -> str:
    # Without the kernel's release: it changes no result, and some hosts put their own name into it.
    return " ".join(word for word in (platform.system(), platform.machine(), *platform.libc_ver()) if word)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _installed() -> tuple[str, ...]:
    # `each.name` and `each.version` would each parse the whole file again.
    described = (each.metadata for each in importlib.metadata.distributions())
    found = {(str(each["Name"]), str(each["Version"])) for each in described if each["Name"]}
    return tuple(f"{name}=={version}" for name, version in sorted(found, key=lambda pair: (pair[0].lower(), pair[1])))


def _thread_pools() -> tuple[ThreadPool, ...]:
    pools = (
        ThreadPool(
            library=pool["internal_api"],
            version=pool["version"] or "",
            architecture=pool.get("architecture") or "",
            threads=pool["num_threads"],
        )
        for pool in _threadpoolctl().threadpool_info()
    )
    return tuple(sorted(pools, key=_pool_text))


def _pool_text(pool: ThreadPool) -> str:
    words = (pool.library, pool.version, pool.architecture, f"threads={pool.threads}")
    return " ".join(word for word in words if word)


def _thread_variables() -> dict[str, str]:
    found = {name: os.environ[name] for name in _THREAD_VARIABLES if os.environ.get(name)}
    return {name: value if re.fullmatch(r"[0-9,]{1,64}", value) else "not a number" for name, value in found.items()}


def _lock_sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _git_state(root: Path) -> GitState:
    unknown = GitState(commit=None, state="none")
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if not commit or not _git(root, "ls-tree", "--name-only", "HEAD"):
        return unknown
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    if changes is None:
        return unknown
    return GitState(commit=commit.strip(), state="dirty" if changes else "clean")


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None where it is missing, fails or takes too long."""
    program = shutil.which("git")
    if program is None:
        return None
    # A hook's GIT_DIR would point at another repository; a repository's fsmonitor would run its own program.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603
            [program, "-c", "core.fsmonitor=false", "-C", str(root), *arguments],
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
