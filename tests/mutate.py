#!/usr/bin/env python3
"""mutate.py - how much of the product's text the tests hold: changes one line, builds, runs tests until one fails.

  tests/mutate.py [OPTION...]
    --list FILE      mutations to apply first (default tests/mutate.list; "" for none)
    --count N        more, drawn from the lines of backend/, graph/, loaders/, samples/data/ and shaders/ (default 100)
    --seed S         of the drawing (default 1)
    --work DIR       copy of the source folder, its build and results.tsv (default build/mutate). What results.tsv holds already is not
                     done again: an interrupted run goes on where it was
    --minutes M      starts no further mutation after so long (default: no limit)
    --tests REGEX    those of ctest that are run (default: those of the changed folder, the quick ones, then the suite without its longest)
    --show           prints the mutations that would be tried, and ends
    --help           this text

A mutation is noticed when a test fails or runs ten times longer than its limit, survives when all pass, and is skipped when it does
not build or when the built library is the same bytes. The driver is lavapipe unless VK_ICD_FILENAMES says otherwise.
Ends with the survivors, each with its line, and the share that was noticed; the exit status is 1 below 85 %, and when a mutation of
the list survives.

The list: blocks of four lines - a title, "file: PATH", "old: TEXT", "new: TEXT" - with an empty line between them. The text must stand in the file
exactly once."""
import argparse
import glob
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Tests in the order in which they are run: those of what was changed, the quick ones, and the rest of the default suite that is not long.
FIRST = [
    ("loaders/", r"^loaders_"),
    ("samples/data/", r"^loaders_"),
    ("shaders/", r"^(op_harness|op_selftest)$"),
    ("graph/ops/", r"^(graph_ops|op_harness)$"),
    ("graph/compile/", r"^(graph_passes|graph_plan|op_harness)$"),
    ("graph/train/", r"^(train_groups|refs_suite|train_resume)$"),
    ("backend/", r"^(plan_.*|backend_.*|session_memory)$"),
    ("graph/", r"^(graph_build|graph_text|graph_evaluate|graph_edges|refs_suite)$"),
]
QUICK = r"^(graph|plan|loaders)_"
REST = (r"^(op_harness|backend_.*|container_runtime|graph_nets|op_selftest|op_types|refs_suite|session_.*|train_quick|train_groups|train_resume|"
        r"train_bits|train_control|probe_spirv|op_random|op_own_row|op_hostile|op_same_bits|fault_vulkan|fault_memory|device_threads|dryrun)$")
SECONDS = 900  # of one run of ctest
GOAL = 0.85

# What is changed where: a pattern, what it becomes. Numbers of ten and more digits and those in texts are left alone.
RULES = [
    (r"(?<![-+*/<>=&|!])\+(?![+=])(?= )", "-"),
    (r"(?<= )-(?= )", "+"),
    (r"(?<= )\*(?= )", "/"),
    (r"(?<= )/(?= )", "*"),
    (r"(?<= )<(?= )", "<="),
    (r"(?<= )<=(?= )", "<"),
    (r"(?<= )>(?= )", ">="),
    (r"(?<= )>=(?= )", ">"),
    (r"(?<= )==(?= )", "!="),
    (r"(?<= )!=(?= )", "=="),
    (r"(?<= )&&(?= )", "||"),
    (r"(?<= )\|\|(?= )", "&&"),
    (r"(?<=if \()([^()]*)(?=\) (return|continue|break))", r"!(\1)"),
    (r"(?<![\w.#\"])0(?![\w.])", "1"),
    (r"(?<![\w.#\"])1(?![\w.])", "2"),
    (r"(?<![\w.#\"])([2-9]|[1-9][0-9]+)(?![\w.])", lambda m: str(int(m.group(0)) + 1)),
    (r"(?<![\w.])([0-9]+\.[0-9]+)(?=f?\b)", lambda m: repr(float(m.group(0)) * 1.25)),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"^(\s+)(TUFF_TRY\(.*\);|tuff_\w+\(.*\);|mem(cpy|set)\(.*\);|barrier\(\);)$", r"\1;"),
]
NO_CODE = re.compile(r"^\s*(/\*|\*|//|#|\}|\{|$)|TUFF_API|static const char|printf|tuff_fail|_fail\(|\"$")


class Mutation:
    def __init__(self, title, path, old, new, line=0):
        self.title, self.path, self.old, self.new, self.line = title, path, old, new, line
        text = "\0".join((path, old, new, str(line)))
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]

    def apply(self, text):
        if self.line:
            lines = text.split("\n")
            if lines[self.line - 1] != self.old:
                raise ValueError("the line is another")
            lines[self.line - 1] = self.new
            return "\n".join(lines)
        if text.count(self.old) != 1:
            raise ValueError("its text stands there %d times" % text.count(self.old))
        return text.replace(self.old, self.new)

    def __str__(self):
        where = "%s:%d" % (self.path, self.line) if self.line else self.path
        return "%s: %s -> %s" % (where, self.old.strip(), self.new.strip() or "(nothing)")


def read_list(path):
    found = []
    for block in re.split(r"\n\s*\n", open(path).read()):
        lines = [line for line in block.strip("\n").split("\n") if not line.startswith("#")]
        if len(lines) < 4:
            continue
        fields = dict(line.split(": ", 1) for line in lines[1:])
        found.append(Mutation(lines[0], fields["file"], fields["old"], fields["new"]))
    return found


def candidates(path):
    """Every change of every line of code, as (line number, old line, new line)."""
    comment = False
    for number, line in enumerate(open(os.path.join(ROOT, path)).read().split("\n"), 1):
        starts, comment = comment, ("/*" in line and "*/" not in line) or (comment and "*/" not in line)
        code = line.split("/*")[0].split("//")[0]
        if starts or NO_CODE.search(line):
            continue
        texts = [m.span() for m in re.finditer(r'"(\\.|[^"\\])*"', code)]
        for pattern, new in RULES:
            for m in re.finditer(pattern, code):
                if any(a <= m.start() < b for a, b in texts):
                    continue
                yield number, line, line[:m.start()] + m.expand(new if isinstance(new, str) else new(m)) + line[m.end():]


def draw(count, seed):
    """Lines are drawn first, then one change of the line: a long line has no more weight than a short one."""
    files = sorted(f for pattern in ("backend/*.c", "graph/**/*.c", "loaders/*.c", "samples/data/*.c", "shaders/**/*.comp", "shaders/**/*.glsl")
                   for f in glob.glob(pattern, root_dir=ROOT, recursive=True) if not f.endswith("os_windows.c"))
    lines = {}
    for path in files:
        for number, old, new in candidates(path):
            lines.setdefault((path, number), []).append((old, new))
    generator = random.Random(seed)
    for path, number in generator.sample(sorted(lines), min(count, len(lines))):
        old, new = generator.choice(lines[path, number])
        yield Mutation("drawn", path, old, new, number)


class Bench:
    """The copy, its build and its tests."""

    def __init__(self, work, tests):
        self.source, self.build = os.path.join(work, "source"), os.path.join(work, "source/build/release")
        self.tests = tests
        os.makedirs(self.source, exist_ok=True)
        for name in ("CMakeLists.txt", "CMakePresets.json", "cmake", "backend", "graph", "loaders", "shaders", "samples", "tests",
                     "docs", "LICENSE", "README.md", "CHANGELOG.md"):
            self.copy(name)
        self.environment = dict(os.environ, TUFF_DEBUG=os.environ.get("TUFF_DEBUG", "check,validate"))
        if os.path.isdir(os.path.join(ROOT, "../shared")): # the copy lies elsewhere
            self.environment.setdefault("TUFF_SHARED", os.path.abspath(os.path.join(ROOT, "../shared")))
        icds = sorted(glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json"))
        if icds:
            self.environment.setdefault("VK_ICD_FILENAMES", icds[0])
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            subprocess.run(["cmake", "--preset", "release"], cwd=self.source, check=True, stdout=subprocess.DEVNULL)
        if not self.make():
            sys.exit("mutate.py: the source does not build (%s)" % self.source)
        self.whole = self.digest()
        listing = subprocess.run(["ninja", "-C", self.build, "-t", "targets", "all"], capture_output=True, text=True).stdout
        self.targets = set(re.findall(r"^([\w.-]+): phony", listing, re.M))

    def copy(self, name):
        """Only what differs, so that what was built stays newer than its sources."""
        top = os.path.join(ROOT, name)
        for path in [top] if os.path.isfile(top) else (os.path.join(a, f) for a, _, files in os.walk(top) for f in files):
            target = os.path.join(self.source, os.path.relpath(path, ROOT))
            if os.path.exists(target) and open(target, "rb").read() == open(path, "rb").read():
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(path, target)

    def make(self, *targets):
        """Everything, or these targets and what they need."""
        command = ["cmake", "--build", self.build] + (["--target", *targets] if targets else [])
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def digest(self):
        """Of the libraries, which hold all code and all shaders."""
        total = hashlib.sha256()
        for path in sorted(glob.glob(self.build + "/**/libtuff*.so", recursive=True)):
            total.update(open(path, "rb").read())
        return total.digest()

    def stages(self, path):
        if self.tests:
            return [self.tests]
        return [tests for start, tests in FIRST if path.startswith(start)][:1] + [QUICK, REST]

    def names(self, expression):
        listing = subprocess.run(["ctest", "--test-dir", self.build, "-N", "-R", expression], capture_output=True, text=True).stdout
        return re.findall(r"^ +Test +#\d+: (\S+)", listing, re.M)

    def failing(self, path):
        """The first test that fails, or None. Of what a stage runs, only programs are built that it needs."""
        done = set()
        for expression in self.stages(path):
            wanted = [name for name in self.names(expression) if name not in done]
            done.update(wanted)
            built = self.make() if expression == REST else self.make(*(name for name in wanted if name in self.targets))
            if not built:
                return "build"
            try:
                run = subprocess.run(["ctest", "--test-dir", self.build, "-R", "^(%s)$" % "|".join(wanted), "--stop-on-failure",
                                      "--timeout", "200"],
                                     env=self.environment, capture_output=True, text=True, timeout=SECONDS, errors="replace")
            except subprocess.TimeoutExpired:
                return "time"
            if run.returncode:
                names = re.findall(r"^\s+\d+ - (\S+) \((?!Skipped|Not Run)", run.stdout, re.M)
                return names[0] if names else "ctest"
        return None

    def judge(self, mutation):
        path = os.path.join(self.source, mutation.path)
        before = open(path).read()
        try:
            after = mutation.apply(before)
        except ValueError as problem:
            return "broken", str(problem)
        try:
            open(path, "w").write(after)
            if not self.make("tuff"):
                return "skipped", "does not build"
            if self.digest() == self.whole:
                return "skipped", "the same code"
            name = self.failing(mutation.path)
            return ("noticed", name) if name else ("survived", "")
        finally:
            open(path, "w").write(before)


def read_results(path):
    results = {}
    if os.path.exists(path):
        for line in open(path):
            key, verdict, why = line.rstrip("\n").split("\t")[:3]
            results[key] = (verdict, why)
    return results


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--list", default=os.path.join(ROOT, "tests/mutate.list"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", default=os.path.join(ROOT, "build/mutate"))
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--tests", default="")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--help", action="store_true")
    o = parser.parse_args()
    if o.help:
        print(__doc__)
        return 0
    listed = read_list(o.list) if o.list else []
    mutations = listed + list(draw(o.count, o.seed))
    if o.show:
        print("\n".join(str(m) for m in mutations))
        return 0
    begun, bench = time.monotonic(), Bench(os.path.abspath(o.work), o.tests)
    path = os.path.join(o.work, "results.tsv")
    results = read_results(path)
    for mutation in mutations:
        if mutation.key in results:
            continue
        if time.monotonic() - begun > o.minutes * 60:
            break
        results[mutation.key] = bench.judge(mutation)
        with open(path, "a") as file:
            file.write("\t".join((mutation.key, *results[mutation.key], str(mutation).replace("\t", " "))) + "\n")
        print("%-9s %-18s %s" % (*results[mutation.key], mutation), flush=True)
    return report(listed, [m for m in mutations if m.key in results], results, len(mutations))


def report(listed, done, results, wanted):
    count = {verdict: [m for m in done if results[m.key][0] == verdict] for verdict in ("noticed", "survived", "skipped", "broken")}
    judged = len(count["noticed"]) + len(count["survived"])
    print("\n%d of %d mutations: %d noticed, %d survived, %d skipped (not another program), %d of the list fit no more" %
          (len(done), wanted, *(len(count[v]) for v in ("noticed", "survived", "skipped", "broken"))))
    for mutation in count["survived"] + count["broken"]:
        print("  %s %s%s" % (results[mutation.key][0], mutation.title + ": " if mutation.title != "drawn" else "", mutation))
    share = len(count["noticed"]) / judged if judged else 1
    print("noticed: %.0f %% (goal %.0f %%)" % (100 * share, 100 * GOAL))
    bad = [m for m in listed if m.key in results and results[m.key][0] in ("survived", "broken")]
    return 1 if share < GOAL or bad else 0


if __name__ == "__main__":
    sys.exit(main())
