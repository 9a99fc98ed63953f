"""Features of vision transformers, from a folder as transformers saves it."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from transformers import Dinov2Model, ViTConfig, ViTModel

from muralist.bench.features import load
from muralist.bench.vision import VisionTransformer
from muralist.errors import ModelNotFound, UnsupportedModel
from tests.bench.tiny import DEVIATION, MEAN, save_dinov2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Of a DINOv2."""
    return save_dinov2(tmp_path_factory.mktemp("dinov2"))


@pytest.fixture(scope="module")
def features(folder) -> VisionTransformer:
    return load(folder)


def noise(*size: int) -> Tensor:
    return torch.rand(size, generator=Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    ("height", "width", "cells"),
    [(56, 56, (4, 4)), (70, 42, (5, 3)), (64, 128, (5, 9)), (5, 30, (1, 2))],
)
def test_pictures_of_any_size_have_a_feature_for_every_patch(features, height, width, cells):
    assert features(noise(2, 3, height, width)).shape == (2, 32, *cells)


def test_features_are_the_patch_tokens_of_transformers_own_model(features, folder):
    pictures = noise(2, 3, 70, 42)
    model = Dinov2Model.from_pretrained(folder).eval()
    mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, DEVIATION))
    with torch.no_grad():
        tokens = model(((pictures + 1) / 2 - mean) / deviation).last_hidden_state
    found = features(pictures)
    for row in range(5):
        for column in range(3):  # after the class token, row by row
            token = tokens[:, 1 + 3 * row + column]
            assert torch.allclose(found[:, :, row, column], token, atol=1e-5)


def test_a_picture_of_another_size_is_resized(features):
    flat = torch.full((1, 3, 60, 50), 0.25)
    assert torch.allclose(features(flat), features(torch.full((1, 3, 56, 56), 0.25)), atol=1e-4)


def test_features_learn_nothing(features):
    assert not features(noise(1, 3, 28, 28)).requires_grad
    assert not features.model.training


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelNotFound, match=r"no config.json .* '.*nowhere'; the local folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("file", ["preprocessor_config.json", "config.json"])
def test_a_file_that_is_missing_is_named(folder, tmp_path, file):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / file).unlink()
    with pytest.raises(ModelNotFound, match=f"there is no {file}"):
        load(copy)


def test_weights_that_are_no_safetensors_are_not_read(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelNotFound, match="no safetensors in"):
        load(copy)


def test_a_processor_that_does_not_say_how_pictures_are_normalised_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="does not say image_mean and image_std"):
        load(copy)


def test_another_kind_of_model_is_refused(tmp_path):
    config = ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    ViTModel(config).save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModel, match="of type 'vit'; features are had from dinov2"):
        load(tmp_path)
