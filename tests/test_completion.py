"""`tensorcore completion`: a shell completes what the commands take."""

import shutil
import subprocess

import pytest

from tensorcore.__main__ import main


def completed(script, *words):
    """What bash offers for these words, the last of which is being typed."""
    line = " ".join(f"'{word}'" for word in words)
    program = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n_tensorcore\n"
    program += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    ran = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert {"doctor", "benchmark", "profile", "run"} <= completed(script, "tensorcore", "")
    assert completed(script, "tensorcore", "doc") == {"doctor"}
    assert completed(script, "tensorcore", "doctor", "--n") == {"--numerics"}
    assert "--baseline" in completed(script, "tensorcore", "benchmark", "--b")
    (tmp_path / "train.py").write_text("")
    assert completed(script, "tensorcore", "run", "tr") == {"train.py"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "benchmark" in script
    assert "--numerics" in script
