"""The libraries' progress bars, which would tear ours."""

__all__ = ["quiet"]


def quiet() -> None:
    """Lets diffusers and transformers load without a bar."""
    import diffusers.utils.logging
    import transformers.utils.logging

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
