"""lint_tutorials.py - the code of docs/tutorials/*.md is that of docs/examples: each block of C stands there line by line, whatever its
indentation. A page names its program in the README's table; every link leads to a file."""
import os
import re
import sys

root = os.environ.get("TUFF_SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
folder = os.path.join(root, "docs", "tutorials")


def lines_of(text):
    """Lines without indentation and without blank ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


faults = 0


def fault(page, sentence):
    global faults
    faults += 1
    print(f"docs/tutorials/{page}: {sentence}")


programs = dict(re.findall(r"\]\(([a-z_]+\.md)\).*\| \[`([a-z_]+\.c)`\]\(\.\./examples/\2\) \|", read(os.path.join(folder, "README.md"))))
pages = sorted(name for name in os.listdir(folder) if name.endswith(".md"))
blocks = 0
for page in pages:
    text = read(os.path.join(folder, page))
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if not os.path.exists(os.path.join(folder, link)):
            fault(page, f"a link to {link}, which is not there")
    if page == "README.md":
        continue
    if page not in programs:
        fault(page, "the table of README.md does not name it and its program")
        continue
    code = lines_of(read(os.path.join(root, "docs", "examples", programs[page])))
    for block in re.findall(r"^```c\n(.*?)^```", text, re.S | re.M):
        shown = lines_of(block)
        blocks += 1
        if not any(code[at : at + len(shown)] == shown for at in range(len(code) - len(shown) + 1)):
            missing = next((line for line in shown if line not in code), shown[0])
            fault(page, f"a block that does not stand in docs/examples/{programs[page]} like this; for one: {missing}")
print(f"lint_tutorials: {blocks} blocks of {len(pages) - 1} pages, {faults} faults")
sys.exit(1 if faults or not blocks or len(programs) != len(pages) - 1 else 0)
