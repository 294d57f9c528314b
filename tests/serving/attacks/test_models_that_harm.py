"""Versions whose model does something else than answer when it is loaded: the one that serves goes on, and so does all
that follows the registry.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from vouchml.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import Eventually, Following, Project

LOAD_SECONDS = 2.0


def with_limits(settings: Settings, **limits: Any) -> Settings:
    return settings.model_copy(update={"serving": settings.serving.model_copy(update=limits)})


def endless(folder: Path) -> None:
    """A graph that goes 2^62 times round a loop before it answers."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
            helper.make_node("Add", ["before", "before"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("trip", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.DOUBLE, [None, 2]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.DOUBLE, [None, 2]),
        ],
    )
    serve(
        folder,
        [
            helper.make_node("MatMul", ["features", "nothing"], ["halves"]),
            helper.make_node("Loop", ["trips", "true", "halves"], ["probabilities"], body=body),
        ],
        [
            helper.make_tensor("trips", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("true", TensorProto.BOOL, [], [True]),
            helper.make_tensor("nothing", TensorProto.DOUBLE, [30, 2], [0.0] * 60),
        ],
    )


def serve(folder: Path, nodes: list[Any], constants: list[Any]) -> None:
    """Let `folder` be a version that is scored by this graph."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, [None, 30])],
        [helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    contract = folder / "contract.json"
    contract.write_text(json.dumps(json.loads(contract.read_text()) | {"scorer": "onnx"}))


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_a_version_that_never_ends_loading_is_refused_and_the_watcher_goes_on(
    served_project: Project, follow: Callable[[Settings], Following], tmp_path: Path
) -> None:
    served_project.promote("1")
    follow(served_project.settings).poll()
    follower = follow(with_limits(served_project.settings, load_seconds=LOAD_SECONDS))
    follower.poll()
    before = children()
    served_project.promote(str(served_project.add_version(endless, tmp_path / "source")))
    follower.poll()
    refused = follower.reasons()
    served_project.promote("1")
    follower.poll()

    assert refused == (
        "Version 3 was not loaded: It was not loaded within 2 s, and was given up. Version 1 keeps serving.",
    )
    assert children() == before
    assert follower.serving_model().version == "1"
    assert follower.reasons() == ()


def test_a_version_that_is_still_too_slow_does_not_keep_the_watcher_busy(
    served_project: Project, follow: Callable[[Settings], Following], tmp_path: Path
) -> None:
    follower = follow(with_limits(served_project.settings, load_seconds=1.0))
    served_project.promote(str(served_project.add_version(endless, tmp_path / "source")))
    follower.poll()
    began = time.monotonic()
    while time.monotonic() - began < 2.0:  # twenty looks later it would be tried again, were it any other refusal
        follower.poll()
        assert follower.reasons() == ("Version 3 was not loaded: It was not loaded within 1 s, and was given up.",)

    assert follower.served is None


def test_a_version_that_ends_the_process_that_tries_it_is_refused(
    served_project: Project, follower: Following, eventually: Eventually, tmp_path: Path
) -> None:
    served_project.promote("1")
    follower.poll()
    before = set(children())
    served_project.promote(str(served_project.add_version(endless, tmp_path / "source")))

    def end_it() -> None:
        eventually(lambda: bool(set(children()) - before))
        for child in set(children()) - before:
            os.kill(int(child), signal.SIGSEGV)

    with ThreadPoolExecutor() as pool:
        ending = pool.submit(end_it)
        follower.poll()
        ending.result()

    assert follower.reasons() == (
        "Version 3 was not loaded: Loading it ended the process that tried it (exit status -11). "
        "Version 1 keeps serving.",
    )


def test_a_version_with_more_bytes_than_may_be_is_refused_and_not_kept(
    served_project: Project, follow: Callable[[Settings], Following], tmp_path: Path
) -> None:
    def large(folder: Path) -> None:
        (folder / "more").write_bytes(bytes(2 * 1024**2))

    follower = follow(with_limits(served_project.settings, max_bundle_bytes=1024**2))
    served_project.promote("1")
    follower.poll()
    served_project.promote(str(served_project.add_version(large, tmp_path / "source")))
    follower.poll()

    assert follower.reasons() == (
        "Version 3 was not loaded: Its files have more than 1048576 bytes together. Version 1 keeps serving.",
    )
    bundles = served_project.settings.private_folder / "bundles"
    assert [folder.name for folder in bundles.iterdir()] == [follower.serving_model().model_digest]
