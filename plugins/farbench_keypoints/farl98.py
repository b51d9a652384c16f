"""Keypoints `farl98`: the 98 points of FaRL through pyfacer, the model that MGMTN uses."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WEIGHTS = (
    "https://github.com/FacePerceiver/facer/releases/download/models-v1/"
    "face_alignment.farl.wflw.main_ema_jit.pt"
)


class Farl98(KeypointModel):
    """FaRL's face alignment (MGMTN, section 2.3), by the package pyfacer; weights are downloaded.

    The five landmarks place the face where the data set has them; else a RetinaFace detector does,
    and its best-scored face is taken.
    """

    name = "farl98"
    source = "Zheng et al., FaRL, CVPR 2022; github.com/FacePerceiver/facer, farl/wflw/448."

    device: str = Field("auto", description="auto, cpu, cuda or cuda:1.")
    detector: str = Field(
        "retinaface/mobilenet", description="pyfacer's detector, where there are no landmarks."
    )

    def unavailable(self, index: FaceIndex) -> str:
        """Say whether the package is missing. Weights are only looked for when they are needed."""
        if importlib.util.find_spec("facer") is None:
            return (
                "the package pyfacer is not installed. Type: pip install 'farbench[farl]' (its "
                "weights, about 1 GB, are downloaded at the first use), or use `keypoints: dlib68`."
            )
        return ""

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return ``(N, 98, 2)``, NaN where no face was found.

        Raises:
            UserError: The package is missing, or its weights can neither be found nor downloaded.
        """
        if reason := self.unavailable(index):
            raise UserError(f"keypoints 'farl98': {reason}")
        import facer
        import numpy as np
        import torch

        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        landmarks = index.points.get("landmarks5")
        aligner = _load(facer.face_aligner, "farl/wflw/448", device)
        detector = None
        if landmarks is None:
            detector = _load(facer.face_detector, self.detector, device)

        found = np.full((len(index.frame), 98, 2), np.nan, dtype=np.float32)
        for position in range(len(found)):
            if landmarks is not None and np.isnan(landmarks[position]).any():
                continue
            image = torch.from_numpy(np.ascontiguousarray(read(position)))
            batch = image.permute(2, 0, 1)[None].to(device)
            with torch.inference_mode():
                if landmarks is None:
                    assert detector is not None
                    faces = _best_face(detector(batch))
                else:
                    five = torch.from_numpy(landmarks[position])[None].to(device)
                    # The aligner looks at nothing but the image number and the five points.
                    faces = {"image_ids": torch.zeros(1, dtype=torch.long, device=device)}
                    faces["points"] = five.float()
                if faces is None:
                    continue
                aligned = aligner(batch, faces)["alignment"]
            found[position] = aligned[0].float().cpu().numpy()
        return found


@lru_cache(maxsize=2)
def _load(loader: Callable[..., Any], model: str, device: str) -> Any:
    """Load one of pyfacer's models, kept between calls; turn a failed download into advice."""
    try:
        return loader(model, device=device)
    except OSError as error:  # urllib's errors are OSErrors
        raise UserError(
            f"keypoints 'farl98': the weights of {model} can neither be found nor downloaded "
            f"({error}). On a machine with a network run this once, or put {_WEIGHTS} (and, "
            "without landmarks, the detector's file) into torch hub's folder `checkpoints/` "
            "(~/.cache/torch/hub/checkpoints). Without them use `keypoints: dlib68` or celeba5."
        ) from error


def _best_face(faces: dict[str, Any]) -> dict[str, Any] | None:
    """Return the face with the highest score alone, or None where there is none."""
    if "points" not in faces or len(faces["points"]) == 0:
        return None
    best = int(faces["scores"].argmax())
    return {key: value[best : best + 1] for key, value in faces.items()}
