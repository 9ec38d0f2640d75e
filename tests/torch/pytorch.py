#!/usr/bin/env python3
"""pytorch.py - PyTorch beside tuff-bench: the nets of samples/nets, built by pytorch_nets.py, with the same batches, inputs and optimizers.

  pytorch.py [--device cuda] [--json FILE]   time them: eager and torch.compile, f32 (TF32 off) and f16
  pytorch.py --check                         only compare values with those that samples/nets/table.c knows (the peers' comparison)
  pytorch.py --list [--json FILE]            the nets with their parameters and multiply-adds, counted in the modules built here
  pytorch.py --table FILE...                 one table of result files, of this program and of tuff-bench (needs no torch)

Needs Python 3.9 and PyTorch (1.13 or later), nothing else. Of the numbers: a run ends when its results are on the host, all outputs
of inference, the loss of a training step; weights and inputs are on the device before the clock starts. That is tuff-bench's rule too.
Inference in f16 is half precision throughout, training in f16 is autocast with a gradient scaler, as PyTorch recommends; convolution
nets in f16 lie channels last on a GPU. In training the optimizer is the fused one where there is one, never a part of what is compiled.
"""
import argparse
import contextlib
import gc
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # no folder of it beside the sources
try:
    import torch
    missing = None
except ImportError as import_error:  # --help and --table work without
    torch, missing = None, import_error
if torch is not None:
    import torch.nn.functional as F

    from pytorch_nets import Loss, NETS, count_multiply_adds, counted, has_convolutions, inputs_of, set_peer_values, uniform

COLUMNS = ["eager-f32", "compile-f32", "eager-f16", "compile-f16"]
LARGE_BATCH = 8
RUNS_MAX = 2000  # samples of a row in the file


def works_of(options):
    """(net, mode, batch), those that --nets and --modes leave."""
    works = []
    for net in NETS:
        if options.nets and not any(part in net["name"] for part in options.nets.split(",")):
            continue
        for mode, batch in (("infer", 1), ("infer", LARGE_BATCH), ("train", net["train_batch"])):
            if batch and mode in options.modes.split(","):
                works.append((net, mode, batch))
    return works


def id_of(work):
    return f"net/{work[0]['name']}/{work[1]}/b{work[2]}"


# ---- runs -----------------------------------------------------------------------------------------------------------------------------------

def optimizer_of(net, parameters, device):
    settings = dict(net["optimizer"])
    kind, clip = settings.pop("kind"), settings.pop("clip_norm", 0)
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
    if device == "cuda":
        try:
            return make(parameters, fused=True, **settings), clip
        except (TypeError, RuntimeError):
            pass  # this PyTorch has no fused one
    return make(parameters, **settings), clip


def scaler_for(half):
    """2^10 and not PyTorch's 2^16: no first step may be left out for an overflow, since their losses are compared."""
    if not half:
        return None
    if hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler("cuda", init_scale=1024.0)
    return torch.cuda.amp.GradScaler(init_scale=1024.0)


class Run:
    """A work in one column, ready to step; weights and inputs are on the device."""

    def __init__(self, work, column, options):
        self.net, self.mode, self.batch = work
        self.device, training = options.device, self.mode == "train"
        self.half = column.endswith("f16")
        compiled = column.startswith("compile")
        torch.manual_seed(1)
        model = self.net["build"](training)
        self.parameters = counted(model)
        if self.parameters != self.net["parameters"][training]:
            raise ValueError(f"{self.parameters} parameters, but the table says {self.net['parameters'][training]}")
        if self.net["gain"]:
            set_peer_values(model, self.net["gain"])
        x, labels = inputs_of(self.net, self.batch)
        self.compile_mode = options.compile_mode if options.compile_mode != "auto" else \
            "reduce-overhead" if self.device == "cuda" and not training else "default"
        model, self.x, self.labels = model.to(self.device), x.to(self.device), labels.to(self.device)
        self.channels_last = self.half and has_convolutions(self.net)
        if self.channels_last:
            model, self.x = model.to(memory_format=torch.channels_last), self.x.contiguous(memory_format=torch.channels_last)
        if training:
            model = Loss(model).train()
            self.optimizer, self.clip = optimizer_of(self.net, model.parameters(), self.device)
            self.scaler = scaler_for(self.half)
        else:
            model = model.eval().requires_grad_(False)
            if self.half:
                model, self.x = model.half(), self.x if self.net["tokens"] else self.x.half()
        self.own = list(model.parameters())
        self.model = torch.compile(model, mode=self.compile_mode) if compiled else model
        self.no_grad = torch.no_grad if compiled else torch.inference_mode

    def step(self):
        """Enqueues a run; its result is on the device."""
        if self.mode == "infer":
            with self.no_grad():
                return self.model(self.x)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.float16) if self.half else contextlib.nullcontext():
            loss = self.model(self.x, self.labels)
        (self.scaler.scale(loss) if self.scaler else loss).backward()
        if self.clip:
            if self.scaler:
                self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.own, self.clip)
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        return loss.detach()

    def first_values(self):
        """What is compared: the first sample's outputs, or the losses of steps 1 to 3."""
        if self.mode == "infer":
            return self.step()[:1].float().flatten().tolist()
        return [self.step().item() for _ in range(3)]


class Clock:
    """Times single runs: until the result is on the host, and on the device."""

    def __init__(self, run):
        self.run, self.cuda = run, run.device == "cuda"
        out = run.step()
        self.host = torch.empty(out.shape, dtype=out.dtype, pin_memory=self.cuda)
        if self.cuda:
            self.events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            torch.cuda.synchronize()

    def sample(self):
        began = time.perf_counter_ns()
        if not self.cuda:
            self.host.copy_(self.run.step())
            return time.perf_counter_ns() - began, None
        self.events[0].record()
        out = self.run.step()
        self.events[1].record()
        self.host.copy_(out, non_blocking=True)
        torch.cuda.synchronize()
        return time.perf_counter_ns() - began, round(self.events[0].elapsed_time(self.events[1]) * 1e6)


def percentile(values, share):
    """Linear between order statistics, as tuff-bench has it."""
    ordered, h = sorted(values), (len(values) - 1) * share
    low = ordered[math.floor(h)]
    return low + (h - math.floor(h)) * (ordered[min(math.floor(h) + 1, len(ordered) - 1)] - low)


def measure(run, options):
    clock = Clock(run)
    warm, began = 0, time.perf_counter()
    while warm < 3 or (warm < 50 and time.perf_counter() - began < min(0.3, options.seconds)):
        clock.sample()
        warm += 1
        if time.perf_counter() - began > options.max_seconds / 2:
            break
    wall, device, began = [], [], time.perf_counter()
    while len(wall) < RUNS_MAX:
        seconds = time.perf_counter() - began
        if (seconds >= options.seconds and len(wall) >= options.runs) or (wall and seconds >= options.max_seconds):
            break
        wall_ns, device_ns = clock.sample()
        wall.append(wall_ns)
        if device_ns is not None:
            device.append(device_ns)
    median, spread = statistics.median(wall), percentile(wall, 0.75) - percentile(wall, 0.25)
    return dict(wall_ns=wall, device_ns=device, runs=len(wall), warmup_runs=warm, median_ns=median, p90_ns=percentile(wall, 0.9),
                p99_ns=percentile(wall, 0.99), spread=spread / median, noisy=spread / median > 0.1, few=len(wall) < options.runs,
                device_median_ns=statistics.median(device) if device else None)


# ---- checks -----------------------------------------------------------------------------------------------------------------------------------

def nmse(got, expected):
    if not all(map(math.isfinite, got)):
        return math.inf
    return sum((a - b) ** 2 for a, b in zip(got, expected)) / sum(b * b for b in expected)


class Checks:
    """The peers' known values (of batch 1 or of training), else what PyTorch gives in f32, eager, from the same weights."""

    def __init__(self, options):
        self.options, self.known = options, {}

    def of(self, run, column):
        work = (run.net["name"], run.mode, run.batch)
        got = run.first_values()
        peers = run.net["expected"] if (run.mode == "train") == bool(run.net["train_batch"]) else ()
        if peers:
            kind, expected = "values", peers
        else:
            kind = "eager-f32"
            if work not in self.known and column != kind:
                self.known[work] = Run((run.net, run.mode, run.batch), kind, self.options).first_values()
            self.known.setdefault(work, got)
            expected = self.known[work]
        bound = 1e-6 if not run.half else 1e-3
        if run.mode == "train" and any(isinstance(m, torch.nn.Dropout) for m in run.model.modules()):
            bound = 1e-2  # compiled, it drops others
        error = nmse(got[:len(expected)], expected)
        return dict(kind=kind, nmse=error if math.isfinite(error) else None, bound=bound, compared=len(expected),
                    ok=error <= bound, values=got[:4])


def check_tf32(device):
    """Sums of 1024 products in f32 have an error of about 1e-7 of their size, with the 10 bits of TF32 of about 3e-4."""
    a, b = (uniform((256, 1024), seed).float() for seed in (1, 2))
    got, exact = (a.to(device) @ b.to(device).t()).double().cpu(), a.double() @ b.double().t()
    error = float((got - exact).square().mean().sqrt() / exact.square().mean().sqrt())
    if error > 1e-5:
        raise SystemExit(f"pytorch.py: f32 products are not f32 here (error {error:.1e}): TF32 could not be turned off")
    return error


# ---- the whole run ------------------------------------------------------------------------------------------------------------------------------

def exact_f32():
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


def columns_here(options):
    """The columns that this PyTorch has on this device, and a sentence for each kind that it has not."""
    columns, notes = options.columns.split(","), []
    for column in columns:
        if column not in COLUMNS:
            raise SystemExit(f"pytorch.py: no column {column}; there are {', '.join(COLUMNS)}")
    if not hasattr(torch, "compile"):
        notes.append(f"PyTorch {torch.__version__} has no torch.compile (2.0 and later have): its columns are left out")
        columns = [c for c in columns if not c.startswith("compile")]
    if options.device == "cpu" and any(c.endswith("f16") for c in columns):
        notes.append("f16 is measured on GPUs alone: its columns are left out")
        columns = [c for c in columns if not c.endswith("f16")]
    return [c for c in COLUMNS if c in columns], notes


def describe_system(options):
    system = dict(format="tuff-bench-pytorch", format_version=1, torch=torch.__version__, python=sys.version.split()[0],
                  device=options.device, threads=torch.get_num_threads(), started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  min_seconds=options.seconds, min_runs=options.runs, compile_mode=options.compile_mode, tf32=False)
    if options.device == "cuda":
        system.update(name=torch.cuda.get_device_name(), cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
                      memory_bytes=torch.cuda.get_device_properties(0).total_memory)
    else:
        system.update(name="CPU")
    return system


def tidy(options):
    gc.collect()
    if hasattr(torch, "_dynamo"):
        torch._dynamo.reset()
    if options.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def run_work(work, column, checks, options):
    result = dict(id=f"{id_of(work)}/{column}", net=work[0]["name"], mode=work[1], batch=work[2], column=column, status="error",
                  message="")
    try:
        began = time.perf_counter()
        run = Run(work, column, options)
        result.update(parameters=run.parameters, channels_last=run.channels_last)
        made = time.perf_counter()
        result["check"] = checks.of(run, column)
        if column.startswith("compile"):
            result.update(compile_seconds=time.perf_counter() - made, compile_mode=run.compile_mode)
        result.update(measure(run, options), status="ok" if result["check"]["ok"] else "wrong")
        result["seconds"] = time.perf_counter() - began
        if options.device == "cuda":
            result["peak_bytes"] = torch.cuda.max_memory_allocated()
    except Exception as error:  # a figure that fails must not cost the others
        result["message"] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if result["status"] == "wrong":
        result["message"] = f"normalised mean-square error {result['check']['nmse']} above {result['check']['bound']}"
    tidy(options)
    return result


def save(options, document):
    if not options.json:
        return
    with open(options.json + ".part", "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(options.json + ".part", options.json)


def print_result(result):
    if result["status"] != "ok":
        print(f"  {result['id']:<44} {result['status'].upper()}: {result['message']}", flush=True)
        return
    device = f"{result['device_median_ns'] / 1e6:10.3f} ms on the device" if result["device_median_ns"] else ""
    print(f"  {result['id']:<44} {result['median_ns'] / 1e6:10.3f} ms {device}  spread {100 * result['spread']:.1f} %, "
          f"{result['runs']} runs, nmse {result['check']['nmse']:.1e}{', noisy' if result['noisy'] else ''}", flush=True)


def in_order(options, columns):
    """(work, column), what is most worth knowing first: time may be up before the end."""
    works, todo = works_of(options), []
    for mode, large in (("infer", False), ("train", False), ("infer", True)):
        group = [work for work in works if work[1] == mode and (mode == "train" or (work[2] == LARGE_BATCH) == large)]
        for column in sorted(columns, key=lambda c: c.startswith("compile")):  # eager is sure and quick
            todo += [(work, column) for work in group]
    return todo


def compile_ahead(options, columns):
    """Fills the compiler's cache on disk by several processes, untimed; those that are not done in time are ended."""
    if not options.jobs or not any(column.startswith("compile") for column in columns):
        return 0
    command = [sys.executable, os.path.abspath(__file__), "--device", options.device, "--nets", options.nets, "--modes",
               options.modes, "--columns", options.columns, "--compile-mode", options.compile_mode]
    environment = dict(os.environ, TORCHINDUCTOR_COMPILE_THREADS=str(max(1, (os.cpu_count() or 1) // options.jobs)))
    children = [subprocess.Popen(command + ["--ahead", f"{i}/{options.jobs}"], env=environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True) for i in range(options.jobs)]
    began = time.monotonic()
    try:
        while any(child.poll() is None for child in children) and time.monotonic() - began < options.ahead_seconds:
            time.sleep(0.2)
        late = [child for child in children if child.poll() is None]
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # what it has started, too
            child.wait()
    print(f"compiled ahead: {time.monotonic() - began:.0f} s, {options.jobs} processes, {len(late)} not done", flush=True)
    return 0


def ahead(options, columns):
    number, count = map(int, options.ahead.split("/"))
    todo = in_order(options, [column for column in columns if column.startswith("compile")])
    for work, column in todo[number::count]:
        try:
            Run(work, column, options).first_values()
        except Exception as error:  # the timed run will say it
            print(f"{id_of(work)}/{column}: {error}", file=sys.stderr)
        tidy(options)


def run_all(options, columns, notes):
    began = time.monotonic()
    document = dict(describe_system(options), matmul_error=check_tf32(options.device), notes=notes, results=[])
    checks, bad = Checks(options), 0
    print(f"PyTorch {torch.__version__} on {document['name']}", *notes, sep="\n", flush=True)
    compile_ahead(options, columns)
    for work, column in in_order(options, columns):
        if options.budget and time.monotonic() - began > options.budget:
            result = dict(id=f"{id_of(work)}/{column}", net=work[0]["name"], mode=work[1], batch=work[2], column=column,
                          status="skipped", message="time was up")
        else:
            result = run_work(work, column, checks, options)
        bad += result["status"] in ("wrong", "error")
        document["results"].append(result)
        document["seconds"] = time.monotonic() - began
        save(options, document)
        print_result(result)
    return 1 if bad or not document["results"] else 0


def check_all(options):
    """The nets of the peers' comparison, eager and in f32."""
    checks, bad, seen = Checks(options), 0, 0
    for work in works_of(options):
        if not work[0]["expected"] or (work[1] == "train") != bool(work[0]["train_batch"]) or work[2] == LARGE_BATCH != \
                work[0]["train_batch"]:
            continue
        result = checks.of(Run(work, "eager-f32", options), "eager-f32")
        seen, bad = seen + 1, bad + (not result["ok"])
        print(f"{id_of(work)}: {' '.join(f'{v:.6f}' for v in result['values'])} nmse {result['nmse']} "
              f"{'ok' if result['ok'] else 'WRONG: expected ' + str(work[0]['expected'])}", flush=True)
    return 0 if seen and not bad else 1


def list_all(options):
    rows = []
    for net in {work[0]["name"]: work[0] for work in works_of(options)}.values():
        parameters = [counted(net["build"](False)), counted(net["build"](True)) if net["train_batch"] else 0]
        rows.append(dict(name=net["name"], parameters=parameters, multiply_adds=count_multiply_adds(net),
                         train_batch=net["train_batch"]))
        print(f"{net['name']:<20} parameters {parameters[0]:>10} {parameters[1]:>10}  multiply-adds {rows[-1]['multiply_adds']:>12}"
              f"  training batch {net['train_batch']}", flush=True)
    save(options, rows)
    return 0


# ---- one table of many files --------------------------------------------------------------------------------------------------------------------

def read_files(paths):
    """id without types -> column -> result; the names of the devices; sentences about what is not there."""
    cells, names, notes = {}, {}, []
    documents = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                documents.append(json.load(file))
        except (OSError, ValueError) as error:
            notes.append(f"{path} is left out: {error}")
    torch_names = {d.get("name") for d in documents if d.get("format") == "tuff-bench-pytorch"}
    for document in documents:
        if document.get("format") == "tuff-bench-pytorch":
            names[f"PyTorch {document['torch']}"] = document["name"]
            notes += document.get("notes", [])
            rows = [(r["id"].rsplit("/", 1)[0], r["column"], r) for r in document["results"]]
        elif document.get("format") == "tuff-bench":
            devices = [d["name"] for d in document["devices"]]
            chosen = next((i for i, name in enumerate(devices) if name in torch_names), 0)
            names[f"Tuff {document['tuff_version']}"] = devices[chosen] if devices else "no device"
            rows = [("/".join(r["id"].split("/")[:4]), "tuff-" + r["id"].split("/")[4].split(".")[0], r)
                    for r in document["results"] if r["group"] == "net" and r["device"] == chosen and r["id"].count("/") >= 4]
        else:
            notes.append("a file is of another format")
            continue
        for work, column, result in rows:
            old = cells.setdefault(work, {}).get(column)
            if old is None or old["status"] != "ok":
                cells[work][column] = result
    return cells, names, notes


def time_of(result, clock):
    if result is None or result["status"] != "ok" or not result.get(clock + "_ns"):
        return None
    return statistics.median(result[clock + "_ns"])


def cell(result, clock, base):
    if result is None:
        return "–"
    ns = time_of(result, clock)
    if ns is None:
        return result["status"] if result["status"] != "ok" else "–"
    mark = "~" if result.get("noisy") else ""
    return f"{mark}{ns / 1e6:.3f}" + (f" ({ns / base:.2f})" if base and result.get("column") else "")


def print_tables(paths):
    cells, names, notes = read_files(paths)
    nets = list(dict.fromkeys(work.split("/")[1] for work in cells))
    cells = dict(sorted(cells.items(), key=lambda item: nets.index(item[0].split("/")[1])))  # a net's works together
    columns = ["tuff-f32"] + (["tuff-f16"] if any("tuff-f16" in row for row in cells.values()) else []) + COLUMNS
    titles = {"tuff-f32": "Tuff f32", "tuff-f16": "Tuff f16", "eager-f32": "eager f32", "compile-f32": "compile f32",
              "eager-f16": "eager f16", "compile-f16": "compile f16"}
    print("".join(f"{program}: {device}\n" for program, device in names.items()))
    for clock, what in (("wall", "until the results are on the host"), ("device", "on the device's clock")):
        if not any(time_of(r, clock) for row in cells.values() for r in row.values()):
            continue
        print(f"Milliseconds of a run, medians, {what}; in brackets over Tuff's f32 time: above 1 Tuff is faster. ~ noisy\n")
        print("| net | " + " | ".join(titles[c] for c in columns) + " |\n|---" + "|---:" * len(columns) + "|")
        for work, results in cells.items():
            if not any(time_of(r, clock) for r in results.values()):
                continue  # below the table it is said why
            base = time_of(results.get("tuff-f32"), clock)
            print(f"| {work[4:]} | " + " | ".join(cell(results.get(c), clock, base) for c in columns) + " |")
        print()
    for work, results in cells.items():
        for column, result in results.items():
            if result["status"] != "ok" and result.get("message") != "time was up":
                notes.append(f"{work[4:]}, {titles.get(column, column)}: {result['status']}: {result.get('message', '')}")
    late = sum(r.get("message") == "time was up" for row in cells.values() for r in row.values())
    if late:
        notes.append(f"{late} figures were skipped: time was up")
    print("\n".join(dict.fromkeys(notes)))
    return 0 if cells else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where PyTorch sees a GPU")
    parser.add_argument("--nets", default="", metavar="A,B", help="nets whose names contain one of these (default all)")
    parser.add_argument("--modes", default="infer,train", metavar="A,B", help="infer, train (default both)")
    parser.add_argument("--columns", default=",".join(COLUMNS), metavar="A,B", help="default " + ",".join(COLUMNS))
    parser.add_argument("--seconds", type=float, default=1, metavar="X", help="time of each figure, at least (default 1)")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="runs of each figure, at least (default 20)")
    parser.add_argument("--max-seconds", type=float, default=20, metavar="X", help="when a figure has to do with fewer runs")
    parser.add_argument("--budget", type=float, default=0, metavar="SEC", help="no figure is begun later; the rest is skipped")
    parser.add_argument("--compile-mode", default="auto", metavar="MODE",
                        help="of torch.compile; auto: reduce-overhead (CUDA graphs) for inference on GPUs, default else")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes that first fill the compiler's cache")
    parser.add_argument("--ahead-seconds", type=float, default=120, metavar="SEC", help="time that those may take")
    parser.add_argument("--ahead-only", action="store_true", help="fill the compiler's cache by --jobs processes, time nothing")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads on the CPU")
    parser.add_argument("--json", default="", metavar="FILE", help="written after each figure")
    parser.add_argument("--check", action="store_true", help="compare values, time nothing")
    parser.add_argument("--list", action="store_true", help="parameters and multiply-adds of the nets")
    parser.add_argument("--table", nargs="+", metavar="FILE", help="print one table of result files")
    parser.add_argument("--ahead", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parse()
    if options.table:
        return print_tables(options.table)
    if torch is None:
        print(f"pytorch.py: {sys.executable} has no PyTorch: {missing}", file=sys.stderr)
        return 77
    if options.device == "cuda" and not torch.cuda.is_available():
        print(f"pytorch.py: PyTorch {torch.__version__} sees no GPU", file=sys.stderr)
        return 77
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if options.threads:
        torch.set_num_threads(options.threads)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(tempfile.gettempdir(), "tuff-bench-torch"))
    exact_f32()
    if options.list:
        return list_all(options)
    if options.check:
        return check_all(options)
    columns, notes = columns_here(options)
    if options.ahead:
        return ahead(options, columns)
    try:
        return compile_ahead(options, columns) if options.ahead_only else run_all(options, columns, notes)
    except KeyboardInterrupt:
        print("pytorch.py: interrupted; what was measured is in the file", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
