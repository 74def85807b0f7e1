"""A fault of a file, and whether the command that meets it does as is promised.

It makes the file again with the same rows, or does without it, or says one line with status 1 and
harms nothing: with the file put back, it comes to what it comes to undisturbed. A trial reads as
words, which reproduce it: ``build_again out/pairs.parquet torn 17``.
"""

import random
import re
import shutil
import subprocess
import zlib

from faults import damage
from faults.contents import contents, differences
from faults.scenes import READS, REPEATS, TAKES

SECONDS = 60.0


class FileFaults:
    """The faults of one scene.

    Args:
        ground: see :class:`faults.jobs.Ground`.
        scene: the scene.
        folder: where the trials work.
    """

    def __init__(self, ground, scene, folder):
        self.ground, self.scene, self.folder = ground, scene, folder
        self.work = folder / "work"
        self.failures = []
        self.refused = 0
        self._lay_out()
        self.files = self._files()
        process, self.out, err = ground.run(scene.job.command, self.work)
        assert process.returncode == 0, f"{scene.name}: {err}"
        self.undisturbed = contents(self.work)

    def _lay_out(self):
        if self.work.exists():
            shutil.rmtree(self.work)
        self.foreign = self.ground.lay_out(self.scene.job, self.work)

    def _files(self):
        """Return the files by their kind: a name whose numbers and hashes are left out."""
        kinds = {}
        for pattern in self.scene.files:
            for path in sorted(self.work.glob(pattern)):
                name = path.relative_to(self.work).as_posix()
                if path.is_file() and not name.endswith(("/a.txt", "mine.txt")):
                    kinds.setdefault(re.sub(r"[0-9a-f]{12,}|\d+", "#", name), []).append(name)
        return kinds

    def planned(self, number):
        """Yield so many faults: file, fault and seed; every kind of file with every fault first."""
        draw = random.Random(zlib.crc32(self.scene.name.encode()))
        every = [(kind, fault) for kind in sorted(self.files) for fault in damage.FAULTS]
        for trial in range(number):
            if trial % len(every) == 0:
                draw.shuffle(every)
            kind, fault = every[trial % len(every)]
            yield draw.choice(self.files[kind]), fault.__name__, draw.randrange(10**6)

    def run(self, name, fault, seed):
        """Damage a file and run the command; return what is wrong, a line each."""
        self._lay_out()
        path = self.work / name
        original = path.read_bytes()
        getattr(damage, fault)(path, random.Random(seed))
        found = damage.looks(path)
        if found == ("file", original):
            return []
        before = contents(self.work)
        wrong = self._ended(path, name, original, before)
        wrong += [f"{n}: touched" for n in self.foreign if (self.work / n).read_text() != "mine"]
        if wrong:
            self.failures.append(
                (f"{self.scene.name.replace('-', '_')} {name} {fault} {seed}", wrong)
            )
        return wrong

    def _ended(self, path, name, original, before):
        looked = damage.looks(path)
        process = self.ground.begin(self.scene.job.command, self.work)
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return [f"runs for more than {SECONDS:g} s"]
        # what was read, and came to nothing, has status 1, too
        read = process.returncode == 0 or (self.scene.how is TAKES and "no pairs: " in err)
        if read and not _is_fault(out, err):
            return self._believed(name, out)
        if wrong := self._not_one_line(process.returncode, out, err):
            return wrong
        self.refused += 1
        if self.scene.how is not REPEATS or process.returncode == 2:
            return differences(before, contents(self.work))
        if looked[0] != "file" and damage.looks(path) != looked:
            return [f"{name}: touched, though refused"]
        return self._put_back(path, original)

    def _not_one_line(self, status, out, err):
        """Return what is wrong with how a command refused a file."""
        said = [line for line in err.splitlines() if not line.startswith("note: ")]
        one_line = status == 1 and len(said) == 1
        checked = self.scene.name == "verify" and status == 1 and not said
        of_typer = status == 2 and "Usage:" in err
        if (one_line or checked or of_typer) and not _is_fault(out, err):
            return []
        return [f"status {status}, {err[-3000:]!r}"]

    def _believed(self, name, out):
        """Return how what was made, in spite of the fault, differs from what is right."""
        if self.scene.how is TAKES:
            return []
        expected, found = dict(self.undisturbed), contents(self.work)
        if self.scene.how is READS or expected.get(name) != found.get(name):
            if self.scene.how is REPEATS and self._must_be_whole(name):
                return [f"{name}: believed as it is"]
            for known in (expected, found):
                known.pop(name, None)
                for inside in [n for n in known if n.startswith(f"{name}/")]:
                    del known[inside]
        wrong = differences(expected, found)
        if self.scene.how is READS and _timeless(out) != _timeless(self.out):
            wrong.append(f"prints something else: {out[-500:]!r}")
        return wrong

    def _must_be_whole(self, name):
        """Return whether a file is the command's own, and not one that it only leaves there."""
        return self.scene.own.match(name) is not None

    def _put_back(self, path, original):
        """Run again with the file as it was; return how that differs from undisturbed."""
        damage.take_away(path)
        path.write_bytes(original)
        process, _, err = self.ground.run(self.scene.job.command, self.work)
        if process.returncode:
            return [f"refused, and with the file put back, too: {err[-1000:]!r}"]
        return differences(self.undisturbed, contents(self.work))


def _is_fault(out, err):
    return "Traceback" in out + err or "panicked" in err


def _timeless(text):
    """Return what a command prints without how long its steps took."""
    return re.sub(r"^(samples|scores|dataset|all) .*$", "", text, flags=re.MULTILINE)
