"""Contact sheets over HTTP."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse

from muralist.studio.sheets import Sheet, contact
from muralist.studio.studio import Studio

__all__ = ["sheet_routes"]


def sheet_routes(studio: Studio, sheet: Callable[..., Sheet]) -> APIRouter:
    """Contact sheets as `/sheets/{id}.png`.

    `sheet` is a dependency of FastAPI's: the sheet of `id` that the asker may see. It raises
    `NotThere`, and the route `BadRequest` while there is none: the application answers these.
    """
    router = APIRouter(prefix="/sheets")

    @router.get("/{id}.png")
    def contact_sheet(seen: Annotated[Sheet, Depends(sheet)]) -> FileResponse:
        """All pictures side by side."""
        return FileResponse(
            contact(studio, seen),
            media_type="image/png",
            filename="comparison.png",
            headers={"Cache-Control": "private, no-cache"},
        )

    return router
