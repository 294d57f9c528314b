"""`GET /model-info`: the version that answers now."""

from __future__ import annotations

from fastapi import APIRouter

from vouchml.serving.following.follower import Follower
from vouchml.serving.logs import utc_text
from vouchml.serving.schemas import DecisionShown, ErrorReply, FeatureInfo, ModelInfo


def model_info_routes(follower: Follower) -> APIRouter:
    """The route that describes the model."""
    routes = APIRouter(tags=["model"])

    @routes.get(
        "/model-info",
        summary="The version that answers now",
        responses={503: {"model": ErrorReply, "description": "No model is loaded."}},
    )
    async def model_info() -> ModelInfo:
        """What the model takes, what its answers mean and where it comes from."""
        served = follower.serving_model()
        contract, admission = served.contract, served.admitted.admission
        return ModelInfo(
            model_name=served.name,
            model_stage=served.stage,
            model_version=served.version,
            source_run_id=served.run_id,
            expected_feature_count=len(contract.features),
            expected_features=list(contract.feature_names),
            features=[FeatureInfo(**feature.model_dump()) for feature in contract.features],
            threshold=contract.threshold,
            positive_class=contract.positive_class,
            labels={str(entry.value): entry.label for entry in contract.classes},
            data_sha256=contract.data_sha256,
            model_digest=served.model_digest,
            estimator=contract.estimator,
            scorer=contract.scorer,
            decision=DecisionShown(**admission.to_dict()) if admission else None,
            loaded_at=utc_text(served.loaded_at),
        )

    return routes
