"""detect_reference.py - for detect_boxes.sh: pictures from the inputs that are stored with three detectors, and what their stored outputs say, read by a
second decoder: written from the models' own sources, with Python's lists alone. Usage: make MODELS WORK, compare MODELS WORK, drawn WORK."""
import ast, json, math, os, struct, sys, zlib

RUNS = ["yunet-n.0", "yunet-n.1", "ultraface-rfb-320.0", "ultraface-rfb-320.1", "ppocr-v3-det.0", "ppocr-v3-det.1"]


def numbers(path):
    data = open(path, "rb").read()
    head = ast.literal_eval(data[10:10 + struct.unpack("<H", data[8:10])[0]].decode())
    assert head["descr"] == "<f4" and not head["fortran_order"]
    values = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return head["shape"], struct.unpack("<%df" % (len(values) // 4), values)


def write_png(path, w, h, rgb):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(rgb[3 * w * y:3 * w * (y + 1)]) for y in range(h))
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def picture(models, run):
    """Width, height and RGB of a run's stored input."""
    name, number = run.split(".")
    folder = os.path.join(models, name, "inputs")
    shape, v = numbers(os.path.join(folder, next(f for f in sorted(os.listdir(folder)) if f.startswith(number))))
    h, w = shape[2:]
    factor, offset, order = {"y": ((1, 1, 1), (0, 0, 0), (2, 1, 0)), "u": ((128,) * 3, (127,) * 3, (0, 1, 2)),
                             "p": ((.229 * 255, .224 * 255, .225 * 255), (.485 * 255, .456 * 255, .406 * 255), (2, 1, 0))}[name[0]]
    rgb = [0] * (3 * w * h)
    for c in range(3):
        for i in range(w * h):
            exact = v[c * w * h + i] * factor[c] + offset[c]
            rgb[3 * i + order[c]] = min(255, max(0, round(exact)))
            assert abs(exact - rgb[3 * i + order[c]]) < 0.01, (run, exact)
    return w, h, rgb


def nan_model(path):
    """YuNet's outputs of 32 x 32: a face everywhere, whose landmarks are numbers at stride 32 alone."""
    def varint(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
    def part(field, data): return varint(field * 8 + 2) + varint(len(data)) + data
    def whole(field, n): return varint(field * 8) + varint(n)
    def value(name, *dims): return part(1, name) + part(2, part(1, whole(1, 1) + part(2, b"".join(part(1, whole(1, d)) for d in dims))))
    graph = part(2, b"g") + part(11, value(b"x", 1, 3, 32, 32))
    for stride, n in (8, 16), (16, 4), (32, 1):
        for head, width in ("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10):
            name = b"%s_%d" % (head.encode(), stride)
            number = 1 if width == 1 else math.nan if head == "kps" and stride < 32 else 0
            tensor = whole(1, 1) + whole(1, n) + whole(1, width) + whole(2, 1) + part(8, b"w" + name) + part(9, struct.pack("<f", number) * (n * width))
            graph += part(1, part(1, b"w" + name) + part(2, name) + part(4, b"Identity")) + part(5, tensor) + part(12, value(name, 1, n, width))
    open(path, "wb").write(whole(1, 8) + part(8, whole(2, 17)) + part(7, graph))


def make(models, work):
    nan_model(os.path.join(work, "nan.onnx"))
    for run in RUNS:
        w, h, rgb = picture(models, run)
        write_png(os.path.join(work, run + ".png"), w, h, rgb)
        if run == "yunet-n.0":  # as raw RGB, three times; neither side a multiple of 32
            open(os.path.join(work, "stream"), "wb").write(3 * bytes(rgb))
            open(os.path.join(work, "stream.size"), "w").write("%dx%d" % (w, h))
            write_png(os.path.join(work, "padded.png"), 305, 290, [v for y in range(290) for v in rgb[3 * w * y:3 * (w * y + 305)]])
        if run == "ppocr-v3-det.1":  # its line of text, falling by 20 degrees
            s, c, side = math.sin(math.radians(20)), math.cos(math.radians(20)), 320
            turned = []
            for y in range(side):
                for x in range(side):
                    dx, dy = x - side / 2, y - side / 2
                    at = min(max(dx * c + dy * s + w / 2, 0), w - 1.001), min(max(dy * c - dx * s + h / 2, 0), h - 1.001)
                    i, j, a, b = int(at[0]), int(at[1]), at[0] % 1, at[1] % 1
                    for k in range(3):
                        near = [rgb[3 * ((j + q) * w + i + p) + k] for q in (0, 1) for p in (0, 1)]
                        turned.append(round((1 - b) * ((1 - a) * near[0] + a * near[1]) + b * ((1 - a) * near[2] + a * near[3])))
            write_png(os.path.join(work, "turned.png"), side, side, turned)


def suppress(faces, most=0.3):
    kept = []
    for f in sorted(faces, key=lambda f: -f["score"]):
        x, y, w, h = f["box"]
        def iou(g):
            X, Y, W, H = g["box"]
            both = max(0, min(x + w, X + W) - max(x, X)) * max(0, min(y + h, Y + H) - max(y, Y))
            return both / (w * h + W * H - both)
        if all(iou(g) <= most for g in kept): kept.append(f)
    return kept


def yunet(out, w, h):
    faces = []
    for s in 8, 16, 32:
        cls, obj, box, kps = (out["%s_%d" % (n, s)][1] for n in ("cls", "obj", "bbox", "kps"))
        for i in range((w // s) * (h // s)):
            c, r = i % (w // s), i // (w // s)
            score = math.sqrt(max(0, min(1, cls[i])) * max(0, min(1, obj[i])))
            if score < 0.6: continue
            cx, cy, bw, bh = (c + box[4 * i]) * s, (r + box[4 * i + 1]) * s, math.exp(box[4 * i + 2]) * s, math.exp(box[4 * i + 3]) * s
            faces.append({"score": score, "box": [cx - bw / 2, cy - bh / 2, bw, bh],
                          "landmarks": [[(kps[10 * i + 2 * k] + c) * s, (kps[10 * i + 2 * k + 1] + r) * s] for k in range(5)]})
    return suppress(faces)


def ultraface(out, w, h):
    scores, boxes = out["scores"][1], out["boxes"][1]
    faces = []
    for i in range(len(scores) // 2):
        x, y, X, Y = boxes[4 * i:4 * i + 4]
        if scores[2 * i + 1] >= 0.6: faces.append({"score": scores[2 * i + 1], "box": [x * w, y * h, (X - x) * w, (Y - y) * h]})
    return suppress(faces)


def db(out, w, h):
    """As DBPostProcess: regions of pixels that touch, the smallest rectangle around their middles, its mean, grown by area 1.5 / circumference."""
    v = next(iter(out.values()))[1]
    left = {i for i in range(w * h) if v[i] > 0.3}
    texts = []
    while left:
        region, todo = [], [left.pop()]
        while todo:
            i = todo.pop()
            region.append((i % w, i // w))
            for j in (i + d + e for d in (-w, 0, w) for e in (-1, 0, 1)):
                if j in left and abs(j % w - i % w) < 2:
                    left.remove(j)
                    todo.append(j)
        # Gift wrapping: from the leftmost pixel always to the one that leaves all others on one side.
        hull = [min(region)]
        while len(region) > 1:
            best = next(p for p in region if p != hull[-1])
            for p in region:
                cross = (best[0] - hull[-1][0]) * (p[1] - hull[-1][1]) - (best[1] - hull[-1][1]) * (p[0] - hull[-1][0])
                if cross > 0 or (cross == 0 and math.dist(p, hull[-1]) > math.dist(best, hull[-1])): best = p
            if best == hull[0]: break
            hull.append(best)
        rectangles = []
        for a, b in [((0, 0), (1, 0))] + list(zip(hull, hull[1:] + hull[:1])):
            if a == b: continue
            t = math.atan2(b[1] - a[1], b[0] - a[0])
            c, s = math.cos(t), math.sin(t)
            along, across = [x * c + y * s for x, y in hull], [y * c - x * s for x, y in hull]
            rectangles.append(((max(along) - min(along)) * (max(across) - min(across)), min(along), max(along), min(across), max(across), c, s))
        area, l, r, t, b, c, s = min(rectangles, key=lambda q: round(q[0], 6))
        if min(r - l, b - t) < 3: continue
        inside = [v[i] for i in range(w * h) if l - 1e-4 <= i % w * c + i // w * s <= r + 1e-4 and t - 1e-4 <= i // w * c - i % w * s <= b + 1e-4]
        score = sum(inside) / len(inside)
        if score < 0.6: continue
        grow = area * 1.5 / (2 * (r - l + b - t))
        l, r, t, b = l - grow, r + grow, t - grow, b + grow
        if min(r - l, b - t) < 5: continue
        corners = [(x * c - y * s + .5, x * s + y * c + .5) for x, y in ((l, t), (r, t), (r, b), (l, b))]
        x, y = [p[0] for p in corners], [p[1] for p in corners]
        texts.append({"score": score, "box": [min(x), min(y), max(x) - min(x), max(y) - min(y)], "corners": sorted(corners)})
    return sorted(texts, key=lambda f: -f["score"])


def same(what, got, wanted, pixels):
    assert len(got) == len(wanted), "%s: %d boxes, expected %d" % (what, len(got), len(wanted))
    for g, f in zip(got, wanted):
        assert abs(g["score"] - f["score"]) < 2e-3, (what, g, f)
        points = [g["box"]] + (g.get("landmarks", []) if "landmarks" in f else sorted(g.get("corners", [])))
        for p, q in zip(points, [f["box"]] + f.get("landmarks", f.get("corners", [])), strict=True):
            assert all(abs(a - b) < pixels for a, b in zip(p, q, strict=True)), (what, p, q)


def found(work, name):
    def no(word): raise ValueError("not JSON: " + word)
    return json.load(open(os.path.join(work, name + ".json")), parse_constant=no)[0]


def compare(models, work):
    for run in RUNS:
        name, number = run.split(".")
        folder = os.path.join(models, name, "outputs")
        out = {f[2:-4]: numbers(os.path.join(folder, f)) for f in os.listdir(folder) if f.startswith(number)}
        got = found(work, run)
        w, h = got["width"], got["height"]
        wanted = {"y": yunet, "u": ultraface, "p": db}[name[0]](out, w, h)
        same(run, got["found"], wanted, 0.1)
        assert len(wanted) == {"ultraface-rfb-320.1": 0, "ppocr-v3-det.0": 3}.get(run, 1), (run, len(wanted))
        print(run, len(wanted), "as the reference")
    whole = found(work, "yunet-n.0")["found"]
    for name, pixels in ("padded", 4), ("small", 12), ("yunet-n-int8-qdq", 6), ("yunet-n-int8-qop", 6):
        if not os.path.exists(os.path.join(work, name + ".json")): continue
        other = found(work, name)["found"]
        assert len(other) == 1 and all(abs(a - b) < pixels for a, b in zip(other[0]["box"], whole[0]["box"])), (name, other, whole)
    # Where a person sees the face of astronaut.png, its eyes, nose and mouth.
    (face,) = found(work, "astronaut")["found"]
    x, y, w, h = face["box"]
    assert abs(x + w / 2 - 224) < 12 and abs(y + h / 2 - 118) < 15 and 75 < w < 110 and 90 < h < 135, face
    for p, q in zip(face["landmarks"], [(203, 102), (248, 103), (225, 128), (205, 143), (242, 143)], strict=True):
        assert math.dist(p, q) < 8, (p, q)
    texts = found(work, "turned")["found"]
    a, b = texts[0]["corners"][:2]
    angle = math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
    assert len(texts) == 1 and abs(angle - 20) < 3, (angle, texts)
    failed = json.load(open(os.path.join(work, "failed.json")))
    assert len(failed) == 2 and failed[0]["found"] and "none.png" in failed[1]["error"], failed
    print("padded, smaller, of 8 bits, turned: where they should be")


def drawn(work):
    for name, size in ("padded", (305, 290)), ("yunet-n.1", (160, 128)):
        data = open(os.path.join(work, "drawn", name + ".png"), "rb").read()
        assert struct.unpack(">II", data[16:24]) == size, (name, data[16:24])
        plain = open(os.path.join(work, name + ".png"), "rb").read()
        assert data != plain


{"make": make, "compare": compare, "drawn": drawn}[sys.argv[1]](*sys.argv[2:])
