"""Between two stages: a picture and its latents."""

import tempfile

import numpy as np
import pytest
import torch
from PIL import Image

import muralist
from muralist import Pixelsmith, Request, tiles
from muralist import decode as module
from muralist.canvas import Size
from muralist.codec import Latents, ModelCodec
from muralist.models import Toy
from muralist.sinks import spool
from muralist.stage import through_pixels
from tests.laws.parts import Watched, distance, normal, painted, toy_request
from tests.parts.test_decode import Wide, uncounted


def generated(model, prompt, *, spool, **settings):
    return painted(Request(model=model, prompt=prompt, **settings), spool=spool)


def test_latents_survive_the_way_through_pixels_to_a_shade():
    codec = ModelCodec(Toy())
    latents = normal(1, 3, 9, 14, dtype=torch.float32).clamp(-1.9, 1.9)  # colours within range
    back = codec.latents(codec.picture(latents))
    assert (back - latents).abs().max() <= 4 / 255 / 2 + 1e-6


def test_enlarging_through_pixels_is_lanczos_on_the_picture():
    codec, latents = ModelCodec(Toy()), normal(1, 3, 9, 14, dtype=torch.float32)
    larger = through_pixels(Latents(codec, latents), Size(18, 30), codec)
    picture = Image.fromarray(codec.picture(latents))
    expected = picture.resize((30, 18), Image.Resampling.LANCZOS)
    assert np.array_equal(codec.picture(larger), np.asarray(expected))


@pytest.mark.parametrize("painted_by", [generated, muralist.paint])
def test_pixels_between_two_stages_live_where_those_of_the_picture_do(
    painted_by, tmp_path, monkeypatch
):
    """In files without names, in the folder that is given, where they are many."""
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    folders, file = [], tempfile.TemporaryFile

    def watched(dir=None):
        folders.append(dir)
        return file(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    painted_by(
        Toy(), "", method=Pixelsmith(), height=40, width=40, num_inference_steps=2, spool=tmp_path
    )
    # the picture, and for each of two more stages: the last, its rows enlarged, all of it
    assert folders == [tmp_path] * (1 + 2 * 3)


def test_encoding_and_decoding_of_a_real_model_are_diffusers(tiny_sdxl):
    vae = tiny_sdxl.pipe.vae
    pixels = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = vae.encode(2 * pixels.to(vae.device) - 1).latent_dist.mean
        ours = tiny_sdxl.encode_pixels(pixels)
    torch.testing.assert_close(ours, expected * vae.config.scaling_factor)


def test_a_picture_too_large_is_encoded_in_tiles(monkeypatch):
    """The toy encodes pixel by pixel: tiles must give what the whole gives."""
    watched = Wide(Toy())
    picture = ModelCodec(watched).picture(normal(1, 3, 150, 200, dtype=torch.float32))
    whole = ModelCodec(watched).latents(picture)
    monkeypatch.setattr(module, "BUDGET", 1)
    seen = []
    encode = Toy.encode_pixels
    monkeypatch.setattr(
        Toy, "encode_pixels", lambda self, x: seen.append(tuple(x.shape[2:])) or encode(self, x)
    )
    torch.testing.assert_close(ModelCodec(watched).latents(picture), whole)
    assert len(seen) == 1 + 2 * 3, "one tells that there are no norms"
    assert max(seen) <= (128, 128)


@pytest.mark.parametrize("size", [Size(48, 40), Size(70, 33)], ids=str)
def test_a_real_encoder_in_tiles_is_the_whole_within_a_stated_error(tiny_sdxl, monkeypatch, size):
    """In standard deviations of the latents; tiles normalised each by itself are outside."""
    pixels = torch.rand(8, 8, 3, generator=torch.Generator().manual_seed(0)).mul(255).byte()
    large = Image.fromarray(pixels.numpy()).resize((8 * size.width, 8 * size.height))
    picture = np.array(large)
    codec = ModelCodec(tiny_sdxl)
    whole = codec.latents(picture)
    monkeypatch.setattr(module, "BUDGET", 1)
    shared = codec.latents(picture)
    monkeypatch.setattr(tiles, "statistics", uncounted)
    alone = codec.latents(picture)
    assert distance(shared, whole) <= 0.2 < distance(alone, whole)
    off = [float((each - whole).abs().mean() / whole.std()) for each in (shared, alone)]
    assert off[0] <= 0.02 < off[1]


def test_nothing_is_decoded_between_the_stages_of_demofusion():
    watched = Watched(Toy())
    painted(toy_request(model=watched))
    assert watched.decoded == [Size(40, 40)]
