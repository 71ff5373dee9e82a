"""`tensorcore warmup`: what it trains, on which device, and what it refuses."""

import os

import pytest

from tensorcore import warmup
from tensorcore.__main__ import main


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(warmup, "STEPS", 2)
    monkeypatch.setenv("TENSORCORE_COMPILE", "")


@pytest.mark.parametrize("kind", ["dense", "words"])
def test_each_kind_is_trained(device, kind, capsys):
    assert main(["warmup", "--device", device.name, "--only", kind]) == 0
    words = capsys.readouterr().out.split()
    assert words[:2] == [device.name, kind]
    assert float(words[2]) >= 0
    assert words[3] == "s"
    assert os.environ["TENSORCORE_COMPILE"] == "foreground", "nothing is left to the background"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--only", "nonsense"],
            "tensorcore warmup: there is no kind of model 'nonsense'; there are dense, sgd, "
            "images, words, sequences, attention\n",
        ),
        (
            ["--device", "tpu"],
            'tensorcore warmup: unknown device \'tpu\'; expected "cpu", "gpu", "gpu:N" or "auto"\n',
        ),
    ],
)
def test_bad_input(arguments, words, capsys):
    assert main(["warmup", "--device", "cpu", *arguments]) == 2
    assert capsys.readouterr().err == words
