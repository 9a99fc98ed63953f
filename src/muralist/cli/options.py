"""Options that several commands share, in groups."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

__all__ = ["Contest", "Files", "Hands", "Json", "Look", "Out", "Scale", "Service", "limits"]

Out = Annotated[
    Path,
    Parameter(
        help="PNG, JPEG, WebP, TIFF (.tif) or Deep Zoom (.dzi) file, the last two of any size; a"
        " free name here if unset"
    ),
]
Scale = Annotated[
    float,
    Parameter(
        help="how many times the image's sides; as many as make four native sides, and twice at"
        " least, if unset"
    ),
]
NegativePrompt = Annotated[str | None, Parameter(help="what to lead away from")]
Steps = Annotated[int | None, Parameter(name="--steps", help="denoising steps of every stage")]
GuidanceScale = Annotated[
    float | None, Parameter(help="how strongly the prompt leads; 1 and less is off")
]
Json = Annotated[bool, Parameter(negative="", help="one JSON object a line, for machines")]


@Parameter(name="*", group=Group("What the picture is", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class Look:
    """What decides the picture, beside its prompt: arguments of `typed.request`."""

    size: Annotated[str | None, Parameter(help="width x height in pixels, 512x512 for example")] = (
        None
    )
    model: Annotated[
        str | None,
        Parameter(
            help="shapes (which the package holds), toy, sdxl, sd15, sd21, folder, .safetensors"
            " file or hub id; shapes if unset"
        ),
    ] = None
    variant: Annotated[str | None, Parameter(help="of the model's weights: fp16")] = None
    config: Annotated[
        str | None, Parameter(help="folder or hub id that a single file's configs come from")
    ] = None
    vae: Annotated[
        str | None, Parameter(help="another autoencoder: folder, .safetensors file or hub id")
    ] = None
    controlnet: Annotated[
        list[str] | None,
        Parameter(negative="", help="folder or hub id of a ControlNet; repeatable"),
    ] = None
    lora: Annotated[
        list[str] | None,
        Parameter(negative="", help="FILE or FILE=WEIGHT, low-rank changes of weights; repeatable"),
    ] = None
    ip_adapter: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="FILE or FILE=SCALE, with a folder image_encoder beside it; repeatable",
        ),
    ] = None
    textual_inversion: Annotated[
        list[str] | None, Parameter(negative="", help="FILE of a word's embedding; repeatable")
    ] = None
    prompt_2: Annotated[
        str | None, Parameter(help="what SDXL's second text encoder hears; as the first if unset")
    ] = None
    negative_prompt: NegativePrompt = None
    negative_prompt_2: Annotated[
        str | None, Parameter(help="the same, for SDXL's second text encoder")
    ] = None
    clip_skip: Annotated[
        int | None, Parameter(help="last layers of the text encoders left out")
    ] = None
    ip_adapter_image: Annotated[
        list[str] | None,
        Parameter(negative="", help="an image file for the model's IP-Adapter; one for each"),
    ] = None
    original_size: Annotated[
        str | None, Parameter(help="width x height that SDXL is told; the picture's if unset")
    ] = None
    target_size: Annotated[
        str | None, Parameter(help="the same, of the size it is told to paint")
    ] = None
    crop: Annotated[
        str | None, Parameter(help="LEFT,TOP in pixels, where SDXL is told that the picture begins")
    ] = None
    seed: Annotated[
        int | None, Parameter(help="every random number follows from it; 0 if unset")
    ] = None
    method: Annotated[
        str | None, Parameter(help="a name that `muralist methods` lists; demofusion if unset")
    ] = None
    set: Annotated[
        list[str] | None,
        Parameter(negative="", help="NAME=VALUE, a setting of the method; repeatable"),
    ] = None
    slider: Annotated[
        int | None,
        Parameter(help="Pixelsmith's: steps held to the last picture; fewer are freer"),
    ] = None
    num_inference_steps: Steps = None
    guidance_scale: GuidanceScale = None
    guidance_rescale: Annotated[
        float | None, Parameter(help="0 to 1, against overexposure at high scales")
    ] = None
    guidance_interval: Annotated[
        tuple[float, float] | None,
        Parameter(
            negative="", help="guide from the first to the second fraction of the steps: 0.2 0.8"
        ),
    ] = None
    pag_scale: Annotated[
        float | None,
        Parameter(help="perturbed-attention guidance, beside the prompt's; 3 is usual"),
    ] = None
    control_image: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="what a ControlNet is shown, of the picture's ratio; one for each"
        ),
    ] = None
    controlnet_conditioning_scale: Annotated[
        list[float] | None,
        Parameter(
            name="--control-scale",
            negative="",
            help="how strongly they hold; 1 if unset; repeat it for each",
        ),
    ] = None
    control_guidance_start: Annotated[
        list[float] | None,
        Parameter(
            name="--control-start",
            negative="",
            help="fraction of the steps they begin at; repeat it for each",
        ),
    ] = None
    control_guidance_end: Annotated[
        list[float] | None,
        Parameter(
            name="--control-end",
            negative="",
            help="fraction of the steps they end at; repeat it for each",
        ),
    ] = None
    solver: Annotated[
        str | None,
        Parameter(help="euler_a, unipc, lcm ...; as the model's scheduler says if unset"),
    ] = None

    def asked(self) -> dict[str, Any]:
        """What was given, as `typed.request` takes it."""
        known = _given(self)
        if added := {name: known.pop(name) for name in _ADDED if name in known}:
            known["added"] = added
        if (slider := known.pop("slider", None)) is not None:
            known = {"method": "pixelsmith", **known}
            known["set"] = [*known.get("set", []), f"slider={slider}"]
        return known


@Parameter(name="*", group=Group("How it is computed", sort_key=2))
@dataclass(frozen=True, kw_only=True)
class Hands:
    """What changes memory and speed, and not the picture. What is unset is left to its default."""

    batch_size: Annotated[
        int | None, Parameter(help="views the network sees at once; 16 if unset")
    ] = None
    canvas: Annotated[
        str | None,
        Parameter(help="device, ram or disk: where latents are kept; as their size asks if unset"),
    ] = None
    device: Annotated[str | None, Parameter(help="cuda, mps or cpu; the best if unset")] = None
    dtype: Annotated[
        str | None,
        Parameter(help="float32, float16 or bfloat16; what suits the device if unset"),
    ] = None
    workers: Annotated[
        int | None, Parameter(help="processes that share the views of each step, one per GPU")
    ] = None
    ray: Annotated[
        str | None,
        Parameter(
            help="a Ray cluster that shares them: auto, HOST:PORT, local for a new one, or none"
        ),
    ] = None

    def told(self) -> dict[str, Any]:
        """What was given, for a job to remember; a cluster may be taken back."""
        return {**_given(self), **({"ray": None} if self.ray == "none" else {})}

    def limits(self) -> dict[str, Any]:
        """What was given of what a request takes."""
        return limits(self.told())


@Parameter(name="*", group=Group("What is kept beside it", sort_key=3))
@dataclass(frozen=True, kw_only=True)
class Files:
    """What is written beside the picture."""

    stages: Annotated[
        Path | None, Parameter(help="folder for every stage's picture, as it appears")
    ] = None
    explain: Annotated[
        Path | None,
        Parameter(help="folder for why it looks so, as far as the method can tell"),
    ] = None
    job: Annotated[
        Path | None,
        Parameter(help="folder to take the run up from; the picture's name and .job if unset"),
    ] = None
    keep: Annotated[bool, Parameter(negative="", help="keep the job's folder when all is done")] = (
        False
    )


@Parameter(name="*", group=Group("What is measured", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class Contest:
    """What is painted in a benchmark, and by whom."""

    methods: Annotated[
        list[str],
        Parameter(
            negative="",
            consume_multiple=True,
            help="NAME or NAME:SETTING=VALUE,...; all that need nothing but the model if unset",
        ),
    ] = field(default_factory=list)
    sizes: Annotated[
        list[str],
        Parameter(
            negative="",
            consume_multiple=True,
            help="width x height in pixels, several; 2, 3 and 4 native sides, and 4 by 2, if unset",
        ),
    ] = field(default_factory=list)
    count: Annotated[
        int | None, Parameter(help="captions of the embedded model's world; 10 if unset")
    ] = None
    prompts: Annotated[
        Path | None, Parameter(help="a text file with a prompt in each line, in their place")
    ] = None
    seeds: Annotated[int, Parameter(help="pictures of each prompt, by each, at each size")] = 1
    quick: Annotated[
        bool, Parameter(negative="", help="2 prompts at 2 native sides, if nothing else is said")
    ] = False
    model: Annotated[str, Parameter(help="as for paint")] = "shapes"
    negative_prompt: NegativePrompt = None
    num_inference_steps: Steps = None
    guidance_scale: GuidanceScale = None
    features: Annotated[
        Path | None,
        Parameter(
            help="folder of a DINOv2 model, whose features find repeated objects in any picture"
        ),
    ] = None
    detector: Annotated[
        Path | None,
        Parameter(help="folder of an open-vocabulary detector, OWLv2 say, that counts --words"),
    ] = None
    words: Annotated[
        list[str],
        Parameter(negative="", consume_multiple=True, help="what the detector looks for"),
    ] = field(default_factory=list)

    def shared(self) -> dict[str, Any]:
        """The arguments of a request that all pictures have in common."""
        known = ("model", "negative_prompt", "num_inference_steps", "guidance_scale")
        given = {name: getattr(self, name) for name in known}
        return {name: value for name, value in given.items() if value is not None}


@Parameter(name="*", group=Group("Whom it serves, and with what", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class Service:
    """Where the studio is found, who may come in, and how much is taken."""

    gallery: Annotated[
        Path | None, Parameter(help="folder of all pictures; ~/muralist-gallery if unset")
    ] = None
    host: Annotated[
        str, Parameter(help="address to listen at; others than this machine's need --auth")
    ] = "127.0.0.1"
    port: Annotated[int, Parameter(help="0 is any that is free")] = 7860
    auth: Annotated[
        list[str],
        Parameter(
            negative="",
            help="NAME:PASSWORD, or a file of such lines, which others cannot see in the list of"
            " processes; repeatable",
        ),
    ] = field(default_factory=list)
    model: Annotated[
        list[str],
        Parameter(negative="", help="offered beside the embedded one, as for paint; repeatable"),
    ] = field(default_factory=list)
    max_megapixels: Annotated[float, Parameter(help="of a picture; one has 1024 x 1024 pixels")] = (
        1100.0
    )
    max_queue: Annotated[int, Parameter(help="pictures that wait, of all people together")] = 100
    max_upload: Annotated[int, Parameter(help="MiB of an image to start from")] = 64
    open: Annotated[bool, Parameter(negative="", help="show the page in a browser")] = False


_ADDED = ("variant", "config", "vae", "controlnet", "lora", "ip_adapter", "textual_inversion")


def limits(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a request takes of what hands were told."""
    known = {name: told.get(name) for name in ("batch_size", "canvas", "workers", "ray")}
    return {name: value for name, value in known.items() if value is not None}


def _given(options: Look | Hands) -> dict[str, Any]:
    named = {each.name: getattr(options, each.name) for each in fields(options)}
    return {name: value for name, value in named.items() if value is not None}
