"""Pictures by Imagen. The library for Gemini has no call for it, so this is plain HTTP: cancelling closes the call."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from stage_workers.adapters import model_errors
from stage_workers.adapters.endpoint_owner import EndpointOwner
from stage_workers.adapters.model_http import ModelEndpoint
from stage_workers.ports import Picture

GOOGLE = "https://generativelanguage.googleapis.com"
_RATIOS = {"1:1": 1.0, "3:4": 3 / 4, "4:3": 4 / 3, "9:16": 9 / 16, "16:9": 16 / 9}
_MOST_PIXELS = 40_000_000


class Imagen(EndpointOwner[ModelEndpoint]):
    """An ImageModel."""

    def __init__(self, model: str, key: str, endpoint: str | None = None, seconds: float = 120) -> None:
        self._url = f"{(endpoint or GOOGLE).rstrip('/')}/v1beta/models/{model}:predict"
        self._model = model
        super().__init__(ModelEndpoint(model, key, {"x-goog-api-key": key}, seconds))

    @property
    def name(self) -> str:
        return f"imagen/{self._model}"

    async def draw(self, title: str, subtitle: str, *, width: int, height: int, seed: str) -> Picture:  # noqa: ARG002  Imagen takes no seed with its watermark
        """See ImageModel. The picture is cut to the size asked for."""
        body = {
            "instances": [{"prompt": _wish(title, subtitle)}],
            "parameters": {"sampleCount": 1, "aspectRatio": _nearest_ratio(width / height)},
        }
        data = self._image(await self._endpoint.post(self._url, body))
        try:
            return await asyncio.to_thread(_fitted, data, width, height)
        except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise model_errors.garbled(self._model, f"the picture: {error}") from error

    def _image(self, answer: dict[str, Any]) -> bytes:
        predictions = answer.get("predictions")
        first = predictions[0] if isinstance(predictions, list) and predictions else {}
        if not isinstance(first, dict) or "bytesBase64Encoded" not in first:
            why = first.get("raiFilteredReason") if isinstance(first, dict) else None
            raise model_errors.blocked(self._model, str(why or "no picture"))
        try:
            return base64.b64decode(first["bytesBase64Encoded"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise model_errors.garbled(self._model, str(error)) from error


def _wish(title: str, subtitle: str) -> str:
    subject = " ".join(f"{title} ({subtitle})".split())[:400]
    return (
        f"An editorial photograph for an article about: {subject}. "
        "Natural light, no text, no logos, no watermarks, no recognisable persons."
    )


def _nearest_ratio(ratio: float) -> str:
    return min(_RATIOS, key=lambda name: abs(_RATIOS[name] - ratio))


def _fitted(data: bytes, width: int, height: int) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > _MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        fitted = ImageOps.fit(image.convert("RGB"), (width, height))
    out = io.BytesIO()
    fitted.save(out, "JPEG", quality=88)
    return Picture(data=out.getvalue(), content_type="image/jpeg", width=width, height=height)
