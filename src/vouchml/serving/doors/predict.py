"""`POST /predict` and `POST /predict/batch`: our own words, `{"features": {…}}` and `{"rows": [{…}, …]}`."""

from __future__ import annotations

import json
from collections.abc import Mapping

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from vouchml.errors import VouchError
from vouchml.model.explanation import explain
from vouchml.serving.answers import AnswerText, answer_text
from vouchml.serving.data_plane import DataPlane
from vouchml.serving.doors.base import LONG_BODY, Call, check_json_type
from vouchml.serving.error_replies import ask_again, error_reply
from vouchml.serving.following.served_model import Lineup, ServedModel
from vouchml.serving.recording import Recording
from vouchml.serving.reply import JSON, Reply
from vouchml.settings import ServingSettings

REQUEST_ID = b"x-request-id"


class PredictDoor:
    """One row in, one traceable answer out."""

    name = "predict"

    def __init__(self, plane: DataPlane, recording: Recording, settings: ServingSettings) -> None:
        self.longest_body = settings.max_body_bytes
        self._plane = plane
        self._recording = recording
        self._texts = _AnswerTexts()

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """JSON only."""
        check_json_type(headers)

    async def answer(self, call: Call) -> Reply:
        """Answer `{"features": {name: value}, "request_id"?: str, "explain"?: bool}`."""
        plane = self._plane
        lineup = plane.lineup()
        request = lineup.champion.decoder.one(call.body)
        call.name(request.request_id)
        request_id = call.request_id
        scored = plane.begin_row(lineup, request_id, request)
        served = scored.served
        if served.scores_in_microseconds:
            probability = served.scorer.positive_probability_of_one(request.row)
        else:
            probability = await anyio.to_thread.run_sync(served.scorer.positive_probability_of_one, request.row)
        explanation = b"" if not request.explain else await _explanation(served, request.row)
        plane.end_row(lineup, scored, request.row, probability)
        prediction_id = self._recording.one(
            self.name, call, served, scored.arm, request.row, probability, scored.out_of_range
        )
        text = self._texts.of(lineup, scored.arm)
        body = text.one(probability, request_id, prediction_id, scored.out_of_range, explanation)
        return Reply(200, body, (JSON, (REQUEST_ID, request_id.encode())))

    def refuse(self, error: VouchError, call: Call) -> Reply:
        """Refuse with the lists of what is wrong."""
        return refusal(error, call, self._plane)


class PredictBatchDoor:
    """Many rows in, one answer a row out, in order, all by the same version."""

    name = "predict_batch"

    def __init__(self, plane: DataPlane, recording: Recording, settings: ServingSettings) -> None:
        self.longest_body = settings.max_batch_bytes
        self._plane = plane
        self._recording = recording
        self._texts = _AnswerTexts()

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """JSON only."""
        check_json_type(headers)

    async def answer(self, call: Call) -> Reply:
        """Answer `{"rows": [{name: value}, …], "request_id"?: str}`."""
        lineup = self._plane.lineup()
        decode = lineup.champion.decoder.many
        long = len(call.body) >= LONG_BODY
        request = await anyio.to_thread.run_sync(decode, call.body) if long else decode(call.body)
        call.name(request.request_id)
        scored = await self._plane.score_rows(lineup, call, request.rows, place="rows")
        text = self._texts.of(lineup, scored.arm)
        batch_id = await self._recording.many(self.name, call, scored, request.rows)
        body = text.many(scored, call.request_id, batch_id)
        return Reply(200, body, (JSON, (REQUEST_ID, call.request_id.encode())))

    def refuse(self, error: VouchError, call: Call) -> Reply:
        """Refuse with the lists of what is wrong; a row is named by its place."""
        return refusal(error, call, self._plane)


def refusal(error: VouchError, call: Call, plane: DataPlane) -> Reply:
    """The reply to a refused call, which names the request and says when to ask again where that helps."""
    again = ask_again(error, plane.follower.retry_after)
    return error_reply(error, [(REQUEST_ID, call.request_id.encode()), *again])


class _AnswerTexts:
    """The constant parts of answers, made once for a line-up and used until it is another one."""

    def __init__(self) -> None:
        self._made: tuple[Lineup, AnswerText, AnswerText] | None = None

    def of(self, lineup: Lineup, arm: str) -> AnswerText:
        made = self._made
        if made is None or made[0] is not lineup:
            made = (lineup, answer_text(lineup, "champion"), answer_text(lineup, "challenger"))
            self._made = made
        return made[1] if arm == "champion" else made[2]


async def _explanation(served: ServedModel, row: NDArray[np.float64]) -> bytes:
    if served.scores_in_microseconds:
        explanation = explain(served.scorer, served.contract, row)
    else:
        explanation = await anyio.to_thread.run_sync(explain, served.scorer, served.contract, row)
    return json.dumps(explanation.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
