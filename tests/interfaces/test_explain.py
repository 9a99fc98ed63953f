"""The command that draws ideas."""

import json

import pytest
from PIL import Image

from muralist.cli.main import main
from muralist.explain import IDEAS, Dilated
from muralist.sinks import read_settings


def run(capsys, *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_a_picture_is_drawn_and_says_what_was_set(tmp_path, capsys):
    file = tmp_path / "dilated.png"
    code, out, _ = run(capsys, "explain", "dilated", "--set", "shift=2", "--out", file)
    assert code == 0 and out.startswith(f"{file}: Every k-th cell")
    with Image.open(file) as image:
        assert image.width == 1600
    settings = read_settings(file)
    assert settings["idea"] == "dilated" and settings["shift"] == 2 and settings["factor"] == 3


def test_the_picture_is_the_ideas_own(tmp_path, capsys):
    file = tmp_path / "dilated.png"
    run(capsys, "explain", "dilated", "--set", "factor=2", "--set", "theme=dark", "--out", file)
    with Image.open(file) as image:
        assert image.tobytes() == Dilated(factor=2, theme="dark")().tobytes()


def test_without_a_file_a_free_name_is_taken(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run(capsys, "explain", "weights")
    assert {file.name for file in tmp_path.iterdir()} == {"weights.png", "weights-2.png"}


def test_ideas_are_listed_with_their_settings(capsys):
    code, out, _ = run(capsys, "explain")
    assert code == 0
    for name, idea in IDEAS.items():
        assert name in out and (idea.__doc__ or "").splitlines()[0] in out


def test_ideas_are_listed_for_machines(capsys):
    _, out, _ = run(capsys, "explain", "--json")
    assert [json.loads(line)["name"] for line in out.splitlines()] == list(IDEAS)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dilate"], "there is no idea 'dilate'; did you mean dilated?"),
        (["dilated", "--set", "shfit=1"], "has no setting 'shfit'; did you mean shift?"),
        (["dilated", "--set", "shift"], "has no value; NAME=VALUE is needed"),
        (["dilated", "--set", "shift=36"], "shift is 36; a whole number from 0 to 35 is needed"),
        (["windows", "--set", "jitter=7"], "jitter is 7 latent cells; 0 to 6"),
        (["words", "--set", "prompt="], "there is no prompt"),
        (["dilated", "--out", "dilated.txt"], "should end in .png"),
        (["dilated", "--json"], "--json is for the list of ideas"),
        (["--set", "shift=1"], "are for one idea"),
        (["--out", "ideas.png"], "are for one idea"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(
    words, sentence, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "explain", *words)
    assert code == 2 and not out and sentence in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
