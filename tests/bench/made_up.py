"""Results that nobody measured, as plausible as it takes to look at a report of them."""

import random

from muralist.bench.results import Group, Results, Row, Shown

SIZES = ("256x256", "384x384", "512x512", "512x256")
PROMPTS = (
    "a red circle on a blue background",
    "a striped orange ring on a purple background",
    "a blue star on a white background",
    "a green square and a yellow circle on a purple background",
)
ENTRANTS = {
    "multidiffusion": "method",
    "demofusion": "method",
    "accdiffusion": "method",
    "pixelsmith": "method",
    "multidiffusion, no crops": "ablation",
    "demofusion, no crops": "ablation",
    "truth": "control",
    "enlarged": "control",
    "copied": "control",
}

# Excess objects at 4x, detail, view borders, texture gap in dB, distance of wholes and of patches.
_NATURE = {
    "multidiffusion": (4.1, 1.62, 1.31, 5.2, 3.1, 2.4),
    "demofusion": (0.42, 0.94, 1.08, 1.8, 0.9, 1.1),
    "accdiffusion": (0.25, 0.85, 1.06, 2.1, 1.0, 1.2),
    "pixelsmith": (0.08, 0.93, 1.02, 1.4, 0.8, 1.0),
    "multidiffusion, no crops": (15.9, 2.1, 1.5, 6.0, 4.0, 3.3),
    "demofusion, no crops": (1.4, 0.99, 1.1, 2.0, 1.3, 1.4),
    "truth": (0.0, 1.0, 1.0, 0.0, 0.1, 0.1),
    "enlarged": (0.0, 0.26, 1.0, 11.5, 0.7, 6.2),
    "copied": (15.0, 0.9, 1.4, 2.0, 7.5, 1.3),
}
_EVALUATIONS = {"multidiffusion": 1225, "demofusion": 2825, "accdiffusion": 2825, "pixelsmith": 875}
_AREA = {"256x256": 0.2, "384x384": 0.5, "512x512": 1.0, "512x256": 0.45}


def results(prompts: int = 4, seeds: int = 3, sizes: tuple[str, ...] = SIZES) -> Results:
    """A whole benchmark; the same every time."""
    chance = random.Random(7)
    cases = [(prompt, seed) for prompt in PROMPTS[:prompts] for seed in range(seeds)]
    rows = [
        _row(chance, entrant, size, *case)
        for case in cases
        for size in sizes
        for entrant in ENTRANTS
    ]
    groups = [_group(entrant, size) for size in sizes for entrant in ENTRANTS]
    return Results(
        facts={
            "model": "shapes",
            "steps": "25, guidance 5",
            "machine": "made up, 2 cores",
            "versions": "muralist 0.1.0, torch 2.13.0",
            "command": "muralist bench --prompts 4 --seeds 3 --out bench",
        },
        entrants=ENTRANTS,  # type: ignore[arg-type]
        sizes=sizes,
        rows=tuple(rows),
        groups=tuple(groups),
        fields={
            name: {
                "field.inside": 0.91,
                "field.across": 0.95 - 0.01 * len(name),
                "field.exact": 0.92,
            }
            for name in _EVALUATIONS
        },
        shown=tuple(
            Shown(entrant=name, size=max(sizes), prompt=prompt, seed=0, file=_file(name, number))
            for number, prompt in enumerate(PROMPTS[: min(prompts, 3)])
            for name in ENTRANTS
        ),
    )


def _file(entrant: str, number: int) -> str:
    return f"pictures/{entrant.replace(', ', '-').replace(' ', '-')}-{number}.png"


def _row(chance: random.Random, entrant: str, size: str, prompt: str, seed: int) -> Row:
    excess, detail, border, gap, _, _ = _NATURE[entrant]
    things, area = 1 + (" and " in prompt), _AREA[size]
    more = 0 if excess == 0 else _poisson(chance, excess * area)
    broken = 0 if excess == 0 else _poisson(chance, 0.2 * area)
    measures = {
        "repetition.base": float(things),
        "repetition.found": float(things + more),
        "repetition.excess": float(more),
        "repetition.index": more / (15 * area),
        "repetition.missing": 0.0,
        "repetition.wrong_colours": 0.0,
        "repetition.wrong_shapes": float(more > 4),
        "repetition.fragments": float(broken),
        "repetition.drift": 0.002 + 0.01 * min(more, 3),
        "repetition.right": float(more == 0 and broken == 0),
        "truth.detail": max(detail + chance.gauss(0, 0.04 * (entrant != "truth")), 0.02),
        "truth.texture": gap * (1 + chance.gauss(0, 0.05)),
        "truth.adherence": float(more == 0),
        "seams.views": border + chance.gauss(0, 0.01),
        "seams.decode": 1 + abs(chance.gauss(0, 0.01)),
    }
    if entrant in _EVALUATIONS:
        views = _EVALUATIONS[entrant] * area
        measures |= {
            "cost.evaluations": float(round(views)),
            "cost.base_s": 0.0 if entrant == "multidiffusion" else 0.8,
            "cost.upscale_s": views * 0.024 * (1 + chance.gauss(0, 0.02)),
            "cost.decode_s": 0.5 * area,
            "cost.peak_bytes": (60 + 200 * area) * 2**20,
        }
    octaves = 4 if size.startswith("256") else 5
    fall = [gap * band / octaves * (-1 if detail < 1 else 1) for band in range(octaves)]
    spectrum = [-6.0 * band + off + chance.gauss(0, 0.2) for band, off in enumerate(fall)]
    return Row(
        entrant=entrant,
        size=size,
        prompt=prompt,
        seed=seed,
        measures=measures,
        curves={"truth.spectrum": spectrum},
    )


def _poisson(chance: random.Random, rate: float) -> int:
    """Events in ten small moments of a thousand: near enough to Poisson's."""
    return sum(chance.random() < rate / 1000 for _ in range(1000))


def _group(entrant: str, size: str) -> Group:
    *_, whole, patches = _NATURE[entrant]
    larger = 0.7 + 0.3 * _AREA[size]
    distances = {
        "truth.frechet": whole * larger,
        "truth.frechet_patches": patches * larger,
        "truth.kernel": whole * larger * 2e-3,
        "truth.kernel_patches": patches * larger * 2e-3,
    }
    return Group(entrant=entrant, size=size, measures=distances)
