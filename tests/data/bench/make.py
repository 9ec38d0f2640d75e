#!/usr/bin/env python3
"""make.py [FOLDER] [--long] - writes discrete.json and software.json, result files of two devices that do not exist.

The figures are invented; what follows from the samples is computed here by the rules of samples/bench/README.md, written a
second time in another language, so that tests/bench_check.c compares two of a kind. --long: with every net, 60 samples a row.
"""
import json, math, random, sys

LONG = "--long" in sys.argv
FOLDER = next((a for a in sys.argv[1:] if not a.startswith("-")), ".")
MASK = (1 << 64) - 1


def percentile(x, p):
    h = (len(x) - 1) * p / 100
    i = int(h)
    return x[-1] if i + 1 >= len(x) else x[i] + (h - i) * (x[i + 1] - x[i])


def bootstrap(x):
    state, medians = 1, []
    for _ in range(1000):
        again = []
        for _ in x:
            state = (state + 0x9E3779B97F4A7C15) & MASK
            z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
            again.append(x[((z ^ z >> 31) >> 32) * len(x) >> 32])
        medians.append(percentile(sorted(again), 50))
    medians.sort()
    median = percentile(x, 50)
    return min(median, percentile(medians, 2.5)), max(median, percentile(medians, 97.5))


def figure(group, unit, work, ns):
    each = work["samples"] if group == "peak" and work["samples"] else 1
    return {"GFLOP/s": work["flops"] / ns, "GOP/s": work["flops"] / ns, "GB/s": work["bytes"] / ns,
            "samples/s": work["samples"] * 1e9 / ns, "tokens/s": work["samples"] * 1e9 / ns,
            "us": ns / 1e3 / each, "ms": ns / 1e6 / each, "s": ns / 1e9 / each}[unit]


def rounded(x):
    return x if x is None or isinstance(x, (bool, str, int)) else int(x) if x == int(x) and abs(x) < 1e15 else float("%.9g" % x)


class File:
    def __init__(self, seed, device, caps, options):
        self.random, self.results, self.peaks = random.Random(seed), [], {}
        device["caps"] = caps
        self.top = {"format": "tuff-bench", "format_version": 1, "workload_version": 2, "tuff_version": "0.1.0",
                    "started": "2026-11-25T08:30:00Z", "seconds": 0,
                    "system": {"os": "Linux 6.1 x86_64", "cpu": "Example CPU, 2 cores", "threads": 2},
                    "options": {"quick": False, "only": "", "min_seconds": 1, "min_runs": 20, "max_seconds": 60, "limits": "",
                                "debug": "", "driver": "", **options},
                    "binary_hash": "0123456789abcdef", "devices": [device], "results": self.results}

    def samples(self, ns, jitter, runs):
        return [int(ns * math.exp(self.random.gauss(0, jitter) + (self.random.random() < 0.04) * 4 * jitter)) for _ in range(runs)]

    def row(self, id, title, unit, ns, flops=0, bytes=0, samples=0, status="ok", message="", jitter=0.012, cache=None, tuned=False,
            runs=None, check=("values", 3e-15, 1e-10), clock="device", peaks=(None, None), plan=None, series=(), extra=None):
        group, work = id.split("/")[0], {"flops": flops, "bytes": bytes, "samples": samples}
        device = [] if status in ("error", "skipped") else self.samples(
            ns, jitter, runs or (60 if LONG else self.top["options"]["min_runs"]))
        wall = [int(t * 1.02 + 21000) for t in device]
        used = sorted(device if clock == "device" else wall)
        median = percentile(used, 50) if used else None
        ok, time = status == "ok", unit in ("us", "ms", "s")
        low, high = bootstrap(used) if used else (0, 0)
        rates = {"flops": flops * 1e9 / median if ok and flops else None, "bytes": bytes * 1e9 / median if ok and bytes else None}
        share = None
        if ok and group == "peak":
            self.peaks[id] = {key: rate and rate * median / used[0] for key, rate in rates.items()}  # of the fastest sample
        elif ok and any(peaks):
            share = {}
            for key, rate, peak in (("arithmetic", "flops", peaks[0]), ("bandwidth", "bytes", peaks[1])):
                there = peak and rates[rate] and rates[rate] <= self.peaks[peak][rate]
                share[key] = rates[rate] / self.peaks[peak][rate] if there else None
                share[key + "_peak"] = peak if there else None
        spread = (percentile(used, 75) - percentile(used, 25)) / median if used else None
        kind, nmse, bound = check if check else ("none", None, 0)
        self.results.append({
            "device": 0, "group": group, "id": id, "title": title, "status": status, "message": message,
            "value": figure(group, unit, work, median) if ok else None,
            "low": figure(group, unit, work, low if time else high) if ok else None,
            "high": figure(group, unit, work, high if time else low) if ok else None,
            "unit": unit, "better": "lower" if time else "higher", "clock": clock, "cache": cache, "tuned": tuned, "work": work,
            "runs": len(used), "warmup_runs": 3 if used else 0, "wall_ns": wall, "device_ns": device if clock == "device" else [],
            "median_ns": median, "p90_ns": percentile(used, 90) if used else None, "p99_ns": percentile(used, 99) if used else None,
            "spread": spread, "noisy": bool(used) and spread > 0.10,
            "few": bool(used) and len(used) < self.top["options"]["min_runs"],
            "flops_per_second": rates["flops"], "bytes_per_second": rates["bytes"], "peak_share": share,
            "check": None if not used or not check else {"kind": kind, "nmse": nmse, "bound": bound, "compared": 4096,
                                                         "ok": status != "wrong"},
            "plan": plan, "load": {"others": 0.013, "average": 1.2, "clock_mhz": None, "temperature_c": None}, "extra": extra or {}, "series": list(series)})
        self.top["seconds"] += sum(wall) * 1e-9 + 0.3

    def write(self, name):
        def walk(x):
            if isinstance(x, dict):
                return {k: walk(v) for k, v in x.items()}
            return [walk(v) for v in x] if isinstance(x, list) else rounded(x)
        self.top["seconds"] = math.ceil(self.top["seconds"])
        with open(FOLDER + "/" + name, "w") as f:
            rows = ",\n".join(json.dumps(walk(r), separators=(",", ":")) for r in self.results)
            head = json.dumps({**walk(self.top), "results": []}, separators=(",", ":"))
            f.write(head[:-2] + "\n" + rows + "\n]}\n")


def plan(launches, moved, least, flops, saved):
    return {"launches": launches, "barriers": launches - 1, "submissions": 1, "pipelines": min(launches, 19),
            "bytes_moved": moved, "bytes_least": least, "scratch_bytes": moved // 6, "scratch_bound_bytes": moved // 7,
            "saved_bytes_per_sample": saved, "peak_bytes": moved // 3, "flops": flops, "plan_hash": "%016x" % (launches * 2654435761),
            "spirv_hash": "%016x" % (moved * 40503)}


def peaks(f, gflops, gb, half, launch):
    for name, title, share in (("f32/independent", "f32, independent chains", 1), ("f32/dependent", "f32, one chain", 0.31),
                               ("f16/independent", "f16, independent chains", half)):
        f.row("peak/" + name, title, "GFLOP/s", 4e6, flops=int(gflops * share * 4e6), jitter=0.004)
    f.row("peak/i8dot/independent", "int8 dot, independent chains", "GOP/s", 4e6, flops=int(gflops * 3.6 * 4e6))
    for name, share in (("copy", 1), ("upload", 0.09 if half > 1 else 0.5), ("download", 0.08 if half > 1 else 0.5)):
        f.row("peak/" + name, name + ", 256 MiB", "GB/s", 2 ** 29 / gb / share, bytes=2 ** 29, check=("exact", 0, 0),
              clock="device" if name == "copy" else "wall")
    for name, factor in (("launch/independent", 1), ("launch/dependent", 2.4), ("submit", 9)):
        f.row("peak/" + name, name.replace("/", ", "), "us", launch * factor * 1e9, samples=1000, check=None, clock="wall", jitter=0.05)


def operator(f, name, shape, title, gflop, mb, reach, **more):
    """Time by a roofline of the peaks measured, of which `reach` is attained; cold is slower where memory counts."""
    arithmetic, bandwidth = f.peaks["peak/f32/independent"]["flops"], f.peaks["peak/copy"]["bytes"]
    for cache, slower in (("warm", 1), ("cold", 1.25)) if more.pop("both", LONG) else (("warm", 1),):
        ns = max(gflop * 1e9 / arithmetic, mb * 1e6 * slower / bandwidth / 0.93) * 1e9 / reach
        f.row("operator/%s/%s/f32.f32.f32/%s" % (name, shape, cache), title, "GFLOP/s" if gflop > mb / 50 else "GB/s", ns,
              flops=int(gflop * 1e9), bytes=int(mb * 1e6), cache=cache, peaks=("peak/f32/independent", "peak/copy"),
              **{"check": ("freivalds", 4e-14, 1e-10), **more})


def net(f, name, mflops, batch, train, reach, launches, **more):
    ns = (3 if train else 1) * mflops * 1e6 * batch / f.peaks["peak/f32/independent"]["flops"] / reach * 1e9 + launches * 2500
    flops = (3 if train else 1) * int(mflops * 1e6) * batch
    moved = launches * 900000 * batch
    title = "%s, %s, batch %d" % (name, "training" if train else "inference", batch)
    f.row("net/%s/%s/b%d/f32.f32.f32" % (name, "train" if train else "infer", batch), title, "ms" if batch == 1 else "samples/s", ns,
          flops=flops, samples=batch, clock="wall", peaks=("peak/f32/independent", None), extra={"batch": batch},
          plan=plan(launches, moved, int(moved * 0.71), flops, 5400000 if train else 0), **{"check": ("reference", 2e-13, 1e-8), **more})


def sustained(f, gflops, fall, clock):
    flops = 2 * 2048 ** 3
    series = [{"t": t, "value": gflops * (1 - fall * (1 - math.exp(-t / 40)) + f.random.gauss(0, 0.006)),
               "clock_mhz": clock and round(clock * (1 - fall * (1 - math.exp(-t / 40)))),
               "temperature_c": clock and round(84 - 41 * math.exp(-t / 50), 1)} for t in range(0, 121, 2 if LONG else 10)]
    f.row("sustained/matmul", "matmul 2048 x 2048 x 2048, for two minutes", "GFLOP/s", flops / gflops / (1 - 0.9 * fall), flops=flops,
          bytes=50331648, check=("freivalds", 5e-14, 1e-10), series=series, jitter=0.02, extra={"burst": round(gflops, 1)})


def make(f, software):
    nets = [("squeezenet-1.1", 698, 66), ("resnet18", 3630, 71), ("smollm2-135m", 27000, 412)]
    if LONG:
        nets += [("mobilenet-v1", 1137, 83), ("mobilenet-v2", 601, 153), ("mobilenet-v3-large", 438, 190), ("resnet50", 8180, 175),
                 ("efficientnet-b0", 780, 240), ("vit-s16", 9200, 160), ("yolov8n-320", 5600, 74)]
    f.row("peak/coopmat-f16/independent", "cooperative matrix, f16", "GFLOP/s", 4e6, flops=int(9.6e10 * 4e6 / 1e6 * 1.1),
          **({"status": "skipped", "message": "the device has no cooperative matrices"} if software else {}))
    operator(f, "matmul", "1024x1024x1024", "matmul 1024 x 1024 x 1024", 2.147, 12.6, 0.44 if software else 0.62, both=True)
    operator(f, "matmul", "2048x2048x2048", "matmul 2048 x 2048 x 2048", 17.18, 50.3, 0.55)
    operator(f, "conv", "3x3-64-64-56x56-n8/forward", "convolution 3 x 3, 64 to 64, 56 x 56, batch 8", 1.85, 13.0, 0.29)
    operator(f, "conv", "3x3-64-64-56x56-n8/weight-grad", "its gradient of weights", 1.85, 13.0, 0.21,
             **({"status": "wrong", "message": "sampled elements differ", "check": ("values", 0.031, 1e-10)} if software else {}))
    operator(f, "attention", "1x6x197x64", "attention, 6 heads, 197 x 64", 0.0596, 1.2, 0.17, jitter=0.16 if software else 0.012)
    operator(f, "softmax", "4096x1024", "softmax, 4,096 rows of 1,024", 0.021, 33.5, 0.55)
    operator(f, "add", "4194304", "add, 4 Mi elements", 0.0042, 50.3, 0.9, **({} if software else {
        "status": "refused", "message": "1204 GB/s is above peak/copy: an error of measurement"}))
    operator(f, "adam", "4194304", "adam, 4 Mi parameters", 0.05, 117, 0.8)
    for i, (name, mflops, launches) in enumerate(nets):
        net(f, name, mflops, 1, False, 0.11, launches, jitter=0.03)
        if i != 1 or LONG:
            net(f, name, mflops, 8, False, 0.3, launches, **(
                {"status": "error", "message": "device memory is exhausted"} if software and name == "smollm2-135m" else {}))
    net(f, "resnet18-32", 1113, 32, True, 0.24, 214, jitter=0.11 if software else 0.01)
    for name, cold, warm in (("squeezenet-1.1-infer", 3.1e9, 0.21e9), ("resnet18-infer", 3.9e9, 0.3e9)):
        for how, ns in (("cold", cold), ("warm", warm)):
            f.row("first/%s/%s" % (name, how), "%s, first result, %s start" % (name, how), "ms", ns * (1.4 if software else 1), samples=1,
                  clock="wall", cache=how, runs=5, check=("reference", 2e-13, 1e-8), jitter=0.04)
    f.row("accuracy/fashion-mnist-0.90", "CNN to 0.90 on Fashion-MNIST", "s", 1.9e11 if software else 6.2e9, samples=240000, clock="wall",
          runs=1, check=("values", 0, 1), extra={"accuracy": 0.903, "epochs": 4})


discrete = File(8, {"name": "Example X1", "driver_name": "example", "driver_info": "Example Driver 25.2.1", "driver_version": 104865793,
                    "vendor_id": 4096, "device_id": 29772, "api_version": "1.3.296", "kind": "discrete", "uuid": "00" * 15 + "a1",
                    "driver_rows": []},
                {"subgroup_size": 64, "f16_arithmetic": True, "max_shared_bytes": 65536, "max_storage_range": 4294967295,
                 "max_workgroup_size": [1024, 1024, 1024], "heaps": [{"bytes": 8589934592, "device_local": True}]}, {})
software = File(9, {"name": "Example software rasterizer (256 bits)", "driver_name": "examplepipe", "driver_info": "Example 22.3.6",
                    "driver_version": 1, "vendor_id": 65541, "device_id": 0, "api_version": "1.3.230", "kind": "software",
                    "uuid": "00" * 15 + "b2", "driver_rows": ["example: few storage buffers"]},
                {"subgroup_size": 8, "f16_arithmetic": True, "max_shared_bytes": 32768, "max_storage_range": 134217728,
                 "max_workgroup_size": [1024, 1024, 1024], "heaps": [{"bytes": 8589934592, "device_local": True}]},
                {"quick": True, "min_seconds": 0.1, "min_runs": 10, "max_seconds": 5} if not LONG else {})
peaks(discrete, 21400, 448, 1.94, 0.0021)
peaks(software, 93, 11.5, 0.31, 0.0034)
make(discrete, False)
make(software, True)
sustained(discrete, 13300, 0.23, 2310)
sustained(software, 40.6, 0.04, None)
discrete.write("discrete.json")
software.write("software.json")
