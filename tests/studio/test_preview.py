"""Previews look like the picture, cost what a native one does, and come now and then."""

import numpy as np
import torch
from PIL import Image

import muralist
from muralist.canvas import Size
from muralist.codec import ModelCodec
from muralist.studio.preview import Previews, glimpse, write_jpeg


def test_a_native_canvas_is_seen_as_it_will_be_decoded():
    model = muralist.load("shapes")
    x0 = torch.randn(1, model.card.channels, *model.card.native) * 0.5
    assert (glimpse(model, x0) == ModelCodec(model).picture(x0)).all()


def test_a_large_canvas_is_seen_at_native_size_and_in_its_own_colours():
    model = muralist.load("shapes")
    prompt = "a red circle on a blue background"
    small = muralist.paint(model, prompt, height=128, width=128, seed=1, num_inference_steps=8)
    large = small.latents.repeat_interleave(4, -1).repeat_interleave(4, -2)
    seen = glimpse(model, large)
    assert np.abs(seen.astype(int) - small.pixels.astype(int)).max() <= 1
    wide = torch.cat([large] * 2, -1)
    height, width, _ = glimpse(model, wide).shape
    native = model.card.native.times(model.card.factor)
    assert height * width <= native.area * 1.02 and abs(width / height - 2) < 0.05


def test_what_is_decoded_is_never_more_than_a_native_picture(monkeypatch):
    model, seen = muralist.load("toy"), []
    decode = type(model).decode
    monkeypatch.setattr(
        type(model), "decode", lambda self, z: seen.append(z.shape[-2:].numel()) or decode(self, z)
    )
    for size in (Size(1, 1), model.card.native, Size(300, 1), Size(257, 129)):
        glimpse(model, torch.zeros(1, model.card.channels, *size))
    assert len(seen) == 4 and max(seen) <= 1.2 * model.card.native.area


def test_slow_previews_come_seldom_and_quick_ones_once_a_second(tmp_path, monkeypatch):
    model, now = muralist.load("toy"), [0.0]
    x0 = torch.zeros(1, model.card.channels, *model.card.native)
    for cost, apart in ((0.01, 1.0), (2.0, 40.0)):
        shown = []

        def slow(*arguments, cost=cost, shown=shown):
            shown.append(now[0])
            now[0] += cost
            return np.zeros((4, 4, 3), np.uint8)

        monkeypatch.setattr("muralist.studio.preview.glimpse", slow)
        previews = Previews(tmp_path / "preview.jpg", lambda: now[0])
        for _ in range(2000):
            previews.show(model, x0)
            now[0] += 0.1
        gaps = np.diff(shown)
        assert previews.number == len(shown) > 3 and (gaps >= apart).all()
        assert (gaps <= apart + cost + 0.2).all()


def test_a_preview_is_a_picture_at_every_moment(tmp_path):
    for shade in (0, 255):
        write_jpeg(np.full((300, 500, 3), shade, np.uint8), tmp_path / "preview.jpg", 100)
        with Image.open(tmp_path / "preview.jpg") as image:
            assert image.size == (100, 60) and image.getpixel((5, 5)) == (shade,) * 3
    assert [path.name for path in tmp_path.iterdir()] == ["preview.jpg"]
