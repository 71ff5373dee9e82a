"""`tensorcore run`: programs that say `import tensorflow` run, and what is missing is listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tensorcore as tc
import tensorcore.tf.compat.v1 as tf1
from tensorcore.__main__ import main
from tensorcore.run.program import Program

SEEDS = Path(__file__).resolve().parent.parent / "examples" / "seeds"

# What the documents print (a vector as NumPy prints it).
STORIES = {
    "tf1_variable": "첫 번째: [c, a] = [2, 2]\n두 번째: [c, a] = [3, 3]\n",
    "tf1_placeholder": "a + b = 2\n",
    "tf1_arithmetic": "a + b = 5\na * b = 6\n",
    "tf1_vector": "a + b = [5 7 9]\n",
    "tf1_matrix": (
        "shape of a:  (2, 2)\nshape of b:  (2, 1)\nshape of c:  (2, 1)\n"
        "a = \n [[1 2]\n [3 4]]\nb = \n [[1]\n [2]]\nc = \n [[ 5]\n [11]]\n"
    ),
    "tf1_unknown_dimension": (
        "--[[1, 2]]를 대입 --\na =  [[1 2]]\n\n"
        "-- [[1, 2], [3, 4]]를 대입 --\na =  [[1 2]\n [3 4]]\n"
    ),
    "tf1_two_sessions": (
        "첫 번째 b = 2\n두 번째 b = 3\n-- 새로운 세션 --\n첫 번째 b = 2\n두 번째 b = 3\n"
    ),
    "tf1_saver": "2\n3\n4\n5\n",
}


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """An empty folder, a fresh graph, and the default device put back."""
    monkeypatch.chdir(tmp_path)
    before = tc.default_device()
    tf1.reset_default_graph()
    yield
    tf1.reset_default_graph()
    tc.set_default_device(before)


def run(text: str, *arguments: str, name: str = "program.py") -> int:
    Path(name).write_text(text, encoding="utf-8")
    return main(["run", name, *arguments])


# Programs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("story", STORIES)
def test_the_documents_programs_print_what_they_print(story, device, capsys):
    text = (SEEDS / f"{story}.py").read_text(encoding="utf-8")
    with tc.device(device):
        exec(compile(text, story, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == STORIES[story]


@pytest.mark.parametrize("story", STORIES)
def test_they_run_untouched(story, device, capsys):
    ours, theirs = "import tensorcore.tf.compat.v1 as tf", "import tensorflow as tf"
    text = (SEEDS / f"{story}.py").read_text(encoding="utf-8")
    assert ours in text
    assert run(text.replace(ours, theirs), "--device", device.name) == 0
    seen = capsys.readouterr()
    assert seen.out == STORIES[story]
    restored = "INFO:tensorflow:Restoring parameters from model/model.ckpt\n"
    assert seen.err == (restored if story == "tf1_saver" else "")


def test_every_way_to_import(capsys):
    text = """
import tensorflow as tf, sys
import tensorflow.compat.v1 as one
import tensorflow.keras.layers as L
from tensorflow import keras
from tensorflow.keras.models import Sequential
import keras as other
from keras.layers import Dense
from tensorflow.examples.tutorials.mnist import input_data
import tensorcore
print(tf.add(tf.constant(2), 3).numpy(), keras is other, L.Dense is Dense, one is tf.compat.v1)
print(tensorcore.tf is tf, tensorcore.tf.__spec__.name, input_data.read_data_sets.__name__)
"""
    assert run(text) == 0
    assert capsys.readouterr().out == "5 True True True\nTrue tensorcore.tf read_data_sets\n"
    assert not {"tensorflow", "keras"} & set(sys.modules)


def test_the_program_is_main_with_its_arguments(capsys):
    Path("helper.py").write_text("import tensorflow as tf\ntwo = tf.constant(2)\n")
    text = """
import sys, pickle, helper
class Thing: pass
if __name__ == "__main__":
    print(sys.argv, __file__, type(pickle.loads(pickle.dumps(Thing()))) is Thing)
    print(helper.two.numpy(), sys.modules["__main__"].Thing is Thing)
"""
    assert run(text, "--device", "cpu", "--steps", "3", "--check") == 0
    assert capsys.readouterr().out == (
        "['program.py', '--steps', '3', '--check'] program.py True\n2 True\n"
    )
    assert "program.py" not in sys.argv
    sys.modules.pop("helper")


@pytest.mark.parametrize(
    ("leave", "status", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('over')", 1, "over\n"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
    ],
)
def test_the_exit_status_is_the_programs(leave, status, said, capsys):
    assert run(f"import sys\n{leave}\n") == status
    assert said in capsys.readouterr().err


def test_tracebacks_show_the_users_program(capsys):
    text = "import tensorflow as tf\ndef f():\n    return 1 / 0\nf()\n"
    assert run(text) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "Traceback (most recent call last):",
        '  File "program.py", line 4, in <module>',
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert not any("tensorcore" in line for line in lines)
    assert run("x = (\n") == 1
    assert "SyntaxError" in capsys.readouterr().err


def test_the_command_in_a_process_of_its_own(tmp_path):
    text = "import tensorflow as tf\nprint(tf.reduce_sum(tf.ones([3])).numpy())\ntf.nix\n"
    Path("program.py").write_text(text)
    result = subprocess.run(
        [sys.executable, "-m", "tensorcore", "run", "--device=cpu", "program.py"],
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (1, "3.0\n")
    assert '  File "program.py", line 3, in <module>' in result.stderr
    assert result.stderr.endswith(
        "tensorcore run: `tensorcore run --check program.py` lists all that is missing\n"
    )


def test_what_cannot_be_started(capsys):
    assert main(["run", "none.py"]) == 2
    assert "can't open file 'none.py'" in capsys.readouterr().err
    assert run("print(1)", "--device", "gpu:77") == 2
    assert "tensorcore run: " in capsys.readouterr().err


# Which TensorFlow ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("import tensorflow as tf\nx = tf.placeholder(tf.float32)", 1),
        ("import tensorflow as tf\nwith tf.Session() as s: pass", 1),
        ("import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()", 1),
        ("import tensorflow as tf\ntf.compat.v1.disable_eager_execution()", 1),
        ("from tensorflow import Session", 1),
        ("import tensorflow as tf\ntf.compat.v1.set_random_seed(1)\ntf.function", 2),
        ("import tensorflow as tf\nprint(tf.constant(1))", 2),
        ("from tensorflow import keras", 2),
        ("class tf: Session = 1\ntf.Session", 2),
    ],
)
def test_the_style_is_seen_in_the_text(text, style):
    Path("p.py").write_text(text)
    assert Program("p.py").style == style


def test_the_style_of_modules_beside_the_program_counts():
    Path("net.py").write_text("import tensorflow as tf\nx = tf.placeholder(tf.float32)\n")
    Path("p.py").write_text("import net\nimport tensorflow as tf\n")
    assert Program("p.py").style == 1


# What is missing ----------------------------------------------------------------------------------


def test_check_lists_all_that_is_missing(capsys):
    text = """import tensorflow as tf
from tensorflow.keras.layers import Dense, Nothing
import tensorflow.nowhere
raise SystemExit("never run")
y = tf.reduce_meen(tf.nn.reluu(1)) + tf.reduce_mean(2)
d = tf.data.Dataset.from_nowhere
"""
    assert run(text, "--check") == 1
    lines = capsys.readouterr().out.splitlines()
    places = [line.split(": ")[:2] for line in lines[:-1]]
    assert places == [
        ["program.py:2", "tensorflow.keras.layers.Nothing"],
        ["program.py:3", "tensorflow.nowhere"],
        ["program.py:5", "tensorflow.reduce_meen"],
        ["program.py:5", "tensorflow.nn.reluu"],
        ["program.py:6", "tensorflow.data.Dataset.from_nowhere"],
    ]
    assert "did you mean 'reduce_mean'" in lines[2]
    assert lines[-1] == ("program.py: speaks TensorFlow 2, asks for 8 names, 5 of them missing")


def test_check_of_a_whole_program(capsys):
    text = "import tensorflow as tf\ns = tf.Session()\ns.run(tf.constant(1))\n"
    assert run(text, "--check") == 0
    assert capsys.readouterr().out == (
        "program.py: speaks TensorFlow 1, asks for 3 names, nothing is missing\n"
    )


def test_missing_modules_say_so(capsys):
    assert run("import tensorflow.kerass\n") == 1
    said = capsys.readouterr().err
    assert "tensorflow.kerass is not there in tensorcore; tensorflow has keras" in said
    assert "line 1" in said


def test_the_other_packages_of_tensorflow(capsys):
    text = """
import tensorflow_datasets as tfds
import tensorflow_hub as hub
import tensorcore
print(hub.KerasLayer is tensorcore.hub.KerasLayer, tfds.load is tensorcore.tfds.load)
"""
    assert run(text) == 0
    assert capsys.readouterr().out == "True True\n"
    assert run(text, "--check") == 0


@pytest.mark.parametrize("program", sorted(path.name for path in SEEDS.glob("[tk]*_*.py")))
def test_nothing_of_the_documents_programs_is_missing(program, capsys):
    theirs = {
        "from tensorcore import tfds": "import tensorflow_datasets as tfds",
        "from tensorcore import tf": "import tensorflow as tf",
        "import tensorcore.tf.compat.v1 as tf": "import tensorflow as tf",
        "from tensorcore import keras": "from tensorflow import keras",
        "from tensorcore.keras": "from tensorflow.keras",
        "from tensorcore import hub": "import tensorflow_hub as hub",
    }
    text = (SEEDS / program).read_text(encoding="utf-8")
    for ours, name in theirs.items():
        text = text.replace(ours, name)
    assert run(text, "--check") == 0
    style = 1 if program.startswith("tf1") else 2
    assert f"speaks TensorFlow {style}, " in capsys.readouterr().out
