"""How the page looks: fonts that are there, few colours, light and dark."""

from gradio.themes import Base, colors, sizes

from muralist.studio import files
from muralist.studio.owner import COOKIE

__all__ = ["CSS", "HEAD", "THEME"]

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono")

# The browser's name for itself, and the shades that were chosen here before, at once.
_SCRIPT = f"""
<script>
(() => {{
    if (!/(^|; ){COOKIE}=/.test(document.cookie)) {{
        const bytes = crypto.getRandomValues(new Uint8Array(16));
        const token = Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
        document.cookie = `{COOKIE}=${{token}}; path=/; max-age=31536000; SameSite=Strict`;
    }}
}})();
</script>
"""

CSS = ""  # all of it is in studio.css, which gradio would rewrite
HEAD = (
    files.HEAD
    + _SCRIPT
    + """\
<link rel="stylesheet" href="/static/studio.css">
<script src="/static/studio.js" defer></script>
"""
)

THEME = Base(
    primary_hue=colors.blue,
    secondary_hue=colors.blue,
    neutral_hue=colors.zinc,
    spacing_size=sizes.spacing_sm,
    radius_size=sizes.radius_md,
    text_size=sizes.text_md,
    font=_SANS,
    font_mono=_MONO,
).set(  # the theme's own are too light for what is to be read
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    color_accent="*primary_600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_600",
    button_primary_background_fill_hover_dark="*primary_500",
)
