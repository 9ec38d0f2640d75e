#!/bin/sh
# loaders_peers.sh - pictures of many kinds, made and decoded by Pillow (which is libjpeg, libwebp, libtiff, OpenJPEG and its own
# readers of the rest), are the same pixels here.
set -eu
here=${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}
case ${TUFF_CROSS:-} in TRUE | ON | 1) echo "SKIP: the programs are of another system"; exit 77 ;; esac
python=
for candidate in /usr/bin/python3 python3; do
    [ -n "$python" ] || ! "$candidate" -c 'import PIL' 2> /dev/null || python=$candidate
done
[ -n "$python" ] || { echo "SKIP: Pillow is not installed (Debian: python3-pil)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" - "$work" << 'END'
import sys
from PIL import Image, ImageFile, features
ImageFile.LOAD_TRUNCATED_IMAGES = False
folder, (w, h) = sys.argv[1], (61, 37)
rgb = Image.new("RGB", (w, h))
rgb.putdata([(x * 4 % 256, y * 6 % 256, (x * y) % 256) for y in range(h) for x in range(w)])
grey, cmyk, palette = rgb.convert("L"), rgb.convert("CMYK"), rgb.quantize(200)
rgba = rgb.copy()
rgba.putalpha(grey)
few = rgb.quantize(13)
def keep(name, image, **how):
    path = f"{folder}/{name}"
    image.save(path, **how)
    opened = Image.open(path)
    if opened.mode == "I;16" or opened.mode == "I":
        opened = opened.point(lambda v: v / 257 + 0.5).convert("L")
    open(path + ".rgba", "wb").write(opened.convert("RGBA").tobytes())
keep("grey.jpg", grey)
keep("rgb.jpg", rgb, quality=85)
keep("rgb420.jpg", rgb, quality=50, subsampling=2)
keep("progressive.jpg", rgb, quality=75, progressive=True)
for name, image in ("1", rgb.convert("1")), ("l", grey), ("la", grey.convert("LA")), ("p", palette), ("few", few), ("rgb", rgb), ("rgba", rgba):
    keep(f"{name}.png", image)
keep("trns.png", palette, transparency=5)
keep("colour.png", rgb, transparency=rgb.getpixel((3, 3)))
keep("p.gif", palette, interlace=0)
keep("interlaced.gif", palette, interlace=1)
keep("few.gif", few)
keep("moving.gif", palette, save_all=True, append_images=[palette.rotate(180)])
keep("1.bmp", rgb.convert("1"))
keep("l.bmp", grey)
keep("p.bmp", palette)
keep("rgb.bmp", rgb)
keep("grey.pgm", grey)
keep("rgb.ppm", rgb)
keep("1.tif", rgb.convert("1"))
keep("p.tif", palette)
for name, image in ("l", grey), ("rgb", rgb), ("rgba", rgba), ("cmyk", cmyk):
    keep(f"{name}.tif", image)
    if features.check("libtiff"):
        keep(f"{name}_lzw.tif", image, compression="tiff_lzw")
if features.check("libtiff"):
    keep("fax.tif", rgb.convert("1"), compression="group4")
    keep("jpeg.tif", rgb, compression="jpeg", quality=90)
if features.check("jpg_2000"):
    for name, image in ("l", grey), ("la", grey.convert("LA")), ("rgb", rgb), ("rgba", rgba):
        keep(f"{name}.jp2", image)
    keep("lossy.j2k", rgb, irreversible=True, quality_mode="dB", quality_layers=[40])
    keep("tiles.jp2", rgb, tile_size=(16, 16), num_resolutions=3)
if features.check("webp"):
    keep("lossy.webp", rgb, quality=70)
    keep("lossless.webp", rgb, lossless=True)
    keep("alpha.webp", rgba, lossless=True, exact=True)
END

failures=0 count=0
for wanted in "$work"/*.rgba; do
    file=${wanted%.rgba}
    case $file in *.webp) kind=WEBP ;; *.gif) kind=GIF ;; *.bmp) kind=BMP ;; *.png) kind=PNG ;; *.p[gp]m) kind=BMP ;; *.tif) kind=TIFF ;; *.j[p2][2k]) kind=JP2 ;; *) kind=JPEG ;; esac
    grep -Eq "TUFF_HAVE_$kind=1" "$here/build.ninja" 2> /dev/null || [ ! -e "$here/build.ninja" ] || continue
    count=$((count + 1))
    "$here/tests/loaders_picture_kinds" "$file" "$wanted" > "$work/log" 2>&1 || { cat "$work/log"; failures=$((failures + 1)); }
done
echo "$count pictures, $failures differ"
[ "$count" -gt 0 ] || { echo "SKIP: this build has none of the formats"; exit 77; }
[ "$failures" -eq 0 ]
