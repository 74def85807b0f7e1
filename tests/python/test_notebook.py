"""In a notebook's kernel progress is HTML, redrawn; importing the package stays light."""

import json
import subprocess
import sys

# stands in for IPython's own module, which draws into a browser
DISPLAY = """
class HTML:
    def __init__(self, data): self.data = data
class Handle:
    def update(self, shown): drawn.append(shown.data)
drawn = []
def display(shown, display_id):
    drawn.append(shown.data)
    return Handle()
"""
PROGRAM = """
import sys, types, json
for name in ("ipykernel", "IPython"): sys.modules[name] = types.ModuleType(name)
from udasa_data.terminal import watched
from IPython import display
with watched(None) as bars:
    bars.start("samples", 10, 2)
    bars.say("<note>")
    bars.advance(3, 40)
    bars.finish()
print(json.dumps(display.drawn))
"""


def test_progress_in_a_notebook(tmp_path):
    (tmp_path / "display.py").write_text(DISPLAY)
    program = PROGRAM.replace(
        "from IPython import display",
        f"sys.path.insert(0, {str(tmp_path)!r}); import display\n"
        "sys.modules['IPython.display'] = display",
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    drawn = json.loads(done.stdout)
    assert '<progress max="10" value="2.000">' in drawn[0]
    assert "&lt;note&gt;" in drawn[1]
    assert "<progress" not in drawn[-1]
    assert "samples: 10 of 10 prompts, in 0 s" in drawn[-1]
    assert done.stderr == ""


def test_the_import_is_light():
    """50 ms on a machine of 2026; what makes it so is that nothing heavy is imported."""
    program = (
        "import sys, udasa_data; dir(udasa_data)\n"
        "heavy = {'torch', 'transformers', 'datasets', 'polars', 'numpy', 'msgspec', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
